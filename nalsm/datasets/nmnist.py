"""N-MNIST: MNIST seen by an event camera in three short saccades, 34 x 34 pixels, about 0.3 s.

Data: G. Orchard, A. Jayawant, G. K. Cohen, N. Thakor, Front. Neurosci. 9:437, 2015. Recording k of
its training (test) set is image k of MNIST's. Splits are in that order, not tonic's, which is by class.

Simulated recordings (`nalsm.datasets.simulated_nmnist`) go the same way under a name of their own: a
folder of them is marked by a file in it, a packed file by the name it carries inside.
"""

import contextlib
import hashlib
import os
import re
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nalsm.datasets.dataset import Dataset
from nalsm.datasets.packing import (
    HeldRecordings,
    PackedRecordings,
    Source,
    decode_events,
    earliest_at,
    event_inputs,
    event_times,
    pack,
)
from nalsm.datasets.sources import DATA_SOURCES, DataSource, simulated_name
from nalsm.encoding import N_EVENT_INPUTS
from nalsm.support.errors import DamagedFile, MachineError, UserError
from nalsm.support.random_streams import stream

_SOURCE = DATA_SOURCES["N-MNIST"]
NAME, SIMULATED_NAME = _SOURCE.name, simulated_name(_SOURCE.name)
PACKED, PACKED_SIMULATED = "nmnist.events.h5", "nmnist-simulated.events.h5"
SIMULATED_FOLDER = "simulated-nmnist"
MARKER = "SIMULATED.txt"  # in a folder: its recordings are simulated
EVENT_BYTES = 5
_MOST_EVENTS = 2**20  # of a recording; N-MNIST's have about 4,000
_TONIC, _REFERENCE = ("Train", "Test"), ("train_all", "valid_all", "test_all")
_FIRST_LABELS = [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]  # of MNIST's training set
_EVENT = np.dtype([("x", np.uint8), ("y", np.uint8), ("t", np.uint32), ("p", np.uint8)])
_AGAIN = {
    NAME: "extract its archive again, or run: python -m nalsm.datasets download-nmnist",
    SIMULATED_NAME: "go on with: python -m nalsm.datasets simulate-nmnist, or begin afresh with --overwrite",
}


# ---- where it is ----------------------------------------------------------------------------------


def find(data_dir):
    """Return where recordings are: a packed file, or a folder of .bin files; real ones come first.

    Raises UserError where there are none.
    """
    data_dir = Path(data_dir)
    packed = [data_dir / PACKED, data_dir / "nmnist" / PACKED]
    real, simulated = _folders(data_dir)
    for path in (*packed, *real, data_dir / PACKED_SIMULATED, *simulated):
        if path.exists():
            return path
    raise _nothing_in(data_dir)


def find_folder(data_dir):
    """Return the folder of .bin files that `find` would return if nothing were packed."""
    real, simulated = _folders(Path(data_dir))
    for folder in (*real, *simulated):
        return folder
    raise _nothing_in(data_dir)


def _folders(data_dir):
    folders = [data_dir / name for name in ("NMNIST", "nmnist", "nmnist/NMNIST", SIMULATED_FOLDER)]
    folders = [folder for folder in folders if _layout(folder)]
    return [f for f in folders if not is_simulated(f)], [f for f in folders if is_simulated(f)]


def _nothing_in(data_dir):
    return UserError(
        f"{NAME}: neither {PACKED} in {data_dir}, nor recordings in its NMNIST (Train, Test) or nmnist (train_all, "
        "valid_all, test_all); get them with: python -m nalsm.datasets download-nmnist, or simulate some: python -m "
        f"nalsm.datasets simulate-nmnist (each with --data-dir {data_dir})"
    )


def _layout(folder):
    """Return the names of the parts of a folder of recordings, or None where it is none."""
    for parts in (_TONIC, _REFERENCE):
        if any((folder / part).is_dir() for part in parts):
            return parts
    return None


def packed_path(folder):
    """Return where the recordings of a folder are packed: beside the folder."""
    return Path(folder).parent / (PACKED_SIMULATED if is_simulated(folder) else PACKED)


def is_simulated(folder):
    """Tell whether a folder is marked as simulated: by its name, or a file in it or its parts."""
    folder = Path(folder)
    return folder.name == SIMULATED_FOLDER or any((folder / part / MARKER).exists() for part in ("", *_TONIC))


