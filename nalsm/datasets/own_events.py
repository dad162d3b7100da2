"""Own recordings of any sensor: `pack_events` packs them into a folder, as N-MNIST's are packed.

Beside the packed recordings (`nalsm.datasets.packing`) the folder has about.json, a summary that is written last and
can be read quickly. Times are binned when recordings are packed: a bin becomes a step of the raster, 1 ms of the
liquid.
"""

import json
import math
import secrets
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from nalsm.datasets.dataset import OWN, Dataset
from nalsm.datasets.events import event_dataset
from nalsm.datasets.nmnist import PACKED, PACKED_SIMULATED
from nalsm.datasets.own import OwnData, number_classes, require_sizes
from nalsm.datasets.packing import EventCode, PackedRecordings, Source, is_packed, pack
from nalsm.storage.files import write_text
from nalsm.support.errors import DamagedFile, UserError

ABOUT = "about.json"
LONGEST = 10_000  # steps of a presentation
_AGAIN = "pack it again"

Recordings = tuple[Sequence[np.ndarray], Sequence[Any]]  # recordings (structured arrays), labels


def pack_events(
    path: Path | str,
    train: Recordings,
    test: Recordings,
    valid: Recordings | None = None,
    *,
    sensor_size: tuple[int, int, int],
    duration_ms: float | None = None,
    bin_ms: float = 1.0,
    downsample: int = 1,
    origin: str = "",
    overwrite: bool = False,
    quiet: bool = False,
) -> OwnData:
    """Pack recordings into the folder `path`, which the *_SIM_OWN programs take as a data file; return its summary.

    train, test, valid : (recordings, labels); a recording is a structured array of events as tonic has them, with x, t
        (microseconds) and, where the sensor has them, y and p; labels are whole numbers or texts. Without `valid` the
        last sixth of the training set is the validation split
    sensor_size : (width, height, polarities), as tonic gives it; (700, 1, 1) are 700 channels
    duration_ms : later events are dropped; None: the longest recording, at most 10,000 bins
    bin_ms : length of a bin, which becomes a step of the raster (1 ms of the liquid)
    downsample : side of the squares of pixels that become one input
    origin : where the recordings come from; recorded
    overwrite : replace an existing folder. quiet : print no progress
    Raises UserError if the folder exists, or recordings, labels or numbers do not fit.
    """
    path = Path(path)
    require_new(path, overwrite)
    parts = {"train": train, **({"valid": valid} if valid else {}), "test": test}
    for split, (recordings, classified) in parts.items():
        if len(recordings) != len(classified):
            raise UserError(f"{path}: {split} has {len(recordings)} recordings and {len(classified)} labels")
    n_train, n_test = len(train[0]), len(test[0])
    n_valid = len(valid[0]) if valid else n_train // 6
    labels = {split: np.asarray(values) for split, (_, values) in parts.items()}
    if not valid:
        labels["train"], labels["valid"] = np.split(labels["train"], [n_train - n_valid])
    sizes = len(labels["train"]), n_valid, n_test
    require_sizes(sizes, f"{path}")
    classes, numbers = number_classes(labels, f"{path}")
    sensor = _Sensor(parts, sensor_size, downsample, bin_ms, path)
    coding = sensor.coding(duration_ms)
    (path / ABOUT).unlink(missing_ok=True)
    source = Source(
        OWN, np.concatenate([numbers[split] for split in ("train", "valid", "test")]),
        sizes[0] + n_valid, sensor.events, {"packing": secrets.token_hex(8)}, 0, coding,
        {"coding": asdict(coding), "classes": list(classes), "n_valid": n_valid, "bin_ms": float(bin_ms),
         "downsample": downsample, "origin": origin},
    )  # fmt: skip
    path.mkdir(parents=True, exist_ok=True)
    pack(source, path, overwrite, quiet)
    write_text(path / ABOUT, json.dumps(_summary(_open(path)), indent=1) + "\n")
    return describe(path)


def require_new(path: Path, overwrite: bool) -> None:
    """Raise UserError if there is a file or a folder of recordings at `path` that must not be replaced."""
    if path.name in (PACKED, PACKED_SIMULATED):
        raise UserError(f"{path}: N_MNIST programs take a folder of this name for theirs; choose another (--output)")
    if path.is_file():
        raise UserError(f"{path} is a file; recordings are packed into a folder, choose another name")
    if ((path / ABOUT).exists() or is_packed(path)) and not overwrite:
        raise UserError(f"{path} exists already; choose another name, or replace it (overwrite, --overwrite)")


