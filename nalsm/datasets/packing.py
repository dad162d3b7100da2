"""Many small recordings of an event camera in one file that is quick to read in any order.

An event is one number: its time in microseconds, shifted left by 12 bits, plus the input it drives (polarity * 1156 +
y * 34 + x, below 2**12). The file is HDF5. It contains the events of all recordings, one after another and uncompressed
(compression would save a fifth and take three times as long), and for each recording its first event, CRC-32 and label.

Only plain reads and writes touch the disk, because HDF5's library crashes on a full disk and may hang on a damaged
file. The library therefore writes into memory. It reads a file only after everything that it interprets has been
compared with a checksum, which is in the file's user block.

Packing works in parts of 1,000 recordings, which stay in a hidden folder beside the file until they are joined. An
interrupted program therefore resumes at the first part that is missing.
"""

import hashlib
import io
import json
import os
import re
import shutil
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from nalsm.datasets.dataset import N_CLASSES
from nalsm.encoding import N_EVENT_INPUTS, SENSOR_SIZE
from nalsm.storage.checksum import content_checksum
from nalsm.storage.files import read_arrays, replacing, write_arrays
from nalsm.storage.plain_hdf5 import plain_datasets, read_attributes, unreadable
from nalsm.support.errors import DamagedFile, MachineError
from nalsm.support.resources import cores
from nalsm.support.tuning import TUNING

_USER_BLOCK = 512  # bytes
_MOST_HEADER = 2**26  # bytes of everything but the events
_INPUT_BITS = 12
_LATEST_US = 2**20 - 1  # recordings last 0.3 s
_VERSION = 1


def encode_events(x: np.ndarray, y: np.ndarray, p: np.ndarray, t_us: np.ndarray) -> np.ndarray:
    """Return the packed events of a recording, ordered by time: uint32 [m], m <= n.

    Events that no raster ever shows are dropped: those outside the field, and those later than 1 s.

    x, y, p, t_us : int [n]; see `nalsm.encoding.raster_from_events`
    """
    x, y, p, t_us = (np.asarray(values).astype(np.int64) for values in (x, y, p, t_us))
    inside = (x >= 0) & (x < SENSOR_SIZE) & (y >= 0) & (y < SENSOR_SIZE) & (t_us >= 0) & (t_us <= _LATEST_US)
    packed = (t_us << _INPUT_BITS) | ((p * SENSOR_SIZE + y) * SENSOR_SIZE + x)
    return np.sort(packed[inside].astype(np.uint32))


