"""Data files of a user's own, small: images with names for classes, and recordings as tonic has them."""

import numpy as np

CLASSES = ("ash", "beech", "elm")
EVENT = np.dtype([("t", np.int64), ("x", np.int16), ("y", np.int16), ("p", bool)])


def image_arrays(n=60, n_test=30, shape=(5, 4), seed=0):
    """x and y of a training and a test set: uint8 images, each class bright in its own row; labels in turn."""
    random = np.random.default_rng(seed)
    arrays = {}
    for split, size in (("train", n), ("test", n_test)):
        numbers = np.arange(size) % len(CLASSES)
        x = random.integers(0, 40, (size, *shape)).astype(np.uint8)
        x[np.arange(size), numbers] = 200
        arrays |= {f"x_{split}": x, f"y_{split}": np.array(CLASSES)[numbers]}
    return arrays


def image_file(path, **changes):
    """Write an .npz file of `image_arrays`, with other arrays under their names; None leaves one out."""
    arrays = {name: array for name, array in {**image_arrays(), **changes}.items() if array is not None}
    np.savez(path, **arrays)
    return path


def recording(label, number, sensor=(6, 5, 2), duration_us=80_000, n=120):
    """The events of one recording: class `label` has them in its own column, at random times."""
    random = np.random.default_rng((label, number))
    events = np.zeros(n, EVENT)
    events["t"] = np.sort(random.integers(0, duration_us, n))
    events["x"], events["y"] = 2 * label, random.integers(0, sensor[1], n)
    events["p"] = random.integers(0, sensor[2], n)
    return events


def recordings(n, first=0):
    """(recordings, labels), the classes in turn."""
    labels = [k % len(CLASSES) for k in range(n)]
    return [recording(label, first + k) for k, label in enumerate(labels)], [CLASSES[label] for label in labels]
