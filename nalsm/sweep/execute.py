"""Run the cells of a sweep: start what is not done yet, go on past a cell that fails, say so at the end."""

import subprocess
import sys
from dataclasses import dataclass

from nalsm.console.progress import say
from nalsm.support.errors import NalsmError
from nalsm.sweep.steps import steps_of

_SECONDS_TO_STOP = 15.0  # a training writes a checkpoint before it ends


@dataclass(frozen=True)
class Outcome:
    """How a cell ended: "there" (nothing was to do), "made" or "failed", with the reason."""

    cell: object
    state: str
    reason: str = ""


def run_cells(cells, places, quiet=False):
    """Bring every cell to its results, one after another; return the Outcomes."""
    outcomes = []
    for number, cell in enumerate(cells, 1):
        outcome = run_cell(cell, places, lambda text, number=number: say(f"[{number}/{len(cells)}] {text}"), quiet)
        outcomes.append(outcome)
    return outcomes


def run_cell(cell, places, tell, quiet=False):
    """Start the programs of a cell whose results are not there; return its Outcome."""
    state = "there"
    for step in steps_of(cell, places, quiet):
        try:
            if step.is_done():
                continue
            tell(f"{cell.title}: {step.name}")
            code, error = start(step)
        except (NalsmError, OSError) as failure:
            code, error = 1, str(failure)
        if code:
            tell(f"{cell.title}: {step.name} failed ({error})")
            return Outcome(cell, "failed", f"{step.name} ended with {code}: {error}")
        state = "made"
    if state == "there":
        tell(f"{cell.title}: is there")
    return Outcome(cell, state)


def run_cells_on_cluster(address, paths, cells, places):
    """Bring every cell to its results, each on one worker; return the Outcomes in the order of their ends.

    address : as in `nalsm.cluster`; paths : the file that each cell comes from, by version
    The workers share the folders and the checkout with this program, under the same paths. Networks are made here
    first: two cells may need the same one.
    """
    from nalsm.cluster.commands import Command

    outcomes, commands = [], []
    for cell in cells:
        outcome = _prepare(cell, places)
        if outcome:
            outcomes.append(outcome)
        else:
            arguments = [sys.executable, "-m", "nalsm.sweep", str(paths[cell.version]), f"--only={cell.version}"]
            count = [f"--networks={cell.network.seed}"]  # networks are counted by their seeds, from 1
            folders = places.flags("data", "networks", "output")
            commands.append((cell, Command([*arguments, *count, *folders, "--quiet"], cwd=str(places.root))))
    cell_of = {id(command): cell for cell, command in commands}
    places.output_dir.mkdir(parents=True, exist_ok=True)
    for command, code, output in _spread(address, [command for _, command in commands], places.output_dir):
        cell = cell_of[id(command)]
        outcomes.append(Outcome(cell, "failed", _reason(output)) if code else Outcome(cell, "made"))
        say(f"[{len(outcomes)}/{len(cells)}] {cell.title}: {'failed' if code else 'done'}")
    return outcomes


def _spread(address, commands, folder):
    """Run commands on the workers; yield (command, code, output) as they end.

    When a worker is lost its program still takes a moment to end, and the same cell on another worker is refused
    meanwhile: such a cell is run once more, behind all others.
    """
    from nalsm.cluster.commands import run_commands

    refused = []
    for command, code, output in run_commands(address, commands, folder, say):
        if code and "another process is working" in output:
            refused.append(command)
        else:
            yield command, code, output
    if refused:
        yield from run_commands(address, refused, folder, say)


def _prepare(cell, places):
    """Make a cell's network; return the Outcome of a cell that needs nothing else, or None."""
    network, *others = steps_of(cell, places, quiet=True)
    try:
        if not network.is_done():
            code, error = start(network)
            if code:
                return Outcome(cell, "failed", f"{network.name} ended with {code}: {error}")
        return Outcome(cell, "there") if all(step.is_done() for step in others) else None
    except (NalsmError, OSError) as failure:
        return Outcome(cell, "failed", f"{network.name} ended with 1: {failure}")


def _reason(output):
    """Return why the sweep of one cell failed, from its output."""
    lines = output.strip().splitlines() or ["it said nothing"]
    mark = "failed: "
    return next((line.split(": ", 2)[2] for line in lines if line.startswith(mark)), lines[-1].removeprefix("error: "))


def start(step):
    """Run the program of a step; return (exit code, its line of error).

    It has a session of its own: Ctrl-C reaches the sweep alone, which ends the program and waits for it.
    """
    program = subprocess.Popen(
        step.command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
        start_new_session=True,
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
    return program.returncode, lines[-1].removeprefix("error: ") if lines else "it said nothing"


def summary(outcomes):
    """Return what came of the cells, in lines."""
    states = [outcome.state for outcome in outcomes]
    done = len(states) - states.count("failed")
    lines = [f"{done} of {len(states)} cells are done, {states.count('there')} of them were before"] if done else []
    lines += [f"failed: {outcome.cell.title}: {outcome.reason}" for outcome in outcomes if outcome.state == "failed"]
    return lines
