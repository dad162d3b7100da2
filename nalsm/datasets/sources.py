"""The one table of data sets. Everything that depends on the data set of a run is derived from it.

Importing it is cheap: h5py, tonic and the compiler are imported when data are read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from nalsm.datasets import fashion_mnist, mnist, nmnist, noise, own_events, own_images
from nalsm.datasets.dataset import N_CLASSES, OWN, SIMULATED, Dataset
from nalsm.datasets.own import OwnData
from nalsm.datasets.packing import NMNIST_CODE, is_packed, longest_snapshot
from nalsm.encoding import N_EVENT_INPUTS, N_PIXEL_INPUTS
from nalsm.support.constants import plain
from nalsm.support.errors import UserError


@dataclass(frozen=True)
class Noise:
    """Noise of a test set.

    constant : name of its strength in `nalsm.datasets.noise.NoiseConstants`
    strength : standard deviation, in grey levels (images) or ms (recordings); names the files
    make : (whole data set, seed, strength) -> the data set with a noisy test set
    """

    constant: str
    strength: float
    make: Callable[[Dataset, int, float], Dataset]

    @property
    def file_tag(self) -> str:
        """The first part of the names of the noisy test set's files."""
        return f"NOISE_{plain(self.strength)}"

    def with_strength(self, constants: Mapping[str, Any]) -> "Noise":
        """Return this noise with the strength that constants (by name) give it, or as it is if they give none."""
        return replace(self, strength=constants.get(self.constant, self.strength))

    def added_to(self, dataset: Dataset, seed: int) -> Dataset:
        """Return the whole data set with a noisy test set."""
        return self.make(dataset, seed, self.strength)


@dataclass(frozen=True)
class DataSource:
    """What the package knows of a data set, and how to find and load it.

    name : as it is printed and recorded
    file_tag : the data set in the names of the runners
    finder : folder of the data sets -> path of the data
    loader : (path of the data, published sizes, quiet) -> Dataset
    network_kind : the answer to generate_spatial_network.py that makes networks for it; a number is that of the inputs
    n_inputs : input neurons, one for each pixel (and polarity)
    classes : names of the classes, in the order of the labels
    class_word : what a class is called in sentences
    sizes : samples of the training, validation and test split
    noise : None if there is no noisy test set
    longest_snapshot : ms that a snapshot of the initialisation may last, because recordings end; None: any
    sample_ms : length of a presentation in ms, if nothing else is asked for
    is_ready : path of the data -> whether they can be loaded without writing files
    own : the summary of a data file that the user brought; None for the data sets of the paper
    """

    name: str
    file_tag: str
    finder: Callable[[Path], Path]
    loader: Callable[[Path, tuple[int, int], bool], Dataset]
    network_kind: str
    n_inputs: int
    classes: tuple[str, ...] = tuple(map(str, range(N_CLASSES)))
    class_word: str = "digit"
    sizes: tuple[int, int, int] = (50_000, 10_000, 10_000)
    noise: Noise | None = None
    longest_snapshot: int | None = None
    sample_ms: int = 250
    is_ready: Callable[[Path], bool] = Path.exists
    own: OwnData | None = None

    @property
    def family(self) -> str:
        """The name that programs and sweeps know it by: `OWN` for all data files of users."""
        return OWN if self.own else self.name

    @property
    def letter(self) -> str:
        """The answer to DATASET."""
        return "O" if self.own else self.network_kind

    @property
    def published_sizes(self) -> tuple[int, int]:
        """Samples of the training set, which includes the validation split, and of the test set."""
        n_train, n_valid, n_test = self.sizes
        return n_train + n_valid, n_test

    def find(self, data_dir: Path) -> Path:
        """Return the path of the data; raises UserError that says where it looked and what to do."""
        return self.finder(Path(data_dir))

    @property
    def own_fingerprint(self) -> str | None:
        """The fingerprint of the user's data file, which is read once; None for a data set of the paper."""
        return _fingerprint_of(self.own, Path(self.own.file).stat().st_mtime_ns) if self.own else None

    def load(self, path: Path, quiet: bool = False) -> Dataset:
        """Return the data set at a path that `find` returned; raises DamagedFile, UserError.

        quiet : print no progress if files have to be made first
        """
        return self.loader(Path(path), self.published_sizes, quiet)


