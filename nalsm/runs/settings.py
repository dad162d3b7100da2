"""What one training run is told: the answers, and what follows from them before anything is computed."""

import math
from dataclasses import dataclass, fields
from pathlib import Path

from nalsm.console.questions import Question
from nalsm.datasets import DATA_SOURCES
from nalsm.models import MODELS
from nalsm.network import network_path
from nalsm.runs.folder import RunFolder
from nalsm.support.cluster_address import check_address
from nalsm.support.errors import UserError
from nalsm.support.random_streams import SEED_LIMIT
from nalsm.support.resources import memory_bytes
from nalsm.support.tuning import TUNING

HIGHEST_NUMBER = 999_999  # of versions and networks
_RASTERS_IN_MEMORY = 3  # times those of a batch: the one that runs, the next, and what making it takes
DEFAULT_FOLDERS = {"data_dir": "datasets", "networks_dir": "networks", "output_dir": "train_data"}


@dataclass(frozen=True)
class Settings:
    """All answers of a training program; see `questions_for` for their meaning."""

    model: str
    dataset: str
    gpu: int
    version: int
    network_number: int
    batch_size: int
    batches_per_block: int
    knobs: dict
    train_samples: int
    valid_samples: int
    test_samples: int
    init_samples: int
    init_ms: int
    sample_ms: int
    cycles: int
    seed: int | None
    engine: str
    threads: int
    data_dir: Path
    networks_dir: Path
    output_dir: Path
    keep_weights_every: int
    memory_budget: float | None
    overwrite: bool
    quiet: bool
    cluster: str | None = None

    @classmethod
    def from_answers(cls, model, dataset, root, answers):
        """Return the settings of a program; folders that were not named lie under `root`."""
        answers = dict(answers)
        knobs = {knob.name: answers.pop(knob.name) for knob in MODELS[model].knobs}
        answers.update({name: chosen_folder(answers, name, root) for name in DEFAULT_FOLDERS})
        return cls(model=model, dataset=dataset, knobs=knobs, **answers)

    @property
    def source(self):
        return DATA_SOURCES[self.dataset]

    @property
    def sizes(self):
        """Samples of each split, by name."""
        return {"train": self.train_samples, "valid": self.valid_samples, "test": self.test_samples}

    def batch_sizes(self):
        """All sizes of a batch that divide the numbers of samples, ascending."""
        return _common_divisors(self.sizes.values())


def settings_of(record, **changes):
    """Return the settings with which a recorded run was made, as far as they were recorded.

    changes : values of some settings, by name
    """
    folders = {name: default_folder(name) for name in DEFAULT_FOLDERS} | {"output_dir": record.folder.path.parent}
    known = {**record.identity, **record.details, **record.sessions[-1]}
    recorded = {field.name: known.get(field.name) for field in fields(Settings)}
    recorded |= {"dataset": record.source.name, "overwrite": False, "quiet": False}
    return Settings(**{**recorded, **folders, **changes})


def default_folder(name):
    """Return a folder of DEFAULT_FOLDERS: in the checkout if the package runs in one, else in the current folder."""
    checkout = Path(__file__).resolve().parents[2]
    return (checkout if (checkout / "pyproject.toml").is_file() else Path()) / DEFAULT_FOLDERS[name]


def chosen_folder(answers, name, root):
    """Return the folder that a program works with; one that was not named lies under `root`."""
    return answers[name] or Path(root) / DEFAULT_FOLDERS[name]


