"""What a program prints while it works: a bar on a terminal, otherwise a plain line every few seconds."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from nalsm.support.tuning import TUNING

_LINE = "{desc}: {n_fmt} of {total_fmt}{unit} ({percentage:.0f} %), {rate_noinv_fmt}, {remaining} left{postfix}"
_BAR = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{unit}, {rate_noinv_fmt}, {remaining} left{postfix}"


def say(text: str, quiet: bool = False) -> None:
    """Print a line without delay, also into a pipe."""
    if quiet:
        return
    try:
        print(text, flush=True)
    except OSError as error:  # the log is on a full disk
        error.filename = "standard output"
        raise


class Meter(Protocol):
    """Shows how much of the work is done."""

    def update(self, n: int, note: str = "") -> None:
        """Report that n more are done; `note` is shown behind the figures."""


@contextmanager
def progress(total: int, label: str, unit: str, done: int = 0, quiet: bool = False) -> Iterator[Meter]:
    """Yield the Meter of `total` things to do.

    done : how many a resumed run had done before; they do not count for the rate
    """
    from tqdm import tqdm

    if quiet or sys.stdout is None or not sys.stdout.isatty():
        meter = _Lines(total, label, unit, done, quiet)
        yield meter
        meter.finish()
        return
    with tqdm(
        total=total, initial=done, desc=label, unit=f" {unit}", bar_format=_BAR, dynamic_ncols=True, file=sys.stdout
    ) as bar:
        yield _Bar(bar)


class _Bar:
    """The form for terminals."""

    def __init__(self, bar: Any):
        self.bar = bar

    def update(self, n: int, note: str = "") -> None:
        if note:
            self.bar.set_postfix_str(note, refresh=False)
        self.bar.update(n)


class _Lines:
    """The plain form, for pipes and log files."""

    def __init__(self, total: int, label: str, unit: str, done: int, quiet: bool):
        self.total, self.label, self.unit, self.initial, self.quiet = total, label, unit, done, quiet
        self.n, self.note = done, ""
        self.begin = self.last = time.monotonic()

    def update(self, n: int, note: str = "") -> None:
        self.n += n
        self.note = note or self.note
        if time.monotonic() - self.last >= TUNING.seconds_between_lines:
            self._print()

    def finish(self) -> None:
        if self.n > self.initial:
            self._print()

    def _print(self) -> None:
        from tqdm import tqdm

        self.last = time.monotonic()
        line = tqdm.format_meter(
            self.n, self.total, self.last - self.begin, initial=self.initial, prefix=self.label, unit=f" {self.unit}",
            bar_format=_LINE, postfix=self.note,
        )  # fmt: skip
        say(" ".join(line.split()), self.quiet)
