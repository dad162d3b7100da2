""".npz files of a user's own: what they become, and what is refused."""

import numpy as np
import pytest
from own_files import CLASSES, image_arrays, image_file

from nalsm.datasets import own_source
from nalsm.encoding import image_rates, image_scale
from nalsm.support.errors import UserError


def test_what_a_file_becomes(tmp_path):
    path = image_file(tmp_path / "trees.npz")
    source = own_source(path)
    assert (source.name, source.n_inputs, source.classes) == ("own data trees.npz", 20, CLASSES)
    assert (source.sizes, source.sample_ms, source.longest_snapshot) == ((50, 10, 30), 250, None)
    assert (source.own.rates, source.letter, source.network_kind, source.family) == ("image", "O", "20", "own data")
    data, arrays = source.load(source.find(tmp_path)), image_arrays()
    assert [len(split) for split in (data.train, data.valid, data.test)] == [50, 10, 30]
    assert data.valid.labels.tolist() == [k % 3 for k in range(50, 60)]
    assert data.test.sample_ids.tolist() == list(range(60, 90))
    together = image_rates(arrays["x_train"], image_scale(arrays["x_train"]))
    np.testing.assert_array_equal(data.valid.rates(np.arange(10)), together[50:])
    np.testing.assert_array_equal(data.test.images, arrays["x_test"])


def test_a_validation_set_of_the_users_own(tmp_path):
    more = image_arrays(9, 3, seed=1)
    path = image_file(tmp_path / "trees.npz", x_valid=more["x_train"], y_valid=more["y_train"])
    data = own_source(path).load(path)
    assert [len(split) for split in (data.train, data.valid, data.test)] == [60, 9, 30]
    np.testing.assert_array_equal(data.valid.images, more["x_train"])


def test_floats_are_probabilities_and_can_be_images(tmp_path):
    scaled = {name: array / 255 for name, array in image_arrays().items() if name[0] == "x"}
    path = image_file(tmp_path / "trees.npz", **scaled)
    assert own_source(path).own.rates == "probability"
    data = own_source(path).load(path)
    expected = scaled["x_test"].astype(np.float32).reshape(30, 20)
    np.testing.assert_array_equal(data.test.rates(np.arange(30)), expected)
    as_images, bytes_ = own_source(path, "image"), own_source(image_file(tmp_path / "bytes.npz"))
    found, wanted = (source.load(source.find(tmp_path)).test.rates(np.arange(30)) for source in (as_images, bytes_))
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.array([7, -1, 300]), ("-1", "7", "300")),
        (np.array([True, False, True]), ("0", "1")),
        (np.array([[3], [1], [2]]), ("1", "2", "3")),
        (np.array([b"\xc3\xa4", b"b\n", b"c" * 80]), ("b?", "c" * 60, "\xe4")),
    ],
)
def test_labels_are_kept_as_names(tmp_path, labels, names):
    path = image_file(tmp_path / "a.npz", y_train=np.tile(labels, (20, 1)[: labels.ndim]),
                      y_test=np.tile(labels, (10, 1)[: labels.ndim]))  # fmt: skip
    assert own_source(path).classes == names


def test_as_many_classes_as_thousand(tmp_path):
    labels = np.arange(1_000) % 1_000
    train = {"x_train": np.ones((1_200, 3), np.uint8), "y_train": np.arange(1_200) % 1_000}
    path = image_file(tmp_path / "a.npz", **train, x_test=np.ones((1_000, 3), np.uint8), y_test=labels)
    data = own_source(path).load(path)
    assert data.train.labels.dtype == np.uint16
    assert data.train.labels.max() == 999
    more = image_file(tmp_path / "b.npz", x_train=np.ones((1_002, 3), np.uint8), y_train=np.arange(1_002),
                      x_valid=np.ones((1, 3), np.uint8), y_valid=[0], x_test=np.ones((1_002, 3), np.uint8),
                      y_test=np.arange(1_002))  # fmt: skip
    with pytest.raises(UserError, match="1002 classes, expected 2 to 1,000"):
        own_source(more)


