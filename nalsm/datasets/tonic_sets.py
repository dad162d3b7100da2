"""Data sets of tonic by name, as recordings for `nalsm.datasets.own_events.pack_events`."""

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nalsm.datasets.own_events import Recordings
from nalsm.support.errors import MachineError, UserError


class _Events(Sequence[np.ndarray]):
    """The recordings of a tonic data set, read one at a time."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, number: Any) -> Any:
        return self._dataset[number][0]


def tonic_recordings(name: str, folder: Path) -> tuple[dict[str, Recordings], tuple[int, int, int]]:
    """Return (recordings and labels of "train", "test" and perhaps "valid"; sensor size) of a tonic data set.

    name : class in tonic.datasets; folder : of <folder>/<name>, where tonic keeps it. Tonic downloads what is missing
    Raises UserError for a name that tonic does not have, and for data sets without a training and a test set of
    labelled recordings; MachineError if a download fails.
    """
    try:
        import tonic.datasets
    except ImportError as error:
        raise UserError(
            f"{name}: tonic, which reads it, is not there ({error}); install it: pip install tonic (from Python 3.12 "
            "on that needs a C compiler)"
        ) from None
    known: dict[str, Any] = {key: value for key, value in vars(tonic.datasets).items() if inspect.isclass(value)}
    chosen = next((key for key in known if key.lower() == name.lower()), None)
    if chosen is None:
        raise UserError(f"{name}: tonic has no such data set; there are {', '.join(sorted(known))}")
    parts = _parts(known[chosen])
    if not parts:
        raise UserError(
            f"{chosen}: tonic does not divide it into a training and a test set; divide it yourself and call "
            "nalsm.datasets.pack_events"
        )
    try:
        sets = {split: known[chosen](str(folder), **options) for split, options in parts.items()}
        found: dict[str, Recordings] = {split: (_Events(dataset), _labels(dataset)) for split, dataset in sets.items()}
    except (OSError, RuntimeError, RecursionError, EOFError) as error:
        raise MachineError(
            f"{chosen}: tonic could not get or read it ({' '.join(str(error).split())[:200]}); its files belong in "
            f"{folder / chosen}"
        ) from None
    return found, tuple(sets["train"].sensor_size)


def _parts(dataset: Any) -> dict[str, dict[str, Any]]:
    """Return the arguments of a data set's class that give its splits, by split; empty if there are none."""
    accepted = inspect.signature(dataset.__init__).parameters
    if "train" in accepted:
        return {"train": {"train": True}, "test": {"train": False}}
    if "split" in accepted:
        return {split: {"split": split} for split in ("train", "valid", "test")}
    return {}


def _labels(dataset: Any) -> list[Any]:
    """Return the label of each recording: its class's name where the data set has names, else its number."""
    numbers = [int(number) for number in getattr(dataset, "targets", ())] or [
        int(dataset[k][1]) for k in range(len(dataset))
    ]
    names = [name.decode() if isinstance(name, bytes) else str(name) for name in getattr(dataset, "classes", ())]
    return [names[number] for number in numbers] if names and max(numbers) < len(names) else numbers
