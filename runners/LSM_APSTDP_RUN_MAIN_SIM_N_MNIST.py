"""Train LSM+AP-STDP on N-MNIST: asks threshold, range and weight after the common questions; --help lists all."""

from checkout import ROOT

from nalsm.programs import train

train("LSM+AP-STDP", "N-MNIST", ROOT)
