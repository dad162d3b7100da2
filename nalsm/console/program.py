"""Run a program: stop on signals, report a failure in one line, exit with the right code."""

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

import click

from nalsm.support.errors import NalsmError
from nalsm.support.tuning import TUNING

PARENT = "NALSM_PARENT"  # environment variable: number of the process without which a program has to stop

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SECONDS_TO_TRY_AGAIN = 0.05
_parents: list[str] = []  # number of the process that this one belongs to
_what_now: list[str] = []  # what a stop adds to its message, once something was written


def is_a_step() -> bool:
    """Tell whether another program started this one, and reads or shows what it prints."""
    return bool(_parents)


def work_is_kept(what_now: str = "completed work is kept; to resume, give the same answers again") -> None:
    """From now on a stop of the program also says this: call it when something is written that can be resumed."""
    _what_now[:] = [what_now]


class _Stopped(BaseException):
    """A signal that ends the program."""

    def __init__(self, number: int):
        self.number = number


def _stop_on_signals() -> None:
    """Make every stopping signal raise _Stopped in the main thread."""

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        raise _Stopped(number)

    def overlooked(unraisable: Any) -> None:
        """Raise _Stopped again in a moment if it was raised in a callback of compiled code, which swallowed it."""
        if not isinstance(unraisable.exc_value, _Stopped):
            sys.__unraisablehook__(unraisable)
            return
        number = unraisable.exc_value.number
        signal.signal(signal.SIGALRM, lambda *_: stop(number, None))
        signal.setitimer(signal.ITIMER_REAL, _SECONDS_TO_TRY_AGAIN)

    for number in _STOPPING:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(number, stop)
    sys.unraisablehook = overlooked


def _stop_without_parent() -> None:
    """Stop this process as SIGTERM does if the process that asked for it in the environment is gone."""
    parent = os.environ.pop(PARENT, None)
    _parents.extend([parent] if parent else [])

    def watch() -> None:
        while str(os.getppid()) == parent:
            time.sleep(TUNING.seconds_between_looks)
        os.kill(os.getpid(), signal.SIGTERM)

    if parent:
        threading.Thread(target=watch, daemon=True).start()


def run_program(program: click.Command) -> NoReturn:
    """Run a click command and exit.

    Exit codes: 0 success, 2 the user's mistake, 1 a failure of the machine, 128 + the number of a signal.
    """
    _stop_on_signals()
    _stop_without_parent()
    for stream in (sys.stdin, sys.stdout):
        if stream is not None:
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # an answer may be any bytes
    try:
        sys.exit(program.main(standalone_mode=False) or 0)
    except click.ClickException as error:
        _end(error.format_message(), 2)
    except NalsmError as error:
        _end(str(error), error.exit_code)
    except click.exceptions.Abort:
        _end("stopped at a question: there was no answer", 130)
    except _Stopped as stopped:
        _end(": ".join([f"stopped by {signal.Signals(stopped.number).name}", *_what_now]), 128 + stopped.number)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nobody reads standard output any more
        sys.exit(1)
    except MemoryError:
        _end("out of memory: choose a smaller BATCH_SIZE or network", 1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _end(": ".join([f"{where}{error.strerror or error}", *_what_now]), 1)


def _end(message: str, code: int) -> NoReturn:
    """Print the one line of a failure on standard error and exit."""
    for number in (*_STOPPING, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)  # the program is ending already
    try:
        if sys.stdout.isatty():
            print()  # end the line of a prompt or a bar
        sys.stdout.flush()
    except AttributeError:  # standard output is closed
        pass
    except OSError:  # standard output is a log on a full disk
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    with suppress(OSError):
        print(f"Error: {' '.join(message.split())}", file=sys.stderr, flush=True)
    sys.exit(code)
