"""How long the cells of a sweep will take on this machine.

The store has the seconds of each stage of finished runs, also of runs that shared their machine. So the shortest time
of a kind of run counts, scaled to the cell's numbers of samples, ms and cycles. A short measurement here
(`measured_speed`) says how much faster or slower this machine is than those the runs were made on.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nalsm.console.progress import in_words
from nalsm.evaluation.paper import FULL
from nalsm.models import MODELS
from nalsm.runs.names import STAGES
from nalsm.runs.readouts import PUBLISHED
from nalsm.runs.settings import Sizes
from nalsm.support.resources import cores
from nalsm.sweep.plan import Cell
from nalsm.sweep.store import StoredRun

_REFERENCE = ("NALSM", "MNIST", 1000)  # the kind of run that `measured_speed` imitates
_DRAW_SECONDS = 0.031  # of kernel quality, one core, 1000 neurons
_NOISY_SHARE = 1 / 7  # of the counting of a run: its test samples, once more
WORTH_MEASURING = 600.0  # seconds of work, from which on a measurement is worth its own seconds
_START_SECONDS = 3.0  # of a program, until it works, and of the small steps


@dataclass(frozen=True)
class Estimate:
    """Seconds of what is left of one cell, by stage; "measures" holds all steps after the training."""

    cell: Cell
    seconds: dict[str, float]

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


def estimates(
    todo: Iterable[tuple[Cell, Sequence[str]]], store: Iterable[StoredRun], speed: Mapping[str, float]
) -> list[Estimate]:
    """Return the Estimate of each cell.

    todo : cells with the names of the steps that each still lacks
    speed : seconds here by stage, of a full run of the reference kind; empty if they were not measured
    """
    runs = list(store)
    return [Estimate(cell, _seconds(cell, steps, runs, speed)) for cell, steps in todo]


def _seconds(cell: Cell, steps: Sequence[str], runs: list[StoredRun], speed: Mapping[str, float]) -> dict[str, float]:
    kind = cell.model, cell.dataset, cell.network.n_liquid
    whole = {stage: _seconds_of_stage(stage, kind, cell.settings, cell.readout, runs, speed) for stage in STAGES}
    found = dict.fromkeys((*STAGES, "measures"), 0.0)
    for step in steps:
        if step == "training":
            found |= whole
        elif step == "noisy test set":
            found["measures"] += whole["counting"] * _NOISY_SHARE
        elif step == "kernel quality":
            found["measures"] += 2000 * _DRAW_SECONDS / cores() * (cell.network.n_liquid / 1000)
        found["measures"] += _START_SECONDS
    return found


def _seconds_of_stage(
    stage: str, kind: tuple[str, str, int], settings: Mapping, readout: str, runs: list[StoredRun],
    speed: Mapping[str, float],
) -> float:  # fmt: skip
    """Return the seconds of a stage of a cell, from the runs that are most like it."""
    work = _work(stage, kind[0], settings)
    if stage == "readout" and readout != PUBLISHED:
        from nalsm.runs.speed import of_ridge

        return of_ridge(settings.get("train_samples") or 0, kind[2])
    known = _timed(stage, runs)
    if not work or not known:
        return speed.get(stage, 0.0) * work / _work(stage, "NALSM", FULL) * kind[2] / 1000

    def unlike(run: StoredRun) -> tuple[bool, bool, float]:
        return (run.model != kind[0], run.dataset != kind[1], abs(math.log(run.network["neurons"] / kind[2])))

    closest = min(unlike(run) for run, _ in known)
    fastest = min(seconds / run.network["neurons"] for run, seconds in known if unlike(run) == closest)
    return work * kind[2] * fastest * _factor(stage, known, speed)


def _timed(stage: str, runs: Iterable[StoredRun]) -> list[tuple[StoredRun, float]]:
    """Return the runs whose time of a stage is known, each with its seconds per unit of `_work`."""
    works = [(run, _work(stage, run.model, run.sizes)) for run in runs if run.seconds.get(stage)]
    return [(run, run.seconds[stage] / work) for run, work in works if work]


def _factor(stage: str, timed: Iterable[tuple[StoredRun, float]], speed: Mapping[str, float]) -> float:
    """Return the time of a stage here divided by that of the fastest stored run of the reference kind; 1 if unknown."""
    known = [seconds for run, seconds in timed if (run.model, run.dataset, run.network["neurons"]) == _REFERENCE]
    return speed[stage] / (min(known) * _work(stage, "NALSM", FULL)) if known and stage in speed else 1.0


def _work(stage: str, model: str, sizes: Mapping) -> float:
    """Return what the time of a stage is proportional to; 0 for sizes that are not known yet (those of own data)."""
    samples = sum(sizes.get(f"{split}_samples") or 0 for split in ("train", "valid", "test"))
    if stage == "initialisation":
        return sizes.get("init_samples", 0) * sizes.get("init_ms", 0) if MODELS[model].initialisation else 0
    return samples * ((sizes.get("sample_ms") if stage == "counting" else sizes.get("cycles")) or 0)


def measured_speed(data_dir: Path, n: int = 250) -> dict[str, float]:
    """Return the seconds that each stage of a full NALSM run on MNIST with 1000 neurons would take here.

    n : samples that are presented, and a quarter of the snapshots. It takes some seconds, and longer where the kernels
        are compiled for the first time.
    """
    import numpy as np

    from nalsm.datasets import DATA_SOURCES
    from nalsm.liquid import open_liquid
    from nalsm.network import Network
    from nalsm.runs import speed

    source, model, knobs = DATA_SOURCES["MNIST"], MODELS["NALSM"], {"astrocyte_weight": 0.015}
    sizes = Sizes(**FULL, batch_size=250, batches_per_block=10)
    first_rule, rule = (phase(knobs) for phase in (model.initialisation, model.presentation) if phase)
    network = Network.generate((10, 10, 10), source.n_inputs, 1)
    train = source.load(source.find(data_dir), quiet=True).train
    liquid = open_liquid(network)
    state = liquid.initial_state(absolute_weight=model.starting_weight(knobs))
    snapshots = train.snapshots(np.arange(4 * n), np.arange(4 * n), sizes.init_ms, 1)
    of_snapshot, state = speed.of_snapshot(liquid, snapshots, state, first_rule)
    of_sample = speed.of_sample(liquid, train.presentation(np.arange(n), sizes.sample_ms, 1), state.weights, rule)
    of_cycle = speed.of_cycle(sizes, network.n_liquid, len(source.classes), cores())
    return {
        "initialisation": of_snapshot * sizes.init_samples,
        "counting": of_sample * sum(sizes.of_splits.values()),
        "readout": of_cycle * sizes.cycles,
    }


def lines_of(found: Sequence[Estimate], n_cells: int, is_measured: bool) -> list[str]:
    """Return in words what is done, what is left and how long it will take; nothing if all is done."""
    left = [estimate for estimate in found if estimate.total]
    if not left:
        return []
    lines = [f"{n_cells - len(left)} of {n_cells} cells are done, {len(left)} are left"]
    kinds: dict[str, list[float]] = {}
    for estimate in left:
        cell = estimate.cell
        kind = f"{cell.label} on {cell.dataset}, {cell.network.n_liquid:,} neurons"
        kinds.setdefault(kind, []).append(estimate.total)
    lines += [
        f"  {kind}: {len(totals)} cell{'s' * (len(totals) > 1)}, {in_words(sum(totals))}"
        for kind, totals in kinds.items()
    ]
    stages = {stage: sum(estimate.seconds[stage] for estimate in left) for stage in left[0].seconds}
    parts = ", ".join(f"{stage} {in_words(seconds)}" for stage, seconds in stages.items())
    basis = "the speed measured here and " if is_measured else ""
    total = in_words(sum(stages.values()))
    return [*lines, f"together about {total} on this machine ({parts}), from {basis}the seconds of stored runs"]