class _Sensor:
    """Recordings of one sensor, one after another; `events` gives their events on the down-sampled sensor."""

    def __init__(
        self,
        parts: dict[str, Recordings],
        sensor_size: tuple[int, int, int],
        downsample: int,
        bin_ms: float,
        path: Path,
    ) -> None:
        self.size, self.downsample, self.bin_ms, self.path = tuple(map(int, sensor_size)), downsample, bin_ms, path
        if len(self.size) != 3 or min(self.size) < 1 or type(downsample) is not int or downsample < 1:
            raise UserError(
                f"{path}: sensor_size {sensor_size} and downsample {downsample}; expected (width, height, polarities), "
                "and a whole number of 1 or more"
            )
        if not 0 < bin_ms < math.inf:
            raise UserError(f"{path}: bin_ms is {bin_ms}, expected a number above 0")
        self._places = [(split, k) for split, (recordings, _) in parts.items() for k in range(len(recordings))]
        self._parts = parts
        self._lock = Lock()  # data sets of others need not be safe in threads

    def coding(self, duration_ms: float | None) -> EventCode:
        """Return the EventCode of the recordings; raises UserError if a number does not fit."""
        tick_us = 1000 * float(self.bin_ms)
        if duration_ms is None:
            last_us = max(self.events(place)[3].max(initial=0) for place in range(len(self._places)))
            steps = min(int(np.rint(last_us / tick_us)) + 1, LONGEST)
        else:
            steps = math.ceil(round(duration_ms / self.bin_ms, 9)) if 0 < duration_ms < math.inf else 0
        if not 1 <= steps <= LONGEST:
            raise UserError(
                f"{self.path}: {duration_ms:g} ms in bins of {self.bin_ms:g} ms are {steps:,} bins, expected 1 to "
                f"{LONGEST:,}; choose another duration_ms or bin_ms (--duration-ms, --bin-ms)"
            )
        width, height, polarities = self.size
        side = self.downsample
        try:
            return EventCode((-(-width // side), -(-height // side), polarities), tick_us, 1, steps - 1, steps)
        except ValueError as error:
            raise UserError(f"{self.path}: {error}; down-sample in space (downsample), or take longer bins") from None

    def events(self, place: int) -> tuple[np.ndarray, ...]:
        """Return (x, y, p, t_us) of a recording, int64 [n] each; raises UserError that names a bad recording."""
        split, number = self._places[place]
        with self._lock:
            recording = self._parts[split][0][number]
        where = f"{self.path}: recording {number} of {split}"
        names = getattr(getattr(recording, "dtype", None), "names", None) or ()
        if not {"x", "t"} <= set(names):
            raise UserError(f"{where} is no structured array with the fields x, t and, if there are, y and p")
        zeros = np.zeros(len(recording), np.int64)
        x, y, p, t = (
            np.asarray(recording[name]).astype(np.int64) if name in names else zeros for name in ("x", "y", "p", "t")
        )
        if self.size[2] == 1:
            p = zeros  # tonic gives channels a polarity of 1
        for name, values, size in zip("xyp", (x, y, p), self.size, strict=True):
            if len(values) and not 0 <= values.min() <= values.max() < size:
                raise UserError(
                    f"{where} has events with {name} from {values.min()} to {values.max()}, but sensor_size (width, "
                    f"height, polarities) is {self.size}"
                )
        if t.min(initial=0) < 0:
            raise UserError(f"{where} has events at {t.min()} us, before the recording began")
        return x // self.downsample, y // self.downsample, p, t


# ---- reading --------------------------------------------------------------------------------------


def describe(path: Path) -> OwnData:
    """Return the OwnData of a folder, from its about.json; raises UserError if that is missing or damaged."""
    try:
        about = json.loads((path / ABOUT).read_text(encoding="utf-8"))
        sizes = about["sizes"]
        coding = EventCode(**about["own"]["coding"])
        return OwnData.from_recorded({
            "file": str(path), "n_inputs": coding.n_inputs, "classes": about["own"]["classes"], "sizes": sizes,
            "duration": coding.duration,
        })  # fmt: skip
    except (FileNotFoundError, NotADirectoryError):
        if is_packed(path):
            _open(path)  # which says so if they are N-MNIST's
        raise UserError(
            f"{path}: there is no {ABOUT} in it: it was not packed, or not to its end; pack it with python -m "
            "nalsm.datasets pack-tonic or nalsm.datasets.pack_events"
        ) from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise UserError(f"{path / ABOUT} is damaged; {_AGAIN}") from None


def load(own: OwnData, path: Path) -> Dataset:
    """Return the Dataset of a folder; raises DamagedFile, UserError; own : the summary that `describe` returned."""
    packed = _open(path)
    if json.loads((path / ABOUT).read_text(encoding="utf-8")) != json.loads(json.dumps(_summary(packed))):
        raise DamagedFile(f"{path / ABOUT} does not match the recordings beside it; {_AGAIN}")
    return event_dataset(packed, own.name, packed.own["n_valid"], np.arange(len(packed)))


def _open(path: Path) -> PackedRecordings:
    packed = PackedRecordings(path, _AGAIN)
    if "n_valid" not in packed.own:
        raise UserError(f"{path} has recordings of N-MNIST; use the N_MNIST programs, or pack it with pack_events")
    return packed


def _summary(packed: PackedRecordings) -> dict[str, Any]:
    """Return the contents of about.json."""
    n_valid = packed.own["n_valid"]
    sizes = [packed.n_train - n_valid, n_valid, len(packed) - packed.n_train]
    return {"sizes": sizes, "own": packed.own, "fingerprint": packed.fingerprint}
