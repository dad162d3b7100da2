"""The one table of data sets. Everything that depends on the data set of a run is derived from it.

Importing it is cheap: h5py, tonic and the compiler are imported when data are read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nalsm.datasets import events, fashion_mnist, mnist, nmnist, noise
from nalsm.datasets.dataset import N_CLASSES, SIMULATED, Dataset
from nalsm.encoding import N_EVENT_INPUTS, N_PIXEL_INPUTS


@dataclass(frozen=True)
class Noise:
    """Noise of a test set.

    strength : standard deviation, in grey levels (images) or ms (recordings); names the files
    make : (whole data set, seed, strength) -> the data set with a noisy test set
    """

    strength: float
    make: Callable[[Dataset, int, float], Dataset]

    @property
    def file_tag(self) -> str:
        """The first part of the names of the noisy test set's files."""
        return f"NOISE_{self.strength:.0f}"

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
    network_kind : the answer to generate_spatial_network.py that makes networks for it
    n_inputs : input neurons, one for each pixel (and polarity)
    classes : names of the classes, in the order of the labels
    class_word : what a class is called in sentences
    sizes : samples of the training, validation and test split
    noise : None if there is no noisy test set
    longest_snapshot : ms that a snapshot of the initialisation may last, because recordings end; None: any
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

    @property
    def published_sizes(self) -> tuple[int, int]:
        """Samples of the training set, which includes the validation split, and of the test set."""
        n_train, n_valid, n_test = self.sizes
        return n_train + n_valid, n_test

    def find(self, data_dir: Path) -> Path:
        """Return the path of the data; raises UserError that says where it looked and what to do."""
        return self.finder(Path(data_dir))

    def load(self, path: Path, quiet: bool = False) -> Dataset:
        """Return the data set at a path that `find` returned; raises DamagedFile, UserError.

        quiet : print no progress if files have to be made first
        """
        return self.loader(Path(path), self.published_sizes, quiet)


_GARMENTS = (
    "T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
_TABLE = (
    DataSource(
        mnist.NAME, "MNIST", mnist.find, mnist.load, "M", N_PIXEL_INPUTS,
        noise=Noise(125.0, noise.noisy_image_test_set),
    ),
    DataSource(
        fashion_mnist.NAME, "F_MNIST", fashion_mnist.find, fashion_mnist.load, "M", N_PIXEL_INPUTS,
        classes=_GARMENTS, class_word="class",
    ),
    DataSource(
        nmnist.NAME, "N_MNIST", nmnist.find, nmnist.load, "N", N_EVENT_INPUTS,
        noise=Noise(10.0, noise.shifted_event_test_set), longest_snapshot=events.LONGEST_SNAPSHOT,
    ),
)  # fmt: skip
DATA_SOURCES: dict[str, DataSource] = {source.name: source for source in _TABLE}

# Inputs of a network by the answer to WHICH_DATASET_TO_GENERATE_NETWORK_FOR?
NETWORK_INPUTS: dict[str, int] = {source.network_kind: source.n_inputs for source in _TABLE}


def is_simulated(recorded_name: str) -> bool:
    """Tell whether the data set that a run recorded is a simulated one."""
    return recorded_name.startswith(SIMULATED)


def is_known(recorded_name: object) -> bool:
    """Tell whether `source_of` knows a data set of this name."""
    return isinstance(recorded_name, str) and recorded_name.removeprefix(SIMULATED) in DATA_SOURCES


def source_of(recorded_name: str) -> DataSource:
    """Return the DataSource of the data set that a run recorded, simulated or not; raises KeyError."""
    return DATA_SOURCES[recorded_name.removeprefix(SIMULATED)]


def program_name(model: str, dataset: str, noise: bool = False) -> str:
    """Return the name of the runner that trains a model on a data set, or presents its noisy test set.

    dataset : a name in DATA_SOURCES, or a recorded name
    """
    model = model.replace("+", "_").replace("-", "")
    return f"{model}_RUN_MAIN_SIM_{source_of(dataset).file_tag}{'_NOISE' if noise else ''}.py"
