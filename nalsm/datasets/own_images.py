"""Own data in an .npz file: x_train, y_train, x_test, y_test and, if there is one, x_valid and y_valid (Keras's names).

Samples are arrays of any shape, one input for each value. Without x_valid, the last sixth of the training set is the
validation split. `SCALES` says how values become rates.
"""

import math
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from nalsm.datasets.dataset import OWN, Dataset
from nalsm.datasets.images import image_dataset
from nalsm.datasets.own import OwnData, number_classes, require_sizes
from nalsm.encoding import image_scale
from nalsm.storage.checksum import content_checksum
from nalsm.support.errors import UserError
from nalsm.support.resources import memory_bytes

_Arrays = dict[str, np.ndarray]


def unit_scale(samples: np.ndarray) -> np.ndarray:
    """Return the factor 1 for each sample: float32 [n]. Its values are probabilities of a pulse in a ms already."""
    return np.ones(len(samples), np.float32)


# How values become rates. image: each sample is divided by its sum, then the split by its maximum, as in the paper.
SCALES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"image": image_scale, "probability": unit_scale}
RATES = ("auto", *SCALES)  # auto: whole numbers (uint8) are images, floats are probabilities


def describe(path: Path, rates: str = "auto") -> OwnData:
    """Return the OwnData of a file, after all checks; rates : one of RATES. Raises UserError."""
    stat = path.stat()
    return _described(path, rates, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=16)
def _described(path: Path, rates: str, _changed: int, _size: int) -> OwnData:
    arrays = _read(path)
    classes, _ = number_classes(_labels(arrays), f"{path}")
    rates = _chosen(rates, arrays)
    for name in _samples(arrays):
        _require_rates(arrays[name], name, rates, path)
    sizes = len(arrays["x_train"]), len(arrays["x_valid"]), len(arrays["x_test"])
    return OwnData(str(path), arrays["x_train"][0].size, classes, sizes, rates)


def load(own: OwnData, path: Path) -> Dataset:
    """Return the Dataset of a file; own : the summary that `describe` returned. Raises UserError."""
    arrays = _read(path)
    classes, labels = number_classes(_labels(arrays), f"{path}")
    samples, numbers = (
        np.concatenate([by_name[train], by_name[valid]])
        for by_name, train, valid in ((arrays, "x_train", "x_valid"), (labels, "train", "valid"))
    )
    scale = SCALES[_chosen(own.rates or "auto", arrays)]
    dataset = image_dataset(OWN, samples, numbers, arrays["x_test"], labels["test"], len(labels["valid"]), scale)
    return replace(dataset, name=own.name, fingerprint=content_checksum({}, [dataset.fingerprint, classes]))


def _chosen(rates: str, arrays: _Arrays) -> str:
    if rates != "auto":
        return rates
    return "image" if arrays["x_train"].dtype == np.uint8 else "probability"


def _samples(arrays: _Arrays) -> list[str]:
    return [name for name in arrays if name.startswith("x_")]


def _labels(arrays: _Arrays) -> _Arrays:
    return {split: arrays[f"y_{split}"] for split in ("train", "valid", "test")}


def _require_rates(values: np.ndarray, name: str, rates: str, path: Path) -> None:
    """Raise UserError unless the values can be rates; the text says how to scale them."""
    if values.dtype != np.uint8 and not np.isfinite(values).all():
        sample = np.argwhere(~np.isfinite(values))[0, 0]
        raise UserError(f"{path}: {name} has NaN or infinite values, the first in sample {sample}; replace them")
    low, high = values.min(), values.max()
    if low < 0:
        raise UserError(
            f"{path}: {name} has values down to {low:g}, but rates cannot be negative; scale all x to 0..1, as in "
            "(x - x.min()) / (x.max() - x.min())"
        )
    if rates == "probability" and high > 1:
        raise UserError(
            f"{path}: {name} has values up to {high:g}, but with --rates probability each is the probability of a "
            f"pulse in a ms, 0 to 1; scale all x to 0..1, as in x / {high:g}, or give --rates image, which scales as "
            "the paper does images"
        )


