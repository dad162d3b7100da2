"""The page of results: tables against the published figures, curves, what is missing. Markdown and PNG."""

from pathlib import Path
from statistics import mean

from nalsm.evaluation.paper import SOURCE
from nalsm.models import MODELS
from nalsm.storage.files import replacing, write_text
from nalsm.sweep import pictures
from nalsm.sweep.findings import groups_of, mean_and_deviation, runs_of
from nalsm.sweep.plan import knob_texts
from nalsm.sweep.store import store_path

_STAGES = ("initialisation", "counting", "readout")


def write_page(sweeps, store, path, left_out=()):
    """Write the page of what the sweeps have found so far, its pictures beside it; return the cells still missing.

    store : StoredRuns; left_out : Sweeps whose data are not available, the page says so
    """
    path = Path(path)
    cells = [cell for sweep in sweeps for cell in sweep.cells]
    found = {cell.version: runs_of(cell, store) for cell in cells}
    groups = groups_of(cells, found)
    missing = [cell for cell in cells if not found[cell.version]]
    sections = [
        _head(sweeps, cells, missing, path), _accuracies(groups), _measures(groups), *_curves(groups, path),
        *_sizes(groups, path), _runs(store), _machines(store), _missing(missing, left_out),
    ]  # fmt: skip
    write_text(path, "\n".join(line for section in sections if section for line in [*section, ""]).rstrip() + "\n")
    return missing


def _head(sweeps, cells, missing, path):
    lines = ["# Results", ""]
    for sweep in sweeps:
        lines += [f"**{sweep.title}** (`{sweep.path.name}`). {sweep.text}".strip(), ""]
    store = store_path(path).name
    return [
        *lines,
        f"Written by `python -m nalsm.sweep` from the records in [{store}]({store}), one for each run; no "
        "figure is typed in by hand. "
        "Accuracy in percent, on the test set at the cycle with the best validation accuracy. *Published*: "
        f"{SOURCE}, mean and standard deviation over networks. {len(cells) - len(missing)} of {len(cells)} cells "
        "are finished; the last section names the others.",
    ]


def _table(headings, rows):
    return [_line(headings), _line("---" for _ in headings), *map(_line, rows)]


def _section(title, headings, rows, *more):
    """Return the lines of a section with a table and what follows it; none where the table would be empty."""
    below = [line for text in more for line in ("", text)]
    return [f"## {title}", "", *_table(headings, rows), *below] if rows else []


def _line(cells):
    return "| " + " | ".join(map(str, cells)) + " |"


def _setting(group):
    """The cells that name a group in every table: data, model, knobs, neurons."""
    cell, dataset = group.cell, f"{group.dataset}{' (reduced)' if group.is_reduced else ''}"
    return dataset, cell.model, ", ".join(knob_texts(cell.model, cell.knobs)) or "-", cell.network.n_liquid


_SETTING = ("data", "model", "knobs", "neurons")


def _networks(group):
    return f"{len(group.runs)} of {group.planned}"


def _statistics(values, digits=2):
    if not values:
        return "-", "-"
    middle, deviation = mean_and_deviation(values)
    return f"**{middle:.{digits}f}**", "-" if deviation is None else f"{deviation:.{digits}f}"


def _accuracies(groups):
    rows = []
    for group in (group for group in groups if group.cell.table == "accuracy"):
        published = group.published
        apart = f"{(mean(group.accuracies) - published.mean) / published.deviation:+.1f}" if published else "-"
        each = ", ".join(f"{value:.2f}" for value in group.accuracies)
        rows.append((*_setting(group), _networks(group), *_statistics(group.accuracies), each, published or "-", apart))
    headings = (*_SETTING, "networks", "mean", "s.d.", "each network", "published", "difference in published s.d.")
    return _section(
        "Accuracy", headings, rows,
        "s.d.: over networks, with n - 1. The difference is that of the means, divided by the published standard "
        "deviation, which is one over networks too. (reduced): fewer samples, snapshots or cycles than the published "
        "runs had.",
    )  # fmt: skip


