"""Run the cells of a sweep: start the programs whose results are incomplete, and report failed cells at the end."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from nalsm.console.program import PARENT
from nalsm.console.progress import say
from nalsm.runs.folder import RunFolder
from nalsm.support.errors import NalsmError
from nalsm.support.tuning import TUNING
from nalsm.sweep.plan import Cell
from nalsm.sweep.steps import Places, Step, steps_of

# From SIGTERM to SIGKILL. Only the initialisation writes a checkpoint when it is stopped. The other stages write files
# as they go, and repeat what is newer than the last one.
_SECONDS_TO_STOP = 15.0
_WORDS = {"there": "already done", "made": "done", "failed": "failed"}


@dataclass(frozen=True)
class Outcome:
    """How a cell ended.

    state : "there" (nothing to do), "made" or "failed"; reason : of a failure
    """

    cell: Cell
    state: str
    reason: str = ""


def run_cells(cells: list[Cell], places: Places, quiet: bool = False) -> Iterator[Outcome]:
    """Run the programs of every cell, one cell after another; yield each Outcome as the cell ends."""
    for number, cell in enumerate(cells, 1):
        yield run_cell(cell, places, partial(_tell, f"[{number}/{len(cells)}]"), quiet)


def _tell(place: str, text: str) -> None:
    say(f"{place} {text}")


def run_cell(
    cell: Cell, places: Places, tell: Callable[[str], None], quiet: bool = False, only: str | None = None
) -> Outcome:
    """Start the programs of a cell whose results are incomplete; return its Outcome.

    quiet : discard the programs' standard output; only : name of a step, if no other is to be done
    """
    state = "there"
    for step in steps_of(cell, places):
        try:
            if only not in (None, step.name) or step.is_done():
                continue
            tell(f"{cell.title}: {step.name}")
            code, error = start(step, quiet)
        except (NalsmError, OSError) as failure:
            code, error = 1, str(failure)
        if code:
            tell(f"{cell.title}: {step.name} failed ({error})")
            return Outcome(cell, "failed", f"{step.name} ended with {code}: {error}")
        state = "made"
    if state == "there" and not only:
        tell(f"{cell.title}: {_WORDS[state]}")
    return Outcome(cell, state)


def run_cells_on_cluster(address: str, cells: list[Cell], places: Places) -> Iterator[Outcome]:
    """Run the programs of every cell, each cell on one worker; yield each Outcome as the cell ends, in any order.

    The workers share the folders and the checkout with this program, under the same paths. Networks are made here
    first, because several cells may need the same one.
    """
    from nalsm.cluster.cells import on_workers

    places.output_dir.mkdir(parents=True, exist_ok=True)
    prepared = [(cell, run_cell(cell, places, say, quiet=True, only="network")) for cell in cells]
    failed = [outcome for _, outcome in prepared if outcome.state == "failed"]
    yield from failed
    todo = [cell for cell, outcome in prepared if outcome.state != "failed"]
    on_worker = partial(_on_worker, places)
    ended = on_workers(address, on_worker, todo, places.output_dir, say)
    for number, (cell, outcome) in enumerate(ended, len(failed) + 1):
        say(f"[{number}/{len(cells)}] {cell.title}: {_WORDS[outcome.state]}")
        yield outcome


def _on_worker(places: Places, cell: Cell) -> Outcome:
    """Run a cell on a worker, as soon as no program of a lost worker holds the cell's folder."""
    while RunFolder(places.output_dir, cell.version).is_locked():
        time.sleep(TUNING.seconds_between_looks)
    return run_cell(cell, places, lambda _text: None, quiet=True)


def start(step: Step, quiet: bool = False) -> tuple[int, str]:
    """Run the program of a step; return its exit code and its error line.

    The program has a session of its own: Ctrl-C reaches only the sweep, which stops the program and waits for it. If
    this process is killed, the program stops as well.
    """
    program = subprocess.Popen(
        step.command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
        stdout=subprocess.DEVNULL if quiet else None, start_new_session=True,
        env={**os.environ, PARENT: str(os.getpid())},
    )  # fmt: skip
    try:
        _, errors = program.communicate(step.standard_input)
    except BaseException:
        program.terminate()
        try:
            program.communicate(timeout=_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            program.kill()
            program.communicate()
        raise
    lines = errors.strip().splitlines()
    return program.returncode, lines[-1].removeprefix("Error: ") if lines else "no message"


def summary(outcomes: list[Outcome]) -> list[str]:
    """Return how many cells are done, and a line for each failure."""
    states = [outcome.state for outcome in outcomes]
    done = len(states) - states.count("failed")
    lines = (
        [f"{done} of {len(states)} cells are done, {states.count('there')} of them were done before"] if done else []
    )
    lines += [f"failed: {outcome.cell.title}: {outcome.reason}" for outcome in outcomes if outcome.state == "failed"]
    return lines
