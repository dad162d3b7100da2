"""What a version folder says of its run, and the one check that this makes sense.

Everything that looks at a run (list, report, measures, sweep) opens it here.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from nalsm.datasets import DataSource, is_known, is_simulated, program_name, source_of
from nalsm.datasets.events import SnapshotConstants
from nalsm.datasets.own import MOST_SAMPLES
from nalsm.liquid import NeuronConstants
from nalsm.models import MODELS, Knobs, Model
from nalsm.network import Network, network_path
from nalsm.optimiser import ReadoutConstants
from nalsm.rules import RuleConstants
from nalsm.runs.folder import RunFolder
from nalsm.runs.names import COUNTS, LABELS, OWN_DATA, SAMPLE_IDS, SPIKES, SPLITS
from nalsm.runs.parameters import Parameters
from nalsm.runs.readouts import PUBLISHED, READOUTS, marked
from nalsm.runs.recording import RecordingConstants, recording_of
from nalsm.support.constants import Value, as_text, chosen, constants_of
from nalsm.support.errors import DamagedFile, UserError

_WHOLE_NUMBERS = (
    "network_number", "seed", "batch_size", "train_samples", "valid_samples", "test_samples", "sample_ms",
)  # fmt: skip
_INITIALISATION = ("init_samples", "init_ms")  # only of models that have one

# The constants that a run can be made with.
RUN_CONSTANTS = (RuleConstants, NeuronConstants, SnapshotConstants, RecordingConstants, ReadoutConstants)


class Missing(UserError):
    """A part of a run is not there (yet); the text says why."""


class Recorded(NamedTuple):
    """Recorded spikes.

    spikes : bool [n, ms, N], liquid neurons first, then inputs; labels, sample_ids : int [n]
    """

    spikes: np.ndarray
    labels: np.ndarray
    sample_ids: np.ndarray


def best_cycle(valid: np.ndarray) -> int:
    """Return the first cycle (from 1) with the highest validation accuracy; valid: [cycles], at least one."""
    return int(np.argmax(valid)) + 1


def open_record(output_dir: Path, version: int) -> "RunRecord":
    """Return the record of the run in a version folder.

    Raises UserError if there is no run, DamagedFile if its parameters are damaged or are not those of a run.
    """
    folder = RunFolder(output_dir, version)
    folder.remedy = "choose another VERSION, or train it anew with --overwrite"
    return RunRecord(folder, folder.open())


class RunRecord:
    """One run as its parameter file describes it.

    folder : RunFolder, opened
    identity : what decides the results; its knobs are in a dict of their own under "knobs"
    details : everything else that was recorded
    """

    def __init__(self, folder: RunFolder, parameters: Parameters) -> None:
        self.folder = folder
        self.identity = parameters.identity
        self.details = parameters.details
        problem = _problem(self.identity, self.details)
        if problem:
            raise DamagedFile(
                f"{folder.parameters_json} contains other parameters than those of a run ({problem}); {folder.remedy}"
            )

    def __repr__(self) -> str:
        return f"<{self.title}, {'finished' if self.is_finished else 'unfinished'}: {self.folder.path}>"

    @property
    def version(self) -> int:
        return self.folder.version

    @property
    def model(self) -> Model:
        return MODELS[self.identity["model"]]

    @property
    def dataset(self) -> str:
        """The recorded name, which tells simulated recordings from real ones."""
        return self.identity["dataset"]

    @property
    def is_simulated(self) -> bool:
        return is_simulated(self.dataset)

    @property
    def source(self) -> DataSource:
        return source_of(self.dataset, self.details.get(OWN_DATA))

    @property
    def knobs(self) -> Knobs:
        return self.identity["knobs"]

    @property
    def constants(self) -> dict[str, Value]:
        """The constants that differ from the published ones, by name."""
        return self.identity.get("constants", {})

    @property
    def labels(self) -> list[str]:
        """The knobs with their values, and the constants that differ from the published ones."""
        return [*self.model.describe_knobs(self.knobs), *as_text(self.constants)]

    @property
    def rule_constants(self) -> RuleConstants:
        return chosen(RuleConstants, self.constants)

    @property
    def sizes(self) -> dict[str, int]:
        """Number of samples of each split."""
        return {split: self.identity[f"{split}_samples"] for split in SPLITS}

    @property
    def batch_size(self) -> int:
        return self.identity["batch_size"]

    @property
    def seed(self) -> int:
        return self.identity["seed"]

    @property
    def network_number(self) -> int:
        return self.identity["network_number"]

    @property
    def sessions(self) -> list[dict]:
        """The versions that made the results, in order: packages, threads, started, machine and more of each."""
        return self.details["sessions"]

    @property
    def readout(self) -> str:
        """One of `nalsm.runs.readouts.READOUTS`."""
        return self.identity.get("readout", PUBLISHED)

    @property
    def title(self) -> str:
        return f"version {self.version}, {marked(self.model.name, self.readout)} on {self.dataset}"

    @property
    def is_finished(self) -> bool:
        return self.folder.is_finished()

    @property
    def program(self) -> str:
        """Name of the program that trains such a run."""
        return program_name(self.model.name, self.dataset)

    @property
    def noise_program(self) -> str:
        """Name of the program that presents the noisy test set of such a run."""
        return program_name(self.model.name, self.dataset, noise=True)

    @property
    def recording(self) -> RecordingConstants:
        """Which spikes are kept."""
        return recording_of(self.sizes.values(), self.constants)

    def count_paths(self, split: str) -> list[Path]:
        """Return the paths of all count files of a split, in order."""
        return [self.folder.counts(split, batch) for batch in range(self.sizes[split] // self.batch_size)]

    def read_counts(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the counts uint16 [n, R] and labels [n] of a split; raises as `read_counts`."""
        return read_counts(self.folder, self.count_paths(split))

    def read_recorded(self, split: str, batch: int, n_neurons: int) -> Recorded:
        """Return the recorded spikes of a batch; n_neurons: N of the network. Raises as `read_counts`."""
        arrays, _ = self.folder.read(self.folder.spikes(split, batch))
        spikes = np.zeros((len(arrays[LABELS]), self.identity["sample_ms"], n_neurons), bool)
        spikes[tuple(arrays[SPIKES].T)] = True
        return Recorded(spikes, arrays[LABELS], arrays[SAMPLE_IDS])

    def load_network(self, networks_dir: Path) -> Network:
        """Return the network of the run from its file.

        Raises UserError if the file is missing or contains another network, DamagedFile if it is damaged.
        """
        path = network_path(networks_dir, self.network_number)
        if not path.is_file():
            raise UserError(f"--networks-dir: there is no {path}, the network of version {self.version}")
        network = Network.load(path)
        if network.fingerprint != self.identity["network_sha256"]:
            raise UserError(f"--networks-dir: {path} is not the network that version {self.version} was trained with")
        return network