def _measures(groups):
    rows = []
    for group in (group for group in groups if group.cell.table == "accuracy"):
        sp, ap = group.ranks
        if not group.branching and not sp:
            continue
        published_sp, published_ap = group.published_ranks
        rows.append(
            (
                *_setting(group), len(group.branching), *_statistics(group.branching, 3),
                group.published_branching or "-", len(sp), *_statistics(sp), published_sp or "-", *_statistics(ap),
                published_ap or "-",
            )
        )  # fmt: skip
    headings = (
        *_SETTING, "networks", "branching factor", "s.d.", "published",
        "networks", "SP", "s.d.", "published", "AP", "s.d.", "published",
    )  # fmt: skip
    return _section(
        "Branching factor and kernel quality", headings, rows,
        "Branching factor: mean over the recorded samples of a run, then over networks; below 1 activity dies out, "
        "above 1 it grows. SP and AP: mean rank over 1,000 draws of 1,000 samples each, of the test counts and of the "
        "noisy test counts. Formulas and programs: [evaluating.md](evaluating.md).",
    )  # fmt: skip


# ---- curves --------------------------------------------------------------------------------------


def _families(groups, table):
    """Yield the groups that make one curve: those of a model, data set (and size) that has cells of `table`."""
    families = {}
    for group in groups:
        size = group.cell.network.n_liquid if table == "curve" else None
        families.setdefault((group.dataset, group.cell.model, size), []).append(group)
    for (dataset, model, _), members in families.items():
        if len(members) > 1 and any(group.cell.table == table for group in members):
            yield f"{model} on {dataset}", [group for group in members if group.cell.table in (table, "accuracy")]


def _curves(groups, path):
    for title, family in _families(groups, "curve"):
        knob = MODELS[family[0].cell.model].knobs[0]
        members = sorted(family, key=lambda group: group.cell.knobs[knob.name])
        values = [group.cell.knobs[knob.name] for group in members]
        rows = [
            (f"{value:g}", _networks(group), *_statistics(group.accuracies), *_statistics(group.branching, 3))
            for value, group in zip(values, members, strict=True)
        ]
        picture = _save(pictures.knob_curve(knob.prompt, values, members), path, f"{title} {knob.prompt}")
        headings = (knob.prompt, "networks", "accuracy", "s.d.", "branching factor", "s.d.")
        yield _section(
            f"{title}: {knob.prompt}", headings, rows,
            f"![Accuracy and branching factor of {title} over {knob.prompt}]({picture})",
        )  # fmt: skip


def _sizes(groups, path):
    for title, family in _families(groups, "size"):
        members = sorted(family, key=lambda group: group.cell.network.n_liquid)
        rows = [
            (
                group.cell.network.n_liquid, " x ".join(map(str, group.cell.network.dims)), _setting(group)[2],
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
            f"![Accuracy and seconds of {title} over the number of neurons]({picture})",
            "Seconds of each stage and peak memory: means over the networks, also of runs that shared the machine.",
        )  # fmt: skip


def _save(figure, path, name):
    """Save a picture beside the page; return its file name."""
    words = "".join(c if c.isalnum() else "_" for c in name.lower())
    picture = path.with_name(f"{path.stem}_{words}.png")
    with replacing(picture) as temporary:
        pictures.save(figure, temporary)
    return picture.name


def _seconds(runs):
    return [f"{mean(run.seconds.get(stage, 0) for run in runs):.0f}" for stage in _STAGES]


def _memory(runs):
    known = [run.peak_memory_bytes for run in runs if run.peak_memory_bytes]
    return f"{mean(known) / 1e9:.2f}" if known else "-"


# ---- every run -----------------------------------------------------------------------------------


def _runs(store):
    rows = [
        (
            run.version, run.dataset, run.model, ", ".join(f"{v:g}" for v in run.knobs.values()) or "-",
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
        "measured with care see [performance.md](performance.md).",
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


def _missing(missing, left_out):
    if not missing and not left_out:
        return []
    by_setting = {}
    for cell in missing:
        title = f"{cell.setting}, {cell.network.n_liquid} neurons"
        by_setting.setdefault(title, []).append(f"{cell.network.number} (version {cell.version})")
    lines = [f"- {title}: network {', '.join(which)}" for title, which in by_setting.items()]
    lines += [f"- {sweep.title} (`{sweep.path.name}`): its recordings are not there" for sweep in left_out]
    return ["## Not finished", "", *lines]
