"""The parts of a run that a report shows, each read from the version folder when it is needed.

A part may be missing while a run is unfinished: its method then raises `Missing`, which says why.
"""

from functools import cached_property
from pathlib import Path

import numpy as np

from nalsm.datasets import is_known, is_simulated, source_of
from nalsm.evaluation.paper import Published, closest_figure, is_reduced, published_accuracy, published_branching
from nalsm.models import MODELS
from nalsm.network import Network, network_path
from nalsm.runs.folder import RunFolder
from nalsm.runs.listing import read_status
from nalsm.runs.names import ACCURACY_NAMES
from nalsm.support.errors import DamagedFile, NalsmError

# Settings that the report computes with; parameter files of the first format have no checksum.
_WHOLE_NUMBERS = (
    "network_number", "seed", "batch_size", "train_samples", "valid_samples", "test_samples", "init_samples", "init_ms",
    "sample_ms", "cycles",
)  # fmt: skip


class Missing(Exception):
    """A part that is not available (yet); the text says why."""


def _is_whole(identity):
    unused = ("init_samples", "init_ms") if identity.get("model") == "LSM" else ()
    numbers = [identity.get(name) for name in _WHOLE_NUMBERS if name not in unused]
    return all(type(number) is int and number >= 0 for number in numbers) and identity["batch_size"] > 0


