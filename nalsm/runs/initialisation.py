"""The first stage of a run: snapshots shape the weights, one after another as one long sequence."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from nalsm.datasets import Split
from nalsm.liquid import Liquid, LiquidState
from nalsm.rules import Rule
from nalsm.runs.names import WEIGHTS
from nalsm.support.prefetching import prefetch
from nalsm.support.random_streams import stream
from nalsm.support.tuning import TUNING

if TYPE_CHECKING:
    from nalsm.runs.session import Session

Reached = tuple[LiquidState, int]  # a state, and the number of snapshots that led to it


def initialise(session: "Session") -> np.ndarray:
    """Return the weights from which every presentation starts (float32 [S]); write them to the run's folder.

    An interrupted initialisation resumes at its checkpoint.

    Source: Ivanov and Michmizos, NeurIPS 2021, section 4 and supplement.
    """
    folder, model, knobs = session.folder, session.model, session.settings.knobs
    done = folder.read_if_good(folder.weights, session.say)
    if done:
        folder.initialisation_checkpoint.unlink(missing_ok=True)  # left by a kill just after the weights were written
        return done[0][WEIGHTS]
    constants = session.settings.rule_constants
    weight = model.starting_weight(knobs, constants)
    state = session.liquid.initial_state(absolute_weight=weight)
    rule = model.initialisation and model.initialisation(knobs, constants)
    if rule:
        state = _run_with_checkpoints(session, state, rule)
    attributes = {"rule": repr(rule), "absolute_weight": weight, "snapshots": session.settings.sizes.init_samples}
    folder.write(folder.weights, {WEIGHTS: state.weights}, attributes)
    folder.initialisation_checkpoint.unlink(missing_ok=True)
    return state.weights


def _run_with_checkpoints(session: "Session", state: LiquidState, rule: Rule) -> LiquidState:
    sizes, train = session.settings.sizes, session.dataset.train
    reached = _restore(session, state)  # assigned together, so a signal cannot separate the state from its position
    states = run_snapshots(session.liquid, train, rule, reached, (sizes.init_samples, sizes.init_ms), session.seed)
    saved = time.monotonic()
    try:
        with session.progress(sizes.init_samples, "initialisation", "snapshots", done=reached[1]) as bar:
            for following in states:
                n_done, reached = following[1] - reached[1], following  # before the bar, where a signal may stop it
                bar.update(n_done)
                if time.monotonic() - saved > TUNING.seconds_between_checkpoints:
                    _save(session, *reached)
                    saved = time.monotonic()
    except Exception:
        raise
    except BaseException:  # stopped by a signal
        _save(session, *reached)
        raise
    return reached[0]


def run_snapshots(
    liquid: Liquid, train: Split, rule: Rule, begin: Reached, snapshots: tuple[int, int], seed: int
) -> Iterator[Reached]:
    """Run snapshots of the training samples one after another; yield the state after every few of them.

    begin : the state to start from, and how many snapshots were run before it
    snapshots : how many, and how many ms each lasts
    """
    (state, first), (total, steps) = begin, snapshots
    samples = snapshot_samples(total, len(train), seed)

    def rasters(first: int) -> np.ndarray:
        numbers = np.arange(first, min(first + TUNING.snapshots_at_a_time, total))
        return train.snapshots(samples[numbers], numbers, steps, seed)

    for number, raster in prefetch(rasters, range(first, total, TUNING.snapshots_at_a_time)):
        state, _ = liquid.initialise(raster, state, rule)
        yield state, number + len(raster)


def _save(session: "Session", state: LiquidState, snapshots: int) -> None:
    arrays = {"weights": state.weights, "traces": state.traces, "calcium": state.calcium}
    session.folder.write(session.folder.initialisation_checkpoint, arrays, {"snapshots": snapshots})


def _restore(session: "Session", state: LiquidState) -> tuple[LiquidState, int]:
    """Return the state of the checkpoint and its number of snapshots; without a checkpoint the given state and 0."""
    found = session.folder.read_if_good(session.folder.initialisation_checkpoint, session.say)
    if not found:
        return state, 0
    arrays, attributes = found
    return LiquidState(arrays["weights"], arrays["traces"], arrays["calcium"]), attributes["snapshots"]


def snapshot_samples(n_snapshots: int, n_train: int, seed: int) -> np.ndarray:
    """Return the training sample that each snapshot shows: int64 [n_snapshots], one random order after another."""
    n_orders = -(-n_snapshots // n_train)
    orders = [stream(seed, "snapshot order", k).permutation(n_train) for k in range(n_orders)]
    return np.concatenate([*orders, np.empty(0, np.int64)])[:n_snapshots].astype(np.int64)