_GARMENTS = (
    "T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
_STRENGTHS = noise.NoiseConstants()
_TABLE = (
    DataSource(
        mnist.NAME, "MNIST", mnist.find, mnist.load, "M", N_PIXEL_INPUTS,
        noise=Noise("image_noise", _STRENGTHS.image_noise, noise.noisy_image_test_set),
    ),
    DataSource(
        fashion_mnist.NAME, "F_MNIST", fashion_mnist.find, fashion_mnist.load, "M", N_PIXEL_INPUTS,
        classes=_GARMENTS, class_word="class",
    ),
    DataSource(
        nmnist.NAME, "N_MNIST", nmnist.find, nmnist.load, "N", N_EVENT_INPUTS,
        noise=Noise("event_noise_ms", _STRENGTHS.event_noise_ms, noise.shifted_event_test_set),
        longest_snapshot=NMNIST_CODE.longest_snapshot, is_ready=is_packed,
    ),
)  # fmt: skip
DATA_SOURCES: dict[str, DataSource] = {source.name: source for source in _TABLE}

# Inputs of a network by the answer to WHICH_DATASET_TO_GENERATE_NETWORK_FOR?
NETWORK_INPUTS: dict[str, int] = {source.network_kind: source.n_inputs for source in _TABLE}


def inputs_of(network_kind: str) -> int:
    """Return the inputs of a network of this `DataSource.network_kind`."""
    return NETWORK_INPUTS.get(network_kind) or int(network_kind)


# ---- data files of users --------------------------------------------------------------------------


def own_source(path: Path, rates: str | None = None) -> DataSource:
    """Return the DataSource of a data file: an .npz file, or a folder of packed recordings.

    rates : one of `nalsm.datasets.own_images.RATES`, for an .npz file
    Raises UserError if there is no such file, or it cannot be used; the text says why.
    """
    path, rates = Path(path), rates or "auto"
    if rates not in own_images.RATES:
        raise UserError(f"--rates: read {rates!r}, expected {' or '.join(own_images.RATES)}")
    if path.is_dir():
        return _source_of_own(own_events.describe(path))
    if not path.is_file():
        raise UserError(
            f"there is no {path}, expected an .npz file or a folder of packed recordings (docs/own_data.md)"
        )
    return _source_of_own(own_images.describe(path, rates))


def _source_of_own(own: OwnData) -> DataSource:
    if own.duration is None:
        make = partial(noise.noisy_own_test_set, probabilities=own.rates == "probability")
        noisy, longest, sample_ms = Noise("image_noise", _STRENGTHS.image_noise, make), None, 250
    else:
        noisy = Noise("event_noise_ms", _STRENGTHS.event_noise_ms, noise.shifted_event_test_set)
        longest, sample_ms = longest_snapshot(own.duration), own.duration
    return DataSource(
        own.name, "OWN", partial(_find_own, own), partial(_load_own, own), str(own.n_inputs), own.n_inputs, own.classes,
        "class", own.sizes, noisy, longest, sample_ms, own=own,
    )  # fmt: skip


def _find_own(own: OwnData, _data_dir: Path) -> Path:
    if not Path(own.file).exists():
        raise UserError(f"there is no {own.file}, the data file of the run; put it back, or give --data-file")
    return Path(own.file)


@lru_cache
def _fingerprint_of(own: OwnData, _changed: int) -> str:
    return _load_own(own, Path(own.file), (0, 0), True).fingerprint


def _load_own(own: OwnData, path: Path, _sizes: tuple[int, int], _quiet: bool) -> Dataset:
    return own_images.load(own, path) if own.rates else own_events.load(own, path)


# ---- names ----------------------------------------------------------------------------------------


def find_source(family: str, data_file: Path | None = None, rates: str | None = None) -> DataSource:
    """Return the DataSource that the answers of a program name; raises UserError as `own_source`, KeyError."""
    if family != OWN:
        return DATA_SOURCES[family]
    if data_file is None:
        raise UserError(
            "there is no data file, expected an .npz file or a folder of packed recordings (docs/own_data.md)"
        )
    return own_source(data_file, rates)


def is_simulated(recorded_name: str) -> bool:
    """Tell whether the data set that a run recorded is a simulated one."""
    return recorded_name.startswith(SIMULATED)


def is_own(recorded_name: str) -> bool:
    """Tell whether the data set that a run recorded, or a program names, is a data file of the user's."""
    return recorded_name.startswith(OWN)


def is_known(recorded_name: object, own: object = None) -> bool:
    """Tell whether `source_of` knows what a run recorded of its data set."""
    try:
        return isinstance(recorded_name, str) and bool(source_of(recorded_name, own))
    except (KeyError, ValueError):
        return False


def source_of(recorded_name: str, own: object = None) -> DataSource:
    """Return the DataSource of the data set that a run recorded, simulated or not.

    own : the summary that a run on a data file recorded (`RunRecord.details["own_data"]`)
    Raises KeyError for an unknown name, ValueError for another summary.
    """
    if is_own(recorded_name):
        return _source_of_own(OwnData.from_recorded(own))
    return DATA_SOURCES[recorded_name.removeprefix(SIMULATED)]


def program_name(model: str, dataset: str, noise: bool = False) -> str:
    """Return the name of the runner that trains a model on a data set, or presents its noisy test set.

    dataset : a name in DATA_SOURCES, OWN, or a recorded name
    """
    model = model.replace("+", "_").replace("-", "")
    tag = "OWN" if is_own(dataset) else source_of(dataset).file_tag
    return f"{model}_RUN_MAIN_SIM_{tag}{'_NOISE' if noise else ''}.py"
