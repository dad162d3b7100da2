"""The files of a version folder: their paths, and how they are written, read and protected.

Results are HDF5 files with a checksum (`nalsm.storage.files`). Each records its format, its name and the hash of its
run, so that a file of another run or batch is never taken for it. The parameters are JSON with a checksum
(`nalsm.runs.parameters`).
"""

import fcntl
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from nalsm.console.program import work_is_kept
from nalsm.runs.names import COUNT_FILES, SPIKE_FILES
from nalsm.runs.parameters import Parameters, differences, identity_hash, read_parameters
from nalsm.storage.files import TEMPORARY_SUFFIX, read_arrays, sync, write_arrays, write_text
from nalsm.support.errors import DamagedFile, MachineError, UserError

_LOCK = ".lock"
_SECONDS_FOR_LOCK = 0.3  # `is_locked` of another process takes the lock for a moment
_FORMAT = 1  # of the HDF5 files
_PEAK = "peak_memory_bytes"  # in the file of times, beside the stages

Contents = tuple[dict[str, np.ndarray], dict[str, Any]]  # arrays and attributes of a file


class RunFolder:
    """The folder train_data/ver_<version>/ of one run.

    identity : what decides the run's results (JSON-like dict); None until the run is opened or started
    run_hash : recorded in the run's files; the hash of the identity as it was when the run began
    subject : what the folder contains, in messages
    remedy : ends messages about a run that must not be changed
    """

    subject = "run"
    remedy = "choose another VERSION or give --overwrite"
    _all_files = "*.*"

    def __init__(self, output_dir: str | Path, version: int) -> None:
        self.path = Path(output_dir) / f"ver_{version}"
        self.version = version
        self.identity = None
        self._lock: tuple[int, int] | None = None  # `_file_id` of the lock while this process has it

    @property
    def identity(self) -> dict | None:
        return self._identity

    @identity.setter
    def identity(self, identity: dict | None) -> None:
        self._identity = identity
        self.run_hash = identity and identity_hash(identity)

    def _take_up(self, parameters: Parameters) -> None:
        self.identity = parameters.identity
        self.run_hash = parameters.run_hash

    # ---- names ------------------------------------------------------------------------------------

    @property
    def parameters_json(self) -> Path:
        return self.path / f"VER_{self.version}_params.json"

    @property
    def parameters_text(self) -> Path:
        return self.path / f"VER_{self.version}_params.txt"

    @property
    def times(self) -> Path:
        return self.path / f"VER_{self.version}_times.json"

    @property
    def weights(self) -> Path:
        return self.path / "W_INI.wdata"

    @property
    def initialisation_checkpoint(self) -> Path:
        return self.path / "INITIALISATION_CHECKPOINT.wdata"

    @property
    def readout_checkpoint(self) -> Path:
        return self.path / "READOUT_CHECKPOINT.evaldata"

    def kept_readouts(self, part: int | str) -> Path:
        """Return the file of a part of the kept readouts, a temporary file of `nalsm.runs.history`."""
        return self.path / f"KEPT_READOUTS_{part}.evaldata"

    @property
    def readout_weights(self) -> Path:
        return self.path / "W_b_by_ITER.evaldata"

    @property
    def accuracies(self) -> Path:
        """The file that is written last."""
        return self.path / "FILE_L_VAL_ACC_L.files"

    @property
    def event_log(self) -> Path:
        """The folder that TensorBoard reads while the readout trains (`nalsm.runs.event_log`); no result."""
        return self.path / "tensorboard"

    @property
    def report(self) -> Path:
        """The page of `nalsm.report`; no result."""
        return self.path / "report.html"

    def report_picture(self, name: str) -> Path:
        return self.path / f"report_{name}.svg"

    def counts(self, split: str, batch: int) -> Path:
        return self.path / COUNT_FILES[split].format(v=self.version, i=batch)

    def spikes(self, split: str, batch: int) -> Path:
        return self.path / SPIKE_FILES[split].format(v=self.version, i=batch)

    def branching_factors(self, split: str, batch: int) -> Path:
        path = self.spikes(split, batch)
        return path.with_name(f"{path.name}.bf")

    @property
    def kernel_quality(self) -> Path:
        """Ranks of the kernel quality measures (`nalsm.evaluation.kernel_quality`)."""
        return self.path / f"KERNEL_QUALITY_{self.version}.evaldata"

    # ---- contents ---------------------------------------------------------------------------------

    def write(self, path: Path, arrays: Mapping[str, Any], attributes: Mapping[str, Any] | None = None) -> None:
        """Write a file of this run, which is complete or absent; raises MachineError if the folder was removed."""
        self._require_same_lock()
        known = {"format": _FORMAT, "file": path.name, "run": self.run_hash}
        try:
            write_arrays(path, arrays, {**(attributes or {}), **known})
        except FileNotFoundError:
            self._require_same_lock()
            raise

    def read(self, path: Path, only: str | None = None) -> Contents:
        """Return (arrays, attributes) of a file of this run; only: the name of one array, None for all.

        Raises FileNotFoundError, and DamagedFile also for a file of another run, format or name.
        """
        arrays, attributes = read_arrays(path, only)
        found = attributes.get("format", _FORMAT)  # the oldest files record neither format nor name
        if found != _FORMAT:
            raise DamagedFile(
                f"{path} is of format {found}, not {_FORMAT}: it was written by another version of the program"
            )
        if attributes.get("run") != self.run_hash:
            raise DamagedFile(f"{path} belongs to another run")
        if attributes.get("file", path.name) != path.name:
            raise DamagedFile(f"{path} contains the data of {attributes['file']}")
        return arrays, attributes

    def read_if_good(self, path: Path, say: Callable[[str], None]) -> Contents | None:
        """Return what `read` returns, or None if the file is missing or damaged; damage is reported to `say`."""
        try:
            return self.read(path)
        except FileNotFoundError:
            return None
        except DamagedFile as error:
            say(f"{error}; it is recomputed")
            return None

    def add_costs(self, stage: str, seconds: float, peak_bytes: float) -> None:
        """Add seconds to the time of a stage over all sessions; raise the run's peak memory if this is more."""
        costs = self._costs()
        costs[stage] = round(costs.get(stage, 0.0) + seconds, 3)
        costs[_PEAK] = max(costs.get(_PEAK, 0), peak_bytes)
        self._require_same_lock()
        write_text(self.times, json.dumps(costs, indent=1) + "\n")

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each stage so far, by name."""
        return {stage: seconds for stage, seconds in self._costs().items() if stage != _PEAK}

    def peak_bytes(self) -> int | None:
        """Return the largest memory of a process of this run, or None if it was not recorded."""
        return self._costs().get(_PEAK)

    def _costs(self) -> dict[str, Any]:
        try:
            costs = json.loads(self.times.read_text(encoding="utf-8"))
            return costs if all(math.isfinite(value) for value in costs.values()) else {}
        except (FileNotFoundError, ValueError, TypeError, AttributeError, RecursionError):
            return {}  # results do not depend on the times

    # ---- opening ----------------------------------------------------------------------------------

    def open(self) -> Parameters:
        """Return the recorded parameters, whose identity becomes that of this folder.

        Raises UserError if there is no run, DamagedFile if the parameters are damaged.
        """
        recorded = self.recorded_parameters()
        if recorded is None:
            raise UserError(
                f"VERSION: there is no {self.subject} in {self.path} ({self.parameters_json.name} is missing); choose "
                "the VERSION of one, or give --output-dir"
            )
        self._take_up(recorded)
        return recorded

    def recorded_parameters(self) -> Parameters | None:
        """Return the contents of the parameter file, or None if there is no file; raises DamagedFile."""
        return read_parameters(self.parameters_json, self.remedy)

    @contextmanager
    def locked(self, overwrite: bool = False) -> Iterator[None]:
        """Create the folder if it is missing, and keep other processes out of it until the block ends.

        overwrite : remove the files of the run first. Raises UserError if another process works in the folder.
        """
        from filelock import FileLock, Timeout

        created = [path for path in (self.path, *self.path.parents) if not path.exists()]
        self.path.mkdir(parents=True, exist_ok=True)
        for path in created or [self.path]:  # a process may have been killed between creating and syncing it
            sync(path.parent)
        try:
            with FileLock(self.path / _LOCK).acquire(timeout=_SECONDS_FOR_LOCK, poll_interval=0.05):
                self._lock = _file_id(self.path / _LOCK)
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

    def start(self, identity: dict, details: dict, session: dict | None = None) -> list[str]:
        """Begin the run, or resume it; return what changed since its last session, as `changed_versions` does.

        details, session : recorded too, see `nalsm.runs.parameters`. Raises UserError if the folder contains a
        finished run, another run, or other files.
        """
        self.identity = identity
        session = session or {}
        known = self.recorded_parameters()
        if known is None:
            self._require_empty()
        recorded = known or Parameters(identity, {**details, "sessions": [session]}, identity_hash(identity))
        self.require_same(recorded, identity)
        changed = recorded.changed_versions(session)
        recorded = recorded.with_session(session)
        if recorded is not known:
            recorded.write(self.parameters_json)
        self._take_up(recorded)
        work_is_kept()
        text, path = recorded.as_text(), self.parameters_text
        if not path.is_file() or path.read_bytes() != text.encode():  # also after damage, or a kill at this line
            write_text(path, text)
        return changed

    def require_same(self, recorded: Parameters, identity: dict) -> None:
        """Raise UserError unless the recorded parameters are those of `identity` and the run is unfinished."""
        different = differences(recorded.identity, identity)
        if different:
            raise self.another_run(different)
        self.require_unfinished()

    def another_run(self, different: list[str]) -> UserError:
        """Return the error for a folder whose run differs from what is wanted; different : as of `differences`."""
        more = f" and {len(different) - 1} more" if len(different) > 1 else ""
        return UserError(f"VERSION: {self.path} contains another {self.subject} ({different[0]}{more}); {self.remedy}")

    def require_unfinished(self) -> None:
        """Raise UserError if the run is finished: finished runs are never changed."""
        if self.is_finished():
            raise UserError(f"VERSION: {self.path} contains a finished {self.subject}; {self.remedy}")

    def is_finished(self) -> bool:
        """Return whether all results are written."""
        return self.accuracies.exists() and self.readout_weights.exists() and not self.readout_checkpoint.exists()

    def is_locked(self) -> bool:
        """Return whether a process is working in the folder; False if this cannot be found out."""
        try:
            with open(self.path / _LOCK, "rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # released when the file is closed
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def require_space(self, n_bytes: float) -> None:
        """Raise UserError if the run needs more bytes than are free on the disk or used by its files already."""
        folder = next(p for p in (self.path, *self.path.parents) if p.exists())
        free = shutil.disk_usage(folder).free + sum(map(_size, self.path.glob(self._all_files)))
        if free < n_bytes:
            raise UserError(
                f"VERSION: {folder} has {free / 1e6:.0f} MB left, the run needs about {n_bytes / 1e6:.0f} MB; "
                "make room or give --output-dir"
            )

    def _require_same_lock(self) -> None:
        """Raise MachineError if the folder that this process locked was removed or replaced."""
        if self._lock and self._lock != _file_id(self.path / _LOCK):
            raise MachineError(
                f"{self.path} was removed or replaced while this program worked in it; start it again with the same "
                "answers"
            )

    def _require_empty(self) -> None:
        others = sorted(p.name for p in self.path.iterdir() if not p.name.startswith("."))
        if others:
            raise UserError(
                f"VERSION: {self.path} contains files ({others[0]}, ...) but no parameters of a run; {self.remedy}"
            )

    def _clear(self) -> None:
        self.parameters_json.unlink(missing_ok=True)  # first, so that a stop leaves no run with missing files
        sync(self.path)
        for path in self.path.iterdir():
            if path.name == _LOCK:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def _remove_leftovers(self) -> None:
        """Remove temporary files of a process that was killed."""
        for path in self.path.glob(f".*{TEMPORARY_SUFFIX}"):
            path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    """Return the bytes of a file; 0 if another process has removed it."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _file_id(path: Path) -> tuple[int, int] | None:
    """Return the device and the number of a file, or None if there is no file."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino
