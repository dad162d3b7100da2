"""What a training run would take: seconds of its stages, memory and disk, from a second of work on this machine."""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nalsm.readout import CountBlock, Readout, Team
from nalsm.runs.count_blocks import MEMORY_SHARE
from nalsm.runs.questions import RASTERS_IN_MEMORY
from nalsm.runs.readout_training import divided
from nalsm.runs.readouts import RIDGE
from nalsm.runs.session import Session
from nalsm.support.resources import cores, memory_bytes, peak_memory_bytes

_SECONDS = 0.3  # of measuring for each stage
_PASSES = 3.0  # forward passes that the training of a sample takes, evaluation one


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
        state, _ = session.liquid.initialise(snapshots, state, first_rule)  # compiles
        each = _shortest(lambda: session.liquid.initialise(snapshots, state, first_rule)) / n
        work = f"{sizes.init_samples:,} snapshots of {sizes.init_ms} ms"
        found.append(Stage("initialisation", work, each * sizes.init_samples))
    rule = model.presentation(knobs, constants)
    n = min(sizes.batch_size, 8 * session.liquid.threads)
    rasters = train.presentation(np.arange(n), sizes.sample_ms, session.seed)
    session.liquid.present(rasters[:1], state.weights, rule)
    each = _shortest(lambda: session.liquid.present(rasters, state.weights, rule)) / n
    total = sum(sizes.of_splits.values())
    return [*found, Stage("counting", f"{total:,} samples of {sizes.sample_ms} ms", each * total)]


def _readout_stage(session: Session) -> Stage:
    sizes, n_liquid, n_classes = session.settings.sizes, session.network.n_liquid, len(session.settings.source.classes)
    n_samples = sum(sizes.of_splits.values())
    if session.settings.readout == RIDGE:
        seconds = _shortest(lambda: np.linalg.eigh(np.eye(min(n_liquid, 1000)))) * (max(n_liquid, 1000) / 1000) ** 3
        return Stage("readout", f"ridge regression of {sizes.train_samples:,} samples", 3 * seconds)
    random = np.random.Generator(np.random.Philox(0))
    counts = random.integers(0, 50, (1, sizes.batch_size, n_liquid))
    block = CountBlock.pack(counts, random.integers(0, n_classes, (1, sizes.batch_size)))
    threads = min(session.settings.machine.threads or cores(), cores())
    training, evaluating = divided(threads)
    with Team(training) as team:
        readout = Readout(n_liquid, n_classes, team)
        readout.train_block(block)
        of_batch = _shortest(lambda: readout.train_block(block))
    train_seconds = of_batch * sizes.train_samples / sizes.batch_size
    evaluation = of_batch / _PASSES * training / evaluating * n_samples / sizes.batch_size
    both = max(train_seconds, evaluation) if cores() > 1 else train_seconds + evaluation
    return Stage("readout", f"{sizes.cycles:,} cycles of {sizes.train_samples:,} samples", both * sizes.cycles)


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


def _shortest(function: Callable[[], object]) -> float:
    """Return the shortest seconds of a call, of several within `_SECONDS`."""
    shortest, begin = math.inf, time.perf_counter()
    while True:
        started = time.perf_counter()
        function()
        ended = time.perf_counter()
        shortest = min(shortest, ended - started)
        if ended - begin > _SECONDS:
            return shortest