class RunData:
    """The run in a version folder; `status` is its `nalsm.runs.listing.RunStatus`."""

    def __init__(self, output_dir: Path, version: int, networks_dir: Path) -> None:
        self.folder = RunFolder(output_dir, version)
        self.status = read_status(output_dir, version)
        self.networks_dir = networks_dir
        if not self.status.model:
            raise DamagedFile(f"{self.folder.path} cannot be read: {self.status.problem}")
        recorded = self.folder.open()
        self.parameters = {**recorded.details, **recorded.sessions[-1], "identity": recorded.identity}
        if not _is_whole(self.identity):
            raise DamagedFile(f"{self.folder.parameters_json} holds other parameters than those of a run")

    @property
    def identity(self) -> dict:
        """What decides the results, as recorded."""
        return self.folder.identity

    @property
    def is_simulated(self) -> bool:
        return is_simulated(self.status.dataset)

    @property
    def _source(self):
        name = self.status.dataset
        return source_of(name if is_known(name) else "MNIST")  # an unknown data set is shown with digits as classes

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self._source.classes

    @property
    def class_word(self) -> str:
        return self._source.class_word

    @property
    def knob_values(self) -> list[tuple[str, str]]:
        """Return (name with published spelling and unit, value) of each knob, in the order of the questions."""
        knobs = self.status.knobs
        return [(knob.heading, f"{knobs[knob.name]:g}") for knob in self._model_knobs if knob.name in knobs]

    @property
    def knob_labels(self) -> list[str]:
        """Names and value of each knob."""
        return [
            knob.label(self.status.knobs[knob.name]) for knob in self._model_knobs if knob.name in self.status.knobs
        ]

    @property
    def _model_knobs(self):
        return MODELS[self.status.model].knobs if self.status.model in MODELS else ()

    @property
    def is_reduced(self) -> bool:
        """Whether it used fewer samples, snapshots or cycles than the published runs."""
        return is_reduced(self.identity)

    @cached_property
    def network(self) -> Network:
        """The network of the run."""
        path = network_path(self.networks_dir, self.status.network)
        try:
            network = Network.load(path)
        except FileNotFoundError:
            raise Missing(f"there is no {path}; name the folder of the run's network with --networks-dir") from None
        except NalsmError as error:
            raise Missing(str(error)) from None
        if network.fingerprint != self.identity.get("network_sha256"):
            raise Missing(f"{path} is not the network of this run; name its folder with --networks-dir")
        return network

    @cached_property
    def n_liquid(self) -> int | None:
        """Number of liquid neurons; None if neither network nor readout is available."""
        try:
            return self.network.n_liquid
        except Missing:
            pass
        try:
            return self.best_readout[0].shape[0]
        except Missing:
            return None

    @property
    def published(self) -> Published | None:
        """The published accuracy to compare with."""
        return self._published(published_accuracy)

    @property
    def published_branching(self) -> Published | None:
        """The published branching factor to compare with."""
        return self._published(published_branching)

    def _published(self, figure):
        status = self.status
        return self.n_liquid and closest_figure(figure, status.model, status.dataset, self.n_liquid, status.knobs)

    # ---- parts ------------------------------------------------------------------------------------

    def accuracies(self) -> dict[str, np.ndarray]:
        """Return fractions after every cycle so far, by split: float64 [cycles]."""
        arrays = self._read_first(self.folder.accuracies, self.folder.readout_checkpoint, what="the readout's training")
        return {split: arrays[name] for split, name in ACCURACY_NAMES.items()}

    @cached_property
    def best_readout(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights float32 [R, classes] and biases [classes] at the best validation cycle so far."""
        files = self.folder.readout_weights, self.folder.readout_checkpoint
        arrays = self._read_first(*files, what="the readout's training")
        return arrays["W_best"], arrays["b_best"]

    def weights(self) -> tuple[np.ndarray, float, bool]:
        """Return (float32 [S] after initialisation, absolute value before it, whether the rule changes weights)."""
        arrays, attributes = self._read(self.folder.weights, "initialisation")
        return arrays["W_INI"], float(attributes["absolute_weight"]), attributes["rule"] != "None"

    @cached_property
    def test_counts(self) -> tuple[np.ndarray, np.ndarray, int]:
        """Counts uint16 [n, R] of the test samples, their labels [n], the size of a batch."""
        size = self.identity["batch_size"]
        counts, labels = [], []
        for batch in range(self.identity["test_samples"] // size):
            arrays, _ = self._read(self.folder.counts("test", batch), "counting of the test samples")
            counts.append(arrays["olc_S_AGG_RES"])
            labels.append(arrays["scalar_labels_in_batch_arr"])
        return np.concatenate(counts), np.concatenate(labels).astype(int), size

    def recorded_batches(self) -> list[tuple[str, int]]:
        """Return (split, number) of the batches with recorded spikes, test samples first."""
        found = []
        for split in ("test", "valid", "train"):
            batches = range(self.identity[f"{split}_samples"] // self.identity["batch_size"])
            found += [(split, batch) for batch in batches if self.folder.spikes(split, batch).exists()]
        if not found:
            raise Missing(
                "there are no recorded spikes: a run keeps those of the last batch in every 10,000 samples of a split"
            )
        return found

    def recordings(self, split: str, batch: int) -> tuple[np.ndarray, np.ndarray]:
        """Return (spikes bool [n, steps, N], liquid neurons first, then inputs; labels [n]) of a recorded batch."""
        arrays, _ = self._read(self.folder.spikes(split, batch), "counting")
        labels = arrays["scalar_labels_in_batch_arr"].astype(int)
        spikes = np.zeros((len(labels), self.identity["sample_ms"], self.network.n_neurons), bool)
        spikes[tuple(arrays["spike_rec_per_batch"].T)] = True
        return spikes, labels

    def branching_factors(self, split: str, batch: int) -> np.ndarray:
        """Return the branching factor of each sample of a recorded batch: float64 [n], NaN if it has none."""
        from nalsm.evaluation import branching_factors  # imports SciPy

        try:
            return self.folder.read(self.folder.branching_factors(split, batch))[0]["per_sample"]
        except (FileNotFoundError, DamagedFile):
            return branching_factors(self.network, self.recordings(split, batch)[0])

    def _read(self, path, what):
        try:
            return self.folder.read(path)
        except FileNotFoundError:
            raise Missing(f"{what} is not complete ({path.name} is not there yet)") from None
        except DamagedFile as error:
            raise Missing(f"{error}; if the run is unfinished, start its program again to recompute it") from None

    def _read_first(self, finished, checkpoint, what):
        """Read the result file, or else the checkpoint of a stage that is still going on."""
        if finished.exists() or not checkpoint.exists():
            return self._read(finished, what)[0]
        return self._read(checkpoint, what)[0]
