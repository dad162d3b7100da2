"""Every file of a version folder: its name, how it is written, read back, and found to be done.

All files but the parameters are HDF5 with a checksum (`nalsm.storage.files`), and carry their format, their
name and the hash of the run they belong to: a file of another run, or of another batch, is never read
in place of one. The parameters are JSON with a checksum.
"""

import fcntl
import json
import math
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

from nalsm.storage.checksum import content_checksum
from nalsm.storage.files import TEMPORARY_SUFFIX, read_arrays, sync, write_arrays, write_text
from nalsm.support.errors import DamagedFile, MachineError, UserError

SPLITS = ("valid", "test", "train")  # in the order they are presented
_COUNTS = {"valid": "VALIDATION_{v}_S_AGG", "test": "TEST_{v}_S_AGG", "train": "TRAIN_S_AGG_{v}"}
_SPIKES = {"valid": "VALIDATION_{v}_SPIKES", "test": "TEST_{v}_SPIKES", "train": "TRAIN_S_AGG_{v}"}
_LOCK = ".lock"
_SECONDS_FOR_LOCK = 0.3  # `is_locked` of another process may hold it for a moment
_FORMAT = 1  # of the HDF5 files
_PARAMETERS_FORMAT = 2  # 1 had no checksum
_PEAK = "peak_memory_bytes"  # beside the stages in the file of times
# Accuracies of each split, cycle by cycle, in the result file and in the readout's checkpoint.
ACCURACY_NAMES = {"valid": "ACUM_VAL_ACC_l", "train": "ACUM_TRAIN_ACC_l", "test": "ACUM_TST_ACC_l"}


