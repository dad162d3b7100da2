"""The page of the paper's figures: what each shows, its picture, and the table with all values. Markdown and SVG."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from nalsm.evaluation.paper import SOURCE
from nalsm.report.drawing import save
from nalsm.storage.files import write_text
from nalsm.sweep.figures import (
    DATASETS,
    DENSITIES,
    FIGURES,
    branching_points,
    comparable,
    density_points,
    readme_picture,
    table_rows,
)
from nalsm.sweep.findings import mean_and_deviation
from nalsm.sweep.store import StoredRun

_TEXTS = {
    "figure_2": (
        "Figure 2: accuracy against branching factor",
        "Every run with 1000 neurons, at all values of the knobs: astrocyte weight 0.002 to 0.2, weight of LSM 0.4 to "
        "1.4, range of LSM+AP-STDP. Runs below 85 % are outside the picture: published runs of LSM on N-MNIST whose "
        "accuracy of 9.8 % comes from a NaN in the authors' program after a sample without spikes.",
    ),
    "figure_3a": (
        "Figure 3A: accuracy of the models",
        "One run of each network at the settings of the paper's table: NALSM 0.015; LSM and LSM+AP-STDP at each "
        "network's best setting by test accuracy, as published, among those that were run (the page of results has the "
        "choice by validation accuracy, too); LSM+STDP with learning samples first, as published.",
    ),
    "figure_3b": (
        "Figure 3B: kernel quality",
        "SP and AP are scaled to 0..1 over the published runs of all models on both data sets, then their difference "
        "is: for the published runs these are the values of the authors' data sheet. The runs are chosen as for Figure "
        "3A, among those whose kernel quality was computed.",
    ),
    "figure_4": (
        "Figure 4: density of the astrocyte's connections",
        "NALSM at astrocyte weight 0.015. Published: three networks with three seeds each; at density 1 three runs of "
        "the table. Lines connect means.",
    ),
    "table_1": (
        "Table 1: accuracy",
        "Difference of the means with the standard deviation of the own runs, over the published standard deviation. "
        "Own runs are chosen as for Figure 3A.",
    ),
}  # fmt: skip


def write_figures(store: Sequence[StoredRun], path: Path) -> list[Path]:
    """Write the page and, in a folder of its name beside it, its pictures; return the paths of the pictures.

    The folder also gets readme.svg, the picture of README.md.

    store : runs of the results store; only full runs are shown
    """
    path = Path(path)
    runs = comparable(store)
    folder = path.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        "# The paper's figures", "",
        f"`make figures` draws this page from [results.json](results.json) alone: {len(runs)} runs over those of "
        f"{SOURCE}, run by run from the authors' data sheet. The pictures show the data of the paper's figures; their "
        "layout is our own. Pale dots are published runs, full dots are own runs.", "",
    ]  # fmt: skip
    pictures = []
    for name, draw in FIGURES.items():
        title, text = _TEXTS[name]
        picture = folder / f"{name}.svg"
        save(draw(runs), picture, title)
        pictures.append(picture)
        lines += [f"## {title}", "", text, "", f"![{title}]({folder.name}/{picture.name})", "", *_more(name, runs)]
    save(readme_picture(runs), folder / "readme.svg", "Accuracy against branching factor on MNIST, 1000 neurons")
    write_text(path, "\n".join(lines).rstrip() + "\n")
    return pictures


def _more(name: str, runs: Sequence[StoredRun]) -> list[str]:
    """Return what stands below a picture: how many own runs it has, or the table."""
    if name == "table_1":
        return _table(runs)
    if name == "figure_2":
        return _counts({d: {s.title: len(own) for s, own in branching_points(runs, d)} for d in DATASETS})
    if name == "figure_4":
        found = {dataset: Counter(density for density, _ in density_points(runs, dataset)) for dataset in DATASETS}
        return _counts({d: {f"{x:g}": found[d][x] for x in DENSITIES} for d in DATASETS})
    return []


def _counts(numbers: dict[str, dict[str, int]]) -> list[str]:
    """Return a line for each data set that says how many own runs each part of a picture has."""
    lines = [f"- Own runs on {dataset}: {_listed(parts)}" for dataset, parts in numbers.items()]
    return [*lines, ""]


def _listed(parts: dict[str, int]) -> str:
    return "; ".join(f"{part}: {number or 'none'}" for part, number in parts.items())


def _table(runs: Sequence[StoredRun]) -> list[str]:
    lines = [
        "| data | model | neurons | published | networks | own | networks | difference |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in table_rows(runs):
        own = ("no runs", 0, "-")
        if row.own:
            middle, deviation = mean_and_deviation(row.own) or (0.0, None)
            spread = "" if deviation is None else f" ± {deviation:.2f}"
            own = (f"{middle:.2f}{spread}", len(row.own), f"{middle - row.published.mean:+.2f}")
        cells = (row.dataset, row.model, row.n_liquid, row.published, row.published.networks, *own)
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return [*lines, ""]
