"""Train LSM+STDP on N-MNIST: asks the common questions; --help lists all settings."""

from checkout import ROOT

from nalsm.programs import train

train("LSM+STDP", "N-MNIST", ROOT)
