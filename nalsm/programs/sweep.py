"""python -m nalsm.sweep FILE.toml: run the cells of sweeps, and write the page of results."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import click

from nalsm.console.program import work_is_kept
from nalsm.console.progress import say
from nalsm.console.questions import PageType, PathType
from nalsm.constants import listing
from nalsm.network import network_path
from nalsm.runs.settings import CHECKOUT, chosen_folder
from nalsm.support.cluster_address import check_address
from nalsm.support.errors import MachineError, NalsmError, UserError
from nalsm.sweep.execute import Outcome, run_cells, run_cells_on_cluster, summary
from nalsm.sweep.plan import Cell, Sweep, read_sweep, require_no_conflicts
from nalsm.sweep.steps import Places, require_data, require_draws, steps_of


def _list_constants(context: click.Context, _option: click.Parameter, given: bool) -> None:
    if given:
        click.echo(listing())
        context.exit()


@click.command(name="sweep")
@click.argument("files", nargs=-1, type=PathType(), metavar="FILE.toml...")
@click.option("--networks", type=click.IntRange(1, 99), help="Networks for each run, instead of what the file says.")
@click.option("--only", type=int, multiple=True, metavar="VERSION", help="Run this cell only; may be given again.")
@click.option("--as-script", is_flag=True, help="Print one shell line for each command, and run nothing.")
@click.option("--list", "only_list", is_flag=True, help="Print what each cell still lacks, and run nothing.")
@click.option(
    "--results",
    "page",
    type=PageType(),
    metavar="NAME.md",
    help="Store each finished run (NAME.json); at the end, write the page (NAME.md) and its pictures (NAME/). "
    "Cells that are in the store and have no version folder are not run again.",
)
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Spread the cells over the workers of a Dask cluster: tcp://HOST:PORT, "
    "or local:N for N processes on this machine.",
)
@click.option("--data-dir", type=PathType(), help="Folder of the data sets (datasets/).")
@click.option("--networks-dir", type=PathType(), help="Folder of the networks (networks/).")
@click.option("--output-dir", type=PathType(), help="Folder of the version folders (train_data/).")
@click.option("--constants", is_flag=True, is_eager=True, expose_value=False, callback=_list_constants,
              help="List the constants that [constants] can set, and exit.")  # fmt: skip
@click.option("--quiet", is_flag=True, help="Print only which programs start, what fails, and the summary.")
def main(
    files: Sequence[Path], networks: int | None, only: Sequence[int], as_script: bool, only_list: bool,
    page: Path | None, cluster: str | None, quiet: bool, **folders: Path | None,
) -> None:  # fmt: skip
    """Run the cells of sweeps. Each cell is a training run in its own version folder, and the measures on it.

    Finished cells are skipped, interrupted runs are resumed, and a cell that fails does not stop the others. To resume
    a sweep, give the same command again.
    """
    check_address(cluster)
    places = _places(folders)
    sweeps, left_out = _sweeps(files, networks, places)
    cells = _chosen([cell for sweep in sweeps for cell in sweep.cells], only)
    require_draws(cells, places.data_dir)
    if as_script:
        _print_script(cells, places)
        return
    stored, cells_to_run = _by_store(cells, places, page)
    if only_list:
        for outcome in stored:
            say(f"{outcome.cell.title}: done")
        outcomes = _list(cells_to_run, places)
        _say_what_is_left(cells, cells_to_run, places, page)
    else:
        if not cluster:
            _say_what_is_left(cells, cells_to_run, places, page)
        run = partial(run_cells_on_cluster, cluster) if cluster else partial(run_cells, quiet=quiet)
        work_is_kept("completed work is kept; to resume, give the same command again")
        outcomes = stored + list(_stored_as_they_end(run(cells_to_run, places), places, page))
    for line in summary(outcomes):
        say(line)
    conflict = _write_results(sweeps, left_out, places, page, outcomes) if page else None
    if conflict:
        raise conflict
    failed = sum(outcome.state == "failed" for outcome in outcomes)
    if failed:
        raise MachineError(
            f"{failed} of {len(cells)} cells failed, see above; give the same command again to retry them"
        )


def _sweeps(files: Sequence[Path], networks: int | None, places: Places) -> tuple[list[Sweep], list[Sweep]]:
    """Return (the sweeps to run, those to skip because their optional data are not available)."""
    if not files:
        raise UserError("FILE.toml: name the file of a sweep, such as sweeps/paper_mnist.toml")
    sweeps = [read_sweep(path, networks) for path in files]
    require_no_conflicts(sweeps)
    left_out = [sweep for sweep in sweeps if sweep.only_with_data and not _has_data(sweep, places)]
    return [sweep for sweep in sweeps if sweep not in left_out], left_out


def _places(folders: dict[str, Path | None]) -> Places:
    if not (CHECKOUT / "runners").is_dir():
        raise UserError(
            f"there is no folder {CHECKOUT / 'runners'} with the programs of a sweep; start the sweep from a checkout"
        )
    return Places(CHECKOUT, **{name: chosen_folder(folders, name, CHECKOUT) for name in folders})


def _chosen(cells: list[Cell], only: Sequence[int]) -> list[Cell]:
    unknown = set(only) - {cell.version for cell in cells}
    if unknown:
        raise UserError(f"--only: read {min(unknown)}, but no cell has that version; --list shows all cells")
    return [cell for cell in cells if not only or cell.version in only]


def _has_data(sweep: Sweep, places: Places) -> bool:
    for cell in {cell.dataset: cell for cell in sweep.cells}.values():
        try:
            require_data(cell, places.data_dir)
        except UserError as error:
            say(f"{sweep.path} is skipped: {error}")
            return False
    return True


def _by_store(cells: list[Cell], places: Places, page: Path | None) -> tuple[list[Outcome], list[Cell]]:
    """Return the Outcomes of cells whose results are in the page's store and nowhere else, and the cells to run."""
    from nalsm.sweep.findings import is_complete, run_of
    from nalsm.sweep.store import read_store, store_path

    store = list(read_store(store_path(page)).values()) if page else []

    def is_stored(cell: Cell) -> bool:
        folder = places.output_dir / f"ver_{cell.version}"
        return is_complete(cell, run_of(cell, store)) and not folder.exists()

    stored = [cell for cell in cells if is_stored(cell)]
    if page and stored:
        say(f"{len(stored)} of {len(cells)} cells are in {store_path(page)} and are not run again")
    return [Outcome(cell, "there") for cell in stored], [cell for cell in cells if cell not in stored]


