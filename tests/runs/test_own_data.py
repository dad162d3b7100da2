"""Runs on own data: the published data sets as own files, bit for bit, and files that change or disappear."""

import gzip
import json
import shutil
import struct
from dataclasses import replace

import numpy as np
import pytest
from own_files import image_arrays, image_file, recordings
from small_runs import ROOT
from whole_runs import complete, settings

from nalsm.datasets import DATA_SOURCES, OWN, own_source, pack_events
from nalsm.datasets.packing import NMNIST_CODE, PackedRecordings
from nalsm.datasets.simulated_nmnist import simulate, simulated_source
from nalsm.network import Network, network_path
from nalsm.runs import load_run
from nalsm.runs.noisy_test_set import NoiseRun
from nalsm.runs.record import open_record
from nalsm.storage.files import read_arrays
from nalsm.support.errors import DamagedFile, UserError

SMALL = {"train_samples": 30, "valid_samples": 10, "test_samples": 10, "batch_size": 10, "batches_per_block": 1,
         "init_samples": 20, "cycles": 3}  # fmt: skip


def results(run):
    """Every array of a run that data decide, as bytes; not the numbers of samples, which say where they came from."""
    folder = run.folder
    paths = [folder.weights, folder.accuracies, folder.readout_weights]
    paths += [folder.counts(split, batch) for split, size in run.settings.sizes.of_splits.items()
              for batch in range(size // run.settings.sizes.batch_size)]  # fmt: skip
    return {
        (path.name, name): (array.dtype.str, array.tobytes())
        for path in paths for name, array in read_arrays(path)[0].items() if name != "sample_ids"
    }  # fmt: skip


@pytest.fixture(scope="module")
def fashion(tmp_path_factory):
    """A data folder with Fashion-MNIST's four files, of few pixels each, and the same arrays as an own file."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "fashion-mnist").mkdir()
    random, arrays = np.random.default_rng(0), {}
    for split, file, n in (("train", "train", 60_000), ("test", "t10k", 10_000)):
        labels, images = (np.arange(n) * 7 % 10).astype(np.uint8), np.zeros((n, 784), np.uint8)
        for k in range(5):
            images[np.arange(n), (60 * labels.astype(int) + 40 * k) % 784] = random.integers(1, 256, n)
        arrays |= {f"x_{split}": images.reshape(n, 28, 28), f"y_{split}": labels}
        for kind, array in (("images-idx3", arrays[f"x_{split}"]), ("labels-idx1", labels)):
            with gzip.open(folder / "fashion-mnist" / f"{file}-{kind}-ubyte.gz", "wb", compresslevel=1) as out:
                out.write(struct.pack(f">I{array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes())
    np.savez(folder / "fashion.npz", **arrays)
    return folder


def test_fashion_mnist_as_an_own_file_is_the_same_bits(place, fashion):
    """Same seed, same splits: weights, counts, labels, readouts and accuracies; MNIST's noise likewise."""
    built_in, _ = complete(place, version=7, dataset="Fashion-MNIST", data_dir=fashion, **SMALL)
    shutil.move(place / "train_data", place / "built-in")  # names of files carry the version
    own, _ = complete(place, version=7, dataset=OWN, data_file=fashion / "fashion.npz", **SMALL)
    built_in.session.folder.path = place / "built-in" / "ver_7"
    found, expected = results(own), results(built_in)
    assert found == expected
    assert sum(len(array) for _, array in found.values()) > 10_000
    data, noise = own.session.dataset, DATA_SOURCES["MNIST"].noise
    data.train.images[0, 0, 0] = 255  # white, as in the whole training set
    for seed in (1, 2):
        images = [source.added_to(data, seed).test.images for source in (noise, own.settings.source.noise)]
        np.testing.assert_array_equal(*images)


def test_simulated_recordings_packed_by_pack_events_give_the_same_counts(place):
    source = replace(simulated_source(ROOT / "datasets", 70, seed=3), labels=(np.arange(70) % 10).astype(np.uint8))
    simulate(source, place / "nmnist-simulated", quiet=True)
    recorded = map(NMNIST_CODE.decode, PackedRecordings(place / "nmnist-simulated").read(np.arange(70)))
    kind = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", np.int8)])
    events = [np.rec.fromarrays([x, y, t, p], dtype=kind) for x, y, p, t in recorded]
    own_file = place / "own"
    parts = (events[:60], source.labels[:60]), (events[60:], source.labels[60:])
    pack_events(own_file, *parts, sensor_size=(34, 34, 2), duration_ms=300, quiet=True)
    common = {"network_number": 2, **SMALL, "init_samples": 60}
    built_in, _ = complete(place, dataset="N-MNIST", data_dir=place, **common)
    shutil.move(place / "train_data", place / "built-in")
    own, _ = complete(place, dataset=OWN, data_file=own_file, **common)
    built_in.session.folder.path = place / "built-in" / "ver_7"
    assert own.session.dataset.name == "own data own"
    assert results(own) == results(built_in)
    for run, folder in ((built_in, place / "built-in"), (own, place / "train_data")):
        NoiseRun(settings(place, dataset=run.settings.dataset, data_dir=place, data_file=own_file, output_dir=folder,
                          **common)).run()  # fmt: skip
    noisy = [read_arrays(place / name / "ver_7" / "NOISE_10_TEST_7_S_AGG_BATCH_0.datasagg")[0]["olc_S_AGG_RES"]
             for name in ("built-in", "train_data")]  # fmt: skip
    assert noisy[0].any()
    assert noisy[1].shape == noisy[0].shape
    assert not np.array_equal(*noisy)  # the shifts are drawn by the numbers of the samples, which the built-in set has


@pytest.fixture
def trees(place):
    """A place with a data file and network 3 for it, and the settings of a run on it."""
    path = image_file(place / "trees.npz")
    Network.generate((4, 4, 4), 20, seed=3).save(network_path(place / "networks", 3))
    return path, {"dataset": OWN, "data_file": path, "network_number": 3, **SMALL}


def test_a_run_is_read_without_its_file(place, trees):
    path, given = trees
    complete(place, **given)
    path.unlink()
    record = open_record(place / "train_data", 7)
    assert record.title == "version 7, NALSM on own data trees.npz"
    image_file(path)
    assert record.source.own == own_source(path).own
    path.unlink()
    assert (record.program, record.noise_program) == (
        "NALSM_RUN_MAIN_SIM_OWN.py", "NALSM_RUN_MAIN_SIM_OWN_NOISE.py")  # fmt: skip
    loaded = load_run(7, place / "train_data", place / "networks")
    assert loaded.readout_parameters[0].shape == (64, 3)
    assert sorted(loaded.recorded_batches()) == [("test", 0), ("train", 0), ("train", 1), ("train", 2), ("valid", 0)]
    assert loaded.settings.data_file == path
    assert json.loads((place / "train_data/ver_7/VER_7_params.json").read_text())["identity"]["rates"] == "image"


def test_a_file_that_changed_since_the_run_began_is_refused(place, trees):
    path, given = trees
    complete(place, **given)
    (place / "train_data/ver_7/FILE_L_VAL_ACC_L.files").unlink()  # it is not finished
    changed = image_arrays()
    changed["x_test"][0, 4, 3] += 1
    image_file(path, **changed)
    with pytest.raises(
        UserError, match=r"DATA_FILE: .*trees\.npz is not what version 7 began with.*put the old one back"
    ):
        complete(place, **given)
    image_file(path)
    complete(place, **given)


def test_the_file_is_asked_once(place, trees):
    """What happens to it while a run works on it is of no importance."""
    path, given = trees
    chosen = settings(place, **given)
    first = chosen.source
    path.unlink()
    assert chosen.source is first


def test_recordings_of_a_run_that_changed_while_it_was_open(place):
    pack_events(place / "leaves", recordings(36), recordings(12), sensor_size=(6, 5, 2), duration_ms=60, quiet=True)
    data = own_source(place / "leaves").load(place / "leaves")
    events = place / "leaves" / "events.uint32"
    events.write_bytes(bytes(len(events.read_bytes())))
    with pytest.raises(DamagedFile, match=r"recording 0 of it does not match index\.h5.*; pack it again"):
        data.train.presentation(np.array([0]), 60, 1)


@pytest.mark.parametrize(
    "change", [None, {}, [], {"classes": ["a"]}, {"sizes": [1, 2]}, {"n_inputs": "20"}, {"file": 7}, {"more": 1}]
)
def test_a_record_that_lacks_what_is_needed_is_damaged(place, trees, change):
    """Parameters of a run that name own data, and do not say what those are."""
    from nalsm.datasets import is_known
    from nalsm.runs.session import OWN_DATA

    sound = {"file": "/x/a.npz", "n_inputs": 20, "classes": ["a", "b"], "sizes": [3, 2, 1], "rates": "image",
             "duration": None}  # fmt: skip
    assert OWN_DATA == "own_data"
    assert is_known("own data a.npz", sound)
    assert not is_known("own data a.npz", {**sound, **change} if isinstance(change, dict) and change else change)
