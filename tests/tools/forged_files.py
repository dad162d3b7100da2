"""HDF5 files with the right checksum and the wrong contents, each made from a few bytes that choose what is wrong."""

import json

import h5py
import numpy as np
from fuzzing import hdf5, packed_folder, signed

from nalsm.datasets.packing import INDEX
from nalsm.network import Network
from nalsm.storage.files import read_arrays

NUMBERS = (0, 1, -1, 2, 7, 8, 255, 65_535, 2**31 - 1, 2**31, -(2**31), 2**32 + 1, 2**53, 2**63 - 1, -(2**63))
VALUES = (*NUMBERS, None, True, False, "", "8", "nalsm network 1", [], [2, 2, 2], [8, 1, 1], [2, 2], [0, 0, 0],
          [-2, -2, 2], [2, 2, "2"],
          {}, {"a": 1}, 1.5, 8.0, float("nan"), float("inf"), 10**30, [[[[]]]], "x" * 999)  # fmt: skip
KINDS = ("u1", "i1", "u2", "i4", "i8", "u8", "f4", "f8", "?", "S3", "c8", ">i4", "f2")
MOST = 10**12  # values that a few bytes claim


class Choices:
    """Numbers read from bytes, followed by zeros."""

    def __init__(self, image):
        self._rest = iter(image)

    def number(self, below):
        return (next(self._rest, 0) + 256 * next(self._rest, 0)) % below

    def pick(self, values):
        return values[self.number(len(values))]


def network_parts():
    network = Network.generate((2, 2, 2), 20, 1)
    arrays = {name: np.array(getattr(network, name)) for name in ("pre", "post", "sign", "positions")}
    numbers = {"n_exc": network.n_exc, "n_inh": network.n_inh, "n_inputs": 20, "dims": [2, 2, 2], "seed": 1}
    return arrays, {"format": "nalsm network 1", **numbers}


def packed_parts():
    return read_arrays(packed_folder() / INDEX)


def counts_parts():
    arrays = {"olc_S_AGG_RES": np.ones((5, 20), np.uint16), "scalar_labels_in_batch_arr": np.arange(5, dtype=np.uint8)}
    return arrays, {"run": "0" * 64}


def forged(parts, choices):
    """Return a signed file of these parts (arrays, attributes) after one to four changes."""
    arrays, attributes = parts
    odd = {}
    for _ in range(1 + choices.number(4)):
        change, name = choices.number(8), choices.pick(sorted(arrays)) if arrays else "x"
        array = arrays.get(name, np.zeros(3))
        if change == 0:
            attributes[choices.pick([*attributes, "more"])] = choices.pick(VALUES)
        elif change == 1 and array.size and array.dtype.kind in "iu":
            value = choices.pick(NUMBERS) % (int(np.iinfo(array.dtype).max) + 1)
            array.flat[choices.number(array.size)] = value
        elif change == 2:
            with np.errstate(all="ignore"):
                arrays[name] = array.real.astype(choices.pick(KINDS))
        elif change == 3:
            arrays[name] = array[: choices.number(len(array) + 1)] if array.ndim else array
        elif change == 4:
            arrays[name] = choices.pick([array.reshape(1, -1), np.concatenate([array, array]), array[..., None]])
        elif change == 5:
            arrays.pop(name, None)
        else:
            odd[name] = choices.pick(list(ODD))
    text = choices.pick([json.dumps(attributes)] * 6 + ["[" * 100_000, "", "null", "[]", '{"a":' * 50_000, "\1"])
    return hdf5(lambda file: fill(file, arrays, odd, text))


def fill(file, arrays, odd, text):
    """Write arrays, those named in `odd` in a way that must not be read, and the attributes' text."""
    for name, array in arrays.items():
        if name in odd:
            ODD[odd[name]](file, name, array.dtype)
        else:
            file.create_dataset(name, data=array, **({"compression": "gzip"} if array.size and array.ndim else {}))
    file.attrs["attributes"] = text


def bomb(file, name, chunks=1100):
    """One dataset that unpacks to 1.1 GB from chunks of a kilobyte."""
    import zlib

    file.create_dataset(name, (chunks * 2**20,), "u1", chunks=(2**20,), compression="gzip")
    packed = zlib.compress(bytes(2**20), 9)
    for k in range(chunks):
        file[name].id.write_direct_chunk((k * 2**20,), packed)


def twice(file, *_):
    file.create_dataset("first", data=np.zeros((1000, 1000)), compression="gzip")
    for k in range(200):
        file[f"again {k}"] = file["first"]


ODD = {  # (file, name, dtype) -> an entry that must not be read
    "huge": lambda file, name, dtype: file.create_dataset(name, (MOST,), dtype, chunks=(1000,)),
    "bomb": lambda file, name, _: bomb(file, name),
    "contiguous": lambda file, name, dtype: file.create_dataset(name, (MOST,), dtype),
    "external": lambda file, name, _: file.create_dataset(name, (4,), "u1", external=[("/etc/hostname", 0, 4)]),
    "soft link": lambda file, name, _: file.__setitem__(name, h5py.SoftLink("/nowhere")),
    "external link": lambda file, name, _: file.__setitem__(name, h5py.ExternalLink("/etc/hostname", "x")),
    "group": lambda file, name, _: file.create_group(name),
    "text": lambda file, name, _: file.create_dataset(name, data=["a", "b"], dtype=h5py.string_dtype()),
    "objects": lambda file, name, _: file.create_dataset(name, (2,), h5py.vlen_dtype(np.int32)),
    "empty": lambda file, name, _: file.create_dataset(name, data=h5py.Empty("i4")),
    "compound": lambda file, name, _: file.create_dataset(name, data=np.zeros(3, [("a", "i4"), ("b", "f4")])),
    "odd filter": lambda file, name, _: file.create_dataset(name, data=np.zeros(99, "i4"), chunks=(9,), scaleoffset=4),
    "twice": twice,
    "references": lambda file, name, _: file.create_dataset(name, data=[file.ref], dtype=h5py.ref_dtype),
}
FORGED = {
    "network_files": lambda choices: forged(network_parts(), choices),
    "count_files": lambda choices: forged(counts_parts(), choices),
    "packed_recordings": lambda choices: forged(packed_parts(), choices),
}
__all__ = ["FORGED", "Choices", "bomb", "fill", "forged", "signed"]