def _stored_as_they_end(outcomes: Iterable[Outcome], places: Places, page: Path | None) -> Iterator[Outcome]:
    """Yield the Outcomes; store the run of each before the next cell ends, so that a stopped sweep leaves none out.

    What cannot be stored is told at the end, by `_write_results`.
    """
    from nalsm.sweep.store import store_path, update_store

    for outcome in outcomes:
        if page and outcome.state == "made":
            update_store(store_path(page), [outcome.cell], places, lambda _reason: None)
        yield outcome


def _print_script(cells: Iterable[Cell], places: Places) -> None:
    print("#!/bin/sh")
    print("# Each line starts one program with its answers. A finished run refuses to run again, others are resumed.")
    for cell in cells:
        print(f"\n# {cell.title}")
        for step in steps_of(cell, places):
            path = network_path(places.networks_dir, cell.network.number)
            unless = f"test -e {shlex.quote(str(path))} || " if step.name == "network" else ""
            print(f"{unless}{step.as_shell()}")


def _list(cells: Iterable[Cell], places: Places) -> list[Outcome]:
    """Print what each cell still lacks; return the Outcomes of the cells that cannot be run."""
    outcomes = []
    for cell in cells:
        try:
            todo = [step.name for step in steps_of(cell, places) if not step.is_done()]
        except NalsmError as error:
            outcomes.append(Outcome(cell, "failed", str(error)))
            continue
        say(f"{cell.title}: {'lacks ' + ', '.join(todo) if todo else 'done'}")
    return outcomes


def _say_what_is_left(cells: list[Cell], cells_to_run: Sequence[Cell], places: Places, page: Path | None) -> None:
    """Say how many cells are done, how many are left, and how long they will take on this machine."""
    from nalsm.sweep.estimate import WORTH_MEASURING, estimates, lines_of, measured_speed
    from nalsm.sweep.store import read_store, store_path

    published = read_store(CHECKOUT / "docs" / "results.json")  # a page of its own may have no run like these yet
    store = list({**published, **(read_store(store_path(page)) if page else {})}.values())
    todo = [(cell, _lacking(cell, places)) for cell in cells_to_run]
    found, is_measured = estimates(todo, store, {}), False
    if sum(estimate.total for estimate in found) > WORTH_MEASURING:
        say("measuring the speed of this machine, some seconds")
        found, is_measured = estimates(todo, store, measured_speed(places.data_dir)), True
    for line in lines_of(found, len(cells), is_measured):
        say(line)


def _lacking(cell: Cell, places: Places) -> list[str]:
    """Return the names of the steps of a cell that are not done; none of a cell that cannot be run."""
    try:
        return [step.name for step in steps_of(cell, places) if not step.is_done()]
    except NalsmError:
        return []


def _write_results(
    sweeps: list[Sweep], left_out: list[Sweep], places: Places, path: Path, outcomes: Iterable[Outcome]
) -> MachineError | None:
    """Store finished runs and write the page; return the error of the first run that contradicts the store, if any."""
    from nalsm.sweep.page import write_page
    from nalsm.sweep.store import store_path, update_store

    cells = [cell for sweep in sweeps for cell in sweep.cells]
    runs, conflicts = update_store(store_path(path), cells, places, say)
    failures = {outcome.cell.version: outcome.reason for outcome in outcomes if outcome.state == "failed"}
    missing = write_page(sweeps, runs, path, left_out, failures)
    say(f"results: {path} ({len(cells) - len(missing)} of {len(cells)} cells are done)")
    return conflicts[0] if conflicts else None
