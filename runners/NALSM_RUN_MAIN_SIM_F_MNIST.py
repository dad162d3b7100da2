"""Train NALSM on Fashion-MNIST: asks for ASTRO_W_SCALING after the common questions; --help lists all settings."""

from checkout import ROOT

from nalsm.programs.train import train

if __name__ == "__main__":  # not in the worker processes of --cluster local:N
    train("NALSM", "Fashion-MNIST", ROOT)
