"""What a program says while it works: a bar on a terminal, a plain line now and then elsewhere."""

import sys
import time
from contextlib import contextmanager

SECONDS_BETWEEN_LINES = 10.0
_LINE = "{desc}: {n_fmt} of {total_fmt}{unit} ({percentage:.0f} %), {rate_noinv_fmt}, {remaining} left{postfix}"
_BAR = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{unit}, {rate_noinv_fmt}, {remaining} left{postfix}"


def say(text, quiet=False):
    """Print a line at once, also into a pipe."""
    if quiet:
        return
    try:
        print(text, flush=True)
    except OSError as error:  # a log on a full disk
        error.filename = "standard output"
        raise


@contextmanager
def progress(total, label, unit, done=0, quiet=False):
    """Yield an object whose `update(n, note="")` says that n more of `total` are done.

    done : how many were done before (a resumed run); they do not count for the rate
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
    def __init__(self, bar):
        self.bar = bar

    def update(self, n, note=""):
        if note:
            self.bar.set_postfix_str(note, refresh=False)
        self.bar.update(n)


class _Lines:
    """The plain form, for pipes and log files."""

    def __init__(self, total, label, unit, done, quiet):
        self.total, self.label, self.unit, self.initial, self.quiet = total, label, unit, done, quiet
        self.n, self.note = done, ""
        self.begin = self.last = time.monotonic()

    def update(self, n, note=""):
        self.n += n
        self.note = note or self.note
        if time.monotonic() - self.last >= SECONDS_BETWEEN_LINES:
            self._print()

    def finish(self):
        if self.n > self.initial:
            self._print()

    def _print(self):
        from tqdm import tqdm

        self.last = time.monotonic()
        line = tqdm.format_meter(
            self.n, self.total, self.last - self.begin, initial=self.initial, prefix=self.label, unit=f" {self.unit}",
            bar_format=_LINE, postfix=self.note,
        )  # fmt: skip
        say(" ".join(line.split()), self.quiet)
