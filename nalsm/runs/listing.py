"""The runs in a folder, and the state of each.

Fast for hundreds of runs: it looks at names, and reads the small files only.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from nalsm.models import Knobs
from nalsm.runs.folder import RunFolder
from nalsm.runs.names import ACCURACY_NAMES, SPLITS
from nalsm.runs.readouts import PUBLISHED, marked, point
from nalsm.runs.record import RunRecord, best_cycle
from nalsm.support.constants import Value
from nalsm.support.errors import NalsmError, UserError


@dataclass
class RunStatus:
    """The state of a run, found without reading its counts.

    accuracies : fractions by split, at `best_cycle` (from 1), the first with the best validation accuracy
    constants : those that differ from the published ones, by name
    measures : values by name of the measure, of a finished run
    readout : one of `nalsm.runs.readouts.READOUTS`
    seconds : of each stage so far, by name
    started : date and time of its first session
    notes : what sets it apart from the published runs: "reduced", another readout
    problem : why the folder, or a part of it, cannot be read; None if everything could be read
    """

    folder: str
    version: int | None = None
    model: str = ""
    dataset: str = ""
    knobs: Knobs = field(default_factory=dict)
    constants: dict[str, Value] = field(default_factory=dict)
    network: int | None = None
    seed: int | None = None
    readout: str = ""
    state: str = ""
    working: bool = False
    cycles_done: int = 0
    best_cycle: int | None = None
    accuracies: dict[str, float] = field(default_factory=dict)
    measures: dict[str, dict] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    started: str = ""
    notes: list[str] = field(default_factory=list)
    problem: str | None = None

    @property
    def label(self) -> str:
        """The model, marked if its readout is not the published one."""
        return marked(self.model, self.readout) if self.model else ""

    @property
    def best(self) -> str:
        """What `best_cycle` is, in words."""
        return "none yet" if self.best_cycle is None else point(self.readout, self.best_cycle)


ReadMeasures = Callable[[RunRecord], dict[str, dict]]
ReadNotes = Callable[[RunRecord], list[str]]


def read_status(
    output_dir: Path, version: int, measures: ReadMeasures = lambda _record: {}, notes: ReadNotes = lambda _record: []
) -> RunStatus:
    """Return the RunStatus of a version folder. A problem is described in it, nothing is raised.

    measures : returns the measures of a finished run; notes : returns the notes on a run
    """
    folder = RunFolder(output_dir, version)
    status = RunStatus(str(folder.path), version)
    try:
        status.working = folder.is_locked()
        if not folder.parameters_json.exists():
            raise UserError("it contains no parameters of a run")
        record = RunRecord(folder, folder.open())
        status.model, status.dataset, status.knobs = record.model.name, record.dataset, record.knobs
        status.constants = record.constants
        status.network, status.seed, status.readout = record.network_number, record.seed, record.readout
        status.started = str(record.sessions[0].get("started", ""))
        status.seconds = {str(stage): float(seconds) for stage, seconds in folder.seconds().items()}
        status.notes = notes(record)
        status.state = _state(record, status)
        if record.is_finished:
            status.measures = measures(record)
    except NalsmError as error:
        status.problem = str(error)
    except OSError as error:
        status.problem = f"{error.filename or folder.path}: {error.strerror or error}"
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError):
        status.problem = "its times, accuracies or measures are not those of a run"
    return status


def list_runs(
    output_dir: Path, measures: ReadMeasures = lambda _record: {}, notes: ReadNotes = lambda _record: []
) -> list[RunStatus]:
    """Return the RunStatus of every ver_<number> in a folder, by number; other names starting with ver_ come last.

    measures, notes : as in `read_status`
    Raises UserError if there is no such folder.
    """
    if not Path(output_dir).is_dir():
        raise UserError(f"--output-dir: there is no folder {output_dir}; name the one with ver_<VERSION> in it")
    names = [path.name for path in Path(output_dir).iterdir() if path.name.startswith("ver_")]
    numbered = {int(name[4:]): name for name in names if re.fullmatch(r"ver_(0|[1-9][0-9]{0,8})", name)}
    others = sorted(set(names) - set(numbered.values()))
    problem = "its name is not ver_<number>"
    foreign = [RunStatus(str(Path(output_dir) / name), problem=problem) for name in others]
    return [read_status(output_dir, version, measures, notes) for version in sorted(numbered)] + foreign


def _state(record: RunRecord, status: RunStatus) -> str:
    folder = record.folder
    if record.is_finished:
        _read_accuracies(folder, folder.accuracies, status)
        return "finished"
    names = {path.name for path in folder.path.iterdir()}
    if folder.weights.name not in names:
        return "initialising"
    total = sum(record.sizes.values())
    counted = record.batch_size * sum(path.name in names for split in SPLITS for path in record.count_paths(split))
    if counted < total:
        return f"counting {counted} of {total}"
    if folder.readout_checkpoint.name in names:
        try:
            _read_accuracies(folder, folder.readout_checkpoint, status)
        except FileNotFoundError:  # the run has ended just now
            return _state(record, status)
    return f"cycle {status.cycles_done} of {record.identity['cycles']}" if record.readout == PUBLISHED else "readout"


def _read_accuracies(folder: RunFolder, path: Path, status: RunStatus) -> None:
    arrays, _ = folder.read(path)
    valid = arrays[ACCURACY_NAMES["valid"]]
    status.cycles_done = len(valid)
    if len(valid):
        status.best_cycle = cycle = best_cycle(valid)
        status.accuracies = {split: float(arrays[name][cycle - 1]) for split, name in ACCURACY_NAMES.items()}
