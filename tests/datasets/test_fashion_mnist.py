"""Fashion-MNIST: found and read; claims about sizes are checked."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from nalsm.datasets import DATA_SOURCES, fashion_mnist
from nalsm.datasets.fashion_mnist import read_idx_folder
from nalsm.support.errors import DamagedFile, UserError

SIZES = (30, 20)
FILES = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
         "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")  # fmt: skip
installed = pytest.mark.skipif(
    not fashion_mnist.SYSTEM_FOLDER.is_dir(), reason="needs the Debian package dataset-fashion-mnist"
)


def made_up(sizes=SIZES):
    random = np.random.default_rng(0)
    sets = ((random.integers(0, 256, (n, 28, 28), np.uint8), random.integers(0, 10, n, np.uint8)) for n in sizes)
    return tuple(array for pair in sets for array in pair)


def idx_bytes(array, shape=None, kind=8):
    shape = array.shape if shape is None else shape
    return bytes([0, 0, kind, len(shape)]) + np.array(shape, ">u4").tobytes() + array.tobytes()


def gzipped(content, level=9):
    """The same bytes at every call: gzip writes the time otherwise, and test ids must not change with it."""
    return gzip.compress(content, level, mtime=0)


def write_folder(folder, arrays):
    folder.mkdir(exist_ok=True)
    for name, array in zip(FILES, arrays, strict=True):
        (folder / name).write_bytes(gzipped(idx_bytes(array), level=0))
    return folder


def same(found, expected):
    return all(
        a.dtype == np.uint8 and a.shape == b.shape and np.array_equal(a, b)
        for a, b in zip(found, expected, strict=True)
    )


# ---- the four files -------------------------------------------------------------------------------


def test_the_four_files_are_read_as_they_are(tmp_path):
    arrays = made_up()
    assert same(read_idx_folder(write_folder(tmp_path, arrays), SIZES), arrays)


IMAGES = made_up()[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gzipped(idx_bytes(IMAGES))[:-5000], "cut"),
        (gzipped(idx_bytes(IMAGES))[:-4], "cut"),
        (gzipped(idx_bytes(IMAGES, kind=9)), "starts with 00000903, expected 00000803"),
        (gzipped(idx_bytes(made_up()[1])), "starts with 00000801"),
        (gzipped(idx_bytes(IMAGES[:29])), "holds 29 x 28 x 28 values, expected 30 x 28 x 28"),
        (gzipped(idx_bytes(IMAGES, (2**32 - 1, 28, 28))), "holds 4294967295 x 28"),
        (gzipped(idx_bytes(IMAGES[:29], (30, 28, 28))), "another size"),
        (gzipped(idx_bytes(IMAGES) + b"more"), "another size"),
        (gzipped(idx_bytes(IMAGES)) * 2, "another size"),
        (gzipped(b""), "starts with"),
        (b"", "not the file it should be"),
        (idx_bytes(IMAGES), "[Nn]ot a gzipped file"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value.replace(" ", "_")[:30],
)
def test_a_damaged_file_is_named(tmp_path, content, said):
    write_folder(tmp_path, made_up())
    (tmp_path / FILES[0]).write_bytes(content)
    with pytest.raises(DamagedFile, match=said) as error:
        read_idx_folder(tmp_path, SIZES)
    assert str(tmp_path / FILES[0]) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_changed_byte_is_found(tmp_path):
    write_folder(tmp_path, made_up())
    content = bytearray((tmp_path / FILES[2]).read_bytes())
    content[len(content) // 2] ^= 1  # stored, not compressed: only the checksum can tell
    (tmp_path / FILES[2]).write_bytes(content)
    with pytest.raises(DamagedFile, match="CRC"):
        read_idx_folder(tmp_path, SIZES)


def test_an_impossible_label_is_found(tmp_path):
    arrays = made_up()
    arrays[3][4] = 10
    with pytest.raises(DamagedFile, match="labels up to 10"):
        read_idx_folder(write_folder(tmp_path, arrays), SIZES)


# ---- where it is looked for -----------------------------------------------------------------------


def test_places_are_searched_in_order(tmp_path):
    system, own = tmp_path / "system", tmp_path / "fashion-mnist"
    with pytest.raises(UserError, match="apt-get install dataset-fashion-mnist") as error:
        fashion_mnist.find(tmp_path, system)
    assert all(str(place) in str(error.value) for place in (own, system))
    write_folder(system, made_up())
    assert fashion_mnist.find(tmp_path, system) == system
    write_folder(own, made_up())
    assert fashion_mnist.find(tmp_path, system) == own


def test_a_folder_of_three_files_is_not_passed_over(tmp_path):
    folder = write_folder(tmp_path / "fashion-mnist", made_up())
    (folder / FILES[1]).unlink()
    with pytest.raises(UserError, match=FILES[1]):
        fashion_mnist.find(tmp_path)


def test_only_the_complete_set_is_loaded(tmp_path):
    with pytest.raises(DamagedFile, match="expected 60000 x 28 x 28"):
        DATA_SOURCES["Fashion-MNIST"].load(write_folder(tmp_path, made_up()))


def test_mnist_under_these_names_is_refused(tmp_path):
    with np.load(Path(__file__).parents[2] / "datasets" / "mnist.npz") as file:
        arrays = [file[name] for name in ("x_train", "y_train", "x_test", "y_test")]
    with pytest.raises(DamagedFile, match="another data set"):
        DATA_SOURCES["Fashion-MNIST"].load(write_folder(tmp_path, arrays))


@installed
def test_the_real_set(tmp_path):
    source = DATA_SOURCES["Fashion-MNIST"]
    data = source.load(source.find(tmp_path))
    assert (data.name, data.n_inputs) == ("Fashion-MNIST", 784)
    assert tuple(map(len, (data.train, data.valid, data.test))) == source.sizes
    assert data.train.labels[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    assert data.test.labels[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    assert 1 in (split.rates(np.arange(len(split))).max() for split in (data.train, data.valid))
