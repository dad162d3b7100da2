"""The last stage of a run: the readout's training cycles over the counts, each followed by evaluation.

While one cycle trains, the readout of the cycle before is evaluated beside it.
"""

import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from nalsm.readout import CountBlock, Readout, count_correct
from nalsm.runs.event_log import EventLog
from nalsm.runs.folder import ACCURACY_NAMES, SPLITS
from nalsm.support.errors import DamagedFile, MachineError
from nalsm.support.prefetching import prefetch
from nalsm.support.resources import memory_bytes
from nalsm.support.tuning import TUNING

MEMORY_SHARE = 1 / 3  # of the machine's memory that counts may fill unless the settings say how much


@dataclass(frozen=True)
class Result:
    """Accuracies (fractions) at the first cycle (from 1) with the best validation accuracy."""

    cycle: int
    valid: float
    test: float
    train: float


class CountBlocks:
    """The counts of one split, block by block, in order.

    Blocks stay in memory while they fit the budget (bytes). The others lie uncompressed in a temporary
    file without a name, which is gone with the process, and are read ahead of their use.
    """

    def __init__(self, blocks, budget, folder):
        self._blocks = []
        self._spill = None
        self.nbytes_kept = 0
        self.n_samples = 0
        for block in blocks:
            self.n_samples += block.n_samples
            if self.nbytes_kept + block.nbytes <= budget:
                self.nbytes_kept += block.nbytes
                self._blocks.append(block)
            else:
                self._blocks.append(self._write(block, folder))

    def _write(self, block, folder):
        try:
            self._spill = self._spill or tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - open as long as the blocks are
            return _Spilled.write(self._spill, block)
        except OSError as error:
            error.filename = f"{folder}, temporary file of the counts"  # it has no name
            raise

    def __iter__(self):
        if self._spill is None:
            return iter(self._blocks)
        return (block for _, block in prefetch(self._fetch, self._blocks))

    def _fetch(self, block):
        return block.read(self._spill) if isinstance(block, _Spilled) else block


@dataclass(frozen=True)
class _Spilled:
    """A CountBlock whose counts lie in a file from `offset` on."""

    offset: int
    shape: tuple
    dtype: np.dtype
    factors: object
    labels: object

    @classmethod
    def write(cls, file, block):
        counts = block.counts
        offset = file.seek(0, os.SEEK_END)
        image = memoryview(counts).cast("B")
        while image:
            image = image[file.write(image) :]
        return cls(offset, counts.shape, counts.dtype, block.factors, block.labels)

    def read(self, file):
        counts = np.empty(self.shape, self.dtype)
        image = memoryview(counts).cast("B")
        offset = self.offset
        while image:
            n = os.preadv(file.fileno(), [image], offset)
            if n == 0:
                raise MachineError("the temporary file of the counts has become shorter; start again")
            image, offset = image[n:], offset + n
        return CountBlock(counts, self.factors, self.labels)


def _read_blocks(run, split):
    """Yield the counts of a split from its files, BATCHS_PER_BLOCK of them at a time."""
    folder = run.folder
    n_batches = run.settings.sizes[split] // run.settings.batch_size
    for first in range(0, n_batches, run.settings.batches_per_block):
        batches = range(first, min(first + run.settings.batches_per_block, n_batches))
        arrays = [_read_counts(run, folder.counts(split, batch)) for batch in batches]
        yield CountBlock.pack(
            np.stack([a["olc_S_AGG_RES"] for a in arrays]),
            np.stack([a["scalar_labels_in_batch_arr"] for a in arrays]),
        )


def _read_counts(run, path):
    """Return the arrays of a count file; raises DamagedFile for other shapes than the kernels will go through."""
    arrays, _ = run.folder.read(path)
    counts, labels = arrays.get("olc_S_AGG_RES"), arrays.get("scalar_labels_in_batch_arr")
    size = run.settings.batch_size
    if np.shape(counts) != (size, run.network.n_liquid) or np.shape(labels) != (size,) or counts.dtype != np.uint16:
        raise DamagedFile(f"{path} does not hold the counts of {size} samples and {run.network.n_liquid} neurons")
    return arrays


