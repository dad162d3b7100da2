"""The settings of one run, in groups; `nalsm.runs.questions` says what each means and how it is asked for."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nalsm.datasets import DataSource, Noise, find_source
from nalsm.models import MODELS, Knobs
from nalsm.rules import RuleConstants
from nalsm.support.constants import Value, chosen

if TYPE_CHECKING:
    from nalsm.runs.record import RunRecord

CHECKOUT = Path(__file__).resolve().parents[2]  # or the folder of installed packages
DEFAULT_FOLDERS = {"data_dir": "datasets", "networks_dir": "networks", "output_dir": "train_data"}


@dataclass(frozen=True)
class Sizes:
    """Numbers of samples, batches and cycles; lengths in ms."""

    train_samples: int
    valid_samples: int
    test_samples: int
    batch_size: int
    batches_per_block: int
    init_samples: int
    init_ms: int
    sample_ms: int
    cycles: int

    @property
    def of_splits(self) -> dict[str, int]:
        """Number of samples of each split."""
        return {"train": self.train_samples, "valid": self.valid_samples, "test": self.test_samples}

    def possible_batch_sizes(self) -> list[int]:
        """Return all sizes of a batch that divide the numbers of samples, ascending."""
        return common_divisors(self.of_splits.values())


@dataclass(frozen=True)
class Machine:
    """What computes, and with how much memory; decides no result but by the engine."""

    gpu: int
    engine: str
    threads: int
    cluster: str | None
    memory_budget: float | None


@dataclass(frozen=True)
class Folders:
    """Where data sets, networks and version folders are."""

    data_dir: Path
    networks_dir: Path
    output_dir: Path


@dataclass(frozen=True)
class Settings:
    """All answers of a training program.

    constants : those that differ from the published ones, by name; `nalsm.constants` is the table of all
    data_file, rates : of own data, None for other data sets
    """

    model: str
    dataset: str
    data_file: Path | None
    rates: str | None
    version: int
    network_number: int
    knobs: Knobs
    constants: dict[str, Value]
    seed: int | None
    readout: str
    keep_weights_every: int
    overwrite: bool
    quiet: bool
    sizes: Sizes
    machine: Machine
    folders: Folders

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "Settings":
        """Return the settings whose values are given by name, without groups; a value that is not given is None."""
        groups: dict[str, Any] = {"sizes": Sizes, "machine": Machine, "folders": Folders}
        grouped = {
            name: group(**{field.name: values.get(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        own: dict[str, Any] = {field.name: values.get(field.name) for field in fields(cls) if field.name not in groups}
        return cls(**{**own, "constants": own["constants"] or {}}, **grouped)

    @classmethod
    def from_answers(cls, model: str, dataset: str, root: Path, answers: Mapping[str, Any]) -> "Settings":
        """Return the settings of a program; folders that were not named are in `root`."""
        answers = completed(answers, find_source(dataset, answers.get("data_file"), answers.get("rates")))
        knobs = MODELS[model].recorded(answers)
        folders = {name: chosen_folder(answers, name, root) for name in DEFAULT_FOLDERS}
        return cls.from_values({**answers, **folders, "model": model, "dataset": dataset, "knobs": knobs})

    @cached_property
    def source(self) -> DataSource:
        """The data set, as it was when this was first asked: a data file may change later."""
        return find_source(self.dataset, self.data_file, self.rates)

    @property
    def noise(self) -> Noise | None:
        """The noise of the noisy test set, with the strength of the settings; None if there is no such test set."""
        return self.source.noise and self.source.noise.with_strength(self.constants)

    @property
    def rule_constants(self) -> RuleConstants:
        return chosen(RuleConstants, self.constants)


def settings_of(record: "RunRecord", **changes: Any) -> Settings:
    """Return the settings with which a recorded run was made, as far as they were recorded.

    changes : values of some settings, by name
    """
    folders = {name: default_folder(name) for name in DEFAULT_FOLDERS} | {"output_dir": record.folder.path.parent}
    recorded = {**record.identity, **record.details, **record.sessions[-1]}
    recorded |= {"dataset": record.source.family, "readout": record.readout}
    recorded |= {"data_file": Path(record.source.own.file)} if record.source.own else {}
    return Settings.from_values({**recorded, "overwrite": False, "quiet": False, **folders, **changes})


def completed(answers: Mapping[str, Any], source: DataSource) -> dict[str, Any]:
    """Return the answers with those that were not given and follow from a data file of the user's.

    These are the numbers of samples (all of them, rounded down to whole batches), the length of a presentation, and how
    values become rates.
    """
    if not source.own:
        return dict(answers)
    found = {f"{split}_samples": size for split, size in zip(("train", "valid", "test"), source.sizes, strict=True)}
    whole = {name: size - size % answers["batch_size"] for name, size in found.items()}
    known = {**whole, "sample_ms": source.sample_ms}
    filled = {name: value for name, value in known.items() if answers.get(name) is None}
    return {**answers, **filled, "rates": source.own.rates}


def default_root() -> Path:
    """Return the folder of DEFAULT_FOLDERS: the checkout if the package runs in one, else the current folder."""
    return CHECKOUT if (CHECKOUT / "pyproject.toml").is_file() else Path()


def default_folder(name: str) -> Path:
    """Return a folder of DEFAULT_FOLDERS in `default_root`."""
    return default_root() / DEFAULT_FOLDERS[name]


def chosen_folder(answers: Mapping[str, Any], name: str, root: Path) -> Path:
    """Return the folder that a program works with: the one that was named, or the default in `root`."""
    return answers[name] or Path(root) / DEFAULT_FOLDERS[name]


def common_divisors(sizes: Iterable[int]) -> list[int]:
    """Return all numbers that divide all sizes, ascending."""
    common = math.gcd(*sizes)
    return [d for d in range(1, common + 1) if common % d == 0]