def marked_sizes(folder):
    """Return the numbers of training and test recordings that the marker file of a folder tells.

    Raises DamagedFile where it does not tell them.
    """
    marker = Path(folder) / MARKER
    text = marker.read_text(encoding="utf-8", errors="replace") if marker.is_file() else ""
    sizes = tuple(int(n) for split in ("train", "test") for n in re.findall(rf"^{split}: (\d{{1,5}})$", text, re.M))
    if len(sizes) != 2 or not all(1 <= size <= most for size, most in zip(sizes, _SOURCE.published_sizes, strict=True)):
        raise DamagedFile(f"{SIMULATED_NAME}: {marker} does not tell how many there are; {_AGAIN[SIMULATED_NAME]}")
    return sizes


# ---- the data set ---------------------------------------------------------------------------------


def load(path: Path, source: DataSource = _SOURCE, quiet: bool = False) -> Dataset:
    """Return the data set that `find` found; recordings in a folder are packed first.

    Its name says whether it is simulated. Validation samples are the last sixth of the training set.
    Raises UserError where the set is incomplete, DamagedFile where files are.
    """
    path = Path(path)
    if path.is_dir():
        path = pack_folder(path, source, quiet=quiet)
    packed = PackedRecordings(path)
    n, n_train = len(packed), packed.n_train
    sizes = source.published_sizes
    if packed.name != SIMULATED_NAME and (packed.name != NAME or (n_train, n - n_train) != sizes):
        raise DamagedFile(f"{NAME}: {path} holds {packed.name}, {n_train} + {n - n_train}; pack the complete set again")
    ids = np.concatenate([np.arange(n_train), sizes[0] + np.arange(n - n_train)])  # the number of the MNIST image
    borders = 0, n_train - n_train // 6, n_train, n
    splits = [EventSplit(packed, places, packed.labels[places], ids[places])
              for places in np.split(np.arange(n), borders[1:-1])]  # fmt: skip
    return Dataset(packed.name, N_EVENT_INPUTS, *splits, fingerprint=packed.fingerprint)


def pack_folder(folder, data_source=_SOURCE, overwrite=False, quiet=False):
    """Pack the recordings of a folder into one file beside it, and return its path.

    A file that is there stays, unless `overwrite` is set; `quiet`: no progress is printed. Raises as `load` does.
    """
    path = packed_path(folder)
    if overwrite or not path.exists():
        source = folder_source(folder, data_source.published_sizes)
        try:
            pack(source, path, overwrite, quiet)
        except PermissionError as error:
            raise UserError(
                f"{source.name}: recordings are packed once into {path}, which cannot be written ({error}); allow it, "
                f"or link {folder} into a data folder of your own and name that with --data-dir"
            ) from None
    return path


@dataclass(frozen=True)
class EventSplit:
    """recordings : where the events are; places : int64 [n], which of its recordings these are.

    See `nalsm.datasets.Split` for the rest.
    """

    recordings: PackedRecordings | HeldRecordings
    places: np.ndarray
    labels: np.ndarray
    sample_ids: np.ndarray

    def __len__(self):
        return len(self.labels)

    def subset(self, indices):
        return replace(
            self, places=self.places[indices], labels=self.labels[indices], sample_ids=self.sample_ids[indices]
        )

    def detached(self, indices):
        recordings = HeldRecordings(self.recordings.read(self.places[indices]))
        return replace(self.subset(indices), recordings=recordings, places=np.arange(len(indices)))

    def events(self, indices):
        """Return (x, y, p, t_us) of each recording, int64 [n_events] each, in the order of time."""
        return [decode_events(events) for events in self.recordings.read(self.places[indices])]

    def presentation(self, indices, steps, seed):
        """Events are what they are: the raster does not depend on the seed."""
        return self._rasters(indices, np.zeros(len(indices), np.int64), steps)

    def snapshots(self, indices, numbers, steps, seed):
        latest = _SOURCE.longest_snapshot + 1 - steps  # 278 for the published 20 ms
        if latest < 1:
            raise UserError(f"{NAME}: a snapshot may last {_SOURCE.longest_snapshot} ms at most, asked for {steps}")
        first = [stream(seed, "nmnist snapshot start", number).integers(1, latest + 1) for number in numbers]
        return self._rasters(indices, first, steps)

    def _rasters(self, indices, first_ms, steps):
        rasters = np.zeros((len(indices), steps, N_EVENT_INPUTS), np.uint8)
        for raster, events, first in zip(rasters, self.recordings.read(self.places[indices]), first_ms, strict=True):
            _fill(raster, events, int(first))
        return rasters


