"""Simulated recordings are plausible and repeatable, and are never taken for N-MNIST."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nalsm.datasets import DATA_SOURCES, nmnist, packing, simulated_nmnist
from nalsm.datasets.simulated_nmnist import Camera, Simulator, simulate, simulated_source
from nalsm.encoding import raster_from_events
from nalsm.support.errors import DamagedFile, UserError
from nalsm.support.tuning import TUNING

DATASETS = Path(__file__).resolve().parents[2] / "datasets"
COUNT = 70
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
def packed(source, tmp_path):
    path = tmp_path / nmnist.PACKED_SIMULATED
    simulate(source, path, quiet=True)
    return path


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


# ---- the file -------------------------------------------------------------------------------------


def test_the_packed_file_holds_the_recordings(source, packed):
    assert SOURCE.find(packed.parent) == packed
    data = SOURCE.load(packed)
    assert data.name == "simulated N-MNIST"
    assert [len(split) for split in (data.train, data.valid, data.test)] == [50, 10, 10]
    assert data.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert data.test.sample_ids[0] == 60_000
    expected = raster_from_events(*source.events(52), 250)
    assert np.array_equal(data.valid.presentation(np.array([2]), 250, 1)[0], expected)


def test_an_existing_file_is_kept_or_replaced(source, packed):
    other = simulated_source(DATASETS, 14, seed=4)
    before = [path.read_bytes() for path in sorted(packed.iterdir())]
    with pytest.raises(UserError, match="nmnist-simulated exists already"):
        simulate(other, packed)
    assert [path.read_bytes() for path in sorted(packed.iterdir())] == before
    simulate(other, packed, overwrite=True)
    assert [len(split) for split in vars(SOURCE.load(packed)).values() if hasattr(split, "labels")] == [10, 2, 2]


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


def test_a_renamed_file_is_still_named_as_simulated(packed, tmp_path):
    renamed = tmp_path / "renamed" / nmnist.PACKED
    shutil.copytree(packed, renamed)
    assert SOURCE.find(renamed.parent) == renamed
    assert SOURCE.load(renamed).name == "simulated N-MNIST"


def test_real_recordings_come_first(packed, tmp_path):
    assert SOURCE.find(tmp_path) == packed
    (tmp_path / "nmnist" / "train_all").mkdir(parents=True)
    assert SOURCE.find(tmp_path) == tmp_path / "nmnist"
    assert nmnist.find_folder(tmp_path) == tmp_path / "nmnist"
    shutil.copytree(packed, tmp_path / nmnist.PACKED)
    assert SOURCE.find(tmp_path) == tmp_path / nmnist.PACKED


# ---- the command line -----------------------------------------------------------------------------


def test_the_command_simulates_and_does_not_overwrite(tmp_path):
    shutil.copy(DATASETS / "mnist.npz", tmp_path)

    def run(*arguments):
        command = [sys.executable, "-m", "nalsm.datasets", *arguments, "--data-dir", str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    done = run("simulate-nmnist", "--count", "14", "--seed", "9", "--quiet")
    assert done.returncode == 0, done.stderr
    assert "simulated N-MNIST, 12 + 2 recordings, seed 9" in done.stdout
    assert (done.stdout.count("\n"), done.stderr) == (1, "")
    done = run("pack-nmnist")
    assert done.returncode == 0, done.stderr
    assert "simulated N-MNIST, 12 + 2 recordings" in done.stdout
    assert "exists already and is sound; replace it with simulate-nmnist --overwrite" in done.stdout
    done = run("simulate-nmnist", "--count", "21")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "--overwrite" in done.stderr
    done = run("simulate-nmnist", "--count", "21", "--overwrite")
    assert (done.returncode, done.stderr) == (0, "")
    assert "packing simulated N-MNIST: 21 of 21 recordings" in done.stdout
    assert [len(SOURCE.load(SOURCE.find(tmp_path)).train)] == [15]


def test_mnist_is_needed(tmp_path):
    assert len(simulated_source(tmp_path, 7, 0).labels) == 7  # from the package's own copy
    (tmp_path / "mnist.npz").write_bytes(b"PK no archive")
    with pytest.raises(DamagedFile, match=r"mnist\.npz is damaged"):
        simulated_source(tmp_path, 7, 0)


def test_parts_are_of_one_simulation(monkeypatch, tmp_path):
    """Parts left by an interrupted simulation of another seed are not used."""
    monkeypatch.setattr(TUNING, "recordings_in_a_part", 7)
    path = tmp_path / nmnist.PACKED_SIMULATED
    first = simulated_source(DATASETS, 14, seed=1)

    def stops(place):
        if place == 10:
            raise KeyboardInterrupt
        return first.events(place)

    with pytest.raises(KeyboardInterrupt):
        simulate(type(first)(**{**vars(first), "events": stops}), path)
    simulate(simulated_source(DATASETS, 14, seed=2), path)
    simulate(simulated_source(DATASETS, 14, seed=2), tmp_path / "afresh")
    found, expected = (packing.PackedRecordings(p).fingerprint for p in (path, tmp_path / "afresh"))
    assert found == expected
