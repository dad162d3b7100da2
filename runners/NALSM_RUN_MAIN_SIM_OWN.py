"""Train NALSM on own data: asks the data file, the common questions and ASTRO_W_SCALING; --help lists all."""

from checkout import ROOT

from nalsm.programs.train import train

if __name__ == "__main__":  # not in the worker processes of --cluster local:N
    train("NALSM", "own data", ROOT)
