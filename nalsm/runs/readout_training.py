"""The last stage of a run: training cycles of the readout over the counts, each followed by an evaluation.

While some of the threads train one cycle, the others evaluate the readout of the cycle before.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nalsm.optimiser import ReadoutConstants
from nalsm.readout import Readout, Team
from nalsm.runs.count_blocks import CountBlocks, open_count_blocks
from nalsm.runs.event_log import EventLog
from nalsm.runs.history import Arrays, History, KeptReadouts, Result
from nalsm.runs.names import SPLITS
from nalsm.support.constants import chosen
from nalsm.support.prefetching import prefetch
from nalsm.support.resources import cores
from nalsm.support.tuning import TUNING

if TYPE_CHECKING:
    from nalsm.runs.session import Session


@dataclass(frozen=True)
class _Cycle:
    """A trained cycle: its mean loss, its readout (weights [R, C], biases [C]) and the whole state to resume from."""

    loss: float
    weights: np.ndarray
    biases: np.ndarray
    state: Arrays


def train_readout(run: Session) -> Result:
    """Train and evaluate the readout, from the checkpoint in the run's folder on; write and return the results.

    run : a Session whose counts are complete
    """
    with ExitStack() as stack:
        threads = min(run.settings.machine.threads or cores(), cores())  # more would wait for each other without a core
        teams = [stack.enter_context(Team(size)) for size in divided(threads)]
        return _train_and_evaluate(run, *teams)


def divided(threads: int) -> tuple[int, int]:
    """Return how many threads train and how many evaluate, at least one each.

    A cycle's evaluation (on all samples, but forward only) takes three fifths of the time of its training.
    """
    evaluating = max(1, round(threads * 3 / 8))
    return max(1, threads - evaluating), evaluating


def _train_and_evaluate(run: Session, training: Team, evaluating: Team) -> Result:
    settings, folder, n_cycles = run.settings, run.folder, run.settings.sizes.cycles
    constants = chosen(ReadoutConstants, settings.constants)
    readout = Readout(run.network.n_liquid, len(settings.source.classes), training, constants)
    history = History(n_cycles)
    kept = KeptReadouts(folder, settings.keep_weights_every)
    found = folder.read_if_good(folder.readout_checkpoint, run.say)
    if found:
        arrays, _ = found
        # It was stopped while it removed files.
        if int(arrays["cycle_last"]) == n_cycles and _has_results(run):
            history.restore(arrays)
            _remove_checkpoint(run, kept)
            return history.result()
        if kept.restore(arrays, run.say):
            history.restore(arrays)
            readout.restore({name: arrays[f"state_{name}"] for name in readout.state()})
    else:
        kept.start(run.say)
    blocks = open_count_blocks(run)
    log = EventLog(folder.event_log, history.done, run.say)
    cycles = prefetch(
        lambda cycle: _evaluate(cycle, blocks, evaluating), _train(readout, blocks, n_cycles - history.done)
    )
    saved = time.monotonic()
    with run.progress(n_cycles, "readout", "cycles", done=history.done) as bar, closing(log), closing(cycles):
        for cycle, accuracies in cycles:
            history.add(accuracies, cycle.weights, cycle.biases)
            kept.add(history.done, cycle.weights, cycle.biases)
            log.add(history.done, accuracies, cycle.loss)
            bar.update(1, f"best validation accuracy {100 * history.result().valid:.2f} %")
            if time.monotonic() - saved > TUNING.seconds_between_checkpoints or history.done == n_cycles:
                log.flush()
                arrays = {**history.accuracy_arrays(), **history.readout_arrays(), **kept.arrays()}
                folder.write(folder.readout_checkpoint, {**arrays, **cycle.state})
                saved = time.monotonic()
    write_results(run, history, kept, {})
    _remove_checkpoint(run, kept)
    return history.result()


def _train(readout: Readout, blocks: dict[str, CountBlocks], n_cycles: int) -> Iterator[_Cycle]:
    """Train cycle after cycle."""
    for _ in range(n_cycles):
        loss = readout.train_cycle(blocks["train"].groups())
        state = {f"state_{name}": array for name, array in readout.state().items()}
        yield _Cycle(loss, readout.weights, readout.biases, state)


def _evaluate(cycle: _Cycle, blocks: dict[str, CountBlocks], team: Team) -> dict[str, float]:
    """Return the accuracy (a fraction) of a cycle's readout on each split."""
    readout = Readout.from_parameters(cycle.weights, cycle.biases, team)
    correct = {split: sum(map(readout.count_correct_of_blocks, blocks[split].groups())) for split in SPLITS}
    return {split: correct[split] / blocks[split].n_samples for split in SPLITS}


def _has_results(run: Session) -> bool:
    return all(run.folder.read_if_good(path, run.say) for path in (run.folder.readout_weights, run.folder.accuracies))


def write_results(run: Session, history: History, kept: KeptReadouts, more: Arrays) -> None:
    """Write the result files. The accuracies, with some more arrays, are last: they mark the run as finished."""
    sizes, folder = run.settings.sizes, run.folder
    folder.write(folder.readout_weights, {**history.readout_arrays(), **kept.all_arrays(history.done)})
    lists = {
        f"{split}_files": np.array(
            [folder.counts(split, batch).name for batch in range(sizes.of_splits[split] // sizes.batch_size)], "S"
        )
        for split in SPLITS
    }
    folder.write(folder.accuracies, {**history.accuracy_arrays(), **lists, **more, "seed": np.int64(run.seed)})


def _remove_checkpoint(run: Session, kept: KeptReadouts) -> None:
    """Remove the checkpoint, after the files that belong to it."""
    kept.remove_files()
    run.folder.readout_checkpoint.unlink(missing_ok=True)
