"""The command `nalsm`, also started as `python -m nalsm`: see --help."""

import signal
from typing import NoReturn

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while Python still loads the program: no traceback

from nalsm.console.program import run_program
from nalsm.programs.command import nalsm


def main() -> NoReturn:
    """Run the command to its end and exit."""
    run_program(nalsm())


if __name__ == "__main__":  # not in the worker processes of --cluster local:N
    main()