def decode_events(packed: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return (x, y, p, t_us), int64 [m] each, of packed events (uint32 [m])."""
    p, pixel = np.divmod(event_inputs(packed).astype(np.int64), SENSOR_SIZE**2)
    y, x = np.divmod(pixel, SENSOR_SIZE)
    return x, y, p, event_times(packed).astype(np.int64)


def event_times(packed: np.ndarray) -> np.ndarray:
    """Return the microseconds of packed events: uint32 [m]."""
    return packed >> np.uint32(_INPUT_BITS)


def event_inputs(packed: np.ndarray) -> np.ndarray:
    """Return the input that each packed event drives: uint32 [m]."""
    return packed & np.uint32(2**_INPUT_BITS - 1)


def earliest_at(t_us: int) -> np.uint32:
    """Return the smallest packed event that can occur at this time (microseconds)."""
    return np.uint32(min(max(t_us, 0), _LATEST_US) << _INPUT_BITS)


@dataclass(frozen=True)
class Source:
    """Recordings to be packed: the training set, then the test set, each in published order.

    name : name of the data set
    labels : uint8 [n]; n_train : the first n_train of the n recordings are the training set
    events : function from place 0..n-1 to (x, y, p, t_us)
    origin : JSON-like; counts and digests that distinguish these recordings from others
    n_events : approximate number of all events, to estimate the space they need
    """

    name: str
    labels: np.ndarray
    n_train: int
    events: Callable[[int], tuple[np.ndarray, ...]]
    origin: dict[str, Any]
    n_events: int


class PackedRecordings:
    """A file made by `pack`, open for reading.

    name, labels, n_train, origin : see `Source`
    offsets : int64 [n + 1], the first event of each recording, then the number of all events
    fingerprint : SHA-256 of name, labels and events, which does not depend on the origin
    Raises FileNotFoundError, and DamagedFile if the contents do not match the checksum.
    """

    def __init__(self, path: Path) -> None:
        import h5py

        self.path = Path(path)
        with open(self.path, "rb") as file:
            if not _is_sound(file):
                raise self._damaged("cut, or changed")
        try:
            self._file = h5py.File(self.path, "r")
            datasets = plain_datasets(self._file, self.path.stat().st_size)
            self._events = datasets["events"]
            self.labels, self.offsets, self._crc32 = (datasets[name][()] for name in ("labels", "offsets", "crc32"))
            attributes = read_attributes(self._file)
            self.name, self.n_train, self.origin = (attributes[key] for key in ("name", "n_train", "origin"))
            self._events_sha256 = attributes["events_sha256"]
            self._check()
        except Exception as error:  # h5py raises many types for a file that makes no sense
            raise unreadable(self.path, error) from None
        contents = {key: attributes[key] for key in ("name", "n_train", "events_sha256")}
        self.fingerprint = content_checksum({"labels": self.labels, "offsets": self.offsets}, contents)

    def _check(self) -> None:
        """Raise ValueError if the contents are inconsistent, as those of a forged file may be."""
        n = self.labels.size
        for array, kind, size in (
            (self.labels, np.uint8, n), (self.offsets, np.int64, n + 1), (self._crc32, np.uint32, n),
            (self._events, np.uint32, self._events.size),
        ):  # fmt: skip
            if array.dtype != kind or array.shape != (size,):
                raise ValueError(f"an array in it is {array.dtype} {array.shape}, expected {np.dtype(kind)} {(size,)}")
        if self.offsets[0] or self.offsets[-1] != len(self._events) or (np.diff(self.offsets) < 0).any():
            raise ValueError("its recordings do not follow one another")
        if self.labels.max(initial=0) >= N_CLASSES:
            raise ValueError(f"it has labels up to {self.labels.max()}")
        if type(self.n_train) is not int or not 0 <= self.n_train <= n or not isinstance(self.name, str):
            raise ValueError("it has no valid name or number of training recordings")

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, places: np.ndarray) -> list[np.ndarray]:
        """Return the packed events of these recordings (int [k], 0..n-1): a list of k arrays uint32 [events].

        Adjacent recordings are read together. Raises DamagedFile if a recording does not match its checksum.
        """
        places = np.asarray(places)
        begins, ends = self.offsets[places], self.offsets[places + 1]
        recordings = []
        for run in np.split(np.arange(len(places)), np.flatnonzero(begins[1:] != ends[:-1]) + 1):
            if len(run):
                block = self._read(begins[run[0]], ends[run[-1]])
                recordings += np.split(block, ends[run[:-1]] - begins[run[0]])
        for place, events in zip(places, recordings, strict=True):
            if zlib.crc32(events) != self._crc32[place]:
                raise self._damaged(f"recording {place} of it has changed")
            if event_inputs(events).max(initial=0) >= N_EVENT_INPUTS:
                raise self._damaged(f"recording {place} of it has events of no pixel")
        return recordings

    def verify(self) -> None:
        """Read all events and compare them with their checksum; raises DamagedFile."""
        digest, step = hashlib.sha256(), 2**22
        for begin in range(0, len(self._events), step):
            digest.update(self._read(begin, begin + step))
        if digest.hexdigest() != self._events_sha256:
            raise self._damaged("its events have changed")

    def _read(self, begin: int, end: int) -> np.ndarray:
        try:
            return self._events[begin:end]
        except OSError as error:
            raise self._damaged(str(error).splitlines()[0]) from None

    def _damaged(self, reason: str) -> DamagedFile:
        return DamagedFile(
            f"{self.path} is damaged ({reason}); make it again: python -m nalsm.datasets pack-nmnist --overwrite, "
            "or simulate-nmnist --overwrite"
        )


class HeldRecordings:
    """Some recordings in memory, with the same `read` as PackedRecordings.

    recordings : packed events of each, uint32 [events]
    """

    def __init__(self, recordings: list[np.ndarray]) -> None:
        self._ends = np.cumsum([len(events) for events in recordings], dtype=np.int64)
        self._events = np.concatenate([*recordings, np.empty(0, np.uint32)])

    def read(self, places: np.ndarray) -> list[np.ndarray]:
        """Return the packed events of these recordings (int [k]): a list of k arrays uint32 [events]."""
        recordings = np.split(self._events, self._ends[:-1])
        return [recordings[place] for place in places]


# The user block is one line: where the events begin and end, the size of the file, and the SHA-256 of these numbers and
# of everything in the file but the events.


def _user_block(numbers: tuple[int, int, int], rest: bytes) -> bytes:
    line = " ".join(map(str, numbers))
    digest = hashlib.sha256(line.encode() + rest).hexdigest()
    return f"nalsm packed recordings {line} {digest}\n".encode().ljust(_USER_BLOCK, b"\0")


def _is_sound(file: IO[bytes]) -> bool:
    """Tell whether an open file has the recorded size, and everything but its events matches the checksum."""
    block = file.read(_USER_BLOCK)
    numbers = re.match(rb"nalsm packed recordings (\d{1,15}) (\d{1,15}) (\d{1,15}) ", block)
    if not numbers:
        return False
    begin, end, size = (int(number) for number in numbers.groups())
    if size != os.fstat(file.fileno()).st_size or not begin <= end <= size or size - (end - begin) > _MOST_HEADER:
        return False
    rest = file.read(begin - _USER_BLOCK)
    file.seek(end)
    return block == _user_block((begin, end, size), rest + file.read())


# ---- packing --------------------------------------------------------------------------------------


def pack(source: Source, path: Path, overwrite: bool = False, quiet: bool = False) -> None:
    """Pack all recordings of a Source into the file `path`, which is complete or absent; resume an interrupted call.

    An existing file is kept unless `overwrite` is set. A second program that packs into the same file waits for the
    first. `quiet`: no progress is printed. Raises MachineError if the disk has too little space.
    """
    from filelock import FileLock

    path = Path(path)
    with FileLock(path.with_name(f".{path.name}.lock")):
        if path.exists() and not overwrite:
            return
        for remains in path.parent.glob(f".{path.name}.*.part"):  # left by a program that was killed while joining
            remains.unlink()
        folder = path.with_name(f".{path.name}.parts")
        folder.mkdir(exist_ok=True)
        _require_space(source, folder)
        _join(*_make_parts(source, folder, quiet), path, quiet)
        shutil.rmtree(folder)


def _require_space(source: Source, folder: Path) -> None:
    there = sum(file.stat().st_size for file in folder.iterdir())
    needed = int(source.n_events * 4 * 2) - there  # for the parts and the file
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise MachineError(
            f"{source.name}: packing needs {needed / 1e9:.1f} GB in {folder.parent}, {free / 1e9:.1f} GB are free"
        )


def _make_parts(source: Source, folder: Path, quiet: bool) -> tuple[list[Path], dict[str, np.ndarray], dict[str, Any]]:
    """Make the missing parts; return (paths of all parts, header arrays, attributes of the file)."""
    from nalsm.console.progress import progress

    total, step = len(source.labels), TUNING.recordings_in_a_part
    parts, lengths, checksums, digest = [], [], [], hashlib.sha256()
    meter = progress(total, f"packing {source.name}", "recordings", quiet=quiet)
    with meter as bar, ThreadPoolExecutor(cores()) as pool:
        for begin in range(0, total, step):
            places = range(begin, min(begin + step, total))
            identity = {"origin": source.origin, "first": begin, "count": len(places), "version": _VERSION}
            parts.append(folder / f"{begin:06d}.h5")
            arrays = _read_part(parts[-1], identity)
            if arrays is None:
                recordings = list(pool.map(lambda place: encode_events(*source.events(place)), places))
                arrays = {
                    "events": np.concatenate(recordings),
                    "lengths": np.array([len(events) for events in recordings], np.int64),
                    "crc32": np.array([zlib.crc32(events) for events in recordings], np.uint32),
                }
                write_arrays(parts[-1], arrays, identity)
            lengths.append(arrays["lengths"])
            checksums.append(arrays["crc32"])
            digest.update(arrays["events"])
            bar.update(len(places))
    offsets = np.concatenate([[0], *lengths]).cumsum()
    header = {"labels": source.labels, "offsets": offsets, "crc32": np.concatenate(checksums)}
    attributes = {"name": source.name, "n_train": source.n_train, "origin": source.origin}
    return parts, header, {**attributes, "events_sha256": digest.hexdigest()}


def _read_part(part: Path, identity: dict[str, Any]) -> dict[str, np.ndarray] | None:
    try:
        arrays, found = read_arrays(part)
    except (FileNotFoundError, DamagedFile):
        return None
    return arrays if found == json.loads(json.dumps(identity)) else None


def _join(
    parts: list[Path], header: dict[str, np.ndarray], attributes: dict[str, Any], path: Path, quiet: bool
) -> None:
    from nalsm.console.progress import progress

    before, after = _hdf5_around_events(header, attributes)
    meter = progress(len(header["labels"]), f"joining {attributes['name']}", "recordings", quiet=quiet)
    with replacing(path) as temporary, open(temporary, "wb") as file, meter as bar:
        file.write(before)
        for part in parts:
            arrays, _ = read_arrays(part)
            file.write(arrays["events"])
            bar.update(len(arrays["lengths"]))
        file.write(after)


def _hdf5_around_events(header: dict[str, np.ndarray], attributes: dict[str, Any]) -> tuple[bytes, bytes]:
    """Return the bytes of the HDF5 file before the events, and those after them (usually none).

    The library lays out the file and reserves space for the events without writing any.
    """
    import h5py

    image = io.BytesIO()
    with h5py.File(image, "w", userblock_size=_USER_BLOCK) as file:
        for name, array in header.items():
            file.create_dataset(name, data=array)
        file.attrs["attributes"] = json.dumps(attributes, sort_keys=True)
        n_events = int(header["offsets"][-1])
        if not n_events:
            raise ValueError("there are no events to pack")
        layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        kind, space = h5py.h5t.STD_U32LE, h5py.h5s.create_simple((n_events,))
        begin = h5py.h5d.create(file.id, b"events", kind, space, layout).get_offset()
    end = begin + 4 * n_events
    before, after = image.getvalue()[_USER_BLOCK:begin].ljust(begin - _USER_BLOCK, b"\0"), image.getvalue()[end:]
    return _user_block((begin, end, end + len(after)), before + after) + before, after
