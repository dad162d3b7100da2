"""Every file of a version folder: its name, how it is written, read back, and found to be done.

All files but the parameters are HDF5 with a checksum (`nalsm.files`), and carry the hash of the run
they belong to: a file of another run is never read as one of this run.
"""

import fcntl
import json
import shutil
from contextlib import contextmanager
from pathlib import Path

from nalsm.errors import DamagedFile, UserError
from nalsm.files import TEMPORARY_SUFFIX, content_checksum, read_arrays, sync, write_arrays, write_text

SPLITS = ("valid", "test", "train")  # in the order they are presented
_COUNTS = {"valid": "VALIDATION_{v}_S_AGG", "test": "TEST_{v}_S_AGG", "train": "TRAIN_S_AGG_{v}"}
_SPIKES = {"valid": "VALIDATION_{v}_SPIKES", "test": "TEST_{v}_SPIKES", "train": "TRAIN_S_AGG_{v}"}
_LOCK = ".lock"
_SECONDS_FOR_LOCK = 0.3  # `is_locked` of another process may hold it for a moment
_PARAMETERS_FORMAT = 1
_PEAK = "peak_memory_bytes"  # beside the stages in the file of times
# Accuracies of each split, cycle by cycle, in the result file and in the readout's checkpoint.
ACCURACY_NAMES = {"valid": "ACUM_VAL_ACC_l", "train": "ACUM_TRAIN_ACC_l", "test": "ACUM_TST_ACC_l"}


class RunFolder:
    """train_data/ver_<version>/ of one run; `identity` is what decides its results (JSON-like dict)."""

    holds = "run"
    remedy = "choose another VERSION or give --overwrite"  # where a run that may not be touched is in the way

    def __init__(self, output_dir, version):
        self.path = Path(output_dir) / f"ver_{version}"
        self.version = version
        self.identity = None

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

    @property
    def readout_weights(self):
        return self.path / "W_b_by_ITER.evaldata"

    @property
    def accuracies(self):
        """The file that is written last: a run that has it is finished."""
        return self.path / "FILE_L_VAL_ACC_L.files"

    @property
    def event_log(self):
        """The folder TensorBoard reads while the readout trains (`nalsm.event_log`); no result."""
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
        """Ranks of the kernel quality measures (`nalsm.evaluation.kernel_quality_files`)."""
        return self.path / f"KERNEL_QUALITY_{self.version}.evaldata"

    # ---- contents ---------------------------------------------------------------------------------

    def write(self, path, arrays, attributes=None):
        """Write a file of this run whole."""
        write_arrays(path, arrays, {**(attributes or {}), "run": identity_hash(self.identity)})

    def read(self, path):
        """Return (arrays, attributes) of a file of this run.

        Raises FileNotFoundError, and DamagedFile also for a file of another run.
        """
        arrays, attributes = read_arrays(path)
        if attributes.get("run") != identity_hash(self.identity):
            raise DamagedFile(f"{path} belongs to another run")
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
        write_text(self.times, json.dumps(costs, indent=1) + "\n")

    def seconds(self):
        """Return the seconds of each stage so far, by name."""
        return {stage: seconds for stage, seconds in self._costs().items() if stage != _PEAK}

    def peak_bytes(self):
        """Return the most memory that a process of this run has held, or None where that was not noted."""
        return self._costs().get(_PEAK)

    def _costs(self):
        try:
            return json.loads(self.times.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError, RecursionError):  # of no consequence for results
            return {}

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
            if parameters["format"] != _PARAMETERS_FORMAT or not isinstance(parameters["identity"], dict):
                raise ValueError
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise DamagedFile(
                f"{self.parameters_json} is damaged or of another version of the program; {self.remedy}"
            ) from None
        return parameters

    @contextmanager
    def locked(self, overwrite=False):
        """Make the folder if need be and hold it against other processes until the block ends.

        Raises UserError where another process holds it, or where it has files that are not a run's.
        """
        from filelock import FileLock, Timeout

        created = not self.path.exists()
        self.path.mkdir(parents=True, exist_ok=True)
        if created:
            sync(self.path.parent)
        try:
            with FileLock(self.path / _LOCK).acquire(timeout=_SECONDS_FOR_LOCK, poll_interval=0.05):
                if overwrite:
                    self._clear()
                self._remove_leftovers()
                yield
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
            write_text(self.parameters_json, json.dumps(recorded, indent=1) + "\n")
        self.require_same(recorded, identity)
        if not self.parameters_text.exists():  # a new run, or one killed right here
            details = {key: value for key, value in recorded.items() if key not in ("format", "identity")}
            values = _flat({**recorded["identity"], **details})
            write_text(self.parameters_text, "".join(f"{key:<28} {value}\n" for key, value in values))

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
        """Raise UserError unless the disk has room for so much more."""
        folder = next(p for p in (self.path, *self.path.parents) if p.exists())
        free = shutil.disk_usage(folder).free
        if free < n_bytes:
            raise UserError(
                f"VERSION: {folder} has {free / 1e6:.0f} MB left, the run needs about {n_bytes / 1e6:.0f} MB; "
                "make room or give --output-dir"
            )

    def _require_empty(self):
        others = sorted(p.name for p in self.path.iterdir() if not p.name.startswith("."))
        if others:
            raise UserError(
                f"VERSION: {self.path} holds files ({others[0]}, ...) but no parameters of a run; {self.remedy}"
            )

    def _clear(self):
        for path in sorted(self.path.iterdir(), key=lambda p: p != self.parameters_json):
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


def identity_hash(identity):
    return content_checksum({}, identity)


def _flat(values, prefix=""):
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _flat(value, f"{name}.")
        else:
            yield name, value
