"""python -m nalsm.datasets: see --help."""

from nalsm.console.program import run_program
from nalsm.programs.datasets import commands

if __name__ == "__main__":
    run_program(commands)
