"""The checks of a training program's answers, and the answers that it suggests."""

import itertools
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nalsm.datasets import OWN, DataSource, find_source, is_known, source_of
from nalsm.models import MODELS, Knob
from nalsm.network import TO_MAKE_ONE, network_path
from nalsm.runs.folder import RunFolder
from nalsm.runs.parameters import differences
from nalsm.runs.readouts import RIDGE
from nalsm.runs.settings import chosen_folder, common_divisors, completed
from nalsm.support.constants import plain
from nalsm.support.errors import UserError
from nalsm.support.resources import memory_bytes
from nalsm.support.tuning import TUNING

Answers = Mapping[str, Any]

HIGHEST_NUMBER = 999_999  # of versions and networks
# What is recorded of a run and set by flags alone: a difference is found at VERSION.
_COMPARED = (
    "train_samples", "valid_samples", "test_samples", "init_samples", "init_ms", "sample_ms", "cycles",
    "keep_weights_every", "seed",
)  # fmt: skip
RASTERS_IN_MEMORY = 3  # times the rasters of a batch: the one that runs, the next one, and what making it takes


class AnswerChecks:
    """The checks of a training program's answers: value, and all answers so far. Each raises UserError."""

    def __init__(self, model: str, dataset: str, root: Path) -> None:
        self.model, self.dataset, self.root = model, dataset, root

    def source(self, answers: Answers) -> DataSource:
        return find_source(self.dataset, answers.get("data_file"), answers.get("rates"))

    def data_file(self, value: Path | None, answers: Answers) -> None:
        try:
            find_source(self.dataset, value, answers["rates"])
        except UserError as error:
            raise UserError(f"DATA_FILE: {error}") from None

    def data(self, _value: Path | None, answers: Answers) -> None:
        """Find the data set before anything is asked."""
        if self.dataset != OWN:
            self.source(answers).find(chosen_folder(answers, "data_dir", self.root))

    # ---- version ----

    def version(self, value: int, answers: Answers) -> None:
        if answers["overwrite"]:
            return
        folder = RunFolder(chosen_folder(answers, "output_dir", self.root), value)
        folder.require_unfinished()
        recorded = folder.recorded_parameters()
        if recorded is None:
            return
        wanted = {"model": self.model, **{name: answers[name] for name in _COMPARED if answers.get(name) is not None}}
        found = recorded.identity.get("dataset")
        if is_known(found) and source_of(str(found)).name != self.dataset:
            wanted["dataset"] = self.dataset
        there = {name: recorded.identity[name] for name in wanted if name in recorded.identity}
        different = differences(there, {name: wanted[name] for name in there})
        if different:
            raise folder.another_run(different)

    def next_version(self, answers: Answers) -> int:
        """Return the number after the highest version there is."""
        folders = chosen_folder(answers, "output_dir", self.root).glob("ver_*")
        return min(max(_numbers(folders, r"ver_(\d{1,6})"), default=0) + 1, HIGHEST_NUMBER)

    def _recorded(self, answers: Answers) -> dict | None:
        """Return the identity of the run that is resumed, None for a new one."""
        version = answers["version"]
        if answers["overwrite"] or version is None:
            return None
        recorded = RunFolder(chosen_folder(answers, "output_dir", self.root), version).recorded_parameters()
        return recorded.identity if recorded else None

    def _require_recorded(self, title: str, name: str, value: float, answers: Answers) -> None:
        """Raise UserError for an answer that contradicts the run that is resumed."""
        identity = self._recorded(answers)
        there = {**(identity or {}), **((identity or {}).get("knobs") or {})}.get(name, value)
        if there != value:
            raise UserError(
                f"{title}: read {plain(value)}, expected {plain(there)}: version {answers['version']} began with it; "
                f"{RunFolder.remedy}"
            )

    # ---- network ----

    def network(self, value: int, answers: Answers) -> None:
        folder = chosen_folder(answers, "networks_dir", self.root)
        path, there = network_path(folder, value), networks_in(folder)
        source = None if self.dataset == OWN and answers.get("data_file") is None else self.source(answers)
        if not path.is_file():
            free = next(number for number in itertools.count(1) if number not in there)
            listed = ", ".join(map(str, there[:10])) + (", ..." if len(there) > 10 else "")
            found = f"there {'is only' if len(there) == 1 else 'are'} {listed}" if there else "there is no network yet"
            raise UserError(
                f"NET_NUM_VAR: there is no {path}; {found}; {_to_make_one(source)}, next free number {free}"
            )
        n_inputs, _ = network_sizes(path)
        if source and n_inputs is not None:  # a noise program is not told the data file
            require_inputs(value, n_inputs, source)
        self._require_recorded("NET_NUM_VAR", "network_number", value, answers)

    def first_network(self, answers: Answers) -> int | None:
        """Return the lowest number of a network that fits the data set."""
        folder, n_inputs = chosen_folder(answers, "networks_dir", self.root), self.source(answers).n_inputs
        return next((n for n in networks_in(folder) if network_sizes(network_path(folder, n))[0] == n_inputs), None)

    def _is_large(self, answers: Answers) -> bool:
        """Tell whether the network is nearer to 8000 neurons than to 1000."""
        folder = chosen_folder(answers, "networks_dir", self.root)
        return (network_sizes(network_path(folder, answers["network_number"]))[1] or 0) > 4500

    # ---- batches and knobs ----

    def usual_batch_size(self, answers: Answers) -> int:
        """Return the batch size of the paper, or the largest one below it that works."""
        usual = 50 if self._is_large(answers) else 250
        return max((size for size in self._batch_sizes(answers) if size <= usual), default=1)

    def _batch_sizes(self, answers: Answers) -> list[int]:
        """Return the sizes of a batch that work, ascending: own data are taken in whole batches, at least one."""
        sizes = [answers[f"{split}_samples"] for split in ("train", "valid", "test")]
        most = min(size or there for size, there in zip(sizes, self.source(answers).sizes, strict=True))
        return [batch for batch in range(1, most + 1) if not any((size or 0) % batch for size in sizes)]

    def usual_block(self, answers: Answers) -> int:
        """Return the same of the batches in a block."""
        n_batches = completed(answers, self.source(answers))["train_samples"] // answers["batch_size"]
        usual = 50 if self._is_large(answers) else 10
        return max(divisor for divisor in common_divisors([n_batches]) if divisor <= usual)

    def usual_knob(self, knob: Knob, answers: Answers) -> float | None:
        """Return the value of the run that is resumed, or else a good one."""
        recorded = (self._recorded(answers) or {}).get("knobs") or {}
        large = knob.name == "astrocyte_weight" and self._is_large(answers)
        return recorded.get(knob.name, 0.0075 if large else knob.suggestion(self.dataset))

    def knob(self, knob: Knob, value: float, answers: Answers) -> None:
        self._require_recorded(knob.prompt, knob.name, value, answers)

    def batch_size(self, value: int, answers: Answers) -> None:
        source = self.source(answers)
        whole = completed({**answers, "batch_size": value}, source)
        self._require_memory("BATCH_SIZE", value, whole["sample_ms"], source)
        sizes = [whole["train_samples"], whole["valid_samples"], whole["test_samples"]]
        for name, size, available in zip(("training", "validation", "test"), sizes, source.sizes, strict=True):
            if not 0 < size <= available:
                few = f"BATCH_SIZE: {value} is more than the {available} {name} samples of {source.name}; choose less"
                many = f"--{name[:5]}-samples: {source.name} has {available} of them, not {size}"
                raise UserError(few if size < 1 else many)
        if any(size % value for size in sizes):
            raise UserError(
                f"BATCH_SIZE: {value} does not divide the numbers of samples ({sizes[0]} to train, {sizes[1]} to "
                f"validate, {sizes[2]} to test); {_nearest(value, self._batch_sizes(answers))}"
            )
        self._require_recorded("BATCH_SIZE", "batch_size", value, answers)

    def block(self, value: int, answers: Answers) -> None:
        n_batches = completed(answers, self.source(answers))["train_samples"] // answers["batch_size"]
        if n_batches % value:
            raise UserError(
                f"BATCHS_PER_BLOCK: {value} does not divide the {n_batches} training batches; "
                f"{_nearest(value, common_divisors([n_batches]))}"
            )

    def readout(self, value: str, answers: Answers) -> None:
        if value == RIDGE and answers["keep_weights_every"]:
            raise UserError("--keep-weights-every: a ridge readout has no cycles; leave out the one or the other")

    def init_ms(self, value: int, answers: Answers) -> None:
        if not MODELS[self.model].initialisation:
            return
        if self.dataset == OWN and answers.get("data_file") is None:
            return  # it is not known yet, and this check runs again when it is
        source = self.source(answers)
        longest = source.longest_snapshot
        if longest and value > longest:
            raise UserError(f"--init-ms: a snapshot of {source.name} may last {longest} ms at most, asked for {value}")
        self._require_memory("--init-ms", TUNING.snapshots_at_a_time, value, source)

    def _require_memory(self, title: str, n_rasters: int, steps: int, source: DataSource) -> None:
        needed, memory = RASTERS_IN_MEMORY * n_rasters * steps * source.n_inputs, memory_bytes()
        if needed > memory:
            raise UserError(
                f"{title}: {n_rasters} rasters of {steps} ms at a time take {needed / 1e9:.3g} GB, this machine has "
                f"{memory / 1e9:.3g} GB; choose a smaller BATCH_SIZE, or fewer ms"
            )


