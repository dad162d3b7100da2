"""The programs that bring a cell to its results, each with its answers, and how to tell that it is done."""

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nalsm import evaluation
from nalsm.datasets import NETWORK_INPUTS, is_simulated, program_name, source_of
from nalsm.network import Network, network_path
from nalsm.runs.folder import RunFolder
from nalsm.support.errors import NalsmError, UserError
from nalsm.sweep.plan import MEASURES, Cell


@dataclass(frozen=True)
class Places:
    """Where a sweep works: the checkout, and the folders of data sets, networks and version folders."""

    root: Path
    data_dir: Path
    networks_dir: Path
    output_dir: Path

    def flags(self, *names: str) -> list[str]:
        return [f"--{name}-dir={getattr(self, f'{name}_dir')}" for name in names]


@dataclass(frozen=True)
class Step:
    """A program to start: `answers` go to its standard input; `is_done` tells whether its results are there."""

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


def steps_of(cell: Cell, places: Places, quiet: bool = False) -> list[Step]:
    """Return the Steps of a cell, in order."""
    runners, common = places.root / "runners", ("--quiet",) if quiet else ()
    version, network = str(cell.version), cell.network

    def step(name, program, answers, flags, is_done):
        return Step(name, runners / program, (*flags, *common), tuple(map(str, answers)), is_done)

    steps = [
        step(
            "network", "generate_spatial_network.py", [network.kind, network.number, *network.dims],
            [f"--seed={network.seed}", *places.flags("networks")], lambda: _network_is_there(network, places),
        ),
        step(
            "training", program_name(cell.model, cell.dataset), _training_answers(cell),
            [*_settings_flags(cell), *places.flags("data", "networks", "output")], lambda: is_trained(cell, places),
        ),
    ]  # fmt: skip
    if "branching_factor" in cell.measures:
        steps.append(
            step(
                "branching factor", "compute_branching_factor.py", [version], places.flags("networks", "output"),
                lambda: _has_measure("branching_factor", cell, places),
            )
        )  # fmt: skip
    if "kernel_quality" in cell.measures:
        folders = places.flags("data", "networks", "output")
        steps += [
            step(
                "noisy test set", program_name(cell.model, cell.dataset, noise=True), _noise_answers(cell),
                folders, lambda: _noise_is_there(cell, places),
            ),
            step(
                "kernel quality", "compute_SP_AP_kernel_quality_measures.py", [version, network.kind],
                places.flags("output"), lambda: _has_measure("kernel_quality", cell, places),
            ),
        ]  # fmt: skip
    return steps


def _common_answers(cell):
    settings = cell.settings
    return [settings["gpu"], cell.version, cell.network.number, settings["batch_size"], settings["batches_per_block"]]


def _training_answers(cell):
    return [*_common_answers(cell), *map(_exact, cell.knobs.values())]


def _noise_answers(cell):
    return [*_common_answers(cell), *([_exact(cell.knobs["initial_weight"])] if cell.model == "LSM" else [])]


def _exact(number):
    return repr(float(number)).removesuffix(".0")


def _settings_flags(cell):
    answered = ("gpu", "batch_size", "batches_per_block")
    return [f"--{name.replace('_', '-')}={value}" for name, value in cell.given.items() if name not in answered]


def require_data(dataset: str, data_dir: Path) -> None:
    """Raise UserError unless the folder of data sets has this one; simulated recordings count under their own name."""
    path = source_of(dataset).find(data_dir)
    simulated = "simulated" in path.name
    if simulated != is_simulated(dataset):
        raise UserError(f"{dataset}: {path} has {'simulated' if simulated else 'real'} recordings")


# ---- what is there -------------------------------------------------------------------------------


def _network_is_there(planned, places):
    """Tell whether the network's file is there; raises UserError where it holds another network."""
    path = network_path(places.networks_dir, planned.number)
    if not path.exists():
        return False
    network = Network.load(path)
    there = (network.dims and tuple(network.dims), network.n_inputs, network.seed)
    if there != (planned.dims, NETWORK_INPUTS[planned.kind], planned.seed):
        raise UserError(
            f"{path} is another network than the sweep's ({' x '.join(map(str, planned.dims))}, "
            f"{NETWORK_INPUTS[planned.kind]} inputs, seed {planned.seed}); choose another `first` in the sweep's "
            "networks, or name another --networks-dir"
        )
    return True


def trained_folder(cell: Cell, places: Places) -> RunFolder | None:
    """Return the RunFolder of a cell's finished run, or None if its folder has no finished run, or another one."""
    folder = RunFolder(places.output_dir, cell.version)
    try:
        identity = folder.open().identity
        if not folder.is_finished() or not _is_of(cell, identity, folder):
            return None
        folder.read(folder.accuracies)
    except (NalsmError, OSError):  # not there, or damaged: the training program will say what is wrong
        return None
    return folder


def is_trained(cell: Cell, places: Places) -> bool:
    return trained_folder(cell, places) is not None


def _is_of(cell, identity, folder):
    wanted = {name: value for name, value in cell.settings.items() if name in identity}
    wanted |= {"knobs": cell.knobs}
    wanted |= {"model": cell.model, "dataset": cell.dataset, "network_number": cell.network.number}
    if cell.settings["engine"] == "auto":
        wanted.pop("engine", None)
    return all(identity.get(name) == value for name, value in wanted.items())


def measures_of(folder: RunFolder) -> dict[str, dict]:
    """Return the measures of an open, finished run by name: values and the parameters they were computed with.

    A measure that is incomplete, or was computed with other parameters than the published figures, is left out.
    """
    found = {name: evaluation.MEASURES[name].read_with(folder) for name in MEASURES}
    return {name: values for name, values in found.items() if values}


def _has_measure(name, cell, places):
    folder = trained_folder(cell, places)
    return folder is not None and evaluation.MEASURES[name].is_done(folder)


def _noise_is_there(cell, places):
    from nalsm.runs.noise_folder import open_noise

    folder = trained_folder(cell, places)
    noisy = folder and open_noise(folder)
    return bool(noisy and noisy.identity and noisy.is_finished())
