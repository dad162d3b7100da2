"""What a program prints while it works: a bar on a terminal, otherwise a plain line every few seconds."""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import groupby
from typing import Any, Protocol

from nalsm.support.tuning import TUNING

_LINE = "{desc}: {n_fmt} of {total_fmt}{unit} ({percentage:.0f} %), {rate_noinv_fmt}, {remaining} left{postfix}"
_BARS = (  # the first that fits beside a bar of ten cells is shown
    "{desc}: {percentage:3.0f}%|{bar}| {remaining} left, {rate_noinv_fmt}, {n_fmt}/{total_fmt}{unit}{postfix}",
    "{desc}: {percentage:3.0f}%|{bar}| {remaining} left, {rate_noinv_fmt}{postfix}",
    "{desc}: {percentage:3.0f}%|{bar}| {remaining} left{postfix}",
    "{desc}: {percentage:3.0f}%|{bar}| {remaining} left, {rate_noinv_fmt}",
    "{desc}: {percentage:3.0f}%|{bar}| {remaining} left",
    "{desc}: {percentage:3.0f}%, {remaining} left",
)
_BARS_AT_START = (  # nothing was done yet that a rate could be told from
    "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{unit}",
    "{desc}: {percentage:3.0f}%|{bar}|",
    "{desc}: {percentage:3.0f}%",
)
_CELLS = 10  # of a bar, at least


def say(text: str, quiet: bool = False) -> None:
    """Print a line without delay, also into a pipe."""
    if quiet:
        return
    try:
        print(text, flush=True)
    except OSError as error:  # the log is on a full disk
        error.filename = "standard output"
        raise


def in_words(seconds: float) -> str:
    """Return a duration as in "25 s", "12 min", "3 h 20 min"."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def numbers_in_words(numbers: Iterable[int]) -> str:
    """Return numbers, ascending, as in "1 to 3, 7"."""
    rows = [[n for _, n in row] for _, row in groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0])]
    return ", ".join(f"{row[0]} to {row[-1]}" if len(row) > 1 else f"{row[0]}" for row in rows)


class Meter(Protocol):
    """Shows how much of the work is done."""

    def update(self, n: int, note: str = "") -> None:
        """Report that n more are done; `note` is shown behind the figures."""


@contextmanager
def progress(total: int, label: str, unit: str, done: int = 0, quiet: bool = False) -> Iterator[Meter]:
    """Yield the Meter of `total` things to do.

    done : how many a resumed run had done before; they do not count for the rate
    """
    if quiet or sys.stdout is None or not sys.stdout.isatty():
        meter = _Lines(total, label, unit, done, quiet)
        yield meter
        meter.finish()
        return
    with _terminal_bar()(total=total, initial=done, desc=label, unit=f" {unit}", file=sys.stdout) as bar:
        yield _Bar(bar)


class _Bar:
    """The form for terminals."""

    def __init__(self, bar: Any):
        self.bar = bar

    def update(self, n: int, note: str = "") -> None:
        if note:
            self.bar.set_postfix_str(note, refresh=False)
        self.bar.update(n)


@cache
def _terminal_bar() -> type:
    """Return tqdm's bar, made to fit terminals of any width, also after a change of the width."""
    from tqdm import tqdm

    class TerminalBar(tqdm):
        drawn = 0  # characters of the line on the terminal

        @property
        def width(self) -> int:
            try:
                columns = os.get_terminal_size(self.fp.fileno()).columns
            except OSError:
                columns = 0
            return (columns or 80) - 1  # the last column would begin a new line on some terminals

        def __str__(self) -> str:
            values: dict[str, Any] = {**self.format_dict, "ncols": None}
            for form in _BARS if self.n > self.initial else _BARS_AT_START:
                before, bar, after = form.partition("{bar}")
                without = self.format_meter(**values | {"bar_format": before + after})
                if len(without) + _CELLS * bool(bar) <= self.width:
                    break
            return self.format_meter(**values | {"bar_format": form, "ncols": self.width})[: self.width]

        def display(self, msg: str | None = None, pos: int | None = None) -> None:
            text = str(self) if msg is None else msg
            rows = max(0, self.drawn - 1) // (self.width + 1)  # that a narrower terminal has made of the line
            self.fp.write("\r" + f"\x1b[{rows}A" * bool(rows) + f"\x1b[J{text}")
            self.fp.flush()
            self.drawn = len(text)

    return TerminalBar


class _Lines:
    """The plain form, for pipes and log files."""

    def __init__(self, total: int, label: str, unit: str, done: int, quiet: bool):
        self.total, self.label, self.unit, self.initial, self.quiet = total, label, unit, done, quiet
        self.n, self.note = done, ""
        self.printed = done
        self.begin = self.last = time.monotonic()

    def update(self, n: int, note: str = "") -> None:
        self.n += n
        self.note = note or self.note
        if time.monotonic() - self.last >= TUNING.seconds_between_lines:
            self._print()

    def finish(self) -> None:
        if self.n > self.printed:
            self._print()

    def _print(self) -> None:
        from tqdm import tqdm

        self.last, self.printed = time.monotonic(), self.n
        line = tqdm.format_meter(
            self.n, self.total, self.last - self.begin, initial=self.initial, prefix=self.label, unit=f" {self.unit}",
            bar_format=_LINE, postfix=self.note,
        )  # fmt: skip
        say(" ".join(line.split()), self.quiet)
