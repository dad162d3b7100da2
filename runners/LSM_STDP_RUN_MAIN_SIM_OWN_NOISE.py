"""Present the noisy test set of a run of LSM+STDP on own data: asks the common questions; --help lists all."""

from checkout import ROOT

from nalsm.programs.noise import present_noisy

if __name__ == "__main__":  # not in the worker processes of --cluster local:N
    present_noisy("LSM+STDP", "own data", ROOT)
