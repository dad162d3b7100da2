"""What the package keeps of a data file that a user brings, and the checks that all such files share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nalsm.datasets.dataset import OWN
from nalsm.support.errors import UserError

MOST_CLASSES = 1_000
MOST_SAMPLES = 10**6  # of a split
_LONGEST_NAME = 60  # characters of a class's name; the rest is cut


@dataclass(frozen=True)
class OwnData:
    """A summary of a data file. A run records it, so that the run can be read without the file.

    file : path, absolute
    n_inputs : inputs of a sample
    classes : names of the classes, in the order of the labels
    sizes : samples of the training, validation and test split
    rates : how values become rates, a key of `nalsm.datasets.own_images.SCALES`; None for recordings
    duration : steps of a recording, 1 ms of the liquid each; None for images
    """

    file: str
    n_inputs: int
    classes: tuple[str, ...]
    sizes: tuple[int, int, int]
    rates: str | None = None
    duration: int | None = None

    @property
    def name(self) -> str:
        """The name of the data set, as it is printed and recorded."""
        return f"{OWN} {Path(self.file).name}"

    @classmethod
    def from_recorded(cls, values: Any) -> "OwnData":
        """Return what a file recorded as a dict; raises ValueError if it is something else."""
        try:
            own = cls(**{**values, "classes": tuple(values["classes"]), "sizes": tuple(values["sizes"])})
        except (TypeError, KeyError):
            raise ValueError(f"{values!r:.60} is no summary of a data file") from None
        numbers = (own.n_inputs, *own.sizes, 1 if own.duration is None else own.duration)
        sound = (
            isinstance(own.file, str),
            len(own.sizes) == 3,
            all(type(number) is int and 1 <= number < 2**32 for number in numbers),
            2 <= len(own.classes) <= MOST_CLASSES and all(isinstance(name, str) for name in own.classes),
            own.rates is None or isinstance(own.rates, str),
        )
        if not all(sound):
            raise ValueError(f"{values!r:.60} is no summary of a data file")
        return own


def number_classes(labels: Mapping[str, Any], place: str) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """Return (names of the classes, numbers of the classes by split: uint8 [n], uint16 if there are more than 256).

    labels : whole numbers or texts by split: [n] (or [n, 1], as Keras has them), of "train", "test" and, if there is
        one, "valid"; classes are numbered in the order of the labels
    place : begins the text of an error
    Raises UserError for other labels, less than 2 or more than 1,000 classes, and a class that lacks training or test
    samples.
    """
    arrays = {split: _labels(values, f"{place}: the {split} labels") for split, values in labels.items()}
    texts = [array.dtype.kind == "U" for array in arrays.values()]
    if any(texts) and not all(texts):
        raise UserError(f"{place}: some labels are numbers, others are texts; make all of them the same")
    known = np.unique(arrays["train"])
    for split, array in arrays.items():
        unknown = np.setdiff1d(array, known)
        if unknown.size:
            hint = (
                "; if the last sixth of the training set became the validation set, shuffle it"
                if split == "valid"
                else ""
            )
            raise UserError(
                f"{place}: the {split} labels have {_few(unknown)}, the training labels do not; each class needs "
                f"training samples{hint}"
            )
    if not 2 <= len(known) <= MOST_CLASSES:
        raise UserError(f"{place}: the labels have {len(known)} classes, expected 2 to {MOST_CLASSES:,}")
    untested = np.setdiff1d(known, arrays["test"])
    if untested.size:
        raise UserError(f"{place}: no test sample has the label {_few(untested)}; each class needs test samples")
    kind = np.min_scalar_type(len(known) - 1)
    numbers = {split: np.searchsorted(known, array).astype(kind) for split, array in arrays.items()}
    return tuple(_printable(str(label)) for label in known), numbers


def _labels(values: Any, title: str) -> np.ndarray:
    """Return labels as a vector of whole numbers or texts; raises UserError."""
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind not in "iubU":
        raise UserError(f"{title} are {array.dtype}; labels are whole numbers or texts")
    if array.ndim != 1:
        raise UserError(f"{title} have the shape {array.shape}, expected one label for each sample: (n,)")
    return array.astype(np.uint8) if array.dtype.kind == "b" else array


def require_sizes(sizes: Sequence[int], place: str) -> None:
    """Raise UserError unless the training, validation and test split have 1 to 1,000,000 samples each."""
    for split, size in zip(("training", "validation", "test"), sizes, strict=True):
        if not 1 <= size <= MOST_SAMPLES:
            raise UserError(f"{place}: it has {size:,} {split} samples, expected 1 to {MOST_SAMPLES:,}")


def _few(labels: np.ndarray, shown: int = 3) -> str:
    more = f" and {len(labels) - shown} more" if len(labels) > shown else ""
    return ", ".join(_printable(str(label)) for label in labels[:shown]) + more


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:_LONGEST_NAME]
