"""Present the noisy test set of an LSM run on N-MNIST: asks common questions, INTIAL_ABS_W_SCLR; --help lists all."""

from checkout import ROOT

from nalsm.evaluation.programs import present_noisy

present_noisy("LSM", "N-MNIST", ROOT)
