"""Run the cells of a sweep: start what is not done yet, go on past a cell that fails, say so at the end."""

import subprocess
from dataclasses import dataclass

from nalsm.errors import NalsmError
from nalsm.progress import say
from nalsm.sweep.steps import steps_of

_SECONDS_TO_STOP = 30.0  # a training writes a checkpoint before it ends


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
    lines = [f"{done} of {len(states)} cells are done, {states.count('there')} of them were before"]
    lines += [f"failed: {outcome.cell.title}: {outcome.reason}" for outcome in outcomes if outcome.state == "failed"]
    return lines
