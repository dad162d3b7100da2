"""Compute the kernel quality of a run: asks for its version and data set; --help lists all settings."""

from checkout import ROOT

from nalsm.programs.measures import kernel_quality

kernel_quality(ROOT)
