"""The page of results: tables against the published runs, curves, what is missing. Markdown and SVG."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from urllib.parse import quote

from nalsm.datasets import is_simulated
from nalsm.evaluation import MEASURES
from nalsm.evaluation.paper import SOURCE, is_reduced
from nalsm.models import MODELS
from nalsm.report.drawing import save
from nalsm.storage.files import write_text
from nalsm.support.constants import as_text
from nalsm.sweep import pictures
from nalsm.sweep.findings import (
    best_of_each_network,
    compared,
    families,
    groups_of,
    holm,
    is_complete,
    mean_and_deviation,
    run_of,
)
from nalsm.sweep.plan import Cell, Sweep
from nalsm.sweep.store import StoredRun, store_path

CHOSEN_KNOBS = ("LSM", "LSM+AP-STDP")  # models whose knob the paper chose for each network
_REDUCED = " (reduced)"
_CHECKOUT = Path(__file__).resolve().parents[2]
_STAGES = ("initialisation", "counting", "readout")
_SHOWN_APART = ("accuracy", "branching_factor", "kernel_quality")  # measures with tables of their own


def write_page(
    sweeps: list[Sweep], store: list[StoredRun], path: Path, left_out: Sequence[Sweep] = (),
    failures: Mapping[int, str] | None = None,
) -> list[Cell]:  # fmt: skip
    """Write the page of all results so far and its pictures beside it; return the cells that are not done.

    left_out : sweeps whose data are not available, which the page says
    failures : why cells failed just now, by version
    """
    path = Path(path)
    cells = [cell for sweep in sweeps for cell in sweep.cells]
    found = {cell.version: run_of(cell, store) for sweep in (*sweeps, *left_out) for cell in sweep.cells}
    groups = groups_of([*cells, *(cell for sweep in left_out for cell in sweep.cells)], found)
    missing = [cell for cell in cells if not is_complete(cell, found[cell.version])]
    sections = [
        _head(sweeps, len(cells), len(missing), path), _accuracies(groups), _measures(groups, path),
        _other_measures(groups), *_curves(groups, path), *_sizes(groups, path), _runs(store, path), _machines(store),
        _missing(missing, found, failures or {}, left_out),
    ]  # fmt: skip
    write_text(path, "\n".join(line for section in sections if section for line in [*section, ""]).rstrip() + "\n")
    return missing


def _head(sweeps, n_cells, n_missing, path):
    lines = ["# Results", ""]
    for sweep in sweeps:
        lines += [f"**{sweep.title}** (`{sweep.path.name}`). {sweep.text}".strip(), ""]
    store = store_path(path).name
    last = "; the last section names the others" if n_missing else ""
    return [
        *lines,
        f"Written by `python -m nalsm.sweep` from the records in [{store}]({quote(store)}), one for each run; no "
        "figure is typed in by hand. Accuracy in percent, on the test set at the cycle with the best validation "
        f"accuracy. *Published*: {SOURCE}, run by run from the authors' data sheet. *(reduced)*: fewer samples, "
        f"snapshots or cycles than the published runs. {n_cells - n_missing} of {n_cells} cells are done{last}.",
    ]


def _guide(name, path):
    """Return the name of a page of the project's docs, as a link if the page of results lies in the same checkout."""
    guide = _CHECKOUT / "docs" / name
    if guide.is_file() and path.resolve().is_relative_to(_CHECKOUT):
        return f"[{name}]({Path(os.path.relpath(guide, path.resolve().parent)).as_posix()})"
    return f"docs/{name}"


def _table(headings, rows):
    return [_line(headings), _line("---" for _ in headings), *map(_line, rows)]


def _section(title, headings, rows, *more):
    """Return the lines of a section with a table and the texts below it; no lines if the table is empty."""
    below = [line for text in more for line in ("", text)]
    return [f"## {title}", "", *_table(headings, rows), *below] if rows else []


def _line(cells):
    return "| " + " | ".join(map(str, cells)) + " |"


def _data(group):
    return group.dataset + _REDUCED * group.is_reduced


def _setting(group):
    """The cells that name a group in every table: data, model, knobs, neurons."""
    return _data(group), group.label, group.knobs, group.cell.network.n_liquid


_SETTING = ("data", "model", "knobs", "neurons")