# ---- reading --------------------------------------------------------------------------------------


def _read(path: Path) -> _Arrays:
    """Return x and y of the three splits by name; x uint8 or float32 [n, ...]. Raises UserError."""
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {name: _member(archive, name, path) for name in _names(archive, path)}
    except UserError:
        raise
    except Exception as error:  # zipfile and NumPy do not document what damaged archives and headers raise
        reason = f"{error}".splitlines()[:1] or [type(error).__name__]
        raise UserError(f"{path}: it cannot be read as an .npz file ({reason[0][:200]}); save it again") from None
    for split in ("train", "test", "valid"):
        if f"x_{split}" in arrays:
            _require_alike(arrays, split, path)
    if "x_valid" not in arrays:
        for kind in "xy":
            whole = arrays[f"{kind}_train"]
            arrays[f"{kind}_train"], arrays[f"{kind}_valid"] = np.split(whole, [len(whole) - len(whole) // 6])
    require_sizes([len(arrays[f"x_{split}"]) for split in ("train", "valid", "test")], f"{path}")
    if not arrays["x_train"][0].size:
        raise UserError(f"{path}: the samples of x_train have no values")
    return arrays


def _names(archive: zipfile.ZipFile, path: Path) -> list[str]:
    """Return the names of the arrays to read; raises UserError if some are missing or too large for the memory."""
    there = {name.removesuffix(".npy") for name in archive.namelist()}
    names = ["x_train", "y_train", "x_test", "y_test"]
    names += ["x_valid", "y_valid"] if there & {"x_valid", "y_valid"} else []
    missing = [name for name in names if name not in there]
    if missing:
        raise UserError(
            f"{path}: it lacks {', '.join(missing)}; save it with numpy.savez(path, x_train=..., y_train=..., "
            "x_test=..., y_test=...)"
        )
    needed = sum(archive.getinfo(f"{name}.npy").file_size for name in names)
    if needed > memory_bytes():
        raise UserError(f"{path}: its arrays take {needed / 1e9:.3g} GB, more than the memory of this machine")
    return names


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> np.ndarray:
    """Return an array of the file, labels as they are, samples as uint8 or float32; raises UserError and others.

    The header is compared with the size of the data before memory is allocated.
    """
    with archive.open(f"{name}.npy") as member:
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, columns_first, kind = readers[np.lib.format.read_magic(member)](member)
        if kind.hasobject:
            raise UserError(
                f"{path}: {name} is an array of objects (samples of different shapes?); make it one array of numbers"
            )
        if math.prod(shape) * kind.itemsize != archive.getinfo(f"{name}.npy").file_size - member.tell():
            raise ValueError(f"{name} is longer or shorter than its header says")
        array = np.frombuffer(member.read(), kind).reshape(shape, order="F" if columns_first else "C")
    if name.startswith("y_"):
        return array
    if array.ndim < 1 or not (kind == np.uint8 or kind.kind == "f"):
        raise UserError(
            f"{path}: {name} is {kind} {shape}, expected uint8 or floats [samples, ...]; convert it with "
            "x.astype(numpy.uint8) if its values are 0..255, else with x.astype(numpy.float32)"
        )
    return array if kind == np.uint8 else array.astype(np.float32)


def _require_alike(arrays: _Arrays, split: str, path: Path) -> None:
    """Raise UserError unless there is a label for each sample, and samples are as those of x_train."""
    samples, labels, train = arrays[f"x_{split}"], arrays[f"y_{split}"], arrays["x_train"]
    if labels.ndim < 1 or len(samples) != len(labels):
        raise UserError(
            f"{path}: x_{split} has the shape {samples.shape}, y_{split} {labels.shape}; one label a sample"
        )
    if (samples.shape[1:], samples.dtype) != (train.shape[1:], train.dtype):
        raise UserError(
            f"{path}: a sample of x_{split} is {samples.dtype} {samples.shape[1:]}, one of x_train {train.dtype} "
            f"{train.shape[1:]}; make them the same"
        )
