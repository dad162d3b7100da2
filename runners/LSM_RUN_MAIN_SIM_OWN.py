"""Train LSM on own data: asks the data file, the common questions and INTIAL_ABS_W_SCLR; --help lists all."""

from checkout import ROOT

from nalsm.programs.train import train

if __name__ == "__main__":  # not in the worker processes of --cluster local:N
    train("LSM", "own data", ROOT)
