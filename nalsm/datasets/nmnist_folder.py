"""Folders of N-MNIST recordings: one .bin file for each, as tonic or the reference implementation lays them out.

    tonic       Train/<label>/00001.bin ... 60000.bin, Test/<label>/00001.bin ... 10000.bin
    reference   train_all/, valid_all/, test_all/ without labels; these are MNIST's (mnist.npz beside the folder)

A folder is used only if it is complete: nothing is missing, nothing is cut, and the labels begin as MNIST's do.
"""

import contextlib
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nalsm.datasets import mnist
from nalsm.datasets.packing import Source
from nalsm.support.errors import DamagedFile, UserError

NAME = "N-MNIST"
EVENT_BYTES = 5
_MOST_EVENTS = 2**20  # of a recording; those of N-MNIST have about 4,000
_TONIC, _REFERENCE = ("Train", "Test"), ("train_all", "valid_all", "test_all")
_FIRST_LABELS = [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]  # of MNIST's training set
_EVENT = np.dtype([("x", np.uint8), ("y", np.uint8), ("t", np.uint32), ("p", np.uint8)])
_AGAIN = "extract its archive again, or run: python -m nalsm.datasets download-nmnist"


@dataclass(frozen=True)
class _Recording:
    path: str
    size: int  # bytes
    label: str  # name of its folder; "" in the reference's layout


def layout(folder: Path) -> tuple[str, ...] | None:
    """Return the names of the parts of a folder of recordings, or None if it has none of them."""
    for parts in (_TONIC, _REFERENCE):
        if any((folder / part).is_dir() for part in parts):
            return parts
    return None


def folder_source(folder: Path, sizes: tuple[int, int]) -> Source:
    """Return the Source of a folder of .bin files, after a check that the set is complete.

    sizes : expected training and test recordings
    Raises UserError if recordings are missing, surplus or without a label, DamagedFile if some are cut.
    """
    if (layout(folder) or _TONIC) is _TONIC:
        train, test = (
            _complete(_scan(folder / part), size, folder / part) for part, size in zip(_TONIC, sizes, strict=True)
        )
        if loose := [recording.path for recording in train + test if not recording.label]:
            raise UserError(f"{NAME}: these are in no folder of a label (0 to 9): {_few(loose)}; {_AGAIN}")
        labels = np.array([recording.label for recording in train + test]).astype(np.uint8)
    else:
        train, test = _reference_recordings(folder, sizes)
        arrays = mnist.read_complete(mnist.find(folder.parent), sizes)
        labels = np.concatenate([arrays["y_train"], arrays["y_test"]])
    _check_bytes(train + test, folder)
    if labels[:10].tolist() != _FIRST_LABELS:
        raise DamagedFile(f"{NAME}: the first labels in {folder} are {labels[:10].tolist()}, not those of MNIST")
    return _source(labels, train, test, folder)


def _source(labels: np.ndarray, train: list[_Recording], test: list[_Recording], folder: Path) -> Source:
    recordings = train + test
    lines = [f"{Path(recording.path).relative_to(folder)} {recording.size}\n" for recording in recordings]
    n_bytes = sum(recording.size for recording in recordings)
    origin = {
        "recordings": [len(train), len(test)],
        "bytes": n_bytes,
        "names_and_sizes_sha256": hashlib.sha256("".join(lines).encode()).hexdigest(),
    }
    return Source(
        NAME, labels, len(train), lambda place: read_recording(recordings[place].path), origin, n_bytes // EVENT_BYTES
    )


def _scan(folder: Path) -> dict[int, _Recording]:
    """Return the recordings in a folder and in its folders 0 to 9, by their number.

    Raises UserError for a .bin file that is not named by five digits, or a number that occurs twice.
    """
    recordings: dict[int, _Recording] = {}
    for label in ("", *"0123456789"):
        if not (folder / label).is_dir():
            continue
        for entry in os.scandir(folder / label):
            if entry.name.startswith(".") or not entry.name.endswith(".bin"):
                continue
            if not re.fullmatch(r"[0-9]{5}\.bin", entry.name):
                raise UserError(f"{NAME}: {entry.path} is not named as recordings are (00001.bin); remove or rename it")
            number = int(entry.name[:5])
            if number in recordings:
                raise UserError(f"{NAME}: {entry.path} and {recordings[number].path} have one number; remove one")
            recordings[number] = _Recording(entry.path, entry.stat().st_size, label)
    return recordings


