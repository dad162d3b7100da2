"""N-MNIST: MNIST seen by an event camera in three short saccades, 34 x 34 pixels, about 0.3 s.

Data: G. Orchard, A. Jayawant, G. K. Cohen, N. Thakor, Front. Neurosci. 9:437, 2015. Recording k of its training (test)
set is image k of MNIST's. Splits are in this order, not in tonic's, which is by class.

Recordings are packed into one folder by the first run that uses them. Simulated recordings
(`nalsm.datasets.simulated_nmnist`) exist only as a packed folder, which carries their own name inside.
"""

import contextlib
import errno
import io
import zipfile
from pathlib import Path

import numpy as np

from nalsm.console.progress import say
from nalsm.datasets.dataset import SIMULATED, Dataset
from nalsm.datasets.events import event_dataset
from nalsm.datasets.nmnist_folder import NAME, folder_source, layout
from nalsm.datasets.packing import PackedRecordings, is_packed, pack
from nalsm.support.errors import DamagedFile, MachineError, UserError

SIMULATED_NAME = SIMULATED + NAME
PACKED, PACKED_SIMULATED = "nmnist-packed", "nmnist-simulated"
_OLD, _OLD_SIMULATED = "nmnist.events.h5", "nmnist-simulated.events.h5"  # packed by earlier versions


# ---- finding and loading --------------------------------------------------------------------------


def find(data_dir: Path) -> Path:
    """Return the folder of the recordings, packed ones or .bin files; simulated ones come last.

    Raises UserError if there are none, or only some that were packed by an earlier version.
    """
    places = [data_dir, data_dir / "nmnist"]
    found = [place / PACKED for place in places if is_packed(place / PACKED)] + _folders(data_dir)
    old = [place / _OLD for place in places if (place / _OLD).exists()]
    if not found and not old:
        found = [data_dir / PACKED_SIMULATED] if is_packed(data_dir / PACKED_SIMULATED) else []
        old = [data_dir / _OLD_SIMULATED] if (data_dir / _OLD_SIMULATED).exists() else []
    if found:
        return found[0]
    raise _only_old(old[0]) if old else _nothing_in(data_dir)


def find_folder(data_dir: Path) -> Path:
    """Return the folder of .bin files that `find` would return if no recordings were packed."""
    for folder in _folders(data_dir):
        return folder
    raise _nothing_in(data_dir)


def _folders(data_dir: Path) -> list[Path]:
    return [data_dir / name for name in ("NMNIST", "nmnist", "nmnist/NMNIST") if layout(data_dir / name)]


def _only_old(path: Path) -> UserError:
    command = "simulate-nmnist" if path.name == _OLD_SIMULATED else "download-nmnist"
    return UserError(
        f"{NAME}: {path} was packed by an earlier version and is no longer read; delete it and make the recordings "
        f"again: python -m nalsm.datasets {command} --data-dir {path.parent}"
    )


def _nothing_in(data_dir: Path) -> UserError:
    return UserError(
        f"{NAME}: neither {PACKED} in {data_dir}, nor recordings in its NMNIST (Train, Test) or nmnist (train_all, "
        "valid_all, test_all); get them with: python -m nalsm.datasets download-nmnist, or simulate some: python -m "
        f"nalsm.datasets simulate-nmnist (each with --data-dir {data_dir})"
    )


def load(path: Path, sizes: tuple[int, int], quiet: bool = False) -> Dataset:
    """Return the data set that `find` found; recordings in a folder are packed first.

    Its name says whether it is simulated. Validation samples are the last sixth of the training set. Sample ids are
    the numbers of the MNIST images.
    sizes : training and test recordings of the complete set
    Raises UserError if the set is incomplete, DamagedFile if files are damaged.
    """
    if not is_packed(path):
        path = pack_folder(path, sizes, quiet=quiet)
    packed = PackedRecordings(path)
    n, n_train = len(packed), packed.n_train
    if packed.name != SIMULATED_NAME and (packed.name != NAME or (n_train, n - n_train) != sizes):
        raise DamagedFile(f"{NAME}: {path} has {packed.name}, {n_train} + {n - n_train}; pack the complete set again")
    ids = np.concatenate([np.arange(n_train), sizes[0] + np.arange(n - n_train)])
    return event_dataset(packed, packed.name, n_train // 6, ids)


def packed_path(folder: Path) -> Path:
    """Return where the recordings of a folder are packed: beside the folder."""
    return folder.parent / PACKED


def pack_folder(folder: Path, sizes: tuple[int, int], overwrite: bool = False, quiet: bool = False) -> Path:
    """Pack the recordings of a folder into one folder beside it, and return its path.

    Packed recordings are kept unless `overwrite` is set. `quiet`: no progress is printed. Raises as `load` does.
    """
    path = packed_path(folder)
    if overwrite or not is_packed(path):
        recordings = folder_source(folder, sizes)
        if (old := folder.parent / _OLD).exists():
            say(f"{NAME}: {old} was packed by an earlier version and is no longer read; you can delete it", quiet)
        try:
            pack(recordings, path, overwrite, quiet)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            raise UserError(
                f"{NAME}: recordings are packed once into {path}, which cannot be written ({error}); allow it, or link "
                f"{folder} into a data folder of your own and name that with --data-dir"
            ) from None
    return path


# ---- downloading ----------------------------------------------------------------------------------


def download(data_dir: Path, sizes: tuple[int, int], quiet: bool = False) -> Path:
    """Download N-MNIST into <data_dir>/NMNIST with tonic (about 1.2 GB), check it, and return the folder.

    Archives that are already there and sound are only extracted. `quiet`: tonic prints no progress.
    Raises UserError if the complete set is already there, MachineError if the download fails.
    """
    try:
        import tonic.datasets
    except ImportError as error:
        raise UserError(
            f"{NAME}: tonic, which downloads it, is not there ({error}); install it: pip install tonic (from Python "
            "3.12 on that needs a C compiler)"
        ) from None

    folder = data_dir / "NMNIST"
    if layout(folder) and _is_complete(folder, sizes):
        raise UserError(f"{NAME}: the complete set is in {folder} already")
    # tonic takes 10,000 files for a complete set; this one always compares and extracts the archives
    again = type("NMNIST", (tonic.datasets.NMNIST,), {"_check_exists": lambda self: False})
    try:
        with contextlib.ExitStack() as stack:
            if quiet:
                stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
                stack.enter_context(contextlib.redirect_stderr(io.StringIO()))  # where tqdm draws its bar
            for train in (True, False):
                again(str(data_dir), train=train)
    except (OSError, RuntimeError, RecursionError, zipfile.BadZipFile) as error:
        raise MachineError(
            f"{NAME}: the download failed ({error}); get train.zip and test.zip from "
            f"https://data.mendeley.com/datasets/468j46mzdv with a browser and extract them in {folder}"
        ) from None
    folder_source(folder, sizes)
    return folder


def _is_complete(folder: Path, sizes: tuple[int, int]) -> bool:
    try:
        folder_source(folder, sizes)
    except (UserError, DamagedFile):
        return False
    return True