def _networks(group):
    done = f"{len(group.runs)} of {group.planned}"
    return done if group.cell.has_own_seed else f"{done} runs"


def _statistics(values, digits=2):
    if not values:
        return "-", "-"
    middle, deviation = mean_and_deviation(values)
    return f"**{middle:.{digits}f}**", "-" if deviation is None else f"{deviation:.{digits}f}"


def _accuracies(groups):
    chosen = [best_of_each_network(*family) for family in families(groups) if family[1][0].model in CHOSEN_KNOBS]
    groups = sorted([*groups, *filter(None, chosen)], key=_rank)
    comparisons = [compared(group.accuracies, group.published.values) if group.published else None for group in groups]
    tested = [comparison for comparison in comparisons if comparison and comparison.p is not None]
    adjusted = dict(zip(map(id, tested), holm([comparison.p for comparison in tested]), strict=True))
    tables = {}
    for group, comparison in zip(groups, comparisons, strict=True):
        low, high = group.sampling
        row = [*_setting(group)[1:], _networks(group), *_statistics(group.accuracies), f"{low:.1f} to {high:.1f}",
               *_difference(group, comparison, adjusted)]  # fmt: skip
        tables.setdefault(_data(group), []).append(row)
    headings = (
        *_SETTING[1:], "networks", "mean", "s.d.", "by samples", "published", "networks", "difference",
        "95 % interval", "p (Welch)", "p (Holm)",
    )  # fmt: skip
    parts = [("", f"### {data}", "", *_simulated(data), *_table(headings, rows)) for data, rows in tables.items()]
    n_apart = sum(p < 0.05 for p in adjusted.values())
    texts = [
        "s.d.: standard deviation over networks, with n - 1. By samples: 95 % interval (Wilson) of the mean, as far "
        "as it comes from the number of test samples."
    ]
    if tested:
        texts[0] += (
            " Difference: own mean minus published mean, in percentage points and in published standard deviations, "
            "with the 95 % interval and the p of Welch's test; p (Holm) is adjusted for all rows that have a p "
            f"({len(tested)}, with three networks or more), and {n_apart} of them are below 0.05."
        )
    if any(comparisons):
        texts.append(
            "Rows with the best knob of each network: the knob is chosen by validation accuracy among the values that "
            "were run. The paper's table has the best knob of each network for LSM and LSM+AP-STDP, so these rows are "
            "the ones to compare with it; a row at a fixed knob stands beside the published runs at the same knob. "
            "For LSM+AP-STDP with a fixed range, published runs exist only for the networks for which this range was "
            "best. In the published LSM+STDP runs only the first sample of a batch learns; the rows with learning "
            "samples first repeat them, in the others every sample learns."
        )
    below = [line for text in texts for line in ("", text)]
    return ["## Accuracy", *(line for part in parts for line in part), *below] if parts else []


def _simulated(data):
    if not is_simulated(data):
        return []
    return [
        "These recordings are simulated from MNIST's images. They are not N-MNIST: no published figure applies.",
        "",
    ]


def _difference(group, comparison, adjusted):
    """The cells that compare a group with its published runs."""
    if not comparison:
        return ["-"] * 6
    published = group.published
    spread = f" ({comparison.difference / published.deviation:+.1f} s.d.)" if published.networks > 1 else ""
    tests = ("-", "-", "-")
    if comparison.p is not None:
        interval = "{:+.2f} to {:+.2f}".format(*comparison.interval)
        tests = (interval, f"{comparison.p:.2g}", f"{adjusted[id(comparison)]:.2g}")
    return [published, published.networks, f"{comparison.difference:+.2f}{spread}", *tests]


def _rank(group):
    """Order of rows: by data set and size, then model as in MODELS, then the knobs."""
    names = [*MODELS]
    return (
        group.dataset, group.cell.network.n_liquid, group.is_reduced, names.index(group.model),
        group.chosen, tuple(group.cell.knobs.items()), tuple(group.cell.constants.items()), not group.cell.has_own_seed,
    )  # fmt: skip


