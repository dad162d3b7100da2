"""N-MNIST: recordings are found, checked, packed once and binned as the model specifies."""

import errno
import hashlib
import os
import resource
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from recordings import recording_bytes

from nalsm.datasets import DATA_SOURCES, nmnist
from nalsm.datasets.events import EventSplit, SnapshotConstants, fill_raster, starting_at
from nalsm.datasets.nmnist_folder import folder_source, read_recording
from nalsm.datasets.packing import (
    EVENTS,
    INDEX,
    NMNIST_CODE,
    PackedRecordings,
    Source,
    is_packed,
    pack,
)
from nalsm.encoding import raster_from_events
from nalsm.support.errors import DamagedFile, MachineError, UserError
from nalsm.support.tuning import TUNING

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "readout_and_analysis.npz")
FINGERPRINT = "a51f9631d2574dab7e1914bc2fcb798f94eb0f156d259f36045919fbfdacb923"
TRAIN, TEST = 60, 10  # in the place of 60,000 and 10,000
LABELS = np.array([5, 0, 4, 1, 9, 2, 1, 3, 1, 4, *np.random.default_rng(2).integers(0, 10, 60)], np.uint8)


def made_up_events(place, n=300):
    random = np.random.default_rng(place)
    t_us = np.sort(random.integers(0, 310_000, n))
    t_us[:4] = 500, 1500, 2500, 249_500  # halves are rounded to the even ms
    return random.integers(0, 40, n), random.integers(0, 40, n), random.integers(0, 2, n), np.sort(t_us)


def write_recording(folder, number, place):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{number:05d}.bin").write_bytes(recording_bytes(*made_up_events(place)))


def write_tonic(folder):
    for place, label in enumerate(LABELS):
        part, number = ("Train", place + 1) if place < TRAIN else ("Test", place - TRAIN + 1)
        write_recording(folder / part / str(label), number, place)
    return folder


def write_reference(folder, first_valid):
    for place in range(TRAIN + TEST):
        if place < 50:
            write_recording(folder / "train_all", place + 1, place)
        elif place < TRAIN:
            write_recording(folder / "valid_all", first_valid + place - 50, place)
        else:
            write_recording(folder / "test_all", place - TRAIN + 1, place)
    blank = {"x_train": np.zeros((TRAIN, 28, 28), np.uint8), "x_test": np.zeros((TEST, 28, 28), np.uint8)}
    np.savez(folder.parent / "mnist.npz", **blank, y_train=LABELS[:TRAIN], y_test=LABELS[TRAIN:])
    return folder


REAL = DATA_SOURCES["N-MNIST"]
SMALL = replace(REAL, sizes=(50, 10, 10))  # complete with 60 + 10 recordings


@pytest.fixture
def data(tmp_path):
    write_tonic(tmp_path / "NMNIST")
    return SMALL.load(SMALL.find(tmp_path))