def _complete(found: dict[int, _Recording], size: int, folder: Path, first: int = 1) -> list[_Recording]:
    """Return the recordings first..first+size-1 in order; raises UserError if some are missing or surplus."""
    expected = range(first, first + size)
    missing = [f"{number:05d}" for number in expected if number not in found]
    extra = [found[number].path for number in sorted(set(found) - set(expected))]
    if missing or extra:
        raise UserError(
            f"{NAME}: {folder} should hold {size} recordings, {first:05d}.bin to {expected[-1]:05d}.bin, and holds "
            f"{len(found)}; {f'missing: {_few(missing)}' if missing else f'too many: {_few(extra)}'}; {_AGAIN}"
        )
    return [found[number] for number in expected]


def _reference_recordings(folder: Path, sizes: tuple[int, int]) -> tuple[list[_Recording], list[_Recording]]:
    """Return (training, test) recordings in the layout of the reference implementation."""
    n_valid, n_train = sizes[0] // 6, sizes[0] - sizes[0] // 6
    train, valid, test = (_scan(folder / part) for part in _REFERENCE)
    counts_on = max(valid, default=0) > n_valid  # its numbers may follow those of train_all
    return (
        _complete(train, n_train, folder / "train_all")
        + _complete(valid, n_valid, folder / "valid_all", first=n_train + 1 if counts_on else 1),
        _complete(test, sizes[1], folder / "test_all"),
    )


def _check_bytes(recordings: list[_Recording], folder: Path) -> None:
    empty = [recording.path for recording in recordings if recording.size == 0]
    cut = [recording.path for recording in recordings if recording.size % EVENT_BYTES]
    if empty or cut:
        what = f"empty: {_few(empty)}" if empty else f"not of whole events of {EVENT_BYTES} bytes: {_few(cut)}"
        raise DamagedFile(f"{NAME}: recordings in {folder} are cut; {what}; {_AGAIN}")


def _few(names: list[str], shown: int = 3) -> str:
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")


def read_recording(path: str | Path) -> tuple[np.ndarray, ...]:
    """Return (x, y, p, t_us) of one .bin file: uint8, uint8, uint8 and uint32 [n].

    An event has 5 bytes: x, y, then 1 bit of polarity and 23 bits of microseconds, big-endian (Orchard et al. 2015).
    Raises DamagedFile if the file is cut or far too long, and FileNotFoundError.
    """
    size = os.path.getsize(path)
    if size > EVENT_BYTES * _MOST_EVENTS:
        raise DamagedFile(f"{NAME}: {path} is no recording: it has {size} bytes")
    if size % EVENT_BYTES:
        raise DamagedFile(f"{NAME}: {path} is cut: its {size} bytes are not whole events of {EVENT_BYTES}")
    with contextlib.suppress(ImportError):  # tonic cannot be installed for every Python, see pyproject.toml
        from tonic.io import read_mnist_file

        events = read_mnist_file(path, dtype=_EVENT)
        if len(events) == size // EVENT_BYTES:
            return events["x"], events["y"], events["p"], events["t"]
    # tonic takes events with y = 240 for overflows of the camera's timer: it drops them and moves all later events by
    # 8,192 us. Here, as in the reference implementation, y = 240 is just an event outside the field (23 bits of time
    # last for 8 s), so such a file is read without tonic.
    x, y, high, middle, low = np.fromfile(path, np.uint8).reshape(-1, EVENT_BYTES).T.astype(np.uint32)
    return x, y, high >> 7, (high & 127) << 16 | middle << 8 | low