def read_counts(folder: RunFolder, paths: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Return the counts uint16 [n, R] and labels [n] of count files of an opened run, in order.

    Raises FileNotFoundError, and DamagedFile as `RunFolder.read` does.
    """
    arrays = [folder.read(path)[0] for path in paths]
    return np.concatenate([a[COUNTS] for a in arrays]), np.concatenate([a[LABELS] for a in arrays])


def _problem(identity: dict, details: dict) -> str | None:
    """Return the name of something in an identity that no run has, or None for a sound one."""
    model = identity.get("model")
    if isinstance(model, str) and model not in MODELS:
        return f"model {model!a:.40}; if it is one of yours, name its module in NALSM_EXTENSIONS"
    if not isinstance(model, str):
        return "model"
    if not MODELS[model].is_sound(identity.get("knobs")):
        return "knobs"
    readout = identity.get("readout", PUBLISHED)
    cycles = ("cycles",) if readout == PUBLISHED else ()
    numbers = _WHOLE_NUMBERS + cycles + (_INITIALISATION if MODELS[model].initialisation else ())
    least = {"batch_size": 1}
    most = dict.fromkeys(("batch_size", *(f"{split}_samples" for split in SPLITS)), MOST_SAMPLES)
    sound = {
        **{name: _is_whole(identity.get(name), least.get(name, 0), most.get(name, 2**63 - 1)) for name in numbers},
        **{name: isinstance(identity.get(name), str) for name in ("network_sha256", "dataset_sha256")},
        "readout": readout in READOUTS,
        "dataset": is_known(identity.get("dataset"), details.get(OWN_DATA)),
        "constants": _are_sound(identity.get("constants", {})),
    }
    return next((name for name, is_sound in sound.items() if not is_sound), None)


def _are_sound(constants: object) -> bool:
    """Tell whether these can be constants of a run."""
    known = dict(about for group in RUN_CONSTANTS for about in constants_of(group))
    return isinstance(constants, dict) and all(
        name in known and known[name].accepts(value) for name, value in constants.items()
    )


def _is_whole(value: object, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high
