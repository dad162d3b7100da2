"""What a training run would take: seconds of its stages, memory and disk, from a second of work on this machine."""

from typing import NamedTuple

import numpy as np

from nalsm.runs import speed
from nalsm.runs.answer_checks import RASTERS_IN_MEMORY
from nalsm.runs.count_blocks import MEMORY_SHARE
from nalsm.runs.readouts import RIDGE
from nalsm.runs.session import Session
from nalsm.support.resources import cores, memory_bytes, peak_memory_bytes


class Stage(NamedTuple):
    """A stage of a run: its name, what is done in it (as in "50,000 snapshots of 20 ms"), and its seconds."""

    name: str
    work: str
    seconds: float


def stages_of(session: Session) -> list[Stage]:
    """Return the stages of a whole run with their expected seconds; nothing is written.

    session : with network, seed, dataset and liquid
    """
    return [*_liquid_stages(session), _readout_stage(session)]


def _liquid_stages(session: Session) -> list[Stage]:
    settings, sizes, train = session.settings, session.settings.sizes, session.dataset.train
    model, knobs, constants = session.model, settings.knobs, settings.rule_constants
    state = session.liquid.initial_state(absolute_weight=model.starting_weight(knobs, constants))
    first_rule = model.initialisation and model.initialisation(knobs, constants)
    found = []
    if first_rule and sizes.init_samples:
        n = min(len(train), sizes.init_samples, 100)
        snapshots = train.snapshots(np.arange(n), np.arange(n), sizes.init_ms, session.seed)
        each, state = speed.of_snapshot(session.liquid, snapshots, state, first_rule)
        work = f"{sizes.init_samples:,} snapshots of {sizes.init_ms} ms"
        found.append(Stage("initialisation", work, each * sizes.init_samples))
    rule = model.presentation(knobs, constants)
    n = min(sizes.batch_size, 8 * session.liquid.threads)
    rasters = train.presentation(np.arange(n), sizes.sample_ms, session.seed)
    each = speed.of_sample(session.liquid, rasters, state.weights, rule)
    total = sum(sizes.of_splits.values())
    return [*found, Stage("counting", f"{total:,} samples of {sizes.sample_ms} ms", each * total)]


def _readout_stage(session: Session) -> Stage:
    settings, n_liquid = session.settings, session.network.n_liquid
    sizes = settings.sizes
    if settings.readout == RIDGE:
        seconds = speed.of_ridge(sizes.train_samples, n_liquid)
        return Stage("readout", f"ridge regression of {sizes.train_samples:,} samples", seconds)
    each = speed.of_cycle(sizes, n_liquid, len(settings.source.classes), settings.machine.threads or cores())
    return Stage("readout", f"{sizes.cycles:,} cycles of {sizes.train_samples:,} samples", each * sizes.cycles)


def memory_of(session: Session) -> float:
    """Return the memory in bytes that a run is expected to take at its most, about."""
    sizes, network = session.settings.sizes, session.network
    budget = session.settings.machine.memory_budget
    counts = min(
        2 * network.n_liquid * sum(sizes.of_splits.values()),
        memory_bytes() * MEMORY_SHARE if budget is None else budget * 1e9,
    )
    rasters = RASTERS_IN_MEMORY * sizes.batch_size * sizes.sample_ms * network.n_inputs
    return peak_memory_bytes() + max(counts, rasters + session.liquid.bytes_needed(sizes.batch_size, sizes.sample_ms))