class History:
    """Accuracies of each split after each cycle, and the readouts worth keeping."""

    def __init__(self, cycles, keep_every):
        self.accuracies = {split: np.zeros(cycles) for split in SPLITS}
        self.keep_every = keep_every
        self.done = 0
        self.best = -1
        self.best_parameters = None
        self.last_parameters = None
        self.kept = {}

    def add(self, accuracies, parameters):
        """Add the next cycle; parameters: (weights [R, classes], biases [classes]) as a function."""
        for split, value in accuracies.items():
            self.accuracies[split][self.done] = value
        self.last_parameters = parameters
        valid = self.accuracies["valid"]
        if self.best < 0 or valid[self.done] > valid[self.best]:
            self.best, self.best_parameters = self.done, parameters
        self.done += 1
        if self.keep_every and self.done % self.keep_every == 0:
            self.kept[self.done] = parameters

    def arrays(self):
        """Return everything as arrays by name, for a file."""
        out = {ACCURACY_NAMES[split]: values[: self.done] for split, values in self.accuracies.items()}
        for name, parameters in (("best", self.best_parameters), ("last", self.last_parameters)):
            out[f"W_{name}"], out[f"b_{name}"] = _as_arrays(parameters)
        out["cycle_best"], out["cycle_last"] = np.int64(self.best + 1), np.int64(self.done)
        kept = [_as_arrays(parameters) for parameters in self.kept.values()]
        if kept:
            out["cycles_kept"] = np.array(list(self.kept), np.int64)
            out["W_kept"], out["b_kept"] = (np.stack(values) for values in zip(*kept, strict=True))
        return out

    def restore(self, arrays):
        """Go on from what `arrays` returned."""
        self.done = int(arrays["cycle_last"])
        self.best = int(arrays["cycle_best"]) - 1
        for split, values in self.accuracies.items():
            values[: self.done] = arrays[ACCURACY_NAMES[split]]
        self.best_parameters = arrays["W_best"].T, arrays["b_best"]
        self.last_parameters = arrays["W_last"].T, arrays["b_last"]
        if "cycles_kept" in arrays:
            cycles = arrays["cycles_kept"].tolist()
            self.kept = dict(
                zip(cycles, zip(arrays["W_kept"].transpose(0, 2, 1), arrays["b_kept"], strict=True), strict=True)
            )


def _as_arrays(parameters):
    """Return the readout's parameters as they are kept in files: float32 [R, classes], [classes]."""
    weights, biases = parameters
    return np.asarray(weights).T, np.asarray(biases)


def train_readout(run):
    """Train and evaluate cycle by cycle from where the folder stands; return the run's Result.

    run : `nalsm.runs.training.TrainingRun` whose counts are complete
    """
    settings, folder = run.settings, run.folder
    readout = Readout(run.network.n_liquid)
    history = History(settings.cycles, settings.keep_weights_every)
    found = folder.read_if_good(folder.readout_checkpoint, run.say)
    if found:
        arrays = found[0]
        readout.restore({name.removeprefix("state_"): a for name, a in arrays.items() if name.startswith("state_")})
        history.restore(arrays)
    blocks = _open_blocks(run)
    n_batches = settings.sizes["train"] // settings.batch_size

    def evaluate(parameters):
        return {
            split: sum(count_correct(parameters, block) for block in blocks[split]) / blocks[split].n_samples
            for split in SPLITS
        }

    def save():
        log.flush()
        state = {f"state_{name}": array for name, array in readout.state().items()}
        folder.write(folder.readout_checkpoint, {**history.arrays(), **state})

    log = EventLog(folder.event_log, history.done, run.say)
    saved = time.monotonic()
    evaluation = None
    with (
        run.progress(settings.cycles, "readout", "cycles", done=history.done) as bar,
        closing(log),
        ThreadPoolExecutor(1) as evaluator,
    ):

        def finish_evaluation():
            accuracies, parameters, loss = evaluation
            history.add(accuracies.result(), parameters)
            log.add(history.done, accuracies.result(), loss)
            bar.update(1, f"best validation accuracy {100 * history.accuracies['valid'][history.best]:.2f} %")

        for _ in range(history.done, settings.cycles):
            loss = sum(readout.train_block(block) for block in blocks["train"]) / n_batches
            if evaluation:
                finish_evaluation()
            parameters = readout.parameters
            evaluation = evaluator.submit(evaluate, parameters), parameters, loss
            if time.monotonic() - saved > TUNING.seconds_between_checkpoints:
                finish_evaluation()
                evaluation = None
                save()
                saved = time.monotonic()
        if evaluation:
            finish_evaluation()
            save()
    _write_results(run, history)
    return result_of(history)


def _open_blocks(run):
    budget = run.settings.memory_budget
    if budget is None:
        budget = memory_bytes() * MEMORY_SHARE / 1e9
    left = budget * 1e9
    blocks = {}
    for split in SPLITS:
        blocks[split] = CountBlocks(_read_blocks(run, split), left, run.folder.path)
        left -= blocks[split].nbytes_kept
    return blocks


def _write_results(run, history):
    """Write the result files, the one that marks the run as finished last."""
    settings, folder = run.settings, run.folder
    arrays = history.arrays()
    accuracies = {name: arrays.pop(name) for name in ACCURACY_NAMES.values()}
    folder.write(folder.readout_weights, arrays)
    lists = {
        f"{split}_files": np.array(
            [folder.counts(split, batch).name for batch in range(settings.sizes[split] // settings.batch_size)], "S"
        )
        for split in SPLITS
    }
    folder.write(folder.accuracies, {**accuracies, **lists, "seed": np.int64(run.seed)})
    folder.readout_checkpoint.unlink(missing_ok=True)


def result_of(history):
    """Return the Result of a history (at the first cycle of the best validation accuracy)."""
    return Result(
        cycle=history.best + 1, **{split: float(values[history.best]) for split, values in history.accuracies.items()}
    )
