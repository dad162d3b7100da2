"""Many small recordings of an event camera in one folder that is quick to read in any order.

An event is one number: its time, shifted left, plus the input it drives. `EventCode` says how; for N-MNIST it is the
time in microseconds, shifted left by 12 bits, plus polarity * 1156 + y * 34 + x. The folder contains two files:

    events.uint32   the events of all recordings, one after another and uncompressed (compression would save a fifth and
                    take three times as long), as numpy.memmap reads them
    index.h5        labels, the first event and the CRC-32 of each recording, and what the recordings are. It has a
                    checksum and is written last: a folder without it is not complete

While recordings are packed, events are appended to a file of another name. After every 1,000 recordings, lengths and
CRC-32 are saved. An interrupted program therefore resumes after the last of them.

Events are read with plain reads, which are as fast as a memory map: a program that maps a file ends without a message
when the disk fails or the file is cut.
"""

import hashlib
import json
import math
import os
import shutil
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from nalsm.datasets.dataset import N_CLASSES
from nalsm.encoding import SENSOR_SIZE
from nalsm.storage.checksum import content_checksum
from nalsm.storage.files import TEMPORARY_SUFFIX, read_arrays, sync, write_arrays
from nalsm.support.errors import DamagedFile, MachineError
from nalsm.support.resources import cores
from nalsm.support.tuning import TUNING

EVENTS, INDEX = "events.uint32", "index.h5"
_UNFINISHED = "unfinished-"
_AGAIN = "make it again: python -m nalsm.datasets pack-nmnist --overwrite, or simulate-nmnist --overwrite"
_VERSION = 2
_BITS = 32  # of a packed event


