"""The questions and flags of a training program, and the checks of their answers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nalsm.console.questions import Question
from nalsm.datasets import DATA_SOURCES, OWN, DataSource, find_source
from nalsm.datasets.own import MOST_SAMPLES
from nalsm.datasets.own_images import RATES
from nalsm.models import MODELS
from nalsm.network import network_path
from nalsm.runs.folder import RunFolder
from nalsm.runs.readouts import PUBLISHED, READOUTS, RIDGE
from nalsm.runs.settings import chosen_folder, common_divisors, completed
from nalsm.support.cluster_address import check_address
from nalsm.support.errors import UserError
from nalsm.support.random_streams import SEED_LIMIT
from nalsm.support.resources import memory_bytes
from nalsm.support.tuning import TUNING

Answers = Mapping[str, Any]

HIGHEST_NUMBER = 999_999  # of versions and networks
_RASTERS_IN_MEMORY = 3  # times the rasters of a batch: the one that runs, the next one, and what making it takes


def questions_for(model: str, dataset: str, root: Path) -> list[Question]:
    """Return the questions of a training program in the order of asking, then the settings that only have flags."""
    checks = _Checks(dataset, root)
    return [
        *(_own_data_questions(checks) if dataset == OWN else []),
        *_common_questions(checks),
        *_knob_questions(model),
        *_size_questions(checks),
        *_machine_questions(),
        *folder_questions("data", "networks", "output"),
        Question("overwrite", None, bool, "delete the contents of the version folder"),
        Question("quiet", None, bool, "print the result and errors only"),
    ]


def _own_data_questions(checks: "_Checks") -> list[Question]:
    return [
        Question(
            "data_file", "DATA_FILE? [path]: ", Path, "an .npz file with x_train, y_train, x_test, y_test, or a folder "
            "of packed recordings", check=checks.data_file,
        ),
        Question(
            "rates", None, RATES, "how values of an .npz file become rates; image: each sample is normalised as in the "
            "paper, probability: each value is that of a pulse in a ms, auto: image for uint8, else probability",
            default="auto",
        ),
    ]  # fmt: skip


def _common_questions(checks: "_Checks") -> list[Question]:
    return [
        Question("gpu", "GPU? ", int, "index of the GPU, -1 for the CPU", low=-1),
        Question(
            "version", "VERSION? [int]: ", int, "number of the run, names its folder", 0, HIGHEST_NUMBER,
            check=checks.version,
        ),
        Question(
            "network_number", "NET_NUM_VAR? [int]: ", int, "number of the network", 0, HIGHEST_NUMBER,
            flags=("--net-num-var",), check=checks.network,
        ),
        Question(
            "batch_size", "BATCH_SIZE? [int] (250 for 1000 neurons, 50 for 8000): ", int, "samples in a batch",
            low=1, check=checks.batch_size,
        ),
        Question(
            "batches_per_block", "BATCHS_PER_BLOCK? [int] (10 for 1000 neurons, 50 for 8000): ", int,
            "batches the readout takes from disk at a time", low=1,
            flags=("--batchs-per-block", "--batches-per-block"), check=checks.block,
        ),
    ]  # fmt: skip


def _knob_questions(model: str) -> list[Question]:
    return [
        Question(
            knob.name, f"{knob.prompt}? [float]: " if knob.default is None else None, knob.choices or float, knob.help,
            knob.low, knob.high, knob.default, flags=(knob.flag,),
        )
        for knob in MODELS[model].all_knobs
    ]  # fmt: skip


def _size_questions(checks: "_Checks") -> list[Question]:
    known = DATA_SOURCES.get(checks.dataset)
    n_train, n_valid, n_test = known.sizes if known else (None, None, None)
    more = "" if known else " (default: all, in whole batches)"
    return [
        _number_of_samples("train_samples", f"training samples; fewer: a random subset{more}", n_train),
        _number_of_samples("valid_samples", f"validation samples{more}", n_valid),
        _number_of_samples("test_samples", f"test samples{more}", n_test),
        Question("init_samples", None, int, "snapshots of the initialisation", 0, 10**8, 50_000),
        Question("init_ms", None, int, "length of a snapshot in ms", 1, 10_000, 20, check=checks.init_ms),
        Question(
            "sample_ms",
            None,
            int,
            "length of a presentation in ms"
            + ("" if known else " (default: 250, or the duration of packed recordings)"),
            1,
            10_000,
            known.sample_ms if known else None,
        ),
        Question("cycles", None, int, "passes of the readout over the training samples", 1, 10**7, 5_000),
        Question(
            "readout",
            None,
            READOUTS,
            "ridge: ridge regression in place of the published readout. It takes seconds, "
            "its accuracy is another one, and everything that shows the run says so",
            default=PUBLISHED,
            check=checks.readout,
        ),
        Question("seed", None, int, "seed of all random numbers (default: drawn and recorded)", 0, SEED_LIMIT - 1),
        Question("keep_weights_every", None, int, "keep the readout of every N-th cycle; 0: of none", 0, 10**7, 0),
    ]


def _number_of_samples(name: str, text: str, available: int | None) -> Question:
    return Question(name, None, int, text, 1, available or MOST_SAMPLES, available)


def _machine_questions() -> list[Question]:
    return [
        Question("engine", None, ("auto", "event", "tensorflow"), "how the liquid is computed", default="auto"),
        Question("threads", None, int, "samples at the same time; 0: one for each core", 0, 1024, 0),
        Question(
            "cluster", None, str, "count on a Dask cluster: tcp://HOST:PORT (or tls://) of its scheduler, or local:N "
            "for N worker processes on this machine", check=check_address,
        ),
        Question(
            "memory_budget", None, float, "GB of memory for the counts while the readout trains; the rest is read from "
            "disk in every cycle (default: a third of the machine's memory)", 0, 1e6,
        ),
    ]  # fmt: skip


def folder_questions(*names: str) -> list[Question]:
    """Return the settings --data-dir, --networks-dir, --output-dir for the names given."""
    what = {
        "data": "folder of the data sets (datasets/)",
        "networks": "folder of the networks (networks/)",
        "output": "folder of the version folders (train_data/)",
    }
    return [Question(f"{name}_dir", None, Path, what[name]) for name in names]


class _Checks:
    """The checks of a training program's answers: value, and all answers so far. Each raises UserError."""

    def __init__(self, dataset: str, root: Path) -> None:
        self.dataset, self.root = dataset, root

    def source(self, answers: Answers) -> DataSource:
        return find_source(self.dataset, answers.get("data_file"), answers.get("rates"))

    def data_file(self, value: Path | None, answers: Answers) -> None:
        try:
            find_source(self.dataset, value, answers["rates"])
        except UserError as error:
            raise UserError(f"DATA_FILE: {error}") from None

    def version(self, value: int, answers: Answers) -> None:
        if not answers["overwrite"]:
            RunFolder(chosen_folder(answers, "output_dir", self.root), value).require_unfinished()

    def network(self, value: int, answers: Answers) -> None:
        path = network_path(chosen_folder(answers, "networks_dir", self.root), value)
        if not path.is_file():
            kind = "--data-file" if self.dataset == OWN else f"dataset {self.source(answers).network_kind}"
            raise UserError(
                f"NET_NUM_VAR: there is no {path}; make it with generate_spatial_network.py, {kind}, number {value}"
            )

    def batch_size(self, value: int, answers: Answers) -> None:
        source = self.source(answers)
        answers = completed({**answers, "batch_size": value}, source)
        self._require_memory("BATCH_SIZE", value, answers["sample_ms"], source)
        sizes = [answers["train_samples"], answers["valid_samples"], answers["test_samples"]]
        for name, size, available in zip(("training", "validation", "test"), sizes, source.sizes, strict=True):
            if not 0 < size <= available:
                few = f"BATCH_SIZE: {value} is more than the {available} {name} samples of {source.name}; choose less"
                many = f"--{name[:5]}-samples: {source.name} has {available} of them, not {size}"
                raise UserError(few if size < 1 else many)
        if any(size % value for size in sizes):
            raise UserError(
                f"BATCH_SIZE: {value} does not divide the numbers of samples ({sizes[0]} to train, {sizes[1]} to "
                f"validate, {sizes[2]} to test); {_nearest(value, sizes)}"
            )

    def block(self, value: int, answers: Answers) -> None:
        n_batches = completed(answers, self.source(answers))["train_samples"] // answers["batch_size"]
        if n_batches % value:
            raise UserError(
                f"BATCHS_PER_BLOCK: {value} does not divide the {n_batches} training batches; "
                f"{_nearest(value, [n_batches])}"
            )

    def readout(self, value: str, answers: Answers) -> None:
        if value == RIDGE and answers["keep_weights_every"]:
            raise UserError("--keep-weights-every: a ridge readout has no cycles; leave out the one or the other")

    def init_ms(self, value: int, answers: Answers) -> None:
        if self.dataset == OWN and answers.get("data_file") is None:
            return  # it is not known yet, and this check runs again when it is
        source = self.source(answers)
        longest = source.longest_snapshot
        if longest and value > longest:
            raise UserError(f"--init-ms: a snapshot of {source.name} may last {longest} ms at most, asked for {value}")
        self._require_memory("--init-ms", TUNING.snapshots_at_a_time, value, source)

    def _require_memory(self, title: str, n_rasters: int, steps: int, source: DataSource) -> None:
        needed, memory = _RASTERS_IN_MEMORY * n_rasters * steps * source.n_inputs, memory_bytes()
        if needed > memory:
            raise UserError(
                f"{title}: {n_rasters} rasters of {steps} ms at a time take {needed / 1e9:.3g} GB, this machine has "
                f"{memory / 1e9:.3g} GB; choose a smaller BATCH_SIZE, or fewer ms"
            )


def _nearest(value: int, sizes: list[int]) -> str:
    """Return the divisors of all sizes next to `value`, in words."""
    divisors = common_divisors(sizes)
    below = [d for d in divisors if d < value][-1:]
    above = [d for d in divisors if d > value][:1]
    return f"nearest that work: {' and '.join(map(str, below + above))}"
