"""Run a program: stop on signals, end with one line and the right exit code."""

import os
import signal
import sys
from contextlib import suppress

import click

from nalsm.support.errors import NalsmError

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SECONDS_TO_TRY_AGAIN = 0.05


class _Stopped(BaseException):
    """A signal that ends the program."""

    def __init__(self, number):
        self.number = number


def _stop_on_signals():
    """Let every stopping signal raise _Stopped in the program, wherever it is."""

    def stop(number, _frame):
        raise _Stopped(number)

    def overlooked(unraisable):
        """Raise _Stopped again in a moment: it came up in a callback of compiled code, which cannot pass it on."""
        if not isinstance(unraisable.exc_value, _Stopped):
            sys.__unraisablehook__(unraisable)
            return
        number = unraisable.exc_value.number
        signal.signal(signal.SIGALRM, lambda *_: stop(number, None))
        signal.setitimer(signal.ITIMER_REAL, _SECONDS_TO_TRY_AGAIN)

    for number in _STOPPING:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup has it ignored
            signal.signal(number, stop)
    sys.unraisablehook = overlooked


def run_program(program):
    """Run a click command and exit: 0, 2 for the user's mistakes, 1 for the machine's, 128 + signal."""
    _stop_on_signals()
    for stream in (sys.stdin, sys.stdout):
        if stream is not None:
            stream.reconfigure(errors="backslashreplace")  # any bytes may come as an answer
    try:
        sys.exit(program.main(standalone_mode=False) or 0)
    except click.ClickException as error:
        _end(error.format_message(), 2)
    except NalsmError as error:
        _end(error, error.exit_code)
    except click.exceptions.Abort:
        _end("stopped: there was no answer", 130)
    except _Stopped as stopped:
        name = signal.Signals(stopped.number).name
        _end(f"stopped by {name}: what was complete is kept, the same answers go on from it", 128 + stopped.number)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nobody reads on: nothing more to say
        sys.exit(1)
    except MemoryError:
        _end("out of memory: choose a smaller BATCH_SIZE or network", 1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _end(f"{where}{error.strerror or error}: what was complete is kept, the same answers go on from it", 1)


def _end(message, code):
    for number in (*_STOPPING, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)  # it is ending already
    try:
        if sys.stdout.isatty():
            print()  # leave the line of a prompt or a bar
        sys.stdout.flush()
    except AttributeError:  # there is no standard output
        pass
    except OSError:  # a log on a full disk
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    with suppress(OSError):
        print(f"error: {' '.join(str(message).split())}", file=sys.stderr, flush=True)
    sys.exit(code)