FLOATS = image_arrays()["x_train"] / 255
BAD = {
    "NaN or infinite values, the first in sample 2": {
        "x_train": np.where(np.arange(60)[:, None, None] == 2, np.nan, FLOATS), "x_test": FLOATS[:30]},
    r"values down to -0\.5, but rates cannot be negative; scale": {
        "x_train": FLOATS, "x_test": -0.5 * np.ones((30, 5, 4))},
    r"up to 200, but with --rates probability .* x / 200, or give --rates image": {
        "x_train": 255 * FLOATS, "x_test": FLOATS[:30]},
    "no test sample has the label elm": {"y_test": np.array(CLASSES)[np.arange(30) % 2]},
    "the test labels have oak, the training labels do not": {"y_test": np.array(["oak"] * 30)},
    "the valid labels have elm, .* shuffle it": {"y_train": np.repeat(CLASSES, [25, 25, 10])},
    r"x_train has the shape \(60, 5, 4\), y_train \(59,\)": {"y_train": np.arange(59)},
    "array of objects": {"x_train": np.array([[1], [1, 2]] * 30, dtype=object)},
    "labels have 1 classes": {"y_train": np.zeros(60, int), "y_test": np.zeros(30, int)},
    "the train labels are float64": {"y_train": np.arange(60.0) % 3, "y_test": np.arange(30.0) % 3},
    r"shape \(50, 3\), expected one label": {"y_train": np.eye(3, dtype=int)[np.arange(60) % 3]},
    "some labels are numbers, others are texts": {"y_test": np.arange(30) % 3},
    "it lacks y_train, x_test; save it with numpy.savez": {"y_train": None, "x_test": None},
    "it lacks y_valid": {"x_valid": FLOATS},
    r"x_train is int64 \(60, 5, 4\), expected uint8 or floats": {"x_train": np.ones((60, 5, 4), int)},
    r"x_test is uint8 \(4, 5\), one of x_train uint8 \(5, 4\)": {"x_test": np.ones((30, 4, 5), np.uint8)},
    "it has 0 validation samples": {"x_train": np.ones((5, 5, 4), np.uint8), "y_train": np.arange(5) % 3},
    "have no values": {"x_train": np.ones((60, 0), np.uint8), "x_test": np.ones((30, 0), np.uint8)},
}  # fmt: skip


@pytest.mark.parametrize("reason", BAD)
def test_what_is_refused(tmp_path, reason):
    path = image_file(tmp_path / "bad.npz", **BAD[reason])
    with pytest.raises(UserError, match=rf"bad\.npz.*{reason}") as error:
        own_source(path)
    assert "\n" not in str(error.value)


def test_damaged_and_other_files(tmp_path):
    whole = image_file(tmp_path / "a.npz").read_bytes()
    damaged = tmp_path / "damaged.npz"
    for contents in (b"", b"PK", whole[:-200], whole[:900] + b"\xff" * 20 + whole[920:], b"\x93NUMPY" + whole[6:]):
        damaged.write_bytes(contents)
        with pytest.raises(UserError, match=r"damaged\.npz: it cannot be read as an \.npz file .*; save it again"):
            own_source(damaged)
    with pytest.raises(UserError, match=r"there is no .*missing\.npz, expected an \.npz file or a folder"):
        own_source(tmp_path / "missing.npz")
    with pytest.raises(UserError, match="--rates: read 'loud', expected auto or image or probability"):
        own_source(tmp_path / "a.npz", "loud")


def test_noise_is_in_proportion_to_the_brightest_value(tmp_path):
    """The same images in 0..255, in 0..1 and as probabilities get the same noise."""
    x = {name: array for name, array in image_arrays().items() if name[0] == "x"}
    x["x_train"][0, 0, 0] = 255  # white
    files = {"bytes": x, "floats": {name: array / 255 for name, array in x.items()}}
    images = {}
    for name, arrays in files.items():
        source = own_source(image_file(tmp_path / f"{name}.npz", **arrays))
        clean = source.load(source.find(tmp_path))
        noisy = source.noise.added_to(clean, 3)
        images[name] = noisy.test.images / (1 if name == "floats" else 255)
        assert np.abs(images[name] * 255 - x["x_test"]).max() > 100
        assert noisy.train is clean.train
        assert (noisy.test.scale == 1).all() == (name == "floats")
    np.testing.assert_allclose(images["bytes"], images["floats"], atol=1e-6)