def _measures(groups, path):
    rows = []
    for group in sorted(groups, key=_rank):
        sp, ap = (group.values_of("kernel_quality", name) for name in ("SP", "AP"))
        if not group.branching and not sp:
            continue
        published = [(sp and group.published_of("kernel_quality", name)) or "-" for name in ("SP", "AP")]
        rows.append(
            (
                *_setting(group), len(group.branching), *_statistics(group.branching, 3),
                _published_branching(group), len(sp), *_statistics(sp), published[0], *_statistics(ap),
                published[1],
            )
        )  # fmt: skip
    headings = (
        *_SETTING, "networks", "branching factor", "s.d.", "published",
        "networks", "SP", "s.d.", "published", "AP", "s.d.", "published",
    )  # fmt: skip
    draws = MEASURES["kernel_quality"].parameters
    return _section(
        "Branching factor and kernel quality", headings, rows,
        "Branching factor: mean over the recorded samples of a run, then over networks; activity dies out below 1 and "
        f"grows above 1. SP and AP: mean rank over {draws['draws']:,} draws of {draws['per_class']} samples of each "
        "class (of own data as many as all classes have, if that is less), of the test counts and of the noisy test "
        f"counts. Formulas and programs: {_guide('evaluating.md', path)}.",
    )  # fmt: skip


def _published_branching(group):
    return group.published_of("branching_factor", "mean") or "-"


def _other_measures(groups):
    """Return the lines of the section of measures that have no table of their own, such as those of extensions."""
    others = [measure for name, measure in MEASURES.items() if name not in _SHOWN_APART]
    rows = [
        (*_setting(group), measure.title, name, len(values), *_statistics(values, 3), published)
        for group in sorted(groups, key=_rank)
        for measure in others
        for name in dict.fromkeys(name for run in group.runs for name in run.measures.get(measure.name, ()))
        if name not in measure.parameters
        for values, published in [
            (group.values_of(measure.name, name), group.published_of(measure.name, name) or "-")
        ]
    ]  # fmt: skip
    headings = (*_SETTING, "measure", "value", "networks", "mean", "s.d.", "published")
    return _section("Other measures", headings, rows, *(f"{m.title}: {m.formula}." for m in others))


# ---- curves --------------------------------------------------------------------------------------


def _curves(groups, path):
    for name, members in families(groups):
        knob = next(knob for knob in MODELS[members[0].model].all_knobs if knob.name == name)
        title = f"{_size_title(members[0])}{_fixed(members[0], name)}"
        values = [group.cell.full_knobs[name] for group in members]
        rows = [
            (f"{value:g}", _networks(group), *_statistics(group.accuracies), group.published or "-",
             *_statistics(group.branching, 3), _published_branching(group))
            for value, group in zip(values, members, strict=True)
        ]  # fmt: skip
        picture = _save(pictures.knob_curve(knob.heading, values, members), path, f"{title} {knob.title}")
        headings = (
            knob.heading, "networks", "accuracy", "s.d.", "published", "branching factor", "s.d.", "published",
        )  # fmt: skip
        yield _section(
            f"{title}: {knob.title}", headings, rows,
            f"![Accuracy and branching factor of {title} for each {knob.title}]({picture})",
        )  # fmt: skip


def _size_title(group):
    return f"{group.label} on {_data(group)}, {group.cell.network.n_liquid:,} neurons"


def _fixed(group, varied):
    """The other knobs of a curve in words, where the model has some."""
    knobs = {name: value for name, value in group.cell.knobs.items() if name != varied}
    return "".join(f", {label}" for label in MODELS[group.model].describe_knobs(knobs))


def _sizes(groups, path):
    of_model = {}
    for group in (group for group in groups if group.cell.has_own_seed):
        sizes = of_model.setdefault((group.label, _data(group)), {})
        sizes.setdefault(group.cell.network.n_liquid, []).append(group)
    for of_size in of_model.values():
        members = [_most_runs(of_size[size]) for size in sorted(of_size)]
        if len(members) == 1:
            continue
        title = f"{members[0].label} on {_data(members[0])}"
        rows = [
            (
                group.cell.network.n_liquid, " x ".join(map(str, group.cell.network.dims)), group.knobs,
                group.cell.settings["batch_size"], _networks(group), *_statistics(group.accuracies),
                group.published or "-", *_seconds(group.runs), _memory(group.runs),
            )
            for group in members
        ]  # fmt: skip
        headings = (
            "neurons", "grid", "knobs", "batch", "networks", "accuracy", "s.d.", "published", *_STAGES, "GB",
        )  # fmt: skip
        picture = _save(pictures.size_curve(members), path, f"{title} sizes")
        yield _section(
            f"{title}: size of the liquid", headings, rows,
            f"![Accuracy and seconds of {title} for each number of neurons]({picture})",
            "Seconds of each stage and peak memory: means over the networks, also of runs that shared the machine.",
        )  # fmt: skip


