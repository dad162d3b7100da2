"""The page of results: tables against the published runs, curves, what is missing. Markdown and SVG."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from urllib.parse import quote

from nalsm.console.progress import in_words, numbers_in_words
from nalsm.evaluation import MEASURES
from nalsm.evaluation.paper import SOURCE
from nalsm.models import MODELS
from nalsm.report.drawing import save
from nalsm.runs.names import STAGES
from nalsm.runs.settings import CHECKOUT
from nalsm.storage.files import write_text
from nalsm.support.constants import as_text
from nalsm.sweep import pictures
from nalsm.sweep.comparisons import accuracies, measures, other_measures
from nalsm.sweep.findings import families, groups_of, is_complete, run_of
from nalsm.sweep.plan import Cell, Sweep
from nalsm.sweep.store import StoredRun, store_path
from nalsm.sweep.tables import REDUCED, data, link, networks, section, statistics


def write_page(
    sweeps: list[Sweep], store: list[StoredRun], path: Path, left_out: Sequence[Sweep] = (),
    failures: Mapping[int, str] | None = None,
) -> list[Cell]:  # fmt: skip
    """Write the page of all results so far and, in a folder of its name, its pictures; return the cells not done.

    left_out : sweeps whose data are not available, which the page says
    failures : why cells failed just now, by version
    """
    path = Path(path)
    cells = [cell for sweep in sweeps for cell in sweep.cells]
    found = {cell.version: run_of(cell, store) for sweep in (*sweeps, *left_out) for cell in sweep.cells}
    groups = groups_of([*cells, *(cell for sweep in left_out for cell in sweep.cells)], found)
    missing = [cell for cell in cells if not is_complete(cell, found[cell.version])]
    sections = [
        _head(sweeps, len(cells), len(missing), path), accuracies(groups), measures(groups, path),
        other_measures(groups), *_curves(groups, path), *_sizes(groups, path), _runs(store, path), _machines(store),
        _missing(missing, found, failures or {}, left_out),
    ]  # fmt: skip
    write_text(path, "\n".join(line for lines in sections if lines for line in [*lines, ""]).rstrip() + "\n")
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
        f"snapshots, ms or cycles than the published runs. {n_cells - n_missing} of {n_cells} cells are done{last}.",
    ]


# ---- curves --------------------------------------------------------------------------------------


def _curves(groups, path):
    for name, members in families(groups):
        knob = next(knob for knob in MODELS[members[0].model].all_knobs if knob.name == name)
        title = f"{_size_title(members[0])}{_fixed(members[0], name)}"
        values = [group.cell.full_knobs[name] for group in members]
        rows = [
            (f"{value:g}", networks(group), *statistics(group.accuracies), group.published or "-",
             *statistics(group.branching, 3), group.published_of("branching_factor", "mean") or "-")
            for value, group in zip(values, members, strict=True)
        ]  # fmt: skip
        picture = _save(pictures.knob_curve(knob.heading, values, members), path, f"{title} {knob.title}")
        headings = (
            knob.heading, "networks", "accuracy", "s.d.", "published", "branching factor", "s.d.", "published",
        )  # fmt: skip
        yield section(
            f"{title}: {knob.title}", headings, rows,
            f"![Accuracy and branching factor of {title} for each {knob.title}]({picture})",
        )  # fmt: skip


def _size_title(group):
    return f"{group.label} on {data(group)}, {group.cell.network.n_liquid:,} neurons"


def _fixed(group, varied):
    """What the runs of a curve have in common, in words: the other knobs, and what tells them from other curves."""
    knobs = {name: value for name, value in group.cell.knobs.items() if name != varied}
    return "".join(f", {label}" for label in [*MODELS[group.model].describe_knobs(knobs), *group.marks])


def _sizes(groups, path):
    of_model = {}
    for group in (group for group in groups if group.cell.has_own_seed):
        sizes = of_model.setdefault((group.label, data(group)), {})
        sizes.setdefault(group.cell.network.n_liquid, []).append(group)
    for of_size in of_model.values():
        members = [_most_runs(of_size[size]) for size in sorted(of_size)]
        if len(members) == 1:
            continue
        title = f"{members[0].label} on {data(members[0])}"
        rows = [
            (
                group.cell.network.n_liquid, " x ".join(map(str, group.cell.network.dims)), group.knobs,
                group.cell.settings["batch_size"], networks(group), *statistics(group.accuracies),
                group.published or "-", *_seconds(group.fastest), _memory(group.runs),
            )
            for group in members
        ]  # fmt: skip
        headings = (
            "neurons", "grid", "knobs", "batch", "networks", "accuracy", "s.d.", "published", *STAGES, "GB",
        )  # fmt: skip
        picture = _save(pictures.size_curve(members), path, f"{title} sizes")
        yield section(
            f"{title}: size of the liquid", headings, rows,
            f"![Accuracy and seconds of {title} for each number of neurons]({picture})",
            "Seconds of each stage: of the fastest run; others shared their machine with more programs. GB: mean "
            "peak memory.",
        )  # fmt: skip


def _most_runs(groups):
    """Return the group of the setting with most networks: the one that the paper's table has, where it has one."""
    return max(groups, key=lambda group: (group.planned, len(group.cell.measures), len(group.runs)))


def _save(figure, path, name):
    """Save a picture in a folder of the page's name beside it; return its address on the page."""
    words = "_".join("".join(c if c.isalnum() else " " for c in name.lower()).split())
    picture = path.with_suffix("") / f"{words}.svg"
    picture.parent.mkdir(exist_ok=True)
    save(figure, picture, name)
    return quote(picture.relative_to(path.parent).as_posix())


def _seconds(run):
    return [f"{run.seconds.get(stage, 0):.0f}" for stage in STAGES]


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
            run.version, run.dataset + REDUCED * run.is_reduced, run.label, _knobs(run),
            run.network["neurons"], f"{run.network['number']} ({run.network['sha256'][:8]})", run.seed,
            f"{run.test:.2f}", f"{run.valid:.2f}", run.cycle, *_seconds(run), _memory([run]),
        )
        for run in store
    ]  # fmt: skip
    total = sum(sum(run.seconds.values()) for run in store)
    headings = (
        "version", "data", "model", "knobs", "neurons", "network (SHA-256)", "seed", "test", "validation", "cycle",
        *STAGES, "GB",
    )  # fmt: skip
    return section(
        "Every run", headings, rows,
        f"Seconds are wall-clock times, together {in_words(total)}, also of runs that shared the machine with other "
        f"programs: for speeds that were measured with care see {link('performance.md', path)}.",
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
        lacks = [
            MEASURES[name].title for name in cell.measures if run and not run.measured(name, cell.parameters_of(name))
        ]
        title += f", without {' and '.join(lacks)}" if lacks else ""
        by_setting.setdefault(title, []).append(cell.version)
    lines = [f"- **failed**: {cell.title}: {_plain(failures[cell.version])}" for cell in failed]
    lines += [f"- {title}: version{'s' * (len(of) > 1)} {numbers_in_words(of)}" for title, of in by_setting.items()]
    lines += [
        f"- {sweep.title} (`{sweep.path.name}`): its recordings are not available ({len(sweep.cells)} cells, not "
        "counted above)" for sweep in left_out
    ]  # fmt: skip
    return ["## Not finished", "", *lines]


def _plain(reason):
    """Return a message without what Markdown or HTML would make of it, and without the folder of the checkout."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|" else c for c in reason.replace(f"{CHECKOUT}{os.sep}", ""))
