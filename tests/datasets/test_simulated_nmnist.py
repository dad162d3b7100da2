"""Simulated recordings: plausible, repeatable, in N-MNIST's format, and never taken for N-MNIST."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nalsm.datasets import DATA_SOURCES, nmnist, packing, simulated_nmnist
from nalsm.datasets.simulated_nmnist import Camera, Simulator, simulate_folder, simulate_packed, simulated_source
from nalsm.encoding import raster_from_events
from nalsm.support.errors import DamagedFile, UserError

DATASETS = Path(__file__).resolve().parents[2] / "datasets"
COUNT, TRAIN, TEST = 70, 60, 10
SOURCE = DATA_SOURCES["N-MNIST"]
EXACT = {"mismatch": 0.0, "jitter_ms": 0.0}


@pytest.fixture(scope="module")
def images():
    with np.load(DATASETS / "mnist.npz") as file:
        return file["x_train"][:200]


@pytest.fixture(scope="module")
def source():
    return simulated_source(DATASETS, COUNT, seed=3)


@pytest.fixture
def folder(source, tmp_path):
    simulate_folder(source, tmp_path / "simulated-nmnist")
    return tmp_path / "simulated-nmnist"


def recordings_in(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.glob("*/*/*.bin")}


# ---- the camera -----------------------------------------------------------------------------------


def test_statistics_are_about_those_of_nmnist(images):
    simulator = Simulator(seed=0)
    recordings = [simulator.record(image, number) for number, image in enumerate(images)]
    counts = np.array([len(t_us) for *_, t_us in recordings])
    assert 3800 < counts.mean() < 4500
    assert counts.min() > 1500
    assert counts.max() < 8000
    assert 0.48 < np.mean([p.mean() for _, _, p, _ in recordings]) < 0.54
    x, y, p, t_us = (np.concatenate(values) for values in zip(*recordings, strict=True))
    assert x.min() >= 0
    assert max(x.max(), y.max()) <= 33
    assert set(p) == {0, 1}
    assert t_us.max() <= 300_000
    shares = np.histogram(t_us, [0, 100_000, 200_000, 300_001])[0] / len(t_us)
    assert (shares > 0.25).all()
    still = np.isin(t_us // 1000, [*range(10), *range(98, 105), *range(198, 205), *range(297, 300)])
    assert still.mean() < 0.01  # between saccades the camera rests


def test_a_recording_depends_on_seed_and_number_alone(images):
    again = [Simulator(seed=5).record(images[k], 17) for k in (1, 0, 1)]
    same = [np.array_equal(a, b) for a, b in zip(again[0], again[2], strict=True)]
    assert all(same)
    for seed, number in ((6, 17), (5, 18)):
        other = Simulator(seed).record(images[1], number)
        assert not np.array_equal(other[3], again[0][3])
    exact = [Simulator(seed, Camera(**EXACT)).record(images[1], seed) for seed in (5, 6)]
    assert np.array_equal(exact[0], exact[1])  # seed and number decide nothing else


def test_times_are_in_order_and_pixels_rest_after_an_event(images):
    x, y, _, t_us = Simulator(0, Camera(threshold=0.05, refractory_ms=2.0, jitter_ms=0.0)).record(images[2], 0)
    assert (np.diff(t_us) >= 0).all()
    pixel = y * 34 + x
    gaps = np.concatenate([np.diff(t_us[pixel == one]) for one in np.unique(pixel)])
    assert 1999 <= gaps.min() < 2500


def test_what_does_not_move_makes_no_events(images):
    still = Camera(corners=((3.0, 3.0),) * 4)
    assert len(Simulator(0, still).record(images[0], 0)[0]) == 0
    assert len(Simulator(0).record(np.zeros((28, 28), np.uint8), 0)[0]) == 0


@pytest.mark.parametrize(("threshold", "expected"), [(0.31, 5), (0.5, 3), (0.9, 1)])
def test_an_edge_makes_as_many_events_as_thresholds_fit_into_its_step(threshold, expected):
    """A white square moves on by 6 pixels: its front turns pixels ON, its back OFF, ln(1.2 / 0.2) = 1.79 high."""
    corners = ((0.0, 3.0), (6.0, 3.0), (6.0, 3.0), (6.0, 3.0))
    camera = Camera(corners=corners, threshold=threshold, refractory_ms=0.01, **EXACT)
    x, y, p, t_us = Simulator(0, camera).record(np.full((28, 28), 255, np.uint8), 0)
    row = y == 15
    for column in range(34):
        polarities = p[row & (x == column)].tolist()
        if 28 <= column <= 33:
            assert polarities == [1] * expected
        elif column < 6:
            assert polarities == [0] * expected
        else:
            assert polarities == []
    arrivals = [t_us[row & (x == column)].min() for column in range(28, 34)]
    assert (np.diff(arrivals) > 0).all()
    assert t_us.max() <= 100_000


def test_the_path_is_a_triangle_travelled_in_three_saccades():
    path = Camera().path()
    assert path.shape == (301, 2)
    assert np.allclose(path[[0, 100, 200, 300]], [[-0.5, -0.5], [3.0, 6.5], [6.5, -0.5], [-0.5, -0.5]])
    speed = np.linalg.norm(np.diff(path, axis=0), axis=1)
    assert speed[[0, 99, 100, 199, 200, 299]].max() < 0.001
    assert np.allclose(path[50], path[[0, 100]].mean(axis=0))


# ---- the files ------------------------------------------------------------------------------------


def test_tonic_reads_what_was_written(source, folder):
    read_mnist_file = pytest.importorskip("tonic.io").read_mnist_file

    with np.load(DATASETS / "mnist.npz") as file:
        labels = {"Train": file["y_train"][:TRAIN], "Test": file["y_test"][:TEST]}
    written = recordings_in(folder)
    assert len(written) == COUNT
    kind = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])
    for part, first in (("Train", 0), ("Test", TRAIN)):
        for k, label in enumerate(labels[part]):
            path = folder / part / str(label) / f"{k + 1:05d}.bin"
            events = read_mnist_file(str(path), dtype=kind)
            expected = source.events(first + k)
            for name, values in zip("xypt", expected, strict=True):
                assert np.array_equal(events[name], values)


def test_folder_and_packed_file_hold_the_same(source, folder, tmp_path):
    assert SOURCE.find(tmp_path) == folder
    data = SOURCE.load(folder)
    packed = tmp_path / "elsewhere" / nmnist.PACKED_SIMULATED
    simulate_packed(source, packed)
    assert SOURCE.find(packed.parent) == packed
    other = SOURCE.load(packed)
    assert data.fingerprint == other.fingerprint
    for one in (data, other):
        assert one.name == "simulated N-MNIST"
        assert [len(split) for split in (one.train, one.valid, one.test)] == [50, 10, 10]
        assert one.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
        assert one.test.sample_ids[0] == 60_000
        expected = raster_from_events(*source.events(52), 250)
        assert np.array_equal(one.valid.presentation(np.array([2]), 250, 1)[0], expected)
    with pytest.raises(UserError, match="there already"):
        simulate_packed(source, packed)


def test_a_recording_is_the_same_in_sets_of_any_size(source):
    larger = simulated_source(DATASETS, 700, seed=3)
    for place, in_larger in ((59, 59), (60, 600), (69, 609)):
        assert source.labels[place] == larger.labels[in_larger]
        for a, b in zip(source.events(place), larger.events(in_larger), strict=True):
            assert np.array_equal(a, b)


def test_sizes_are_six_to_one():
    assert simulated_nmnist.split_count(70_000) == (60_000, 10_000)
    assert simulated_nmnist.split_count(7) == (6, 1)
    assert simulated_nmnist.split_count(20) == (18, 2)
    assert DATA_SOURCES["N-MNIST"].sizes == (50_000, 10_000, 10_000)


def test_an_interrupted_simulation_goes_on(source, folder, tmp_path):
    written = recordings_in(folder)
    lost = sorted(written)[5:25]
    for name in lost[:-1]:
        (folder / name).unlink()
    os.truncate(folder / lost[-1], 0)
    with pytest.raises(UserError, match=r"missing: .*simulate-nmnist"):
        SOURCE.load(SOURCE.find(tmp_path))
    asked = []

    def events(place):
        asked.append(place)
        return source.events(place)

    simulate_folder(type(source)(**{**vars(source), "events": events}), folder)
    assert len(asked) == 20
    assert recordings_in(folder) == written
    with pytest.raises(UserError, match="complete already"):
        simulate_folder(source, folder)


def test_other_recordings_are_not_mixed_or_overwritten(source, folder, tmp_path):
    written = recordings_in(folder)
    SOURCE.load(folder)  # packs
    other = simulated_source(DATASETS, 14, seed=4)
    with pytest.raises(UserError, match=r"nmnist-simulated.events.h5 is there already"):
        simulate_folder(other, folder)
    (tmp_path / nmnist.PACKED_SIMULATED).unlink()
    with pytest.raises(UserError, match="another seed or count"):
        simulate_folder(other, folder)
    assert recordings_in(folder) == written
    simulate_folder(other, folder, overwrite=True)
    assert len(recordings_in(folder)) == 14
    data = SOURCE.load(SOURCE.find(tmp_path))
    assert [len(split) for split in (data.train, data.valid, data.test)] == [10, 2, 2]


def test_what_is_not_simulated_is_never_deleted(source, tmp_path):
    precious = tmp_path / "NMNIST" / "Train" / "5" / "00001.bin"
    precious.parent.mkdir(parents=True)
    precious.write_bytes(b"12345")
    with pytest.raises(UserError, match="holds other files"):
        simulate_folder(source, tmp_path / "NMNIST", overwrite=True)
    assert precious.read_bytes() == b"12345"
    assert not (tmp_path / "NMNIST" / nmnist.MARKER).exists()


# ---- the mark -------------------------------------------------------------------------------------


def test_simulated_recordings_stay_marked_wherever_they_go(source, folder, tmp_path):
    for part in ("", "Train", "Test"):
        assert "SIMULATED" in (folder / part / nmnist.MARKER).read_text()
    moved = tmp_path / "moved"  # parts of it, under the name of the real ones
    shutil.copytree(folder / "Train", moved / "NMNIST" / "Train")
    shutil.copytree(folder / "Test", moved / "NMNIST" / "Test")
    assert nmnist.packed_path(moved / "NMNIST").name == nmnist.PACKED_SIMULATED
    with pytest.raises(DamagedFile, match="does not tell how many"):
        SOURCE.load(SOURCE.find(moved))
    shutil.copy(folder / nmnist.MARKER, moved / "NMNIST")
    assert SOURCE.load(SOURCE.find(moved)).name == "simulated N-MNIST"

    renamed = tmp_path / "renamed"  # the packed file too
    renamed.mkdir()
    shutil.copy(moved / nmnist.PACKED_SIMULATED, renamed / nmnist.PACKED)
    assert SOURCE.load(SOURCE.find(renamed)).name == "simulated N-MNIST"


def test_a_folder_without_its_mark_is_not_taken_for_real(folder, tmp_path):
    for part in ("", "Train", "Test"):
        (folder / part / nmnist.MARKER).unlink()
    assert nmnist.packed_path(folder).name == nmnist.PACKED_SIMULATED
    with pytest.raises(DamagedFile, match=nmnist.MARKER):
        SOURCE.load(SOURCE.find(tmp_path))


@pytest.mark.parametrize("change", ["train: 60001", "train: 0", "train: many", ""])
def test_a_mark_that_does_not_count_is_refused(folder, change):
    text = (folder / nmnist.MARKER).read_text()
    (folder / nmnist.MARKER).write_text(text.replace("train: 60", change))
    with pytest.raises(DamagedFile, match="does not tell how many"):
        SOURCE.load(folder)


def test_fewer_or_more_than_marked_are_refused(folder):
    next((folder / "Test").glob("*/00004.bin")).unlink()
    with pytest.raises(UserError, match=r"simulated N-MNIST: .* should hold 10 .* missing: 00004.*--overwrite"):
        SOURCE.load(folder)


def test_real_recordings_come_first(folder, tmp_path):
    (tmp_path / nmnist.PACKED_SIMULATED).touch()
    assert SOURCE.find(tmp_path).name == nmnist.PACKED_SIMULATED
    (tmp_path / "nmnist" / "train_all").mkdir(parents=True)
    assert SOURCE.find(tmp_path) == tmp_path / "nmnist"
    assert nmnist.find_folder(tmp_path) == tmp_path / "nmnist"
    shutil.rmtree(tmp_path / "nmnist")
    assert nmnist.find_folder(tmp_path) == folder


# ---- the command line -----------------------------------------------------------------------------


def test_the_command_simulates_packs_and_does_not_overwrite(tmp_path):
    shutil.copy(DATASETS / "mnist.npz", tmp_path)

    def run(*arguments):
        command = [sys.executable, "-m", "nalsm.datasets", *arguments, "--data-dir", str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    done = run("simulate-nmnist", "--count", "14", "--seed", "9")
    assert done.returncode == 0, done.stderr
    assert "simulated N-MNIST, 12 + 2 recordings, seed 9" in done.stdout
    done = run("pack-nmnist")
    assert done.returncode == 0, done.stderr
    assert "simulated N-MNIST, 12 + 2 recordings" in done.stdout
    assert "packed and checked" in done.stdout
    assert SOURCE.load(SOURCE.find(tmp_path)).name == "simulated N-MNIST"
    assert "is there already and sound" in run("pack-nmnist").stdout
    for options in ([], ["--packed-only"]):
        done = run("simulate-nmnist", "--count", "14", *options)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert "--overwrite" in done.stderr
    done = run("simulate-nmnist", "--count", "21", "--packed-only", "--overwrite")
    assert (done.returncode, done.stderr) == (0, "")
    assert [len(SOURCE.load(SOURCE.find(tmp_path)).train)] == [15]


def test_mnist_is_needed(tmp_path):
    with pytest.raises(UserError, match=r"mnist\.npz"):
        simulated_source(tmp_path, 7, 0)
    (tmp_path / "mnist.npz").write_bytes(b"PK no archive")
    with pytest.raises(DamagedFile, match=r"mnist\.npz is damaged"):
        simulated_source(tmp_path, 7, 0)


def test_parts_are_of_one_simulation(monkeypatch, tmp_path):
    """What an interrupted simulation of another seed left behind is not joined."""
    monkeypatch.setattr(packing, "RECORDINGS_IN_A_PART", 7)
    path = tmp_path / nmnist.PACKED_SIMULATED
    first = simulated_source(DATASETS, 14, seed=1)

    def stops(place):
        if place == 10:
            raise KeyboardInterrupt
        return first.events(place)

    with pytest.raises(KeyboardInterrupt):
        simulate_packed(type(first)(**{**vars(first), "events": stops}), path)
    simulate_packed(simulated_source(DATASETS, 14, seed=2), path)
    simulate_packed(simulated_source(DATASETS, 14, seed=2), tmp_path / "afresh.h5")
    found, expected = (packing.PackedRecordings(p).fingerprint for p in (path, tmp_path / "afresh.h5"))
    assert found == expected
