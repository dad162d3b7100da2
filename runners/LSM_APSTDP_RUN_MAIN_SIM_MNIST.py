"""Train LSM+AP-STDP on MNIST: asks threshold, range and weight after the common questions; --help lists all."""

from checkout import ROOT

from nalsm.programs.train import train

if __name__ == "__main__":  # not in the worker processes of --cluster local:N
    train("LSM+AP-STDP", "MNIST", ROOT)
