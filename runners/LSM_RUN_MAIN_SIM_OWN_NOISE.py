"""Present the noisy test set of an LSM run on own data: asks common questions, INTIAL_ABS_W_SCLR; --help lists all."""

from checkout import ROOT

from nalsm.programs.noise import present_noisy

if __name__ == "__main__":  # not in the worker processes of --cluster local:N
    present_noisy("LSM", "own data", ROOT)
