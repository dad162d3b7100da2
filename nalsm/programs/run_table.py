"""The list of runs as text: a table that fits the terminal, or CSV."""

import csv
import io
import math
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nalsm.evaluation import MEASURES, Measure
from nalsm.models import MODELS
from nalsm.runs.listing import RunStatus

MEASURE_COLUMNS = [measure for measure in MEASURES.values() if measure.column]  # the accuracy has columns of its own
_NARROWEST = 80  # characters that the table may always take
_SHORTEST = 4  # characters to which a text may be cut


@dataclass(frozen=True)
class _Column:
    """A column of the table.

    cell : its text for a run; key : what --sort compares, largest first; None: the text, smallest first
    left : aligned to the left; cut : may be shortened
    spare : left out where the table would be too wide, the last one first
    """

    heading: str
    cell: Callable[[RunStatus], str]
    key: Callable[[RunStatus], Any] | None = None
    left: bool = False
    cut: bool = False
    spare: bool = False


def _percent(status: RunStatus, split: str) -> str:
    return f"{100 * status.accuracies[split]:.2f}" if status.accuracies else "-"


def _state(status: RunStatus) -> str:
    """The state in few words, as in "counting 40 %"; + where a process is working on the run."""
    words = status.state.split()
    if len(words) == 4:  # such as "counting 20 of 50"
        share = 100 * int(words[1]) // max(int(words[3]), 1)
        words = [{"cycle": "readout"}.get(words[0], words[0]), f"{share}%"]
    return " ".join(words or ["unreadable"]) + ("+" if status.working else "")


def _measure(measure: Measure) -> _Column:
    def cell(status: RunStatus) -> str:
        values = status.measures.get(measure.name)
        return measure.cell(values) if values and measure.agrees(values, status.dataset) else "-"

    def key(status: RunStatus) -> float:
        value = next(iter(status.measures.get(measure.name, {0: -math.inf}).values()))
        return -math.inf if math.isnan(value) else value  # NaN would leave the others unsorted

    return _Column(measure.column, cell, key, spare=True)


def _knobs(status: RunStatus) -> str:
    return MODELS[status.model].short_knobs(status.knobs) if status.model else ""


_COLUMNS = {
    "version": _Column("RUN", lambda s: Path(s.folder).name[4:] if s.version is None else str(s.version)),
    "model": _Column("MODEL", lambda s: s.model or "-", left=True, cut=True),
    "data": _Column("DATA", lambda s: s.dataset or "-", left=True, cut=True),
    "knobs": _Column("KNOBS", lambda s: _knobs(s) or "-", left=True, cut=True),
    "network": _Column("NET", lambda s: "-" if s.network is None else str(s.network)),
    "state": _Column("STATE", _state, left=True),
    "note": _Column("NOTE", lambda s: " ".join(s.notes), left=True, cut=True),
    "test": _Column("TEST %", lambda s: _percent(s, "test"), lambda s: s.accuracies.get("test", -1)),
    "date": _Column("DATE", lambda s: s.started[:10] or "-", lambda s: s.started, left=True),
    **{measure.name: _measure(measure) for measure in MEASURE_COLUMNS},
    "valid": _Column("VALID %", lambda s: _percent(s, "valid"), lambda s: s.accuracies.get("valid", -1), spare=True),
    "seconds": _Column(
        "SECONDS", lambda s: f"{sum(s.seconds.values()):.0f}" if s.seconds else "-",
        lambda s: sum(s.seconds.values()), spare=True,
    ),
}  # fmt: skip
SORTS = tuple(name for name in _COLUMNS if name not in ("knobs", "note"))  # what the list can be sorted by


def sorted_by(name: str, statuses: Sequence[RunStatus]) -> list[RunStatus]:
    """Return the runs in the order of a column of SORTS: texts from A, numbers and dates from the largest."""
    column = _COLUMNS[name]
    if name in ("version", "network"):
        return sorted(statuses, key=lambda s: (s.version if name == "version" else s.network) or 0)
    return sorted(statuses, key=column.key or column.cell, reverse=column.key is not None)


def table(statuses: Iterable[RunStatus], width: int | None = None) -> str:
    """Return the list as text, a line for each run, then what keeps folders from being read.

    width : characters in a line; that of the terminal if not given, at least 80
    """
    statuses = list(statuses)
    width = max(_NARROWEST, shutil.get_terminal_size((_NARROWEST, 24)).columns) if width is None else width
    columns = [
        column for column in _COLUMNS.values() if column.heading != "NOTE" or any(status.notes for status in statuses)
    ]
    texts = [[column.heading, *(_printable(column.cell(status)) for status in statuses)] for column in columns]
    gap = 2
    while _width(texts, gap) > width:
        if columns[-1].spare:
            columns.pop()
            texts.pop()
        elif gap > 1:
            gap = 1
        else:
            longest = max((k for k, column in enumerate(columns) if column.cut), key=lambda k: max(map(len, texts[k])))
            limit = max(map(len, texts[longest])) - 1
            if limit < _SHORTEST:
                break
            texts[longest] = [text if len(text) <= limit else f"{text[: limit - 1]}…" for text in texts[longest]]
    aligned = [
        [text.ljust(max(map(len, column))) if kind.left else text.rjust(max(map(len, column))) for text in column]
        for kind, column in zip(columns, texts, strict=True)
    ]
    lines = [(" " * gap).join(row).rstrip() for row in zip(*aligned, strict=True)]
    if any(status.working for status in statuses):
        lines.append("+: a process is working on the run")
    lines += [
        _printable(f"{Path(status.folder).name}: cannot be read: {status.problem}")
        for status in statuses if status.problem
    ]  # fmt: skip
    return "\n".join(lines)


def _width(texts: list[list[str]], gap: int) -> int:
    return sum(max(map(len, column)) for column in texts) + gap * (len(texts) - 1)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def as_csv(statuses: Iterable[RunStatus]) -> str:
    """Return the list as CSV: a line for each run, a column for each value, as "measures.branching_factor.mean"."""
    rows = [_flat(asdict(status)) for status in statuses]
    names = dict.fromkeys(name for row in rows for name in row)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _flat(values: dict, before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{before}{name}.")
        else:
            flat[before + name] = " ".join(map(str, value)) if isinstance(value, list) else value
    return flat
