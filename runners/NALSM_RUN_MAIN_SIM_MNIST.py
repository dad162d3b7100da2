"""Train NALSM on MNIST: asks for ASTRO_W_SCALING after the common questions; --help lists all settings."""

from checkout import ROOT

from nalsm.programs import train

train("NALSM", "MNIST", ROOT)