class RunFolder:
    """train_data/ver_<version>/ of one run; `identity` is what decides its results (JSON-like dict)."""

    holds = "run"
    large_files = "*.*data*"
    remedy = "choose another VERSION or give --overwrite"  # where a run that may not be touched is in the way

    def __init__(self, output_dir, version):
        self.path = Path(output_dir) / f"ver_{version}"
        self.version = version
        self.identity = None
        self._lock = None  # which file the lock is that this process holds

    # ---- names ------------------------------------------------------------------------------------

    @property
    def parameters_json(self):
        return self.path / f"VER_{self.version}_params.json"

    @property
    def parameters_text(self):
        return self.path / f"VER_{self.version}_params.txt"

    @property
    def times(self):
        return self.path / f"VER_{self.version}_times.json"

    @property
    def weights(self):
        return self.path / "W_INI.wdata"

    @property
    def initialisation_checkpoint(self):
        return self.path / "INITIALISATION_CHECKPOINT.wdata"

    @property
    def readout_checkpoint(self):
        return self.path / "READOUT_CHECKPOINT.evaldata"

    def kept_readouts(self, part):
        """The file of a part of the kept readouts while the readout trains (`nalsm.runs.history`)."""
        return self.path / f"KEPT_READOUTS_{part}.evaldata"

    @property
    def readout_weights(self):
        return self.path / "W_b_by_ITER.evaldata"

    @property
    def accuracies(self):
        """The file that is written last: a run that has it is finished."""
        return self.path / "FILE_L_VAL_ACC_L.files"

    @property
    def event_log(self):
        """The folder TensorBoard reads while the readout trains (`nalsm.runs.event_log`); no result."""
        return self.path / "tensorboard"

    @property
    def report(self):
        """The page of `nalsm.report`, which can be written again at any time; no result."""
        return self.path / "report.html"

    def report_picture(self, name):
        return self.path / f"report_{name}.png"

    def counts(self, split, batch):
        return self.path / f"{_COUNTS[split].format(v=self.version)}_BATCH_{batch}.datasagg"

    def spikes(self, split, batch):
        return self.path / f"{_SPIKES[split].format(v=self.version)}_BATCH_{batch}.spikes"

    def branching_factors(self, split, batch):
        path = self.spikes(split, batch)
        return path.with_name(f"{path.name}.bf")

    @property
    def kernel_quality(self):
        """Ranks of the kernel quality measures (`nalsm.evaluation.kernel_quality`)."""
        return self.path / f"KERNEL_QUALITY_{self.version}.evaldata"

    # ---- contents ---------------------------------------------------------------------------------

    def write(self, path, arrays, attributes=None):
        """Write a file of this run whole; raises MachineError where the folder was taken away meanwhile."""
        self._require_held()
        known = {"format": _FORMAT, "file": path.name, "run": identity_hash(self.identity)}
        try:
            write_arrays(path, arrays, {**(attributes or {}), **known})
        except FileNotFoundError:
            self._require_held()
            raise

    def read(self, path):
        """Return (arrays, attributes) of a file of this run.

        Raises FileNotFoundError, and DamagedFile also for a file of another run, format or name.
        """
        arrays, attributes = read_arrays(path)
        found = attributes.get("format", _FORMAT)  # the first files of this format did not say it, nor their names
        if found != _FORMAT:
            raise DamagedFile(
                f"{path} is of format {found}, not {_FORMAT}: it was written by another version of the program"
            )
        if attributes.get("run") != identity_hash(self.identity):
            raise DamagedFile(f"{path} belongs to another run")
        if attributes.get("file", path.name) != path.name:
            raise DamagedFile(f"{path} holds what belongs into {attributes['file']}")
        return arrays, attributes

    def read_if_good(self, path, say):
        """Return what `read` returns, or None where the file has to be made (again)."""
        try:
            return self.read(path)
        except FileNotFoundError:
            return None
        except DamagedFile as error:
            say(f"{error}; it is made again")
            return None

    def add_costs(self, stage, seconds, peak_bytes):
        """Add to the time that a stage has taken in all sessions of this run, and keep the most memory of them."""
        costs = self._costs()
        costs[stage] = round(costs.get(stage, 0.0) + seconds, 3)
        costs[_PEAK] = max(costs.get(_PEAK, 0), peak_bytes)
        self._require_held()
        write_text(self.times, json.dumps(costs, indent=1) + "\n")

    def seconds(self):
        """Return the seconds of each stage so far, by name."""
        return {stage: seconds for stage, seconds in self._costs().items() if stage != _PEAK}

    def peak_bytes(self):
        """Return the most memory that a process of this run has held, or None where that was not noted."""
        return self._costs().get(_PEAK)

    def _costs(self):
        try:
            costs = json.loads(self.times.read_text(encoding="utf-8"))
            return costs if all(math.isfinite(value) for value in costs.values()) else {}
        except (FileNotFoundError, ValueError, TypeError, AttributeError, RecursionError):
            return {}  # damaged times are of no consequence for results

    # ---- opening ----------------------------------------------------------------------------------

    def open(self):
        """Take up the run that is here, to read from it; return its recorded parameters.

        Raises UserError where there is none.
        """
        recorded = self.recorded_parameters()
        if recorded is None:
            raise UserError(
                f"VERSION: there is no {self.holds} in {self.path} ({self.parameters_json.name} is missing); choose "
                "the VERSION of one, or give --output-dir"
            )
        self.identity = recorded["identity"]
        return recorded

    def recorded_parameters(self):
        """Return what the parameter file holds, or None where there is none."""
        try:
            parameters = json.loads(self.parameters_json.read_text(encoding="utf-8"))
            found = parameters["format"]
            if found == _PARAMETERS_FORMAT and parameters.pop("sha256") != content_checksum({}, parameters):
                raise ValueError
            if not isinstance(parameters["identity"], dict):
                raise ValueError
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise DamagedFile(f"{self.parameters_json} is damaged; {self.remedy}") from None
        if found not in (1, _PARAMETERS_FORMAT):
            raise DamagedFile(
                f"{self.parameters_json} is of format {found}, not {_PARAMETERS_FORMAT}: it is damaged, or of another "
                f"version of the program; {self.remedy}"
            )
        return parameters

    @contextmanager
    def locked(self, overwrite=False):
        """Make the folder if need be and hold it against other processes until the block ends.

        Raises UserError where another process holds it, or where it has files that are not a run's.
        """
        from filelock import FileLock, Timeout

        created = [path for path in (self.path, *self.path.parents) if not path.exists()]
        self.path.mkdir(parents=True, exist_ok=True)
        for path in created or [self.path]:  # the process that made it may have been killed right behind that
            sync(path.parent)
        try:
            with FileLock(self.path / _LOCK).acquire(timeout=_SECONDS_FOR_LOCK, poll_interval=0.05):
                self._lock = _which(self.path / _LOCK)
                try:
                    if overwrite:
                        self._clear()
                    self._remove_leftovers()
                    yield
                finally:
                    self._lock = None
        except Timeout:
            raise UserError(
                f"VERSION: another process is working in {self.path}; wait for it or choose another VERSION"
            ) from None

    def start(self, identity, details):
        """Begin the run, or go on with it; `identity` is as in the class, `details` goes to the file too.

        Raises UserError where the folder holds a finished run, another run, or something else.
        """
        self.identity = identity
        recorded = self.recorded_parameters()
        if recorded is None:
            self._require_empty()
            recorded = {"format": _PARAMETERS_FORMAT, "identity": identity, **details}
            checked = {**recorded, "sha256": content_checksum({}, recorded)}
            write_text(self.parameters_json, json.dumps(checked, indent=1) + "\n")
        self.require_same(recorded, identity)
        details = {key: value for key, value in recorded.items() if key not in ("format", "identity")}
        values = _flat({**recorded["identity"], **details})
        text = "".join(f"{key:<28} {value}\n" for key, value in values)
        path = self.parameters_text
        if not path.is_file() or path.read_bytes() != text.encode():  # a new run, one killed right here, or damage
            write_text(path, text)

    def require_same(self, recorded, identity):
        """Raise UserError unless recorded parameters are of the run `identity`, and it is unfinished."""
        old, new = dict(_flat(recorded["identity"])), dict(_flat(identity))
        different = [key for key in [*new, *old] if old.get(key) != new.get(key)]
        if different:
            key = different[0]
            more = f" and {len(set(different)) - 1} more" if len(set(different)) > 1 else ""
            raise UserError(
                f"VERSION: {self.path} holds another {self.holds} ({key} {old.get(key)} there, {new.get(key)} "
                f"here{more}); {self.remedy}"
            )
        self.require_unfinished()

    def require_unfinished(self):
        """Raise UserError where the folder holds a finished run: those are never touched."""
        if self.is_finished():
            raise UserError(f"VERSION: {self.path} holds a finished {self.holds}; {self.remedy}")

    def is_finished(self):
        return self.accuracies.exists() and self.readout_weights.exists() and not self.readout_checkpoint.exists()

    def is_locked(self):
        """Tell whether a process is working in the folder just now; False where that cannot be found out."""
        try:
            with open(self.path / _LOCK, "rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # given back as the file is closed, at once
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def require_space(self, n_bytes):
        """Raise UserError unless the disk has room for so much, with what the folder holds already."""
        folder = next(p for p in (self.path, *self.path.parents) if p.exists())
        free = shutil.disk_usage(folder).free + sum(map(_size, self.path.glob(self.large_files)))
        if free < n_bytes:
            raise UserError(
                f"VERSION: {folder} has {free / 1e6:.0f} MB left, the run needs about {n_bytes / 1e6:.0f} MB; "
                "make room or give --output-dir"
            )

    def _require_held(self):
        """Raise MachineError where the folder that this process locked is gone, or another by now."""
        if self._lock and self._lock != _which(self.path / _LOCK):
            raise MachineError(
                f"{self.path} was removed or replaced while this program worked in it; start it again with the same "
                "answers"
            )

    def _require_empty(self):
        others = sorted(p.name for p in self.path.iterdir() if not p.name.startswith("."))
        if others:
            raise UserError(
                f"VERSION: {self.path} holds files ({others[0]}, ...) but no parameters of a run; {self.remedy}"
            )

    def _clear(self):
        self.parameters_json.unlink(missing_ok=True)  # first, and for sure: what is left is no run then
        sync(self.path)
        for path in self.path.iterdir():
            if path.name == _LOCK:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def _remove_leftovers(self):
        """Remove temporary files of a process that was killed."""
        for path in self.path.glob(f".*{TEMPORARY_SUFFIX}"):
            path.unlink(missing_ok=True)


def _size(path):
    """Return the bytes of a file, 0 where it is gone: another process may be at work in the folder."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _which(path):
    """Return what tells a file from all others, or None where there is none."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def identity_hash(identity):
    return content_checksum({}, identity)


def _flat(values, prefix=""):
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _flat(value, f"{name}.")
        else:
            yield name, value
