"""What is fuzzed, for the tests (Hypothesis) and for the campaigns (Atheris): every reader of files, and the questions.

A target takes bytes, lets a reader or a program have them, and raises whatever the package's promise does not allow:
any error but a one-line NalsmError that names the file, or memory beyond what the file can hold.
"""

import gzip
import hashlib
import io
import json
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from recordings import recording_bytes

from nalsm.datasets import fashion_mnist, mnist, nmnist_folder, packing
from nalsm.datasets.events import EventSplit
from nalsm.datasets.packing import EVENTS, INDEX, PackedRecordings
from nalsm.network import Network
from nalsm.programs.runs import measures_of, table
from nalsm.runs.folder import RunFolder
from nalsm.runs.listing import list_runs
from nalsm.runs.record import open_record
from nalsm.storage import files
from nalsm.storage.checksum import content_checksum
from nalsm.support.errors import NalsmError

IMAGES = (3, 28, 28)


@dataclass(frozen=True)
class Reader:
    """read : of the file at a path; seeds : makes valid files (bytes); repair : puts a file's checksum right again"""

    file: str
    read: object
    seeds: object
    repair: object = None

    def feed(self, image, folder=None):
        """Let the reader have a file of these bytes: return what it read, or the one line it refused the file with."""
        path = Path(folder or _scratch()) / self.file
        path.write_bytes(image)
        try:
            return self.read(path)
        except NalsmError as error:
            assert path.name in str(error), error
            assert len(" ".join(str(error).split())) < 3000, error
            return str(error)


@cache
def _scratch():
    folder = Path("/dev/shm") if Path("/dev/shm").is_dir() else None  # a campaign writes 10,000 files a minute
    return tempfile.mkdtemp(prefix="nalsm-fuzz-", dir=folder)


def _written(write):
    """Return the bytes of the file that `write(path)` writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        write(path)
        return path.read_bytes()


# ---- HDF5 files with a checksum -------------------------------------------------------------------


def signed(image):
    """Return an HDF5 file with its checksum put right: what a forger would do."""
    body = image[512:]
    return files._user_block(body) + body


def hdf5(fill):
    """Return a signed HDF5 file whose contents `fill(h5py.File)` makes."""
    import h5py

    image = io.BytesIO()
    with h5py.File(image, "w", userblock_size=512) as file:
        fill(file)
    return signed(image.getvalue())


def network_image(seed=1, dims=(2, 2, 2), n_inputs=20):
    return _written(Network.generate(dims, n_inputs, seed).save)


def counts_image():
    arrays = {
        "olc_S_AGG_RES": np.arange(100, dtype=np.uint16).reshape(5, 20),
        "scalar_labels_in_batch_arr": np.arange(5, dtype=np.uint8),
        "sample_ids": np.arange(5),
        "ITER": np.int64(0),
    }
    return _written(lambda path: files.write_arrays(path, arrays, {"run": "0" * 64}))


# ---- parameters -----------------------------------------------------------------------------------


def parameters():
    identity = {
        "model": "NALSM", "dataset": "MNIST", "dataset_sha256": "0" * 64, "network_number": 1,
        "network_sha256": "1" * 64,
        "seed": 5, "knobs": {"astrocyte_weight": 0.015}, "batch_size": 20, "train_samples": 40, "valid_samples": 20,
        "test_samples": 40, "init_samples": 50, "init_ms": 20, "sample_ms": 100, "cycles": 6, "keep_weights_every": 0,
        "engine": "event",
    }  # fmt: skip
    contents = {"format": 3, "identity": identity, "run_hash": "2" * 64, "version": 7, "sessions": [{"threads": 2}]}
    return contents | {"sha256": content_checksum({}, contents)}


def signed_parameters(identity):
    """A parameter file with this identity and the right checksum."""
    contents = {**parameters(), "identity": identity}
    del contents["sha256"]
    return json.dumps(contents | {"sha256": content_checksum({}, contents)})


def _read_parameters(path):
    """Read a parameter file in every way that the package reads it."""
    runs = path.parents[1]
    lines = table(list_runs(runs, measures_of))
    assert "\n" in lines
    (path.parent / "VER_7_times.json").write_bytes(path.read_bytes())
    RunFolder(runs, 7).seconds()
    return open_record(runs, 7).identity


# ---- recordings -----------------------------------------------------------------------------------


def events(seed, n=40):
    random = np.random.default_rng(seed)
    return random.integers(0, 40, n), random.integers(0, 40, n), random.integers(0, 2, n), np.sort(
        random.integers(0, 310_000, n)
    )  # fmt: skip


def _read_recording(path):
    from nalsm.encoding import raster_from_events

    found = nmnist_folder.read_recording(path)
    packing.NMNIST_CODE.encode(*found)
    return raster_from_events(*found, 250)


@cache
def packed_folder():
    """Return a folder of seven packed recordings."""
    labels = np.array([5, 0, 4, 1, 9, 2, 1], np.uint8)
    path = Path(_scratch()) / "packed"
    packing.pack(packing.Source("N-MNIST", labels, 6, events, {}, 280), path, quiet=True)
    return path


def _read_packed(path):
    """Read a folder in which one file is another; the other files are sound."""
    for name in {EVENTS, INDEX} - {path.name}:
        shutil.copy(packed_folder() / name, path.parent)
    packed = PackedRecordings(path.parent)
    packed.verify()
    split = EventSplit(packed, np.arange(len(packed)), packed.labels, np.arange(len(packed)))
    return split.presentation(np.arange(len(packed)), 250, 0)


# ---- images ---------------------------------------------------------------------------------------


def images(sizes):
    random = np.random.default_rng(0)
    pairs = (
        (random.integers(0, 256, (n, 28, 28), np.uint8) // 255, random.integers(0, 10, n, np.uint8)) for n in sizes
    )
    return tuple(array for pair in pairs for array in pair)


def idx_image(level=9):
    header = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in IMAGES)
    return gzip.compress(header + images(IMAGES[:1])[0].tobytes(), level, mtime=0)


def npz_image(sizes=(3, 2), save=np.savez):
    image = io.BytesIO()
    save(image, **dict(zip(("x_train", "y_train", "x_test", "y_test"), images(sizes), strict=True)))
    return image.getvalue()


def _crc_of_zip(image):
    """Return an archive whose members' checksums are right, where it can be opened at all."""
    try:
        with zipfile.ZipFile(io.BytesIO(image)) as archive:
            members = [(info.header_offset, info.file_size, info.filename) for info in archive.infolist()]
    except Exception:
        return image
    repaired = io.BytesIO()
    with zipfile.ZipFile(repaired, "w") as archive:
        for offset, size, name in members[:8]:
            archive.writestr(zipfile.ZipInfo(name[:50] or "x"), image[offset + 30 + len(name) :][: min(size, 10**6)])
    return repaired.getvalue()


