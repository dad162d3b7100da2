"""python -m nalsm.sweep: see --help."""

from nalsm.console.program import run_program
from nalsm.programs.sweep import main

if __name__ == "__main__":
    run_program(main)
