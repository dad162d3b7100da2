"""python -m nalsm.runs: see --help."""

from nalsm.console.program import run_program
from nalsm.programs.runs import main

if __name__ == "__main__":
    run_program(main)
