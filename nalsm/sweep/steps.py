"""The programs that a cell needs, with their answers, and how to tell that the results of each are complete."""

import shlex
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nalsm.constants import BRANCHING, NETWORK, NOISE, TRAINING
from nalsm.datasets import inputs_of, is_simulated, program_name
from nalsm.evaluation import MEASURES
from nalsm.models import MODELS
from nalsm.network import Network, network_path
from nalsm.runs.noise_folder import open_noise
from nalsm.runs.record import RunRecord, open_record
from nalsm.support.constants import as_text, plain
from nalsm.support.errors import NalsmError, UserError
from nalsm.sweep.plan import Cell, PlannedNetwork, computed_measures


@dataclass(frozen=True)
class Places:
    """The folders of a sweep: the checkout (root), data sets, networks and version folders."""

    root: Path
    data_dir: Path
    networks_dir: Path
    output_dir: Path

    def flags(self, *names: str) -> list[str]:
        """Return the flags of some of the folders; names: "data", "networks", "output"."""
        return [f"--{name}-dir={getattr(self, f'{name}_dir')}" for name in names]


@dataclass(frozen=True)
class Step:
    """One program of a cell.

    answers : lines for its standard input
    is_done : tells whether its results are complete
    """

    name: str
    program: Path
    flags: tuple[str, ...]
    answers: tuple[str, ...]
    is_done: Callable[[], bool]

    @property
    def command(self) -> list[str]:
        return [sys.executable, str(self.program), *self.flags]

    @property
    def standard_input(self) -> str:
        return "".join(f"{answer}\n" for answer in self.answers)

    def as_shell(self) -> str:
        """Return the command with its answers as one line for a shell."""
        answers = " ".join(map(shlex.quote, self.answers))
        return f"printf '%s\\n' {answers} | {shlex.join(['python', *self.command[1:]])}"


def steps_of(cell: Cell, places: Places) -> list[Step]:
    """Return the Steps of a cell, in order."""
    runners = places.root / "runners"
    version, network = str(cell.version), cell.network

    def step(name: str, program: str, answers: list, flags: list[str], is_done: Callable[[], bool]) -> Step:
        return Step(name, runners / program, tuple(flags), tuple(map(str, answers)), is_done)

    steps = [
        step(
            "network", "generate_spatial_network.py", [network.kind, network.number, *network.dims],
            [f"--seed={network.seed}", *_set(cell, NETWORK), *places.flags("networks")],
            lambda: _has_network(network, places),
        ),
        step(
            "training", program_name(cell.model, cell.dataset), _training_answers(cell),
            [*_settings_flags(cell), *_set(cell, TRAINING), *places.flags("data", "networks", "output")],
            lambda: is_trained(cell, places),
        ),
    ]  # fmt: skip
    if "branching_factor" in cell.measures:
        steps.append(
            step(
                "branching factor", "compute_branching_factor.py", [version],
                [*_set(cell, BRANCHING), *places.flags("networks", "output")],
                lambda: _has_measure("branching_factor", cell, places),
            )
        )  # fmt: skip
    if "kernel_quality" in cell.measures:
        folders = places.flags("data", "networks", "output")
        threads = [f"--threads={cell.given['threads']}"] if "threads" in cell.given else []
        steps += [
            step(
                "noisy test set", program_name(cell.model, cell.dataset, noise=True), _noise_answers(cell),
                [*threads, *_set(cell, NOISE), *folders], lambda: _has_noisy_counts(cell, places),
            ),
            step(
                "kernel quality", "compute_SP_AP_kernel_quality_measures.py", [version, cell.source.letter],
                [*threads, *_set(cell, NOISE), *places.flags("output")],
                lambda: _has_measure("kernel_quality", cell, places),
            ),
        ]  # fmt: skip
    return steps


def _common_answers(cell: Cell) -> list:
    settings = cell.settings
    return [settings["gpu"], cell.version, cell.network.number, settings["batch_size"], settings["batches_per_block"]]


def _training_answers(cell: Cell) -> list:
    asked = [cell.knobs[knob.name] for knob in MODELS[cell.model].knobs]
    data_file = [cell.settings["data_file"]] if cell.source.own else []
    return [*data_file, *_common_answers(cell), *map(plain, asked)]


def _noise_answers(cell: Cell) -> list:
    return [*_common_answers(cell), *(plain(cell.knobs[knob.name]) for knob in MODELS[cell.model].noise_knobs)]


def _settings_flags(cell: Cell) -> list[str]:
    answered = ("data_file", "gpu", "batch_size", "batches_per_block")
    given = [f"--{name.replace('_', '-')}={value}" for name, value in cell.given.items() if name not in answered]
    options = [knob for knob in MODELS[cell.model].options if knob.name in cell.knobs]
    return [*given, *(f"{knob.flag}={cell.knobs[knob.name]}" for knob in options)]


