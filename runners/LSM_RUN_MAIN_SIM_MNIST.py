"""Train LSM on MNIST: asks for INTIAL_ABS_W_SCLR after the common questions; --help lists all settings."""

from checkout import ROOT

from nalsm.programs import train

train("LSM", "MNIST", ROOT)
