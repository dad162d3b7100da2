"""Fashion-MNIST: found, read, and nothing else believed or run."""

import gzip
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from nalsm.datasets import DATA_SOURCES, fashion_mnist
from nalsm.datasets.fashion_mnist import read_idx_folder, read_reference_pickle
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


def write_pickle(path, value, protocol=4):
    path.write_bytes(pickle.dumps(value, protocol))
    return path


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


def test_places_are_looked_at_in_order(tmp_path, monkeypatch):
    system, own, pickled = tmp_path / "system", tmp_path / "fashion-mnist", tmp_path / "fmnist.ds"
    monkeypatch.setattr(fashion_mnist, "SYSTEM_FOLDER", system)
    find = DATA_SOURCES["Fashion-MNIST"].find
    with pytest.raises(UserError, match="apt-get install dataset-fashion-mnist") as error:
        find(tmp_path)
    assert all(str(place) in str(error.value) for place in (own, system, pickled))
    pickled.write_bytes(b"")
    assert find(tmp_path) == pickled
    write_folder(system, made_up())
    assert find(tmp_path) == system
    write_folder(own, made_up())
    assert find(tmp_path) == own


def test_a_folder_of_three_files_is_not_passed_over(tmp_path):
    folder = write_folder(tmp_path / "fashion-mnist", made_up())
    (folder / FILES[1]).unlink()
    with pytest.raises(UserError, match=FILES[1]):
        fashion_mnist.find(tmp_path)


def test_only_the_complete_set_is_loaded(tmp_path):
    with pytest.raises(DamagedFile, match="expected 60000 x 28 x 28"):
        fashion_mnist.load(write_folder(tmp_path, made_up()))


def test_mnist_under_these_names_is_refused(tmp_path):
    with np.load(Path(__file__).parents[2] / "datasets" / "mnist.npz") as file:
        arrays = [file[name] for name in ("x_train", "y_train", "x_test", "y_test")]
    with pytest.raises(DamagedFile, match="another data set"):
        fashion_mnist.load(write_folder(tmp_path, arrays))


