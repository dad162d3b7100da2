"""Train LSM+AP-STDP on own data: asks data file, common questions, threshold, range, weight; --help lists all."""

from checkout import ROOT

from nalsm.programs.train import train

if __name__ == "__main__":  # not in the worker processes of --cluster local:N
    train("LSM+AP-STDP", "own data", ROOT)
