"""What readout training leaves behind: accuracies of each cycle, the best, last and kept readouts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nalsm.runs.folder import RunFolder
from nalsm.runs.names import (
    ACCURACY_NAMES,
    BEST_BIASES,
    BEST_WEIGHTS,
    KEPT_BIASES,
    KEPT_CYCLES,
    KEPT_WEIGHTS,
    LAST_BIASES,
    LAST_WEIGHTS,
    SPLITS,
)
from nalsm.support.errors import DamagedFile
from nalsm.support.tuning import TUNING

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Result:
    """Accuracies (fractions) at the first cycle (from 1) with the best validation accuracy."""

    cycle: int
    valid: float
    test: float
    train: float


class KeptReadouts:
    """The readouts of every N-th cycle of a run.

    They are collected in parts of a fixed size. A full part is written to a file of its own, once. Only the part that
    is not full yet goes into the checkpoint, so that the size of a checkpoint does not grow with the number of kept
    readouts.

    folder : RunFolder; every : N, 0 keeps none
    """

    def __init__(self, folder: RunFolder, every: int) -> None:
        self._folder = folder
        self._every = every
        self._n_parts = 0  # full parts, in files
        self._part: list[tuple[int, np.ndarray, np.ndarray]] = []  # cycle, weights, biases

    def add(self, cycle: int, weights: np.ndarray, biases: np.ndarray) -> None:
        """Keep the readout of a cycle (from 1) if it is due; weights [R, C], biases [C]."""
        if not self._every or cycle % self._every:
            return
        self._part.append((cycle, weights, biases))
        if len(self._part) * (weights.nbytes + biases.nbytes) >= TUNING.kept_bytes_per_part:
            self._folder.write(self._folder.kept_readouts(self._n_parts), _stacked(self._part))
            self._n_parts += 1
            self._part = []

    def arrays(self) -> Arrays:
        """Return what a checkpoint needs beside the files of the full parts."""
        return {**_stacked(self._part), "kept_parts": np.array(self._n_parts, np.int64)}

    def restore(self, arrays: Arrays, say: Callable[[str], None]) -> bool:
        """Continue from what `arrays` returned; return False instead if a part's file is missing or damaged.

        Each such file is reported to `say`.
        """
        n_parts = int(arrays.get("kept_parts", 0))  # checkpoints of older versions contain all kept readouts
        if not self._are_sound([self._folder.kept_readouts(k) for k in range(n_parts)], say):
            return False
        self._n_parts = n_parts
        if KEPT_CYCLES in arrays:
            columns = arrays[KEPT_CYCLES].tolist(), arrays[KEPT_WEIGHTS], arrays[KEPT_BIASES]
            self._part = list(zip(*columns, strict=True))
        return True

    def start(self, say: Callable[[str], None]) -> None:
        """Begin without a checkpoint. Files of an earlier session will be replaced; damaged ones are reported."""
        self._are_sound(sorted(self._files()), say)

    def _are_sound(self, paths: list[Path], say: Callable[[str], None]) -> bool:
        n_bad = 0
        for path in paths:
            try:
                self._folder.read(path)
            except (FileNotFoundError, DamagedFile) as error:
                problem = error if isinstance(error, DamagedFile) else f"{path} is missing"
                say(f"{problem}; it is recomputed: the readout is trained again from the first cycle")
                n_bad += 1
        return not n_bad

    def all_arrays(self, cycles: int) -> Arrays:
        """Return the readouts kept in so many cycles as arrays by their names in files; empty if there are none."""
        n_kept = cycles // self._every if self._every else 0
        arrays: Arrays = {}
        first = 0
        for k in range(self._n_parts + 1):
            is_file = k < self._n_parts
            part = self._folder.read(self._folder.kept_readouts(k))[0] if is_file else _stacked(self._part)
            for name, values in part.items():
                whole = arrays.setdefault(name, np.empty((n_kept, *values.shape[1:]), values.dtype))
                whole[first : first + len(values)] = values
            first += len(part.get(KEPT_CYCLES, ()))
        return arrays

    def remove_files(self) -> None:
        """Remove the files of all parts, also of a session that was killed."""
        for path in self._files():
            path.unlink(missing_ok=True)

    def _files(self) -> Iterator[Path]:
        return self._folder.path.glob(self._folder.kept_readouts("*").name)


def _stacked(part: list[tuple[int, np.ndarray, np.ndarray]]) -> Arrays:
    if not part:
        return {}
    cycles, weights, biases = zip(*part, strict=True)
    return {KEPT_CYCLES: np.array(cycles, np.int64), KEPT_WEIGHTS: np.stack(weights), KEPT_BIASES: np.stack(biases)}


class History:
    """Accuracies of each split after each cycle, the best and the last readout.

    cycles : of the whole run
    """

    def __init__(self, cycles: int) -> None:
        self.accuracies = {split: np.zeros(cycles) for split in SPLITS}
        self.done = 0
        self._best = -1  # index of the best cycle
        self._readouts: Arrays = {}

    def add(self, accuracies: dict[str, float], weights: np.ndarray, biases: np.ndarray) -> None:
        """Add the next cycle: accuracies (fractions by split) and its readout, weights [R, C], biases [C]."""
        for split, value in accuracies.items():
            self.accuracies[split][self.done] = value
        self._readouts.update({LAST_WEIGHTS: weights, LAST_BIASES: biases})
        valid = self.accuracies["valid"]
        if self._best < 0 or valid[self.done] > valid[self._best]:
            self._best = self.done
            self._readouts.update({BEST_WEIGHTS: weights, BEST_BIASES: biases})
        self.done += 1

    def accuracy_arrays(self) -> Arrays:
        """Return the accuracies so far as arrays by their names in files: float64 [cycles]."""
        return {ACCURACY_NAMES[split]: values[: self.done] for split, values in self.accuracies.items()}

    def readout_arrays(self) -> Arrays:
        """Return the best and the last readout with their cycles (from 1) as arrays by their names in files."""
        return {**self._readouts, "cycle_best": np.array(self._best + 1), "cycle_last": np.array(self.done)}

    def restore(self, arrays: Arrays) -> None:
        """Continue from what `accuracy_arrays` and `readout_arrays` returned together."""
        self.done, self._best = int(arrays["cycle_last"]), int(arrays["cycle_best"]) - 1
        for split, values in self.accuracies.items():
            values[: self.done] = arrays[ACCURACY_NAMES[split]]
        self._readouts = {name: arrays[name] for name in (BEST_WEIGHTS, BEST_BIASES, LAST_WEIGHTS, LAST_BIASES)}

    def result(self) -> Result:
        """Return the Result so far, after one cycle at least."""
        return Result(
            cycle=self._best + 1, **{split: float(values[self._best]) for split, values in self.accuracies.items()}
        )