def program(*arguments):
    command = [sys.executable, "-m", "nalsm.datasets", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


# ---- events ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [250, 300])
def test_recorded_case(tmp_path, steps):
    (tmp_path / "1.bin").write_bytes(GOLDEN["nmnist_bin"].tobytes())
    expected = np.unpackbits(GOLDEN[f"nmnist_raster_{steps}"], axis=1)[:, :steps].T
    events = read_recording(tmp_path / "1.bin")
    assert np.array_equal(raster_from_events(*events, steps), expected)
    raster = np.zeros((steps, 2312), np.uint8)
    fill_raster(raster, NMNIST_CODE.encode(*events), 0)
    assert np.array_equal(raster, expected)


def test_tonic_reads_the_same(tmp_path):
    """What is written as a .bin file is read alike by tonic itself and by `read_recording`."""
    read_mnist_file = pytest.importorskip("tonic.io").read_mnist_file
    events = made_up_events(4)
    (tmp_path / "1.bin").write_bytes(recording_bytes(*events))
    theirs = read_mnist_file(tmp_path / "1.bin", dtype=np.dtype([(name, int) for name in "xytp"]))
    for name, ours, expected in zip("xypt", read_recording(tmp_path / "1.bin"), events, strict=True):
        assert np.array_equal(theirs[name], expected)
        assert np.array_equal(ours, expected)


def test_a_row_outside_the_field_does_not_move_later_events(tmp_path):
    x, y, p, t_us = made_up_events(1)
    y[100] = 240  # tonic takes this for an overflow of the timer
    (tmp_path / "1.bin").write_bytes(recording_bytes(x, y, p, t_us))
    for found, expected in zip(read_recording(tmp_path / "1.bin"), (x, y, p, t_us), strict=True):
        assert np.array_equal(found, expected)


def test_without_tonic(tmp_path, monkeypatch):
    """Recordings can still be read; the download says what is missing."""
    for module in ("tonic", "tonic.io", "tonic.datasets"):
        monkeypatch.setitem(sys.modules, module, None)
    events = made_up_events(1)
    (tmp_path / "1.bin").write_bytes(recording_bytes(*events))
    for found, expected in zip(read_recording(tmp_path / "1.bin"), events, strict=True):
        assert np.array_equal(found, expected)
    with pytest.raises(UserError, match="pip install tonic"):
        nmnist.download(tmp_path, SMALL.published_sizes)


def test_packed_events_are_those_inside_the_field():
    x, y, p, t_us = made_up_events(3)
    inside = (x < 34) & (y < 34)
    found = np.array(NMNIST_CODE.decode(NMNIST_CODE.encode(x, y, p, t_us)))
    expected = np.array([x, y, p, t_us])[:, inside]
    order = np.lexsort([expected[0], expected[1], expected[2], expected[3]])
    assert np.array_equal(found, expected[:, order])
    late = NMNIST_CODE.encode([1, 1, 1], [1, 1, 1], [0, 0, 0], [5, 2**20 - 1, 2**20])
    assert NMNIST_CODE.decode(late)[3].tolist() == [5, 2**20 - 1]


# ---- splits ---------------------------------------------------------------------------------------


def test_recordings_are_in_the_order_of_their_numbers(data):
    assert (data.name, data.n_inputs) == ("N-MNIST", 2312)
    assert [len(split) for split in (data.train, data.valid, data.test)] == [50, 10, 10]
    labels = np.concatenate([split.labels for split in (data.train, data.valid, data.test)])
    assert np.array_equal(labels, LABELS)
    ids = np.concatenate([split.sample_ids for split in (data.train, data.valid, data.test)])
    assert np.array_equal(ids, np.arange(70))
    for split, first in ((data.train, 0), (data.valid, 50), (data.test, 60)):
        rasters = split.presentation(np.arange(3), 250, seed=1)
        for k in range(3):
            assert np.array_equal(rasters[k], raster_from_events(*made_up_events(first + k), 250))


def test_a_raster_depends_on_its_recording_alone(data):
    alone = data.train.presentation(np.array([7]), 300, seed=1)[0]
    assert alone.dtype == np.uint8
    assert alone.any()
    for indices in ([7, 8, 9], [30, 7, 2], [7, 7]):
        together = data.train.presentation(np.array(indices), 300, seed=2)
        assert np.array_equal(together[indices.index(7)], alone)
    part = data.train.subset(np.array([3, 7, 40]))
    assert np.array_equal(part.presentation(np.array([1]), 300, 1)[0], alone)
    assert part.sample_ids.tolist() == [3, 7, 40]
    assert part.labels.tolist() == LABELS[[3, 7, 40]].tolist()
    assert np.array_equal(raster_from_events(*part.events(np.array([1]))[0], 300), alone)
    assert data.train.presentation(np.array([], int), 300, 1).shape == (0, 300, 2312)


def test_snapshots_are_windows_of_the_recording(data):
    samples, numbers = np.arange(100) % 50, np.arange(100)
    whole = {k: raster_from_events(*made_up_events(k), 300) for k in range(50)}
    snapshots = data.train.snapshots(samples, numbers, 20, seed=4)
    for sample, snapshot in zip(samples, snapshots, strict=True):
        assert sum(np.array_equal(whole[sample][s : s + 20], snapshot) for s in range(281)) == 1
    assert np.array_equal(data.train.snapshots(samples[40:50], numbers[40:50], 20, 4), snapshots[40:50])
    assert not np.array_equal(data.train.snapshots(samples, numbers, 20, 5), snapshots)
    assert not np.array_equal(data.train.snapshots(samples, numbers + 1, 20, 4), snapshots)


def test_snapshots_start_at_1_to_278(tmp_path):
    clock = np.arange(300)  # one event in each ms, that drives the input of this number
    events = clock % 34, clock // 34, clock * 0, clock * 1000
    pack(Source("N-MNIST", LABELS[:1], 1, lambda place: events, {}, 300), tmp_path / "clock")
    one = np.zeros(1, np.int64)
    split = EventSplit(PackedRecordings(tmp_path / "clock"), one, LABELS[:1], one)
    starts = []
    for block in np.arange(3000).reshape(10, -1):
        rasters = split.snapshots(block * 0, block, 20, seed=3)
        starts += rasters[:, 0].argmax(axis=1).tolist()
        assert np.array_equal(rasters.argmax(axis=2), rasters[:, 0].argmax(axis=1)[:, None] + np.arange(20))
    assert set(starts) >= {1, 2, 277, 278}
    assert (min(starts), max(starts)) == (1, 278)
    assert abs(np.mean(starts) - 139.5) < 6  # four standard errors


def test_snapshots_with_a_fixed_start(data):
    samples, numbers = np.arange(50), np.arange(50)
    fixed = starting_at(data, SnapshotConstants(7)).train.snapshots(samples, numbers, 20, seed=4)
    for sample, snapshot in zip(samples, fixed, strict=True):
        assert np.array_equal(raster_from_events(*made_up_events(sample), 300)[7:27], snapshot)
    snapshots = starting_at(data, SnapshotConstants("random")).train.snapshots(samples, numbers, 20, 4)
    assert np.array_equal(snapshots, data.train.snapshots(samples, numbers, 20, 4))


def test_snapshots_longer_than_a_recording_are_refused(data):
    assert data.train.snapshots(np.array([0]), np.array([0]), 297, 1).shape == (1, 297, 2312)
    with pytest.raises(UserError, match="297 ms at most, asked for 298"):
        data.train.snapshots(np.array([0]), np.array([0]), 298, 1)


@pytest.mark.parametrize("first_valid", [1, 51])
def test_the_references_layout_is_the_same_data(data, tmp_path, first_valid):
    folder = write_reference(tmp_path / "other" / "nmnist", first_valid)
    assert nmnist.find(tmp_path / "other") == folder
    other = SMALL.load(folder)
    assert other.fingerprint == data.fingerprint
    assert np.array_equal(other.valid.labels, data.valid.labels)


def test_the_layout_is_found_under_each_name(tmp_path):
    for name in ("NMNIST", "nmnist", "nmnist/NMNIST"):
        root = tmp_path / name.replace("/", "-")
        (root / name / "Train").mkdir(parents=True)
        assert REAL.find(root) == root / name
        packed = (root / name).parent / nmnist.PACKED
        packed.mkdir()
        assert REAL.find(root) == root / name  # packing was interrupted
        (packed / INDEX).touch()
        assert REAL.find(root) == packed


# ---- incomplete sets ------------------------------------------------------------------------------


def test_no_recordings(tmp_path):
    with pytest.raises(UserError, match=r"download-nmnist.*simulate-nmnist") as error:
        REAL.find(tmp_path)
    assert str(tmp_path) in str(error.value)


def recording(folder, number, part="Train"):
    return next((folder / part).glob(f"*/{number:05d}.bin"))


def lose(*numbers, part="Train"):
    return lambda folder: [recording(folder, number, part).unlink() for number in numbers]


def shorten(number, size):
    return lambda folder: os.truncate(recording(folder, number), size)


def rename(number, name):
    return lambda folder: recording(folder, number).rename(folder / "Train" / "3" / name)


def swap_labels(folder):
    recording(folder, 1).rename(folder / "Train" / "6" / "00001.bin")


@pytest.mark.parametrize(
    ("damage", "kind", "said"),
    [
        (lose(17), UserError, "00060.bin, and holds 59; missing: 00017;"),
        (lose(3, 9, 12, 40, 41), UserError, "missing: 00003, 00009, 00012 and 2 more"),
        (lose(10, part="Test"), UserError, r"Test should hold 10 recordings.* missing: 00010"),
        (lambda folder: shutil.rmtree(folder / "Test"), UserError, "holds 0; missing: 00001, 00002, 00003 and 7 more"),
        (lambda folder: write_recording(folder / "Train" / "3", 61, 0), UserError, "too many: .*00061.bin"),
        (lambda folder: write_recording(folder / "Train" / "3", 1, 0), UserError, "have one number"),
        (rename(5, "../00005.bin"), UserError, "in no folder of a label .*Train/00005.bin"),
        (rename(5, "5.bin"), UserError, "5.bin is not named as recordings are"),
        (rename(5, "00005 (1).bin"), UserError, "not named as recordings are"),
        (shorten(8, 1004), DamagedFile, "not of whole events of 5 bytes: .*00008.bin"),
        (shorten(9, 0), DamagedFile, "empty: .*00009.bin"),
        (swap_labels, DamagedFile, r"first labels in .* are \[6, 0, 4"),
    ],
)
def test_an_incomplete_set_is_refused_and_named(tmp_path, damage, kind, said):
    folder = write_tonic(tmp_path / "NMNIST")
    (folder / "Train" / "6").mkdir(exist_ok=True)
    (folder / "Train" / "3" / "._00001.bin").write_bytes(b"left by another system")
    damage(folder)
    with pytest.raises(kind, match=said) as error:
        SMALL.load(SMALL.find(tmp_path))
    assert "\n" not in str(error.value)
    assert "download-nmnist" in str(error.value) or "one number" in said or "named" in said or "labels" in said
    assert not (tmp_path / nmnist.PACKED).exists()


def test_a_complete_set_has_60000_and_10000(tmp_path):
    write_recording(tmp_path / "NMNIST" / "Train" / "5", 1, 0)
    with pytest.raises(UserError, match=r"should hold 60000 recordings, 00001.bin to 60000.bin, and holds 1;"):
        REAL.load(REAL.find(tmp_path))


def test_a_recording_cut_later_is_found(tmp_path):
    (tmp_path / "1.bin").write_bytes(b"123456")
    with pytest.raises(DamagedFile, match="is cut"):
        read_recording(tmp_path / "1.bin")


# ---- packing --------------------------------------------------------------------------------------


class Counting:
    """A Source of 70 recordings that records requests and can be interrupted."""

    def __init__(self, monkeypatch, stop_at=None, seed=0):
        monkeypatch.setattr(TUNING, "recordings_in_a_part", 20)
        self.asked, self.stop_at = [], stop_at
        self.source = Source("N-MNIST", LABELS, TRAIN, self.events, {"seed": seed}, 70 * 300)

    def events(self, place):
        if place == self.stop_at:
            raise KeyboardInterrupt
        self.asked.append(place)
        return made_up_events(place)


def test_packing_goes_on_where_it_stopped(monkeypatch, tmp_path):
    path, again = tmp_path / "a", tmp_path / "b"
    first, second, third = Counting(monkeypatch, stop_at=45), Counting(monkeypatch), Counting(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        pack(first.source, path)
    assert not is_packed(path)
    (path / f".{INDEX}.xyz.part").write_bytes(b"left by a killed program")
    pack(second.source, path)
    assert sorted(second.asked) == list(range(40, 70))
    pack(third.source, again)
    assert len(third.asked) == 70
    assert PackedRecordings(path).fingerprint == PackedRecordings(again).fingerprint
    assert {file.name for file in path.iterdir()} == {EVENTS, INDEX, ".lock"}
    for name in (EVENTS, INDEX):
        assert (path / name).read_bytes() == (again / name).read_bytes()


def test_recordings_that_changed_or_are_of_others_are_packed_again(monkeypatch, tmp_path):
    path = tmp_path / "a"
    with pytest.raises(KeyboardInterrupt):
        pack(Counting(monkeypatch, stop_at=45).source, path)
    flip(path / f"unfinished-{EVENTS}", 4 * sum(len(NMNIST_CODE.encode(*made_up_events(k))) for k in range(25)))
    mended = Counting(monkeypatch)
    pack(mended.source, path)
    assert sorted(mended.asked) == list(range(25, 70))
    PackedRecordings(path).verify()

    for seed in (0, 1):  # of the same recordings, but the record of them has changed; of others
        with pytest.raises(KeyboardInterrupt):
            pack(Counting(monkeypatch, stop_at=45).source, path, overwrite=True)
        if not seed:
            flip(path / f"unfinished-{INDEX}", 1000)
        other = Counting(monkeypatch, seed=seed)
        pack(other.source, path, overwrite=True)
        assert len(other.asked) == 70
        PackedRecordings(path).verify()


def test_packed_recordings_stay_until_others_are_complete(monkeypatch, tmp_path):
    path = tmp_path / "a"
    pack(Counting(monkeypatch).source, path)
    before = (path / INDEX).read_bytes()
    again = Counting(monkeypatch)
    pack(again.source, path)
    assert not again.asked
    opened = PackedRecordings(path)
    with pytest.raises(KeyboardInterrupt):
        pack(Counting(monkeypatch, stop_at=45, seed=1).source, path, overwrite=True)
    assert (path / INDEX).read_bytes() == before
    PackedRecordings(path).verify()
    pack(Counting(monkeypatch, seed=1).source, path, overwrite=True)
    assert PackedRecordings(path).origin == {"seed": 1}
    opened.verify()  # a program that reads the former ones reads on


def test_the_index_comes_last(monkeypatch, tmp_path):
    """A program that ends between the two leaves nothing that could be taken for complete."""
    path = tmp_path / "a"
    pack(Counting(monkeypatch).source, path)

    replace = os.replace

    def stop(temporary, target):
        if Path(target).name == INDEX:
            raise KeyboardInterrupt
        replace(temporary, target)

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        pack(Counting(monkeypatch, seed=1).source, path, overwrite=True)
    assert not is_packed(path)


def test_a_second_program_waits_for_the_first(monkeypatch, tmp_path):
    path, first, second = tmp_path / "a", Counting(monkeypatch), Counting(monkeypatch)
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(pack, counting.source, path) for counting in (first, second)]:
            done.result()
    assert sorted([len(first.asked), len(second.asked)]) == [0, 70]


def test_no_room(monkeypatch, tmp_path):
    source = Source("N-MNIST", LABELS, TRAIN, made_up_events, {}, n_events=10**15)
    with pytest.raises(MachineError, match=r"packing needs 4000000.0 GB in"):
        pack(source, tmp_path / "a")


def test_a_full_disk_is_named(monkeypatch, tmp_path):
    """And packing goes on when there is room again."""
    path, first, second = tmp_path / "a", Counting(monkeypatch), Counting(monkeypatch)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, limits[1]))
    try:
        with pytest.raises(OSError, match=f"too large.*{EVENTS}"):
            pack(first.source, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    pack(second.source, path)
    assert 0 < len(second.asked) < 70
    PackedRecordings(path).verify()


def flip(path, place):
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)


