"""Train LSM on MNIST: asks for INTIAL_ABS_W_SCLR after the common questions; --help lists all settings."""

from checkout import ROOT

from nalsm.programs.train import train

if __name__ == "__main__":  # not in the worker processes of --cluster local:N
    train("LSM", "MNIST", ROOT)
