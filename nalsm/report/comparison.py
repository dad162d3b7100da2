"""Several runs side by side: the pictures and the table of main facts."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np

from nalsm.console.progress import numbers_in_words
from nalsm.evaluation import MEASURES
from nalsm.evaluation.paper import SOURCE
from nalsm.report import comparison_pictures
from nalsm.report.comparison_pictures import Shown
from nalsm.report.sections import Section
from nalsm.report.settings_shown import TITLES
from nalsm.runs.names import STAGES
from nalsm.runs.readouts import PUBLISHED
from nalsm.runs.record import Missing

if TYPE_CHECKING:
    from nalsm.report.shown_run import ShownRun

Facts = list[tuple[str, list]]
_DIFFERS = ("network_number", "network_sha256", "seed")  # parts of an identity in which runs of one setting differ
_MOST_CURVES = 12


def compare(runs: list["ShownRun"]) -> tuple[list[Section], Facts]:
    """Return (sections, [(name of a fact, its value for each run)])."""
    rows = _settings(runs)
    return [_accuracies(runs, rows), _curves(rows), *_branching(rows)], _facts(runs)


def report_links(runs: Sequence["ShownRun"], page: Path) -> list[str]:
    """Return the address of each run's report from a page, empty where there is none."""
    paths = [run.record.folder.report for run in runs]
    return [quote(os.path.relpath(path, page.parent).replace(os.sep, "/")) if path.is_file() else "" for path in paths]


def _settings(runs: list["ShownRun"]) -> list[Shown]:
    """Return the settings of the runs in their order, each with its runs on all networks and seeds."""
    alike: dict[str, list[ShownRun]] = {}
    for run in runs:
        decides = {name: value for name, value in run.identity.items() if name not in _DIFFERS}
        alike.setdefault(repr((sorted(decides.items(), key=str), run.n_liquid)), []).append(run)
    knobs: dict[str, set[str]] = {}
    for members in alike.values():
        knobs.setdefault(members[0].cell, set()).add(members[0].knobs)
    shown = [_shown(members, len(knobs[members[0].cell]) > 1) for members in alike.values()]
    named = Counter(row.label for row in shown)
    return [
        replace(row, label=f"{row.label}\n{_versions(members)}") if named[row.label] > 1 else row
        for row, members in zip(shown, alike.values(), strict=True)
    ]


def _versions(members: list["ShownRun"]) -> str:
    """Return what tells apart settings that differ in sizes, which have columns in the table, and not in a label."""
    return f"versions {numbers_in_words(run.record.version for run in members)}"


def _shown(members: list["ShownRun"], with_knobs: bool) -> Shown:
    first, many = members[0], len(members) > 1
    head = f"{first.status.label}, {len(members)} runs" if many else f"{first.status.version}: {first.status.label}"
    lines = [head, first.status.dataset + (" (reduced)" if first.is_reduced else "")]
    lines += first.knobs.split(", ") if with_knobs else []
    tested = [run for run in members if run.status.accuracies]
    tests = [100 * run.status.accuracies["test"] for run in tested]
    measure = MEASURES["branching_factor"]
    factors = [measure.read_with(run.record, measure.parameters) for run in tested]  # no others in one picture
    return Shown(
        label="\n".join(lines), tests=tests, published=first.published, is_reduced=first.is_reduced,
        curves=[curve for run in members if len(curve := _curve(run))],
        branching=[(values["mean"], test) for values, test in zip(factors, tests, strict=True) if values],
    )  # fmt: skip


def _curve(run: "ShownRun") -> np.ndarray:
    try:
        return run.accuracies["valid"] if run.record.readout == PUBLISHED else np.empty(0)
    except Missing:
        return np.empty(0)


