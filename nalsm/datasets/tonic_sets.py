"""Data sets of tonic by name, as recordings for `nalsm.datasets.own_events.pack_events`."""

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nalsm.datasets.own_events import Recordings
from nalsm.support.errors import MachineError, UserError
from nalsm.support.random_streams import stream


class _Events(Sequence[np.ndarray]):
    """The recordings of a tonic data set in an order, read one at a time."""

    def __init__(self, dataset: Any, order: np.ndarray) -> None:
        self._dataset, self._order = dataset, order

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, number: Any) -> Any:
        return self._dataset[int(self._order[number])][0]


def tonic_recordings(name: str, folder: Path) -> tuple[str, dict[str, Recordings], tuple[int, int, int]]:
    """Return (name, recordings and labels of "train", "test" and perhaps "valid", sensor size) of a tonic data set.

    name : class in tonic.datasets, in any case; tonic keeps it in <folder>/<name>, and downloads what is missing
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
        orders = {split: _order(dataset, split == "train" and "valid" not in sets) for split, dataset in sets.items()}
        found: dict[str, Recordings] = {
            split: (_Events(dataset, orders[split]), _labels(dataset, orders[split])) for split, dataset in sets.items()
        }
        size = [int(n) for n in sets["train"].sensor_size]
    except Exception as error:  # tonic does not document what it raises
        raise MachineError(
            f"{chosen}: tonic could not get or read it ({type(error).__name__}: {' '.join(str(error).split())[:200]}); "
            f"its files belong in {folder / chosen}"
        ) from None
    return chosen, found, (size[0], size[1], size[2])


def _parts(dataset: Any) -> dict[str, dict[str, Any]]:
    """Return the arguments of a data set's class that give its splits, by split; empty if there are none."""
    accepted = inspect.signature(dataset.__init__).parameters
    if "train" in accepted:
        return {"train": {"train": True}, "test": {"train": False}}
    if "split" in accepted:
        return {split: {"split": split} for split in ("train", "valid", "test")}
    return {}


def _order(dataset: Any, shuffled: bool) -> np.ndarray:
    """Return the places of a data set's recordings in an order that is the same on every machine: int [n].

    Tonic lists files as the file system does, often class by class. shuffled : put them in a fixed random order, so
    that the last sixth, which becomes the validation split, has all classes
    """
    n = len(dataset)
    files = [item if isinstance(item, str) else "" for item in dataset.data[:n]]
    places = np.array(sorted(range(n), key=files.__getitem__) if len(files) == n else range(n), np.int64)
    return places[stream(0, "order of recordings").permutation(n)] if shuffled else places


def _labels(dataset: Any, order: np.ndarray) -> list[Any]:
    """Return the labels of recordings: names of the classes where the data set has them, else what it calls them."""
    targets = dataset.targets if len(dataset.targets) == len(dataset) else [dataset[k][1] for k in range(len(dataset))]
    labels = [np.asarray(targets[place]).item() for place in order]
    names = [name.decode() if isinstance(name, bytes) else str(name) for name in getattr(dataset, "classes", ())]
    are_numbers = names and all(isinstance(label, int) and 0 <= label < len(names) for label in labels)
    return [names[label] for label in labels] if are_numbers else labels