def questions_for(model, dataset, root):
    """Return the table of questions and settings of a training program, in the order of asking."""
    source = DATA_SOURCES[dataset]
    n_train, n_valid, n_test = source.sizes

    def require_memory(title, n_rasters, steps):
        needed = _RASTERS_IN_MEMORY * n_rasters * steps * source.n_inputs
        memory = memory_bytes()
        if needed > memory:
            raise UserError(
                f"{title}: {n_rasters} rasters of {steps} ms at a time take {needed / 1e9:.3g} GB, this machine has "
                f"{memory / 1e9:.3g} GB; choose a smaller BATCH_SIZE, or fewer ms"
            )

    def check_init_ms(value, answers):
        longest = source.longest_snapshot
        if longest and value > longest:
            raise UserError(f"--init-ms: a snapshot of {dataset} may last {longest} ms at most, asked for {value}")
        require_memory("--init-ms", TUNING.snapshots_at_a_time, value)

    def check_version(value, answers):
        if not answers["overwrite"]:
            RunFolder(chosen_folder(answers, "output_dir", root), value).require_unfinished()

    def check_batch_size(value, answers):
        require_memory("BATCH_SIZE", value, answers["sample_ms"])
        sizes = [answers["train_samples"], answers["valid_samples"], answers["test_samples"]]
        if any(size % value for size in sizes):
            raise UserError(
                f"BATCH_SIZE: {value} does not divide the numbers of samples ({sizes[0]} to train, {sizes[1]} to "
                f"validate, {sizes[2]} to test); {_nearest(value, sizes)}"
            )

    def check_block(value, answers):
        n_batches = answers["train_samples"] // answers["batch_size"]
        if n_batches % value:
            raise UserError(
                f"BATCHS_PER_BLOCK: {value} does not divide the {n_batches} training batches; "
                f"{_nearest(value, [n_batches])}"
            )

    def check_network(value, answers):
        path = network_path(chosen_folder(answers, "networks_dir", root), value)
        if not path.is_file():
            raise UserError(
                f"NET_NUM_VAR: there is no {path}; make it with generate_spatial_network.py, dataset "
                f"{source.network_kind}, number {value}"
            )

    common = [
        Question("gpu", "GPU? ", int, "index of the GPU, -1 for the CPU", low=-1),
        Question(
            "version", "VERSION? [int]: ", int, "number of the run, names its folder", 0, HIGHEST_NUMBER,
            check=check_version,
        ),
        Question(
            "network_number", "NET_NUM_VAR? [int]: ", int, "number of the network", 0, HIGHEST_NUMBER,
            flags=("--net-num-var",), check=check_network,
        ),
        Question(
            "batch_size", "BATCH_SIZE? [int] (250 for 1000 neurons, 50 for 8000): ", int, "samples in a batch",
            low=1, check=check_batch_size,
        ),
        Question(
            "batches_per_block", "BATCHS_PER_BLOCK? [int] (10 for 1000 neurons, 50 for 8000): ", int,
            "batches the readout takes from disk at a time", low=1,
            flags=("--batchs-per-block", "--batches-per-block"), check=check_block,
        ),
    ]  # fmt: skip
    own = [
        Question(
            knob.name, f"{knob.prompt}? [float]: ", float, knob.help, knob.low, knob.high,
            flags=("--" + knob.prompt.lower().replace("_", "-"),),
        )
        for knob in MODELS[model].knobs
    ]  # fmt: skip
    settings = [
        Question("train_samples", None, int, "training samples; fewer: a random subset", 1, n_train, n_train),
        Question("valid_samples", None, int, "validation samples", 1, n_valid, n_valid),
        Question("test_samples", None, int, "test samples", 1, n_test, n_test),
        Question("init_samples", None, int, "snapshots of the initialisation", 0, 10**8, 50_000),
        Question("init_ms", None, int, "length of a snapshot in ms", 1, 10_000, 20, check=check_init_ms),
        Question("sample_ms", None, int, "length of a presentation in ms", 1, 10_000, 250),
        Question("cycles", None, int, "passes of the readout over the training samples", 1, 10**7, 5_000),
        Question("seed", None, int, "of all random numbers; drawn if not given", 0, SEED_LIMIT - 1),
        Question("engine", None, ("auto", "event", "tensorflow"), "how the liquid is computed", default="auto"),
        Question("threads", None, int, "samples at the same time; 0: one for each core", 0, 1024, 0),
        Question(
            "cluster", None, str, "count on a Dask cluster: tcp://HOST:PORT (or tls://) of its scheduler, or local:N "
            "for N worker processes on this machine", check=check_address,
        ),
        *folder_questions("data", "networks", "output"),
        Question("keep_weights_every", None, int, "keep the readout of every N-th cycle; 0: of none", 0, 10**7, 0),
        Question(
            "memory_budget", None, float, "GB of memory for counts in the readout, more are read from disk in every "
            "cycle; a third of the machine's if not given", 0, 1e6,
        ),
        Question("overwrite", None, bool, "delete what the version folder holds"),
        Question("quiet", None, bool, "print the result and errors only"),
    ]  # fmt: skip
    return [*common, *own, *settings]


def folder_questions(*names):
    """Return settings --data-dir, --networks-dir, --output-dir for the names given."""
    what = {
        "data": "folder of the data sets (datasets/)",
        "networks": "folder of the networks (networks/)",
        "output": "folder of the version folders (train_data/)",
    }
    return [Question(f"{name}_dir", None, Path, what[name]) for name in names]


def _common_divisors(sizes):
    common = math.gcd(*sizes)
    return [d for d in range(1, common + 1) if common % d == 0]


def _nearest(value, sizes):
    """Say which divisors of all sizes lie next to `value`."""
    divisors = _common_divisors(sizes)
    below = [d for d in divisors if d < value][-1:]
    above = [d for d in divisors if d > value][:1]
    return f"nearest that work: {' and '.join(map(str, below + above))}"