@installed
def test_the_real_set(tmp_path):
    source = DATA_SOURCES["Fashion-MNIST"]
    data = source.load(source.find(tmp_path))
    assert (data.name, data.n_inputs) == ("Fashion-MNIST", 784)
    assert tuple(map(len, (data.train, data.valid, data.test))) == source.sizes
    assert data.train.labels[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    assert data.test.labels[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    assert 1 in (split.rates(np.arange(len(split))).max() for split in (data.train, data.valid))

    arrays = read_idx_folder(fashion_mnist.SYSTEM_FOLDER)
    pickled = write_pickle(tmp_path / "fmnist.ds", dict(zip("abcd", arrays, strict=True)))
    assert same(read_reference_pickle(pickled), arrays)


# ---- the reference's pickle -----------------------------------------------------------------------


def forms():
    a, b, c, d = made_up()
    flat = a.reshape(-1, 784), c.reshape(-1, 784)
    return {
        "dict": {"train_images": a, "train_labels": b, "test_images": c, "test_labels": d},
        "pairs": ((a, b), (c, d)),
        "dict of dicts": {"train": {"x": a, "y": b}, "test": {"x": c, "y": d}, "name": "Fashion"},
        "any order": [d, b, c, a],
        "flat floats": (flat[0].astype(np.float32), b.astype(np.int64), flat[1].astype(">f8"), d.reshape(-1, 1)),
        "columns first": [np.asfortranarray(a), b, np.asfortranarray(flat[1]), d],
        "lists": [a.tolist(), b.tolist(), flat[1].tolist(), list(d)],
        "rows": [list(a), b, list(flat[1]), d.astype(np.uint16)],
    }


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("form", forms())
def test_evident_forms_of_the_pickle(tmp_path, form, protocol):
    path = write_pickle(tmp_path / "fmnist.ds", forms()[form], protocol)
    assert same(read_reference_pickle(path, SIZES), made_up())


def test_names_of_older_and_newer_numpy(tmp_path):
    content = pickle.dumps(made_up(), 2)
    old, new = b"numpy.core.multiarray", b"numpy._core.multiarray"
    for name in (old, new):
        (tmp_path / "fmnist.ds").write_bytes(content.replace(new, old).replace(old, name))
        assert same(read_reference_pickle(tmp_path / "fmnist.ds", SIZES), made_up())


class Runs:
    """Pickled as a call of anything with anything."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_nothing_is_run(tmp_path, protocol):
    witness = tmp_path / "witness"
    touch = f"touch {witness}"
    nasties = {
        "system": Runs(os.system, touch),
        "eval": Runs(eval, f"open({str(witness)!r}, 'w')"),
        "exec": Runs(exec, f"open({str(witness)!r}, 'w')"),
        "inside an array": np.array([Runs(os.system, touch)], dtype=object),
        "getattr": Runs(getattr, os, "system") if protocol > 2 else Runs(os.popen, touch),
        "beside the arrays": {"data": made_up(), "more": [Runs(os.system, touch)]},
        "NumPy's own": Runs(np.memmap, str(witness), "u1", "w+", 0, (4,)),
    }
    for name, nasty in nasties.items():
        try:
            path = write_pickle(tmp_path / "fmnist.ds", nasty, protocol)
        except TypeError:
            continue  # modules cannot be pickled
        with pytest.raises(DamagedFile) as error:
            read_reference_pickle(path, SIZES)
        assert not witness.exists(), name
        assert "\n" not in str(error.value)
        if name != "inside an array":
            assert "not data (nothing of it was run)" in str(error.value), name


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.",  # an attribute of something admitted
        b"cnumpy.core.multiarray\nfromfile\n(S'/etc/passwd'\ntR.",
        b"cnumpy\nload\n(S'/etc/passwd'\ntR.",
        b"c__builtin__\neval\n(S'1'\ntR.",
        b"cos\nsys\x1btem\n.",
        b"Pabc\n.",  # a persistent id
        b"\x82\x01.",  # an extension code
        b"\x80\x05\x97.",  # a buffer that is not in the file
        b"\x80\x04\x8e" + (2**62).to_bytes(8, "little") + b".",  # 4 EiB of bytes to come
        b"c_codecs\nencode\n(S'import os'\nS'rot13'\ntR.",
        b"]",
        b"",
        b"not a pickle",
        pickle.dumps(made_up())[:-3000],
    ],
)
def test_other_nasties_are_refused_in_one_line(tmp_path, content):
    path = tmp_path / "fmnist.ds"
    path.write_bytes(content)
    with pytest.raises(DamagedFile) as error:
        read_reference_pickle(path, SIZES)
    assert str(path) in str(error.value)
    assert str(error.value).isprintable()


def test_an_array_may_not_claim_more_than_its_data(tmp_path):
    content = pickle.dumps(np.zeros((3, 5), np.uint8), 2)
    assert content.count(b"K\x03K\x05\x86") == 1
    (tmp_path / "fmnist.ds").write_bytes(content.replace(b"K\x03K\x05\x86", b"K\xffK\xff\x86"))
    with pytest.raises(DamagedFile, match="size is not that of its data"):
        read_reference_pickle(tmp_path / "fmnist.ds", SIZES)


def test_lists_that_hold_themselves_end(tmp_path):
    short, long = [], []
    short.append(short)
    long.extend([long] * 20)
    for value in (short, long):
        with pytest.raises(DamagedFile, match="found 0 among"):
            read_reference_pickle(write_pickle(tmp_path / "fmnist.ds", value), SIZES)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a, b, c, d: [a[:29], b, c, d], r"found 0 among \(\[0\]: \(29, 28, 28\)"),
        (lambda a, b, c, d: [a, a, b, c, d], "found 2 among"),
        (lambda a, b, c, d: [a / 255, b, c, d], "from 0 to 1, expected whole numbers 0..255"),
        (lambda a, b, c, d: [a.astype(int) - 1, b, c, d], "from -1 to 254"),
        (lambda a, b, c, d: [a + 1.0, b, c, d], "from 1 to 256"),
        (lambda a, b, c, d: [np.where(a == a[0, 0, 0], np.nan, a), b, c, d], "expected whole numbers"),
        (lambda a, b, c, d: [a, b + 1, c, d], "labels up to 10"),
        (lambda a, b, c, d: [[*a[:-1].tolist(), 3], b, c, d], "not one of numbers"),
        (lambda a, b, c, d: "text only", "no arrays"),
    ],
)
def test_what_cannot_be_interpreted_is_described(tmp_path, change, said):
    arrays = made_up()
    arrays[0].flat[:2] = 0, 255
    arrays[1][0] = 9
    with pytest.raises(DamagedFile, match=said):
        read_reference_pickle(write_pickle(tmp_path / "fmnist.ds", change(*arrays)), SIZES)