def test_any_changed_byte_is_found(data, tmp_path):
    path, random = tmp_path / nmnist.PACKED, np.random.default_rng(1)
    for name in (INDEX, EVENTS):
        size = (path / name).stat().st_size
        for place in [*random.integers(0, size, 100).tolist(), size - 1]:
            flip(path / name, place)
            with pytest.raises(DamagedFile, match="pack-nmnist") as error:
                PackedRecordings(path).read(np.arange(70))
            assert str(path / name) in str(error.value)
            assert "\n" not in str(error.value)
            flip(path / name, place)
    PackedRecordings(path).verify()


@pytest.mark.parametrize("name", [INDEX, EVENTS])
def test_a_file_cut_or_longer_is_found(data, tmp_path, name):
    path = tmp_path / nmnist.PACKED
    good = (path / name).read_bytes()
    for content in (b"", good[:100], good[:700], good[: len(good) // 2], good[:-1], good + b"x", b"x" + good):
        (path / name).write_bytes(content)
        with pytest.raises(DamagedFile, match="make it again"):
            SMALL.load(path)


def test_events_that_are_gone_or_cut_later(data, tmp_path):
    path = tmp_path / nmnist.PACKED
    os.truncate(path / EVENTS, 1000)
    with pytest.raises(DamagedFile, match="cut while it was open"):
        data.train.presentation(np.arange(50), 9, 1)
    (path / EVENTS).unlink()
    with pytest.raises(FileNotFoundError, match=EVENTS):
        SMALL.load(path)


def test_damaged_events_are_found_when_they_are_read(data, tmp_path):
    path = tmp_path / nmnist.PACKED
    before = data.train.presentation(np.arange(50), 9, 1)
    flip(path / EVENTS, -5)  # of the last recording
    damaged = SMALL.load(path)
    assert np.array_equal(damaged.train.presentation(np.arange(50), 9, 1), before)
    with pytest.raises(DamagedFile, match="recording 69 of it does not match"):
        damaged.test.presentation(np.array([0, 9]), 250, 1)
    with pytest.raises(DamagedFile, match="events do not match"):
        PackedRecordings(path).verify()


def test_packed_recordings_are_plain_arrays(data, tmp_path):
    """NumPy and h5py alone read them."""
    events = np.memmap(tmp_path / nmnist.PACKED / EVENTS, np.uint32, "r")
    with h5py.File(tmp_path / nmnist.PACKED / INDEX) as index:
        begin, end = index["offsets"][7:9]
        assert np.array_equal(index["labels"], LABELS)
    for found, expected in zip(NMNIST_CODE.decode(events[begin:end]), data.train.events([7])[0], strict=True):
        assert np.array_equal(found, expected)
    PackedRecordings(tmp_path / nmnist.PACKED).verify()


def test_the_fingerprint_is_as_before(data):
    """Runs record it: it is what it was when recordings were packed into one HDF5 file."""
    assert data.fingerprint == FINGERPRINT


def test_recordings_packed_by_an_earlier_version(tmp_path, capsys):
    """They are named as old, and packed again from the recordings if those are there."""
    for old, command in (("nmnist-simulated.events.h5", "simulate-nmnist"), ("nmnist.events.h5", "download-nmnist")):
        (tmp_path / old).write_bytes(b"\x89HDF")
        with pytest.raises(UserError, match=f"{old} was packed by an earlier version.*{command} --data-dir") as error:
            REAL.find(tmp_path)
        assert "\n" not in str(error.value)
    (tmp_path / nmnist.PACKED_SIMULATED).mkdir()
    (tmp_path / nmnist.PACKED_SIMULATED / INDEX).touch()
    with pytest.raises(UserError, match="download-nmnist"):  # real ones are there: simulated ones do not replace them
        REAL.find(tmp_path)
    write_tonic(tmp_path / "NMNIST")
    assert SMALL.load(SMALL.find(tmp_path)).fingerprint == FINGERPRINT
    assert "nmnist.events.h5 was packed by an earlier version" in capsys.readouterr().out
    assert SMALL.find(tmp_path) == tmp_path / nmnist.PACKED


def test_fewer_packed_recordings_are_not_nmnist(monkeypatch, tmp_path):
    pack(Counting(monkeypatch).source, tmp_path / nmnist.PACKED)
    with pytest.raises(DamagedFile, match=r"has N-MNIST, 60 \+ 10"):
        REAL.load(REAL.find(tmp_path))


@pytest.mark.parametrize("reason", ["EACCES", "EROFS"])
def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch, reason):
    folder = write_tonic(tmp_path / "NMNIST")

    def refuse(*_):
        raise OSError(getattr(errno, reason), "not here")

    monkeypatch.setattr(os, "mkdir", refuse)
    with pytest.raises(UserError, match=r"cannot be written.*--data-dir"):
        SMALL.load(folder)


# ---- the command line -----------------------------------------------------------------------------


def test_commands_end_in_one_line(tmp_path):
    done = program("pack-nmnist", "--data-dir", tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "download-nmnist" in done.stderr
    done = program("simulate-nmnist", "--count", "6")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--count" in done.stderr


def test_a_failed_download_says_how_to_get_it_by_hand(tmp_path, monkeypatch):
    tonic = pytest.importorskip("tonic")
    pytest.importorskip("tonic.datasets")

    class Unreachable(tonic.datasets.NMNIST):
        def download(self):
            raise OSError("no network")

    monkeypatch.setattr(tonic.datasets, "NMNIST", Unreachable)
    with pytest.raises(MachineError, match=r"no network.*extract them in .*NMNIST"):
        nmnist.download(tmp_path, SMALL.published_sizes)


def test_a_download_is_checked_and_not_done_twice(tmp_path, monkeypatch):
    tonic = pytest.importorskip("tonic")
    pytest.importorskip("tonic.datasets")

    asked = []

    class Local(tonic.datasets.NMNIST):
        def _check_exists(self):  # what tonic says of an archive that was extracted in part
            return True

        def download(self):
            asked.append(self.url)
            if not self.train:
                write_tonic(Path(self.location_on_system))

    monkeypatch.setattr(tonic.datasets, "NMNIST", Local)
    assert nmnist.download(tmp_path, SMALL.published_sizes) == tmp_path / "NMNIST"
    assert len(asked) == 2
    with pytest.raises(UserError, match="already"):
        nmnist.download(tmp_path, SMALL.published_sizes)
    recording(tmp_path / "NMNIST", 9).unlink()  # cut short: extracted again although most files are there
    nmnist.download(tmp_path, SMALL.published_sizes)
    assert len(asked) == 4


def test_a_quiet_download(tmp_path, monkeypatch, capsys):
    """With quiet, what tonic prints while it downloads is dropped."""
    tonic = pytest.importorskip("tonic")
    pytest.importorskip("tonic.datasets")

    class Chatty(tonic.datasets.NMNIST):
        def download(self):
            print("Downloading ...")
            print("50 %", file=sys.stderr)
            if not self.train:
                write_tonic(Path(self.location_on_system))

    monkeypatch.setattr(tonic.datasets, "NMNIST", Chatty)
    nmnist.download(tmp_path, SMALL.published_sizes, quiet=True)
    assert capsys.readouterr() == ("", "")


def test_heavy_packages_wait_until_they_are_needed():
    check = "import sys, nalsm.datasets; print([m for m in ('tonic', 'h5py', 'numba') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_sha256_of_the_origin_tells_folders_apart(tmp_path):
    folder = write_tonic(tmp_path / "NMNIST")
    before = folder_source(folder, SMALL.published_sizes).origin
    assert before["recordings"] == [TRAIN, TEST]
    assert before["bytes"] == 70 * 300 * 5
    lines = "".join(f"{path} 1500\n" for path in _in_order(folder))
    assert before["names_and_sizes_sha256"] == hashlib.sha256(lines.encode()).hexdigest()
    os.truncate(recording(folder, 3), 500)
    assert folder_source(folder, SMALL.published_sizes).origin != before


def _in_order(folder):
    for part in ("Train", "Test"):
        yield from (
            path.relative_to(folder).as_posix()
            for path in sorted((folder / part).glob("*/*.bin"), key=lambda path: path.name)
        )


def test_packing_is_quiet_where_it_is_asked_to_be(tmp_path, capsys):
    """A run packs a folder of recordings silently with --quiet, and with progress otherwise."""
    source = SMALL
    folder = write_tonic(tmp_path / "NMNIST")
    source.load(folder, quiet=True)
    assert capsys.readouterr() == ("", "")
    shutil.rmtree(nmnist.packed_path(folder))
    source.load(folder)
    assert "packing N-MNIST: 70 of 70 recordings" in capsys.readouterr().out