def _set(cell: Cell, program: str) -> list[str]:
    return [f"--set={text}" for text in as_text(cell.constants_of(program))]


def require_data(cell: Cell, data_dir: Path) -> None:
    """Raise UserError unless the data of a cell are available, simulated or real as their name says."""
    path = cell.source.find(data_dir)
    simulated = "simulated" in path.name
    if not cell.source.own and simulated != is_simulated(cell.dataset):
        raise UserError(f"{cell.dataset}: {path} has {'simulated' if simulated else 'real'} recordings")


def require_draws(cells: Iterable[Cell], data_dir: Path) -> None:
    """Raise UserError if the test samples of a cell, a random subset, have too few of a class for kernel quality.

    Cells whose data are not available are left to the training program, which says what is missing.
    """
    per_class = MEASURES["kernel_quality"].parameters["per_class"]
    checked, loaded = set(), {}
    for cell in cells:
        source = cell.source
        sizes = tuple(cell.settings[f"{split}_samples"] for split in ("train", "valid", "test"))
        draw = cell.dataset, sizes, cell.settings["seed"]
        if "kernel_quality" not in cell.measures or source.own or sizes == source.sizes or draw in checked:
            continue
        checked.add(draw)
        try:
            if cell.dataset not in loaded:
                loaded[cell.dataset] = source.load(source.find(data_dir), quiet=True)
        except NalsmError:
            continue
        labels = loaded[cell.dataset].reduced(*sizes, seed=cell.settings["seed"]).test.labels
        label = int(np.bincount(labels, minlength=len(source.classes)).argmin())
        found = int(np.count_nonzero(labels == label))
        if found < per_class:
            raise UserError(
                f"{cell.title}: measures has kernel_quality, but only {found} of its {sizes[2]} test samples are of "
                f"class {source.classes[label]}, and a draw takes {per_class}; set test_samples higher"
            )


# ---- what is complete ----------------------------------------------------------------------------


def _has_network(planned: PlannedNetwork, places: Places) -> bool:
    """Tell whether the network's file exists. Raises UserError if it contains another network."""
    path = network_path(places.networks_dir, planned.number)
    if not path.exists():
        return False
    network = Network.load(path)
    found = (network.dims and tuple(network.dims), network.n_inputs, network.seed, network.constants)
    if found != (planned.dims, inputs_of(planned.kind), planned.seed, dict(planned.constants)):
        constants = "".join(f", {text}" for text in as_text(dict(planned.constants)))
        raise UserError(
            f"{path} is another network than the sweep's ({' x '.join(map(str, planned.dims))}, "
            f"{inputs_of(planned.kind)} inputs, seed {planned.seed}{constants}); choose another `first` in the sweep's "
            "networks, or name another --networks-dir"
        )
    return True


def trained_record(cell: Cell, places: Places) -> RunRecord | None:
    """Return the record of a cell's finished run, or None if its folder has no finished run, or another one."""
    try:
        record = open_record(places.output_dir, cell.version)
        if not record.is_finished or not _is_of(cell, record):
            return None
        record.folder.read(record.folder.accuracies)
    except (NalsmError, OSError):  # missing or damaged: the training program will report what is wrong
        return None
    return record


def is_trained(cell: Cell, places: Places) -> bool:
    """Tell whether the run of a cell is finished."""
    return trained_record(cell, places) is not None


def _is_of(cell: Cell, record: RunRecord) -> bool:
    """Tell whether a run has the settings of a cell."""
    identity = record.identity
    wanted = {name: value for name, value in cell.settings.items() if name in identity}
    wanted |= {"knobs": cell.knobs}
    same_constants = record.constants == cell.constants_of(TRAINING)
    same_data = cell.source.own is None or identity["dataset_sha256"] == cell.source.own_fingerprint
    wanted |= {"model": cell.model, "dataset": cell.dataset, "network_number": cell.network.number}
    if cell.settings["engine"] == "auto":
        wanted.pop("engine", None)
    same_settings = all(identity.get(name) == value for name, value in wanted.items())
    return record.readout == cell.readout and same_constants and same_data and same_settings


def measures_of(record: RunRecord, cell: Cell) -> dict[str, dict]:
    """Return the measures of a finished run by name: values and the parameters they were computed with.

    A measure that is incomplete, or was computed with other parameters than the cell's, is left out.
    """
    found = {name: MEASURES[name].read_with(record, cell.parameters_of(name)) for name in computed_measures()}
    return {name: values for name, values in found.items() if values}


def _has_measure(name: str, cell: Cell, places: Places) -> bool:
    record = trained_record(cell, places)
    return record is not None and MEASURES[name].is_done(record, cell.parameters_of(name))


def _has_noisy_counts(cell: Cell, places: Places) -> bool:
    record = trained_record(cell, places)
    noisy = record and open_noise(record, cell.constants_of(NOISE))
    return bool(noisy and noisy.identity and noisy.is_finished())
