"""Data sets in the formats of tonic's, made small and read through tonic's own classes."""

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from nalsm.datasets import own_source
from nalsm.programs.datasets import commands
from nalsm.support.errors import MachineError, UserError

DIGITS = ("zero", "one", "two")


def spikes(number):
    """Seconds and channels of a recording of SHD: one spike in channel `number`, others by chance."""
    random = np.random.default_rng(number)
    times = np.sort(np.append(random.uniform(0, 0.4, 30), 0.41)).astype(np.float16)
    return times, np.append(random.integers(0, 700, 30), number).astype(np.uint16)


def make_shd(folder):
    folder.mkdir()
    for split, n in (("train", 18), ("test", 6)):
        (folder / f"shd_{split}.h5.zip").touch()  # tonic looks whether it was downloaded
        with h5py.File(folder / f"shd_{split}.h5", "w") as file:
            recordings = [spikes(k + 100 * (split == "test")) for k in range(n)]
            for name, column, kind in (("times", 0, np.float16), ("units", 1, np.uint16)):
                data = file.create_dataset(f"spikes/{name}", n, h5py.vlen_dtype(kind))
                for k, recording in enumerate(recordings):
                    data[k] = recording[column]
            file["labels"] = np.arange(n) % 3
            file["extra/keys"] = np.array(DIGITS, "S")
            file["extra/speaker"] = np.zeros(n, int)


def make_gestures(folder):
    """120 + 120 recordings: x, y, polarity, ms, one column each; the number of the class names the file."""
    for split in ("Train", "Test"):
        (folder / f"ibmGesture{split}").mkdir(parents=True)
        (folder / f"ibmGesture{split}.tar.gz").touch()
        for user in range(40):
            here = folder / f"ibmGesture{split}" / f"user{user:02d}_fluorescent"
            here.mkdir()
            for label in (0, 4, 10):
                np.save(here / f"{label}.npy", [[label, 127, 1, 12], [user, 3, 0, 30], [127, 0, 1, 55]])


def pack(*arguments):
    done = CliRunner().invoke(commands, ["pack-tonic", *map(str, arguments)])
    if done.exception:
        raise done.exception
    return done.output.splitlines()[-1]


def test_nmnist_is_not_packed_over_that_of_the_programs(tmp_path):
    with pytest.raises(UserError, match=r"nmnist-packed: N_MNIST programs take .*; choose another \(--output\)"):
        pack("NMNIST", "--data-dir", tmp_path, "--overwrite")


def test_shd(tmp_path):
    make_shd(tmp_path / "SHD")
    said = pack("shd", "--data-dir", tmp_path, "--bin-ms", "4", "--quiet")
    path = tmp_path / "shd-packed"
    assert said == f"SHD: 15 + 3 + 6 recordings, 3 classes, 700 inputs, 103 bins of 4 ms: {path}"
    source = own_source(path)
    assert source.classes == tuple(sorted(DIGITS))
    data = source.load(path)
    assert (np.bincount(data.test.labels) == 2).all()
    times, units = spikes(101)
    expected = np.zeros((103, 700), np.uint8)
    expected[np.rint(times.astype(float) * 1e6 // 1 / 4_000).astype(int), units] = 1
    np.testing.assert_array_equal(data.test.presentation(np.array([1]), 103, 0)[0], expected)
    assert source.classes[data.test.labels[1]] == "one"
    whole = np.concatenate(
        [data.train.presentation(np.arange(15), 103, 0), data.valid.presentation(np.arange(3), 103, 0)]
    )
    assert [int(np.flatnonzero(raster[102])[0]) for raster in whole] != list(range(18))  # shuffled
    with pytest.raises(UserError, match="shd-packed exists already"):
        pack("SHD", "--data-dir", tmp_path)
    assert sorted(int(np.flatnonzero(raster[102])[0]) for raster in whole) == list(range(18))


def test_gestures(tmp_path):
    make_gestures(tmp_path / "DVSGesture")
    path = tmp_path / "gestures"
    said = pack(
        "DVSGesture", "--data-dir", tmp_path, "--output", path, "--downsample", "4", "--duration-ms", "50", "--quiet"
    )
    assert said == f"DVSGesture: 100 + 20 + 120 recordings, 3 classes, 2,048 inputs, 50 bins of 1 ms: {path}"
    source = own_source(path)
    assert source.classes == ("Hand clapping", "Other gestures", "Right arm ccw")
    data = source.load(path)
    assert len(set(data.valid.labels.tolist())) == 3
    raster, label = data.test.presentation(np.array([4]), 50, 0)[0], data.test.labels[4]
    number = {"Hand clapping": 0, "Right arm ccw": 4, "Other gestures": 10}[source.classes[label]]
    times, inputs = np.nonzero(raster)
    assert times.tolist() == [12, 30]  # the event at 55 ms is later than the duration
    assert inputs[0] == (1 * 32 + 127 // 4) * 32 + number // 4
    again = tmp_path / "again"
    pack("DVSGesture", "--data-dir", tmp_path, "--output", again, "--downsample", "4", "--duration-ms", "50", "--quiet")
    assert own_source(again).load(again).fingerprint == data.fingerprint


def test_what_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"HSD9: tonic has no such data set; there are .*DVSGesture.*SHD"):
        pack("HSD9", "--data-dir", tmp_path)
    with pytest.raises(UserError, match="NCALTECH101: tonic does not divide it into a training and a test set"):
        pack("ncaltech101", "--data-dir", tmp_path)
    make_shd(tmp_path / "SHD")
    (tmp_path / "SHD" / "shd_test.h5").write_bytes(b"no HDF5")
    with pytest.raises(MachineError, match=r"SHD: tonic could not get or read it \(OSError: .*SHD"):
        pack("SHD", "--data-dir", tmp_path)