def _accuracies(runs: list["ShownRun"], rows: list[Shown]) -> Section:
    text = (
        "Test accuracy at the cycle with the best validation accuracy; of several networks or seeds of one setting the "
        "mean (dot), each run (ticks) and their range (line). Grey: the published figure for the same model, data and "
        f"number of neurons ({SOURCE}), if there is one."
    )
    unfinished = [str(run.status.version) for run in runs if run.status.state != "finished"]
    if unfinished:
        text += f" Not finished: {', '.join(unfinished)}; the page shows what they have reached so far."
    reduced = [str(run.status.version) for run in runs if run.is_reduced]
    if reduced:
        text += (
            f" With fewer samples, snapshots, ms or cycles than the published runs: {', '.join(reduced)}; the table "
            "has the numbers."
        )
    alt = "; ".join(f"{_words(row)}: {_tests(row)}" for row in rows)
    return Section("comparison", "Test accuracy", text, alt, comparison_pictures.accuracies(rows))


def _words(row: Shown) -> str:
    return row.label.replace("\n", ", ")


def _tests(row: Shown) -> str:
    if not row.tests:
        return "no accuracy yet"
    mean = f"{sum(row.tests) / len(row.tests):.2f} %"
    return mean if len(row.tests) == 1 else f"{mean} ({min(row.tests):.2f} to {max(row.tests):.2f} %)"


def _curves(rows: list[Shown]) -> Section:
    title = "Validation accuracy while the readout trains"
    known = [row for row in rows if row.curves]
    if not known:
        return Section("curves", title, "Missing: no run has finished a cycle of the readout yet.")
    best = sorted(known, key=lambda row: -max(row.tests, default=0))[:_MOST_CURVES]
    shown = [row for row in known if row in best]
    text = (
        "Share of validation samples that are classified correctly after each cycle over the training samples; of "
        "several runs of one setting their mean and, shaded, their range."
    )
    if len(shown) < len(known):
        text += f" Shown are the {len(shown)} settings with the highest test accuracy of {len(known)}."
    alt = f"Curves of validation accuracy of {len(shown)} settings"
    return Section("curves", title, text, alt, comparison_pictures.learning_curves(shown))


def _branching(rows: list[Shown]) -> list[Section]:
    known = [row for row in rows if row.branching]
    if sum(len(row.branching) for row in known) < 2:
        return []
    text = (
        "Each run at its branching factor and test accuracy. Activity dies out below a factor of 1 and grows above it."
    )
    alt = f"Test accuracy against branching factor of {sum(len(row.branching) for row in known)} runs"
    figure = comparison_pictures.accuracy_by_branching(known)
    return [Section("branching", "Accuracy and branching factor", text, alt, figure)]


def _facts(runs: list["ShownRun"]) -> Facts:
    def percent(run, split):
        accuracies = run.status.accuracies
        return f"{100 * accuracies[split]:.2f} %" if accuracies else "not yet"

    def number(run, name):
        value = run.identity.get(name, "-")
        return f"{value:,}" if isinstance(value, int) else value

    def state(run):
        return (run.status.state or f"cannot be read: {run.status.problem}") + (", reduced" if run.is_reduced else "")

    sizes = ("train_samples", "valid_samples", "test_samples", "init_samples", "cycles", "batch_size")
    facts = [
        ("model", lambda run: run.status.label),
        ("data", lambda run: run.status.dataset),
        ("knobs", lambda run: run.knobs or "none"),
        ("state", state),
        ("test accuracy", lambda run: percent(run, "test")),
        ("published", lambda run: f"{run.published} % ({run.published.kind})" if run.published else "no figure"),
        ("validation accuracy", lambda run: percent(run, "valid")),
        ("training accuracy", lambda run: percent(run, "train")),
    ]
    table = [(name, [value(run) for run in runs]) for name, value in facts]
    measured = [run.measured() for run in runs]
    for shown in zip(*measured, strict=True):
        if shown[0].measure.name != "accuracy":  # that is there already
            table += [(shown[0].measure.title, [one.text for one in shown])]
    more = [
        ("network", lambda run: f"{run.status.network} ({run.n_liquid or '?'} neurons)"),
        ("seed", lambda run: run.status.seed),
        ("best in validation", lambda run: run.status.best),
        *((TITLES[name], lambda run, name=name: number(run, name)) for name in sizes),
        *(
            (f"seconds, {stage}", lambda run, stage=stage: f"{run.status.seconds.get(stage, 0):,.0f}")
            for stage in STAGES
        ),
        ("started", lambda run: run.started),
    ]
    return table + [(name, [value(run) for run in runs]) for name, value in more]
