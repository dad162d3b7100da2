"""Present the noisy test set of a run of LSM+AP-STDP on N-MNIST: asks the common questions; --help lists all."""

from checkout import ROOT

from nalsm.evaluation.programs import present_noisy

present_noisy("LSM+AP-STDP", "N-MNIST", ROOT)