READERS = {
    "network_files": Reader("Network_1.h5", Network.load, lambda: [network_image()], signed),
    "count_files": Reader("counts.datasagg", files.read_arrays, lambda: [counts_image()], signed),
    "parameters": Reader(
        "train_data/ver_7/VER_7_params.json", _read_parameters, lambda: [json.dumps(parameters()).encode()]
    ),
    "recordings": Reader("00001.bin", _read_recording, lambda: [recording(k) for k in range(3)]),
    "packed_recordings": Reader(INDEX, _read_packed, lambda: [(packed_folder() / INDEX).read_bytes()], signed),
    "packed_events": Reader(EVENTS, _read_packed, lambda: [(packed_folder() / EVENTS).read_bytes()]),
    "idx": Reader(
        "t.gz", lambda path: fashion_mnist.read_idx(path, IMAGES), lambda: [idx_image(), idx_image(level=0)]
    ),
    "npz": Reader(
        "mnist.npz", mnist.read, lambda: [npz_image(), npz_image(save=np.savez_compressed)], _crc_of_zip
    ),
}  # fmt: skip


def recording(seed):
    return recording_bytes(*events(seed))


def digest(image):
    return hashlib.sha256(image).hexdigest()[:8]


# ---- damage ---------------------------------------------------------------------------------------


def damaged(image, changes):
    """Return a file after changes (place, kind, value): a byte, a number, or a stretch of it is another."""
    image = bytearray(image)
    for place, kind, value in changes:
        at = place % (len(image) + 1)
        if kind == 0:
            image[at : at + 1] = bytes([value % 256])
        elif kind == 1:  # a count or size as the formats write them
            width = (1, 2, 4, 8)[value % 4]
            number = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1, value)[value // 4 % 8]
            image[at : at + width] = (number % 256**width).to_bytes(width, ("little", "big")[value // 32 % 2])
        elif kind == 2:
            del image[at : at + value % 64]
        elif kind == 3:
            image[at:at] = image[at : at + value % 64]
        else:
            del image[at:]
    return bytes(image)
