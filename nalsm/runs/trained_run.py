"""A run as a notebook sees it: every part is read when it is first used."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from nalsm.network import Network
from nalsm.runs.names import ACCURACY_NAMES, BEST_BIASES, BEST_WEIGHTS, SPLITS, WEIGHTS
from nalsm.runs.readouts import point
from nalsm.runs.record import Missing, Recorded, RunRecord, best_cycle, open_record
from nalsm.runs.settings import Settings, default_folder, settings_of
from nalsm.support.errors import DamagedFile, NalsmError

if TYPE_CHECKING:
    from nalsm.readout import Readout


def load_run(version: int, output_dir: Path | None = None, networks_dir: Path | None = None) -> "TrainedRun":
    """Return the run in ver_<version>, finished or not.

    output_dir, networks_dir : train_data/ and networks/ of the checkout if not given
    Raises UserError if there is no run, DamagedFile if its parameters are damaged. Nothing else is read yet.
    """
    record = open_record(Path(output_dir or default_folder("output_dir")), version)
    return TrainedRun(record, Path(networks_dir or default_folder("networks_dir")))


_T = TypeVar("_T")


class BySplit(Mapping[str, _T]):
    """Values for "valid", "test" and "train", each computed when it is first asked for."""

    def __init__(self, read: Callable[[str], _T]) -> None:
        self._read = read
        self._found: dict[str, _T] = {}

    def __getitem__(self, split: str) -> _T:
        if split not in SPLITS:
            raise KeyError(split)
        if split not in self._found:
            self._found[split] = self._read(split)
        return self._found[split]

    def __iter__(self) -> Iterator[str]:
        return iter(SPLITS)

    def __len__(self) -> int:
        return len(SPLITS)

    def __repr__(self) -> str:
        return f"<of each split: {', '.join(SPLITS)}>"


class TrainedRun:
    """A run and its results. A part that is not there (yet), or is damaged, raises Missing, whose text says why.

    record : RunRecord
    counts : uint16 [n, R] by split; labels : int [n] by split; both in the order of presentation
    spikes : Recorded by split, of the samples whose spikes the run keeps
    """

    def __init__(self, record: RunRecord, networks_dir: Path) -> None:
        self.record = record
        self.networks_dir = networks_dir
        self._counted = BySplit(self._read_counts)
        self.counts = BySplit(lambda split: self._counted[split][0])
        self.labels = BySplit(lambda split: self._counted[split][1])
        self.spikes = BySplit(self._all_recorded)

    def __repr__(self) -> str:
        knobs = ", ".join(self.record.labels) or "no knobs"
        sizes = ", ".join(f"{size:,} {split}" for split, size in self.record.sizes.items())
        try:
            best = self.best_cycle
            result = (
                f"test accuracy {100 * self.accuracies['test'][best - 1]:.2f} % at {point(self.record.readout, best)}"
            )
        except Missing as missing:
            result = str(missing)
        state = "finished" if self.record.is_finished else "unfinished"
        return f"<{self.record.title}, {knobs}; {sizes} samples; {state}; {result}; {self.record.folder.path}>"

    @property
    def settings(self) -> Settings:
        """The settings of the run's training program, as far as they were recorded."""
        return settings_of(self.record, networks_dir=self.networks_dir)

    @cached_property
    def network(self) -> Network:
        """The Network of the run."""
        try:
            return self.record.load_network(self.networks_dir)
        except NalsmError as error:
            raise Missing(str(error)) from None

    # ---- results ----------------------------------------------------------------------------------

    @cached_property
    def weights(self) -> np.ndarray:
        """Weights float32 [S] after initialisation, from which every presentation starts."""
        return self._read(self.record.folder.weights, "initialisation")[WEIGHTS]

    @cached_property
    def accuracies(self) -> dict[str, np.ndarray]:
        """Accuracy after every cycle so far, by split: fractions, float64 [cycles]."""
        folder = self.record.folder
        arrays = self._read_readout(folder.accuracies)
        return {split: arrays[name] for split, name in ACCURACY_NAMES.items()}

    @property
    def best_cycle(self) -> int:
        """The first cycle (from 1) with the highest validation accuracy so far."""
        valid = self.accuracies["valid"]
        if not len(valid):
            raise Missing("no training cycle of the readout is complete")
        return best_cycle(valid)

    @cached_property
    def readout(self) -> "Readout":
        """The Readout at the best cycle so far."""
        from nalsm.readout import Readout  # imports Numba

        return Readout.from_parameters(*self.readout_parameters)

    @cached_property
    def readout_parameters(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights float32 [R, classes] and biases [classes] of the readout at the best cycle so far."""
        arrays = self._read_readout(self.record.folder.readout_weights)
        return arrays[BEST_WEIGHTS], arrays[BEST_BIASES]

    def recorded_batches(self) -> list[tuple[str, int]]:
        """Return (split, number) of every batch with recorded spikes, test samples first."""
        folder, record = self.record.folder, self.record
        found = [
            (split, batch)
            for split in ("test", "valid", "train")
            for batch in range(record.sizes[split] // record.batch_size)
            if folder.spikes(split, batch).exists()
        ]
        if not found:
            raise Missing("there are no recorded spikes (earlier versions kept none of small runs)")
        return found

    def recorded(self, split: str, batch: int) -> Recorded:
        """Return the recorded spikes of a batch."""
        with self._missing("counting"):
            spikes, labels, ids = self.record.read_recorded(split, batch, self.network.n_neurons)
            return Recorded(spikes, labels.astype(int), ids.astype(int))

    def _all_recorded(self, split: str) -> Recorded:
        found = [self.recorded(split, batch) for of, batch in self.recorded_batches() if of == split]
        if not found:
            raise Missing(f"there are no recorded spikes of the {split} samples")
        return Recorded(*map(np.concatenate, zip(*found, strict=True)))

    def _read_counts(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        with self._missing("counting"):
            counts, labels = self.record.read_counts(split)
            return counts, labels.astype(int)

    def _read_readout(self, path: Path) -> dict[str, np.ndarray]:
        """Read a result file of the readout, or the checkpoint while its training goes on."""
        checkpoint = self.record.folder.readout_checkpoint
        return self._read(path if path.exists() or not checkpoint.exists() else checkpoint, "training of the readout")

    def _read(self, path: Path, what: str) -> dict[str, np.ndarray]:
        with self._missing(what):
            return self.record.folder.read(path)[0]

    @contextmanager
    def _missing(self, what: str) -> Iterator[None]:
        """Turn errors of reading into Missing."""
        try:
            yield
        except FileNotFoundError as error:
            name = Path(str(error.filename)).name
            raise Missing(f"{what} is not complete ({name} is not there yet)") from None
        except DamagedFile as error:
            raise Missing(
                f"{error}; if the run is unfinished, start {self.record.program} again to recompute it"
            ) from None
