"""Compute the branching factors of a run's recorded spikes: asks for its version; --help lists all settings."""

from checkout import ROOT

from nalsm.programs.measures import compute_branching_factors

compute_branching_factors(ROOT)
