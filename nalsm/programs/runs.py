"""python -m nalsm.runs: the list of runs as a table, CSV or JSON."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from nalsm.evaluation.paper import is_reduced
from nalsm.programs.export import export
from nalsm.programs.options import folder_option
from nalsm.programs.run_table import MEASURE_COLUMNS, SORTS, as_csv, sorted_by, table
from nalsm.runs.listing import list_runs
from nalsm.runs.readouts import PUBLISHED
from nalsm.runs.record import RunRecord
from nalsm.support.constants import as_text


@click.group(invoke_without_command=True)
@folder_option("output_dir")
@click.option("--sort", type=click.Choice(SORTS), help="Sort by this; accuracies, measures and dates from the highest.")
@click.option("--csv", "as_csv_text", is_flag=True, help="For spreadsheets: a line for each run, with all values.")
@click.option("--json", "as_json", is_flag=True, help="For scripts: a JSON list, an object for each run.")
@click.pass_context
def main(context: click.Context, output_dir: Path, sort: str | None, as_csv_text: bool, as_json: bool) -> None:
    """List the runs, one a line: model, data, knobs, network, state, test accuracy, date.

    TEST % is the accuracy at the cycle with the best validation accuracy so far. NOTE says "reduced" of runs with fewer
    samples, snapshots, ms or cycles than the published ones, and names constants and a readout that are not the
    published ones. A terminal of more than 80 columns shows more: measures that were computed with the published
    parameters, VALID %, SECONDS. --csv and --json have everything.
    """
    if context.invoked_subcommand:
        context.default_map = {context.invoked_subcommand: {"output_dir": output_dir}}
        return
    statuses = list_runs(output_dir, measures_of, notes_of)
    if sort:
        statuses = sorted_by(sort, statuses)
    if as_csv_text:
        click.echo(as_csv(statuses), nl=False)
    elif as_json:
        click.echo(json.dumps([_finite(asdict(status)) for status in statuses], indent=1))
    else:
        click.echo(table(statuses) if statuses else f"no runs in {output_dir}")


main.add_command(export)


def measures_of(record: RunRecord) -> dict[str, dict]:
    """Return the values of each computed measure of a finished run, without the accuracy."""
    found = {measure.name: measure.read(record) for measure in MEASURE_COLUMNS}
    return {name: values for name, values in found.items() if values}


def notes_of(record: RunRecord) -> list[str]:
    """Return what sets a run apart from the published ones."""
    notes = {record.readout: record.readout != PUBLISHED, "reduced": is_reduced(record.identity)}
    return [*(note for note, holds in notes.items() if holds), *as_text(record.constants)]


def _finite(value: Any) -> Any:
    """Replace NaN and infinity by None, because JSON has neither."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