def _most_runs(groups):
    """Return the group of the setting with most networks: the one that the paper's table has, where it has one."""
    return max(groups, key=lambda group: (group.planned, len(group.cell.measures), len(group.runs)))


def _save(figure, path, name):
    """Save a picture beside the page; return its file name."""
    words = "_".join("".join(c if c.isalnum() else " " for c in name.lower()).split())
    picture = path.with_name(f"{path.stem}_{words}.svg")
    save(figure, picture, name)
    return quote(picture.name)


def _seconds(runs):
    return [f"{mean(run.seconds.get(stage, 0) for run in runs):.0f}" for stage in _STAGES]


def _memory(runs):
    known = [run.peak_memory_bytes for run in runs if run.peak_memory_bytes]
    return f"{mean(known) / 1e9:.2f}" if known else "-"


# ---- every run -----------------------------------------------------------------------------------


def _knobs(run):
    knobs = MODELS[run.model].short_knobs(run.knobs)
    return ", ".join([*([knobs] if knobs else []), *as_text(run.all_constants)]) or "-"


def _runs(store, path):
    rows = [
        (
            run.version, run.dataset + _REDUCED * is_reduced({"model": run.model, **run.sizes}), run.label, _knobs(run),
            run.network["neurons"], f"{run.network['number']} ({run.network['sha256'][:8]})", run.seed,
            f"{run.test:.2f}", f"{run.valid:.2f}", run.cycle, *_seconds([run]), _memory([run]),
        )
        for run in store
    ]  # fmt: skip
    headings = (
        "version", "data", "model", "knobs", "neurons", "network (SHA-256)", "seed", "test", "validation", "cycle",
        *_STAGES, "GB",
    )  # fmt: skip
    return _section(
        "Every run", headings, rows,
        "Seconds are wall-clock times, also of runs that shared the machine with other programs: for speeds that were "
        f"measured with care see {_guide('performance.md', path)}.",
    )  # fmt: skip


def _machines(store):
    if not store:
        return []
    kinds = {}
    for run in store:
        packages = ", ".join(f"{name} {version}" for name, version in run.versions.items())
        computed = f"{run.machine}; {'?' if run.threads is None else run.threads} threads; engine {run.engine}"
        kinds.setdefault(f"{computed}; {packages}", []).append(run.started[:10])
    lines = [
        f"- {len(days)} runs, {' to '.join(sorted({min(days), max(days)}))}: {kind}" for kind, days in kinds.items()
    ]
    return ["## Machines and versions", "", *lines]


def _missing(missing, found, failures, left_out):
    if not missing and not left_out:
        return []
    failed = [cell for cell in missing if cell.version in failures]
    by_setting = {}
    for cell in (cell for cell in missing if cell.version not in failures):
        title = f"{cell.setting}, {cell.network.n_liquid:,} neurons"
        run = found[cell.version]
        lacks = [MEASURES[name].title for name in cell.measures if run and name not in run.measures]
        which = f"version {cell.version}" + (f", lacks {' and '.join(lacks)}" if lacks else "")
        by_setting.setdefault(title, []).append(f"{cell.network.number} ({which})")
    lines = [f"- **failed**: {cell.title}: {_plain(failures[cell.version])}" for cell in failed]
    lines += [f"- {title}: network {', '.join(which)}" for title, which in by_setting.items()]
    lines += [
        f"- {sweep.title} (`{sweep.path.name}`): its recordings are not available ({len(sweep.cells)} cells, not "
        "counted above)" for sweep in left_out
    ]  # fmt: skip
    return ["## Not finished", "", *lines]


def _plain(reason):
    """Return a message without what Markdown or HTML would make of it, and without the folder of the checkout."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|" else c for c in reason.replace(f"{_CHECKOUT}{os.sep}", ""))
