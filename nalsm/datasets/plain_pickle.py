"""Pickles of arrays, numbers, text and their containers: nothing in one can run code.

Python's reader is given the few names that arrays are pickled with, and each is a stand-in of ours. Nor can
reading take much more memory than the file: what it claims and repeats is counted first.
"""

import math
import os
import pickle
import pickletools
import re

import numpy as np

_MOST_TUPLES = 10_000  # each inside another takes a piece of the machine's stack


def read(path):
    """Return what a pickle holds, every array as an `Array`.

    Raises Forbidden for one that asks for anything else, OSError, and exceptions of any kind for a damaged one.
    """
    with open(path, "rb") as file:
        _check_instructions(file)
        file.seek(0)
        return _DataUnpickler(file).load()


class TooMuch(ValueError):
    """A small file says the same again and again."""


class Budget:
    """How much more may be made of a file's contents than they are, counted down."""

    def __init__(self, left):
        self.left = left

    def take(self, n):
        self.left -= n
        if self.left < 0:
            raise TooMuch("it says the same again and again, to more than a data set")


class Forbidden(Exception):
    """A name that is not data; the text tells which."""


def _check_instructions(file):
    """Raise ValueError for instructions that cost Python's reader memory or stack far beyond the file's size."""
    n_tuples = 0
    for number, (instruction, argument, _) in enumerate(pickletools.genops(file)):
        if instruction.name in ("PUT", "BINPUT", "LONG_BINPUT") and argument > number + 1:
            raise ValueError(f"it keeps something as number {argument}")  # all numbers up to it would be made room for
        if instruction.name == "FRAME" and argument > os.fstat(file.fileno()).st_size:
            raise ValueError(f"it says that {argument} bytes follow")
        n_tuples += instruction.name in ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3")
        if n_tuples > _MOST_TUPLES:
            raise ValueError(f"it has more than {_MOST_TUPLES} tuples")


class _DataUnpickler(pickle.Unpickler):
    """Knows the few names that NumPy's arrays are pickled with; each stands for a stand-in of ours.

    NumPy's own functions never see the contents: they trust sizes and types they are given.
    """

    def __init__(self, file):
        super().__init__(file, encoding="latin1")
        self._stand_ins = _stand_ins(Budget(2 * os.fstat(file.fileno()).st_size))

    def find_class(self, module, name):
        try:
            return self._stand_ins[module.replace("numpy._core", "numpy.core"), name]
        except KeyError:
            raise Forbidden(f"{module}.{name}"[:100].encode("unicode_escape").decode()) from None


class _Type:
    """Stands for numpy.dtype: numbers of 1 to 8 bytes only."""

    def __init__(self, text, *_):
        if not re.fullmatch(r"[<>=|]?(b1|[iu][1248]|f[248])", text):
            raise ValueError(f"no numbers: type {text!r}")
        self.dtype = np.dtype(text)

    def __setstate__(self, state):  # version, byte order, ...
        self.dtype = self.dtype.newbyteorder({"<": "<", ">": ">", "|": "|", "=": "="}[state[1]])


class Array:
    """Stands for numpy.ndarray; `budget` counts the text that is turned into bytes."""

    budget = Budget(0)
    values = np.zeros(0)  # a pickle can make one without calling __init__

    def __init__(self, *_):  # the size an array is started with does not matter: its state brings all
        pass

    def __setstate__(self, state):
        *_, shape, kind, column_order, data = state
        self._set(data, kind, shape, "F" if column_order else "C")

    def _set(self, data, kind, shape, order):
        data = _as_data(data, self.budget)
        if any(type(n) is not int or n < 0 for n in shape) or math.prod(shape) * kind.dtype.itemsize != len(data):
            raise ValueError("an array's size is not that of its data")
        self.values = np.frombuffer(data, kind.dtype).reshape(shape, order=order)

    def array(self):
        return self.values


def _as_data(data, budget):
    """Return the bytes that hold an array's values; old protocols have them as text."""
    if isinstance(data, str):
        budget.take(len(data))
        return data.encode("latin1")
    if not isinstance(data, bytes | bytearray):  # bytes(n) would make n zeros
        raise TypeError("an array without data")
    return data


class _Function:
    """A function that the pickle may call, but not change: a pickle can give anything a state."""

    __slots__ = ("_call",)

    def __init__(self, call):
        self._call = call

    def __call__(self, *arguments):
        return self._call(*arguments)

    def __setstate__(self, state):
        raise TypeError("a state for a function")


def _stand_ins(budget):
    """Return what each name stands for while one file is read."""
    array_class = type("Array", (Array,), {"budget": budget})

    def array_from_buffer(data, kind, shape, order, *_):
        array = array_class()
        array._set(data, kind, shape, {"C": "C", "F": "F"}[order])
        return array

    def number(kind, data):
        return np.frombuffer(_as_data(data, budget), kind.dtype, count=1)[0].item()

    def latin1_bytes(text, encoding):  # how bytes are written by old protocols
        if encoding != "latin1" or not isinstance(text, str):
            raise ValueError(f"text in {encoding!r}"[:100])
        return _as_data(text, budget)

    return {
        ("numpy", "ndarray"): array_class,
        ("numpy", "dtype"): _Type,
        ("numpy.core.multiarray", "_reconstruct"): array_class,
        ("numpy.core.multiarray", "scalar"): _Function(number),
        ("numpy.core.numeric", "_frombuffer"): _Function(array_from_buffer),
        ("_codecs", "encode"): _Function(latin1_bytes),
    }
