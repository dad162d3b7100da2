"""python -m nalsm.runs: the list of runs as a table or JSON."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from nalsm.console.questions import PathType
from nalsm.evaluation import MEASURES, Measure
from nalsm.models import MODELS
from nalsm.programs.export import export
from nalsm.runs.listing import RunStatus, list_runs
from nalsm.runs.record import RunRecord
from nalsm.runs.settings import default_folder
from nalsm.support.errors import UserError

_COLUMNS = [measure for measure in MEASURES.values() if measure.column]  # the accuracy has columns of its own
_HEADINGS = (
    "VERSION", "MODEL", "DATA", "KNOBS", "NETWORK", "STATE", "NOW", "VALID %", "TEST %",
    *(measure.column for measure in _COLUMNS), "SECONDS",
)  # fmt: skip
_TEXTS = {"MODEL", "DATA", "KNOBS", "STATE", "NOW"}  # aligned to the left, unlike numbers


@click.group(invoke_without_command=True)
@click.option(
    "--output-dir",
    type=PathType(),
    default=default_folder("output_dir"),
    show_default=True,
    help="Folder of the version folders.",
)
@click.option("--json", "as_json", is_flag=True, help="For scripts: a JSON list, an object for each run.")
@click.pass_context
def main(context: click.Context, output_dir: Path, as_json: bool) -> None:
    """List the runs: model, data, network, state, accuracy, measures.

    VALID % and TEST % are the accuracies at the cycle with the best validation accuracy so far. NOW says whether a
    process is working on the run just now. BRANCHING and SP / AP show measures that were computed with the published
    parameters; --json has all, with their parameters.
    """
    if context.invoked_subcommand:
        return
    if not output_dir.is_dir():
        raise UserError(f"--output-dir: there is no folder {output_dir}; name the one with ver_<VERSION> in it")
    statuses = list_runs(output_dir, measures_of)
    if as_json:
        click.echo(json.dumps([_finite(asdict(status)) for status in statuses], indent=1))
    else:
        click.echo(table(statuses) if statuses else f"no runs in {output_dir}")


main.add_command(export)


def measures_of(record: RunRecord) -> dict[str, dict]:
    """Return the values of each computed measure of a finished run, without the accuracy."""
    found = {measure.name: measure.read(record) for measure in _COLUMNS}
    return {name: values for name, values in found.items() if values}


def table(statuses: Iterable[RunStatus]) -> str:
    """Return the list as text, a line for each run."""
    rows = [list(_HEADINGS), *map(_row, statuses)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(_HEADINGS))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if heading in _TEXTS else cell.rjust(width)
            for cell, width, heading in zip(row, widths, _HEADINGS, strict=False)
        ]
        lines.append("  ".join([*cells, *row[len(_HEADINGS) :]]).rstrip())
    return "\n".join(lines)


def _row(status: RunStatus) -> list[str]:
    knobs = MODELS[status.model].short_knobs(status.knobs) if status.model else ""
    percent = [f"{100 * status.accuracies[split]:.2f}" if status.accuracies else "-" for split in ("valid", "test")]
    cells = (
        Path(status.folder).name[4:] if status.version is None else status.version,
        status.model or "-", status.dataset or "-", knobs or "-", "-" if status.network is None else status.network,
        status.state or "-", "working" if status.working else "-", *percent,
        *(_cell(measure, status.measures.get(measure.name)) for measure in _COLUMNS),
        f"{sum(status.seconds.values()):.0f}" if status.seconds else "-",
        *([f"cannot be read: {status.problem}"] if status.problem else []),
    )  # fmt: skip
    return [_printable(str(cell)) for cell in cells]


def _cell(measure: Measure, values: dict | None) -> str:
    return measure.cell(values) if values and measure.agrees(values) else "-"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def _finite(value: Any) -> Any:
    """Replace NaN and infinity by None, because JSON has neither."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