def _fill(raster, events, first_ms):
    """Enter the events from `first_ms` on, as `nalsm.encoding.raster_from_events` does for all."""
    margin = 1  # ms, for rounding
    near = earliest_at((first_ms - margin) * 1000), earliest_at((first_ms + len(raster) + margin) * 1000)
    events = events[slice(*np.searchsorted(events, near))]
    ms = np.rint(event_times(events) / 1000).astype(np.int64) - first_ms
    inside = (ms >= 0) & (ms < len(raster))
    raster[ms[inside], event_inputs(events)[inside]] = 1


# ---- a folder of recordings -----------------------------------------------------------------------


@dataclass(frozen=True)
class _Recording:
    path: str
    size: int  # bytes
    label: str  # name of its folder, "" where that does not tell


def folder_source(folder, published_sizes=_SOURCE.published_sizes):
    """Return the Source of a folder of .bin files, after a check that the set is complete.

    Raises UserError where recordings are missing or too many, DamagedFile where some are cut.
    """
    folder = Path(folder)
    name = SIMULATED_NAME if is_simulated(folder) else NAME
    parts = _layout(folder) or _TONIC
    if parts is _TONIC:
        sizes = marked_sizes(folder) if name == SIMULATED_NAME else published_sizes
        train, test = (_complete(scan(folder / part), size, folder / part, name)
                       for part, size in zip(parts, sizes, strict=True))  # fmt: skip
        labels = np.array([recording.label for recording in train + test]).astype(np.uint8)
    else:
        train, test = _reference_recordings(folder, published_sizes)
        arrays = mnist_arrays(folder.parent, published_sizes)
        labels = np.concatenate([arrays["y_train"], arrays["y_test"]])
    _check_bytes(train + test, folder, name)
    if name == NAME and labels[:10].tolist() != _FIRST_LABELS:
        raise DamagedFile(f"{NAME}: the first labels in {folder} are {labels[:10].tolist()}, not those of MNIST")
    return _source(name, labels, train, test, folder)


def _source(name, labels, train, test, folder):
    recordings = train + test
    lines = [f"{Path(recording.path).relative_to(folder)} {recording.size}\n" for recording in recordings]
    n_bytes = sum(recording.size for recording in recordings)
    origin = {
        "recordings": [len(train), len(test)],
        "bytes": n_bytes,
        "names_and_sizes_sha256": hashlib.sha256("".join(lines).encode()).hexdigest(),
    }
    return Source(
        name, labels, len(train), lambda place: read_recording(recordings[place].path), origin, n_bytes // EVENT_BYTES
    )


def scan(folder):
    """Return the recordings in a folder, or in its folders 0 to 9: {number: _Recording}.

    Raises UserError for a .bin file that is not named by five digits, or a number that occurs twice.
    """
    recordings = {}
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


def _complete(found, size, folder, name, first=1):
    """Return the recordings first..first+size-1 in order; raises UserError unless they are all there are."""
    expected = range(first, first + size)
    missing = [f"{number:05d}" for number in expected if number not in found]
    extra = [found[number].path for number in sorted(set(found) - set(expected))]
    if missing or extra:
        raise UserError(
            f"{name}: {folder} should hold {size} recordings, {first:05d}.bin to {expected[-1]:05d}.bin, and holds "
            f"{len(found)}; {f'missing: {_few(missing)}' if missing else f'too many: {_few(extra)}'}; {_AGAIN[name]}"
        )
    return [found[number] for number in expected]


def _reference_recordings(folder, sizes):
    """Return (training, test) recordings in the layout of the reference implementation."""
    n_valid, n_train = sizes[0] // 6, sizes[0] - sizes[0] // 6
    train, valid, test = (scan(folder / part) for part in _REFERENCE)
    counts_on = max(valid, default=0) > n_valid  # its numbers may follow those of train_all
    train = _complete(train, n_train, folder / "train_all", NAME)
    valid = _complete(valid, n_valid, folder / "valid_all", NAME, first=n_train + 1 if counts_on else 1)
    return train + valid, _complete(test, sizes[1], folder / "test_all", NAME)


