"""NumPy's .npz files that are complete or absent. A large array may be given row by row and never lies in memory."""

import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nalsm.storage.files import replacing


@dataclass(frozen=True)
class Rows:
    """A float32 array of a shape, as its rows in order: `rows` yields shape[0] arrays of shape[1:]."""

    shape: tuple[int, ...]
    rows: Iterable[np.ndarray]


def write_npz(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays by name, each a Rows or something that NumPy makes an array of, as one compressed .npz file.

    Nothing is pickled: raises ValueError for arrays of objects.
    """
    with (
        replacing(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file,
    ):
        for name, array in arrays.items():
            with file.open(f"{name}.npy", "w", force_zip64=True) as entry:
                if not isinstance(array, Rows):
                    np.lib.format.write_array(entry, np.asarray(array), allow_pickle=False)
                    continue
                header = {"descr": "<f4", "fortran_order": False, "shape": array.shape}
                np.lib.format.write_array_header_1_0(entry, header)
                for row in array.rows:
                    entry.write(np.ascontiguousarray(row, "<f4").tobytes())