@dataclass(frozen=True)
class EventCode:
    """How events of a sensor become numbers; the defaults are N-MNIST's.

    sensor_size : (width, height, polarities); the input of an event is (p * height + y) * width + x
    tick_us : microseconds of a tick; times are rounded to ticks, halves to even
    ticks_per_step : ticks of a step of the raster, to which times are rounded again
    latest : the last tick that is kept
    duration : steps of a recording
    Raises ValueError if a number does not fit, or an event does not fit into 32 bits.
    """

    sensor_size: tuple[int, int, int] = (SENSOR_SIZE, SENSOR_SIZE, 2)
    tick_us: float = 1.0
    ticks_per_step: int = 1000
    latest: int = 2**20 - 1  # N-MNIST's last 0.3 s
    duration: int = 300

    def __post_init__(self) -> None:
        object.__setattr__(self, "sensor_size", tuple(self.sensor_size))
        numbers = (*self.sensor_size, self.ticks_per_step, self.latest + 1, self.duration)
        if len(self.sensor_size) != 3 or not all(type(n) is int and 1 <= n <= 2**_BITS for n in numbers):
            raise ValueError(f"a code of events has the numbers {numbers}")
        if not 0 < self.tick_us < math.inf or self.input_bits + self.latest.bit_length() > _BITS:
            raise ValueError(f"{self.n_inputs} inputs and {self.latest + 1} ticks do not fit into {_BITS} bits")

    @property
    def n_inputs(self) -> int:
        """Inputs of a raster."""
        return math.prod(self.sensor_size)

    @property
    def input_bits(self) -> int:
        """Bits of a packed event that are its input."""
        return (self.n_inputs - 1).bit_length()

    @property
    def longest_snapshot(self) -> int:
        """Steps that a snapshot of the initialisation may last: 297 of N-MNIST's 300."""
        return longest_snapshot(self.duration)

    def encode(self, x: np.ndarray, y: np.ndarray, p: np.ndarray, t_us: np.ndarray) -> np.ndarray:
        """Return the packed events of a recording, ordered by time: uint32 [m], m <= n.

        Events that no raster ever shows are dropped: those outside the field, and those later than `latest`. If a tick
        is a step, events of an input in one tick become one.

        x, y, p, t_us : int [n]; see `nalsm.encoding.raster_from_events`
        """
        width, height, _ = self.sensor_size
        x, y, p = (np.asarray(values).astype(np.int64) for values in (x, y, p))
        ticks = np.rint(np.asarray(t_us) / self.tick_us).astype(np.int64)
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height) & (ticks >= 0) & (ticks <= self.latest)
        packed = ((ticks << self.input_bits) | ((p * height + y) * width + x))[inside].astype(np.uint32)
        return np.unique(packed) if self.ticks_per_step == 1 else np.sort(packed)

    def decode(self, packed: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return (x, y, p, t), int64 [m] each, of packed events (uint32 [m]); t in ticks."""
        width, height, _ = self.sensor_size
        p, pixel = np.divmod(self.inputs(packed).astype(np.int64), width * height)
        y, x = np.divmod(pixel, width)
        return x, y, p, self.ticks(packed).astype(np.int64)

    def ticks(self, packed: np.ndarray) -> np.ndarray:
        """Return the ticks of packed events: uint32 [m]."""
        return packed >> np.uint32(self.input_bits)

    def inputs(self, packed: np.ndarray) -> np.ndarray:
        """Return the input that each packed event drives: uint32 [m]."""
        return packed & np.uint32(2**self.input_bits - 1)

    def between(self, events: np.ndarray, first: int, end: int) -> np.ndarray:
        """Return the part of the packed events of a recording at the ticks first..end-1."""
        begin = np.searchsorted(events, np.uint32(min(max(first, 0), self.latest) << self.input_bits))
        if end > self.latest:
            return events[begin:]
        return events[begin : np.searchsorted(events, np.uint32(max(end, 0) << self.input_bits))]


def longest_snapshot(duration: int) -> int:
    """Return the steps that a snapshot of a recording of so many steps may last."""
    return max(duration - 3, 1)


NMNIST_CODE = EventCode()


@dataclass(frozen=True)
class Source:
    """Recordings to be packed: the training set, then the test set, each in published order.

    name : name of the data set
    labels : uint8 or uint16 [n]; n_train : the first n_train of the n recordings are the training set
    events : function from place 0..n-1 to (x, y, p, t_us)
    origin : JSON-like; counts and digests that distinguish these recordings from others
    n_events : approximate number of all events, to estimate the space they need
    coding : how the events become numbers
    own : JSON-like; what own recordings need beyond that, empty for N-MNIST
    """

    name: str
    labels: np.ndarray
    n_train: int
    events: Callable[[int], tuple[np.ndarray, ...]]
    origin: dict[str, Any]
    n_events: int
    coding: EventCode = NMNIST_CODE
    own: dict[str, Any] = field(default_factory=dict)


class PackedRecordings:
    """A folder made by `pack`, open for reading.

    name, labels, n_train, origin, coding, own : see `Source`
    offsets : int64 [n + 1], the first event of each recording, then the number of all events
    fingerprint : SHA-256 of name, labels and events, which does not depend on the origin
    Raises FileNotFoundError, and DamagedFile if the index does not match its checksum or the events' size.
    """

    def __init__(self, path: Path, again: str = _AGAIN) -> None:
        """Open the folder; again : ends the text of an error."""
        self.path, self._again = Path(path), again
        try:
            arrays, attributes = read_arrays(self.path / INDEX)
            self.labels, self.offsets, self._crc32 = (arrays[name] for name in ("labels", "offsets", "crc32"))
            contents = {key: attributes[key] for key in ("name", "n_train", "events_sha256")}
            self.name, self.n_train, self._events_sha256 = contents.values()
            self.origin, self.own = attributes["origin"], attributes.get("own", {})
            self.coding = EventCode(**self.own["coding"]) if self.own else NMNIST_CODE
            self._n_classes = len(self.own["classes"]) if self.own else N_CLASSES
            self._check()
        except DamagedFile as error:
            raise DamagedFile(f"{error}; {again}") from None
        except (KeyError, ValueError, TypeError) as error:
            raise self._damaged(INDEX, error) from None
        contents |= {"own": self.own} if self.own else {}
        self.fingerprint = content_checksum({"labels": self.labels, "offsets": self.offsets}, contents)
        self._events = open(self.path / EVENTS, "rb")  # noqa: SIM115 -- closed with this object
        if os.fstat(self._events.fileno()).st_size != 4 * int(self.offsets[-1]):
            raise self._damaged(EVENTS, f"its size does not match the {self.offsets[-1]} events of {INDEX}")

    def _check(self) -> None:
        """Raise ValueError if the index is inconsistent, as that of a forged file may be."""
        n = self.labels.size
        small = np.min_scalar_type(self._n_classes - 1)
        sizes = (self.labels, small, n), (self.offsets, np.int64, n + 1), (self._crc32, np.uint32, n)
        for array, kind, size in sizes:
            if array.dtype != kind or array.shape != (size,):
                raise ValueError(f"an array in it is {array.dtype} {array.shape}, expected {np.dtype(kind)} {(size,)}")
        if self.offsets[0] or (self.offsets[1:] < self.offsets[:-1]).any():
            raise ValueError("its recordings do not follow one another")
        if self.labels.max(initial=0) >= self._n_classes:
            raise ValueError(f"it has labels up to {self.labels.max()}")
        if type(self.n_train) is not int or not 0 <= self.n_train <= n or not isinstance(self.name, str):
            raise ValueError("it has no valid name or number of training recordings")

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, places: np.ndarray) -> list[np.ndarray]:
        """Return the packed events of these recordings (int [k], 0..n-1): a list of k arrays uint32 [events].

        Raises DamagedFile if a recording does not match its checksum.
        """
        recordings = []
        for place in np.asarray(places):
            events = self._read(self.offsets[place], self.offsets[place + 1])
            if zlib.crc32(events) != self._crc32[place]:
                raise self._damaged(EVENTS, f"recording {place} of it does not match {INDEX}")
            if self.coding.inputs(events).max(initial=0) >= self.coding.n_inputs:
                raise self._damaged(EVENTS, f"recording {place} of it has events of no pixel")
            recordings.append(events)
        return recordings

    def verify(self) -> None:
        """Read all events and compare them with their checksum; raises DamagedFile."""
        digest, step = hashlib.sha256(), 2**22
        for begin in range(0, self.offsets[-1], step):
            digest.update(self._read(begin, min(begin + step, self.offsets[-1])))
        if digest.hexdigest() != self._events_sha256:
            raise self._damaged(EVENTS, f"its events do not match {INDEX}")

    def _read(self, begin: int, end: int) -> np.ndarray:
        size = 4 * int(end - begin)
        try:
            block = os.pread(self._events.fileno(), size, 4 * int(begin))  # safe in threads
        except OSError as error:
            raise self._damaged(EVENTS, error) from None
        if len(block) != size:
            raise self._damaged(EVENTS, "it was cut while it was open")
        return np.frombuffer(block, np.uint32)

    def _damaged(self, file: str, reason: object) -> DamagedFile:
        return DamagedFile(f"{self.path / file} is damaged ({reason}); {self._again}")


class HeldRecordings:
    """Some recordings in memory, with the same `read` as PackedRecordings.

    recordings : packed events of each, uint32 [events]; coding : how they are packed
    """

    def __init__(self, recordings: list[np.ndarray], coding: EventCode = NMNIST_CODE) -> None:
        self.coding = coding
        self._ends = np.cumsum([len(events) for events in recordings], dtype=np.int64)
        self._events = np.concatenate([*recordings, np.empty(0, np.uint32)])

    def read(self, places: np.ndarray) -> list[np.ndarray]:
        """Return the packed events of these recordings (int [k]): a list of k arrays uint32 [events]."""
        recordings = np.split(self._events, self._ends[:-1])
        return [recordings[place] for place in places]


# ---- packing --------------------------------------------------------------------------------------


def is_packed(path: Path) -> bool:
    """Tell whether a folder contains packed recordings, all of them."""
    return (path / INDEX).is_file()


def pack(source: Source, path: Path, overwrite: bool = False, quiet: bool = False) -> None:
    """Pack all recordings of a Source into the folder `path`; resume an interrupted call.

    Packed recordings are kept unless `overwrite` is set, and then until the new ones are complete. A second program
    that packs into the same folder waits for the first. `quiet`: no progress is printed. Raises MachineError if the
    disk has too little space.
    """
    from filelock import FileLock

    path = Path(path)
    path.mkdir(exist_ok=True)
    with FileLock(path / ".lock"):
        if is_packed(path) and not overwrite:
            return
        for remains in path.glob(f".*{TEMPORARY_SUFFIX}"):  # of a program that was killed while it wrote
            remains.unlink()
        events, index = path / f"{_UNFINISHED}{EVENTS}", path / f"{_UNFINISHED}{INDEX}"
        events.touch()
        _require_space(source, events)
        arrays, attributes = _pack_events(source, events, index, quiet)
        (path / INDEX).unlink(missing_ok=True)
        sync(path)
        os.replace(events, path / EVENTS)
        sync(path)
        write_arrays(path / INDEX, arrays, attributes)
        sync(path.parent)
        index.unlink()


def _require_space(source: Source, events: Path) -> None:
    needed, free = 4 * source.n_events - events.stat().st_size, shutil.disk_usage(events.parent).free
    if free < needed:
        raise MachineError(
            f"{source.name}: packing needs {needed / 1e9:.1f} GB in {events.parent}, {free / 1e9:.1f} GB are free"
        )


def _pack_events(
    source: Source, events: Path, index: Path, quiet: bool
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Write the events' file, from where an interrupted call stopped; return arrays and attributes of the index."""
    from nalsm.console.progress import progress

    total, step = len(source.labels), TUNING.recordings_in_a_part
    identity = json.loads(json.dumps({"origin": source.origin, "version": _VERSION}))
    lengths, crc32, digest = [], [], hashlib.sha256()
    meter = progress(total, f"packing {source.name}", "recordings", quiet=quiet)
    with meter as bar, ThreadPoolExecutor(cores()) as pool:

        def note(recordings: Iterable[np.ndarray | bytes]) -> None:
            for recording in recordings:
                lengths.append(memoryview(recording).nbytes // 4)
                crc32.append(zlib.crc32(recording))
                digest.update(recording)
                bar.update(1)

        with open(events, "r+b") as file:
            note(_packed_before(file, index, identity))
            file.truncate(4 * sum(lengths))
        while len(lengths) < total:
            places = range(len(lengths), min(len(lengths) + step, total))
            recordings = list(pool.map(lambda place: source.coding.encode(*source.events(place)), places))
            _append(events, b"".join(recordings))
            note(recordings)
            write_arrays(index, {"lengths": np.array(lengths), "crc32": np.array(crc32, np.uint32)}, identity)
    sync(events)
    offsets = np.cumsum([0, *lengths], dtype=np.int64)
    arrays = {"labels": source.labels, "offsets": offsets, "crc32": np.array(crc32, np.uint32)}
    attributes = {"name": source.name, "n_train": source.n_train, "origin": source.origin}
    attributes |= {"own": source.own} if source.own else {}
    return arrays, {**attributes, "events_sha256": digest.hexdigest()}


def _packed_before(file: IO[bytes], index: Path, identity: dict[str, Any]) -> Iterable[bytes]:
    """Yield the recordings that an interrupted call has written to an open file, up to the first that has changed."""
    try:
        arrays, found = read_arrays(index)
    except (FileNotFoundError, DamagedFile):
        return
    if found != identity:
        return
    for length, crc32 in zip(arrays["lengths"].tolist(), arrays["crc32"].tolist(), strict=True):
        recording = file.read(4 * length)
        if len(recording) != 4 * length or zlib.crc32(recording) != crc32:
            return
        yield recording


def _append(path: Path, content: bytes) -> None:
    try:
        with open(path, "ab") as file:
            file.write(content)
    except OSError as error:
        error.filename = str(path)  # a failing write does not name its file
        raise
