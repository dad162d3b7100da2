"""What the tables of results have in common: Markdown, and the cells that name a group of runs and its values."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from nalsm.models import MODELS
from nalsm.runs.settings import CHECKOUT
from nalsm.sweep.findings import Group, mean_and_deviation

REDUCED = " (reduced)"
SETTING = ("data", "model", "knobs", "neurons")  # headings of `setting`


def table(headings: Iterable, rows: Iterable[Iterable]) -> list[str]:
    """Return the lines of a table."""
    headings = [*headings]
    return [_line(headings), _line("---" for _ in headings), *map(_line, rows)]


def section(title: str, headings: Iterable, rows: Sequence[Iterable], *more: str) -> list[str]:
    """Return the lines of a section with a table and the texts below it; no lines if the table is empty."""
    return [f"## {title}", "", *table(headings, rows), *paragraphs(more)] if rows else []


def paragraphs(texts: Iterable[str]) -> list[str]:
    """Return the lines of texts, with an empty one before each."""
    return [line for text in texts for line in ("", text)]


def _line(cells):
    return "| " + " | ".join(map(str, cells)) + " |"


def link(name: str, path: Path) -> str:
    """Return the name of a page of the project's docs, as a link if the page of results lies in the same checkout.

    path : of the page of results
    """
    guide = CHECKOUT / "docs" / name
    if guide.is_file() and path.resolve().is_relative_to(CHECKOUT):
        return f"[{name}]({Path(os.path.relpath(guide, path.resolve().parent)).as_posix()})"
    return f"docs/{name}"


def data(group: Group) -> str:
    """Return the data set, marked if the runs are reduced."""
    return group.dataset + REDUCED * group.is_reduced


def setting(group: Group) -> tuple:
    """Return the cells that name a group in every table."""
    return data(group), group.label, group.knobs, group.cell.network.n_liquid


def networks(group: Group) -> str:
    """Return how many of the planned runs are done."""
    done = f"{len(group.runs)} of {group.planned}"
    return done if group.cell.has_own_seed else f"{done} runs"


def statistics(values: Sequence[float], digits: int = 2) -> tuple[str, str]:
    """Return mean and standard deviation, "-" where there is none."""
    found = mean_and_deviation(values)
    if not found:
        return "-", "-"
    middle, deviation = found
    return f"**{middle:.{digits}f}**", "-" if deviation is None else f"{deviation:.{digits}f}"


def rank(group: Group) -> tuple:
    """Return what rows are sorted by: data set and size, then model as in MODELS, then the knobs."""
    names = [*MODELS]
    return (
        group.dataset, group.cell.network.n_liquid, group.is_reduced, names.index(group.model), group.chosen,
        tuple(group.cell.knobs.items()), tuple(group.cell.constants.items()), not group.cell.has_own_seed,
    )  # fmt: skip
