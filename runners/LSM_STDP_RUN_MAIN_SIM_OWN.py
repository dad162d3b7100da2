"""Train LSM+STDP on own data: asks the data file and the common questions; --help lists all."""

from checkout import ROOT

from nalsm.programs.train import train

if __name__ == "__main__":  # not in the worker processes of --cluster local:N
    train("LSM+STDP", "own data", ROOT)
