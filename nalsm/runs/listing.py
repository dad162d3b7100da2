"""The runs there are, and where each stands: python -m nalsm.runs --help

Fast for hundreds of runs: it looks at names, and reads the small files only.
"""

import json
import math
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click

from nalsm.console.questions import PathType
from nalsm.models import MODELS
from nalsm.runs.folder import RunFolder
from nalsm.runs.names import ACCURACY_NAMES, SPLITS
from nalsm.support.errors import NalsmError, UserError

_CHECKOUT = Path(__file__).resolve().parents[2]
_OUTPUT_DIR = _CHECKOUT / "train_data" if (_CHECKOUT / "pyproject.toml").is_file() else Path("train_data")
_MOST_SAMPLES = 10**6  # far above any data set's: parameters that say more are damaged


@dataclass
class RunStatus:
    """What a version folder says of its run, without reading its counts.

    accuracies : fractions by split, at `best_cycle` (from 1), the first with the best validation accuracy
    seconds : of each stage so far, by name
    problem : why the folder, or a part of it, cannot be read; None where all is well
    """

    folder: str
    version: int | None = None
    model: str = ""
    dataset: str = ""
    knobs: dict = field(default_factory=dict)
    network: int | None = None
    seed: int | None = None
    state: str = ""
    working: bool = False
    cycles_done: int = 0
    best_cycle: int | None = None
    accuracies: dict = field(default_factory=dict)
    seconds: dict = field(default_factory=dict)
    problem: str | None = None


def read_status(output_dir, version):
    """Return the RunStatus of a version folder; what is wrong with it is said in `problem`, nothing is raised."""
    folder = RunFolder(output_dir, version)
    status = RunStatus(str(folder.path), version)
    try:
        status.working = folder.is_locked()
        recorded = folder.recorded_parameters()
        if recorded is None:
            raise UserError("it holds no parameters of a run")
        folder.open()
        _describe(status, folder.identity)
        status.seconds = {str(stage): float(seconds) for stage, seconds in folder.seconds().items()}
        status.state = _state(folder, status)
    except NalsmError as error:
        status.problem = str(error)
    except OSError as error:
        status.problem = f"{error.filename or folder.path}: {error.strerror or error}"
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError):
        status.problem = "its parameters, times or accuracies are not those of a run"
    return status


def list_runs(output_dir):
    """Return the RunStatus of every ver_<number> in a folder, by number; other names starting with ver_ come last."""
    names = [path.name for path in Path(output_dir).iterdir() if path.name.startswith("ver_")]
    numbered = {int(name[4:]): name for name in names if re.fullmatch(r"ver_(0|[1-9][0-9]{0,8})", name)}
    others = sorted(set(names) - set(numbered.values()))
    problem = "its name is not ver_<number>"
    foreign = [RunStatus(str(Path(output_dir) / name), problem=problem) for name in others]
    return [read_status(output_dir, version) for version in sorted(numbered)] + foreign


def _describe(status, identity):
    status.model, status.dataset = str(identity["model"]), str(identity["dataset"])
    status.network, status.seed = int(identity["network_number"]), int(identity["seed"])
    status.knobs = {name: float(value) for name, value in identity["knobs"].items()}


def _state(folder, status):
    if folder.is_finished():
        _read_accuracies(folder, folder.accuracies, status)
        return "finished"
    names = {path.name for path in folder.path.iterdir()}
    if folder.weights.name not in names:
        return "initialising"
    identity = folder.identity
    sizes = {split: int(identity[f"{split}_samples"]) for split in SPLITS}
    size, total = int(identity["batch_size"]), sum(sizes.values())
    if total > _MOST_SAMPLES:
        raise ValueError
    counted = size * sum(
        folder.counts(split, batch).name in names for split in SPLITS for batch in range(sizes[split] // size)
    )
    if counted < total:
        return f"counting {counted} of {total}"
    if folder.readout_checkpoint.name in names:
        _read_accuracies(folder, folder.readout_checkpoint, status)
    return f"cycle {status.cycles_done} of {int(identity['cycles'])}"


def _read_accuracies(folder, path, status):
    arrays, _ = folder.read(path)
    valid = arrays[ACCURACY_NAMES["valid"]]
    status.cycles_done = len(valid)
    if len(valid):
        best = int(valid.argmax())
        status.best_cycle = best + 1
        status.accuracies = {split: float(arrays[name][best]) for split, name in ACCURACY_NAMES.items()}


# ---- the table -----------------------------------------------------------------------------------

_HEADINGS = ("VERSION", "MODEL", "DATA", "KNOBS", "NETWORK", "STATE", "NOW", "VALID %", "TEST %", "SECONDS")
_NUMBERS = {"VERSION", "NETWORK", "VALID %", "TEST %", "SECONDS"}  # aligned to the right


def table(statuses):
    """Return the list as text, a line for each run."""
    rows = [_HEADINGS, *map(_row, statuses)]
    widths = [max(len(row[k]) for row in rows if len(row) == len(_HEADINGS)) for k in range(len(_HEADINGS))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if heading in _NUMBERS else cell.ljust(width)
            for cell, width, heading in zip(row, widths, _HEADINGS, strict=False)
        ]
        lines.append("  ".join([*cells, *row[len(_HEADINGS) :]]).rstrip())
    return "\n".join(lines)


def _row(status):
    knobs = ", ".join(f"{status.knobs[knob]:g}" for knob in _knob_order(status)) or "-"
    percent = [f"{100 * status.accuracies[split]:.2f}" if status.accuracies else "-" for split in ("valid", "test")]
    cells = (
        Path(status.folder).name[4:] if status.version is None else status.version,
        status.model or "-", status.dataset or "-", knobs, "-" if status.network is None else status.network,
        status.state or "-", "working" if status.working else "-", *percent,
        f"{sum(status.seconds.values()):.0f}" if status.seconds else "-",
        *([f"cannot be read: {status.problem}"] if status.problem else []),
    )  # fmt: skip
    return [_printable(str(cell)) for cell in cells]


def _knob_order(status):
    """Knobs in the order of the questions."""
    asked = [knob.name for knob in MODELS[status.model].knobs] if status.model in MODELS else []
    return [*(name for name in asked if name in status.knobs), *(name for name in status.knobs if name not in asked)]


def _printable(text):
    return "".join(c if c.isprintable() else "?" for c in text)


def _finite(value):
    """JSON has no NaN or infinity: they become null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


@click.command()
@click.option(
    "--output-dir",
    type=PathType(),
    default=_OUTPUT_DIR,
    show_default=True,
    help="Folder of the version folders.",
)
@click.option("--json", "as_json", is_flag=True, help="For scripts: a JSON list, an object for each run.")
def main(output_dir, as_json):
    """List the runs: model, data, network, where each stands, its accuracy.

    VALID % and TEST % are the accuracies at the cycle with the best validation accuracy so far. NOW says whether a
    process is working on the run just now.
    """
    if not output_dir.is_dir():
        raise UserError(f"--output-dir: there is no folder {output_dir}; name the one that holds ver_<VERSION>")
    statuses = list_runs(output_dir)
    if as_json:
        click.echo(json.dumps([_finite(asdict(status)) for status in statuses], indent=1))
    else:
        click.echo(table(statuses) if statuses else f"no runs in {output_dir}")