def _numbers(paths: Iterable[Path], pattern: str) -> list[int]:
    """Return the numbers in the names of paths that match a pattern, ascending."""
    return sorted(int(found[1]) for path in paths if (found := re.fullmatch(pattern, path.name, re.ASCII)))


def networks_in(folder: Path) -> list[int]:
    """Return the numbers of the networks in a folder, ascending."""
    return _numbers(folder.glob("Network_*.h5"), r"Network_(\d{1,6})\.h5")


def network_sizes(path: Path) -> tuple[int | None, int | None]:
    """Return the inputs and the liquid neurons of a network, from the log beside its file; None if it does not say.

    The network's own file is HDF5, and what reads it is imported after the questions.
    """
    try:
        log = path.with_name(f"{path.stem}_Log.txt").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None, None
    found = (
        re.search(rf"^{name} neurons +(\d{{1,9}})\b", log, re.MULTILINE | re.ASCII) for name in ("input", "liquid")
    )
    n_inputs, n_liquid = (int(match[1]) if match else None for match in found)
    return n_inputs, n_liquid


def require_inputs(number: int, n_inputs: int, source: DataSource) -> None:
    """Raise UserError if a network has another number of inputs than a data set needs."""
    if n_inputs != source.n_inputs:
        raise UserError(
            f"NET_NUM_VAR: network {number} has {n_inputs} inputs, {source.name} needs {source.n_inputs}; "
            f"{_to_make_one(source)}"
        )


def _to_make_one(source: DataSource | None) -> str:
    """Return what makes a network for a data set; None: own data that are not known yet."""
    return f"{TO_MAKE_ONE}, " + (f"dataset {source.network_kind}" if source and not source.own else "--data-file")


def _nearest(value: int, working: list[int]) -> str:
    """Return those next to `value` of numbers that work (ascending), in words."""
    below = [number for number in working if number < value][-1:]
    above = [number for number in working if number > value][:1]
    return f"nearest that work: {' and '.join(map(str, below + above))}"