def _check_bytes(recordings, folder, name):
    empty = [recording.path for recording in recordings if recording.size == 0]
    cut = [recording.path for recording in recordings if recording.size % EVENT_BYTES]
    if empty or cut:
        what = f"empty: {_few(empty)}" if empty else f"not of whole events of {EVENT_BYTES} bytes: {_few(cut)}"
        raise DamagedFile(f"{name}: recordings in {folder} are cut; {what}; {_AGAIN[name]}")


def _few(names, shown=3):
    more = len(names) - shown
    return ", ".join(map(str, names[:shown])) + (f" and {more} more" if more > 0 else "")


def read_recording(path):
    """Return (x, y, p, t_us) of one .bin file: uint8, uint8, uint8 and uint32 [n].

    Raises DamagedFile where the file is cut or far too long, and FileNotFoundError.
    """
    size = os.path.getsize(path)
    if size > EVENT_BYTES * _MOST_EVENTS:
        raise DamagedFile(f"{NAME}: {path} is no recording: it has {size} bytes")
    if size % EVENT_BYTES:
        raise DamagedFile(f"{NAME}: {path} is cut: its {size} bytes are not whole events of {EVENT_BYTES}")
    with contextlib.suppress(ImportError):  # see pyproject.toml: tonic is not there for every Python
        from tonic.io import read_mnist_file

        events = read_mnist_file(path, dtype=_EVENT)
        if len(events) == size // EVENT_BYTES:
            return events["x"], events["y"], events["p"], events["t"]
    # tonic takes events with y = 240 for overflows of the camera's timer: it leaves them out and moves
    # all later ones by 8,192 us. Here, as in the reference implementation, y = 240 is an event outside
    # the field and nothing else (23 bits of time last for 8 s), so such a file is read without tonic.
    x, y, high, middle, low = np.fromfile(path, np.uint8).reshape(-1, EVENT_BYTES).T.astype(np.uint32)
    return x, y, high >> 7, (high & 127) << 16 | middle << 8 | low


def mnist_arrays(data_dir, sizes=_SOURCE.published_sizes):
    """Return x_train, y_train, x_test and y_test of mnist.npz by name (uint8); raises as MNIST's own `load`."""
    from nalsm.datasets import mnist

    path = mnist.find(Path(data_dir))
    arrays = mnist.read(path)
    if tuple(map(len, arrays.values())) != (sizes[0],) * 2 + (sizes[1],) * 2:
        raise DamagedFile(f"MNIST: {path} is not complete; restore it with git checkout")
    return arrays


# ---- getting it -----------------------------------------------------------------------------------


def download(data_dir, sizes=_SOURCE.published_sizes):
    """Download N-MNIST into <data_dir>/NMNIST with tonic (about 1.2 GB), check it, and return the folder.

    Archives that are there already and sound are extracted only.
    Raises UserError where the complete set is there, MachineError where the download fails.
    """
    try:
        import tonic.datasets
    except ImportError as error:
        raise UserError(
            f"{NAME}: tonic, which downloads it, is not there ({error}); install it: pip install tonic (from Python "
            "3.12 on that needs a C compiler)"
        ) from None

    folder = Path(data_dir) / "NMNIST"
    if _layout(folder) and not _is_incomplete(folder, sizes):
        raise UserError(f"{NAME}: the complete set is in {folder} already")
    # tonic takes 10,000 files for a complete set; this one always compares and extracts the archives
    again = type("NMNIST", (tonic.datasets.NMNIST,), {"_check_exists": lambda self: False})
    try:
        for train in (True, False):
            again(str(data_dir), train=train)
    except (OSError, RuntimeError, RecursionError, zipfile.BadZipFile) as error:
        raise MachineError(
            f"{NAME}: the download failed ({error}); get train.zip and test.zip from "
            f"https://data.mendeley.com/datasets/468j46mzdv with a browser and extract them in {folder}"
        ) from None
    folder_source(folder, sizes)
    return folder


def _is_incomplete(folder, sizes):
    try:
        folder_source(folder, sizes)
    except (UserError, DamagedFile):
        return True
    return False
