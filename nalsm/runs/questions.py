"""The questions and flags of a training program; `nalsm.runs.answer_checks` checks the answers."""

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from nalsm.console.questions import Question
from nalsm.datasets import DATA_SOURCES, OWN
from nalsm.datasets.own import MOST_SAMPLES
from nalsm.datasets.own_images import RATES
from nalsm.liquid.devices import has_gpu_device
from nalsm.models import MODELS
from nalsm.runs.answer_checks import HIGHEST_NUMBER, AnswerChecks
from nalsm.runs.readouts import PUBLISHED, READOUTS
from nalsm.support.cluster_address import check_address
from nalsm.support.random_streams import SEED_LIMIT


def questions_for(model: str, dataset: str, root: Path) -> list[Question]:
    """Return the questions of a training program in the order of asking, then the settings that only have flags."""
    checks = AnswerChecks(model, dataset, root)
    return [
        *_in(
            "Questions",
            [
                *(_own_data_questions(checks) if dataset == OWN else []),
                *_common_questions(checks),
                *_knob_questions(model, dataset, checks),
            ],
        ),
        *_in("Model, sizes and seed", [*_option_questions(model), *_size_questions(checks)]),
        *_in("Computing", _machine_questions()),
        *_in("Folders and output", [*_folders_with_data(checks), *_output_questions()]),
    ]


def _in(section: str, questions: Iterable[Question]) -> list[Question]:
    return [replace(question, section=section) for question in questions]


def _folders_with_data(checks: AnswerChecks) -> list[Question]:
    data, *others = folder_questions("data", "networks", "output")
    return [replace(data, check=checks.data), *others]


def _output_questions() -> list[Question]:
    return [
        Question("overwrite", None, bool, "delete the contents of the version folder"),
        Question("quiet", None, bool, "print the result and errors only"),
        Question("dry_run", None, bool, "print the stages, their seconds, memory and disk, and write nothing"),
    ]


def _own_data_questions(checks: AnswerChecks) -> list[Question]:
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


def _common_questions(checks: AnswerChecks) -> list[Question]:
    return [
        Question(
            "gpu", "GPU? ", int, "index of the GPU, -1 for the CPU", low=-1, hint="its index, -1: the CPU",
            suggest=lambda _answers: 0 if has_gpu_device() else -1, simplify=first_gpu,
        ),
        Question(
            "version", "VERSION? [int]: ", int, "number of the run, names its folder", 0, HIGHEST_NUMBER,
            check=checks.version, suggest=checks.next_version,
        ),
        Question(
            "network_number", "NET_NUM_VAR? [int]: ", int, "number of the network", 0, HIGHEST_NUMBER,
            flags=("--net-num-var", "--network"), check=checks.network, suggest=checks.first_network,
        ),
        Question(
            "batch_size", "BATCH_SIZE? [int](250 for 1000 neurons, 50 for 8000): ", int, "samples in a batch",
            low=1, check=checks.batch_size, suggest=checks.usual_batch_size,
        ),
        Question(
            "batches_per_block", "BATCHS_PER_BLOCK? [int](10 for 1000 neurons, 50 for 8000): ", int,
            "batches the readout takes from disk at a time", low=1,
            flags=("--batchs-per-block", "--batches-per-block"), check=checks.block, suggest=checks.usual_block,
        ),
    ]  # fmt: skip


def first_gpu(text: str) -> tuple[str, str]:
    """Return what an answer to GPU stands for, and a line that says so: "0,1" for 0, an empty one for -1."""
    if not text.strip():
        return "-1", "GPU: an empty answer is taken as -1, the CPU"
    if re.fullmatch(r"\s*[0-9]{1,9}(\s*,\s*[0-9]{1,9})+\s*", text):
        first = text.split(",", maxsplit=1)[0].strip()
        return first, f"GPU: {first} is used, the first of {text.strip()}"
    return text, ""


def _knob_questions(model: str, dataset: str, checks: AnswerChecks) -> list[Question]:
    return [
        Question(
            knob.name, f"{knob.prompt}? [float]: ", float,
            knob.help + (f"; {knob.range_on(dataset)}" if knob.range_on(dataset) else ""), knob.low, knob.high,
            flags=knob.flags, hint=knob.range_on(dataset), check=partial(checks.knob, knob),
            suggest=partial(checks.usual_knob, knob),
        )
        for knob in MODELS[model].knobs
    ]  # fmt: skip


def _option_questions(model: str) -> list[Question]:
    return [
        Question(
            knob.name, None, knob.choices or float, knob.help, knob.low, knob.high, knob.default, flags=(knob.flag,)
        )
        for knob in MODELS[model].options
    ]


def _size_questions(checks: AnswerChecks) -> list[Question]:
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
            "its accuracy differs, and everything that shows the run says so",
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
