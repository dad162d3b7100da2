"""How fast this machine does the stages of a run: the shortest of several calls, after one that compiles.

The ridge readout alone is not measured here: it is short beside the other stages.
"""

import math
import time
from collections.abc import Callable

import numpy as np

from nalsm.liquid import Liquid, LiquidState
from nalsm.readout import CountBlock, Readout, Team
from nalsm.rules import Rule
from nalsm.runs.readout_training import divided
from nalsm.runs.settings import Sizes
from nalsm.support.resources import cores

_RIDGE_SECONDS = 2.5  # of 50,000 samples of 1000 neurons, on one core
_SECONDS = 0.3  # of measuring for each figure
_BATCHES = 10  # of random counts at most: a whole block of a large liquid may be gigabytes


def of_snapshot(liquid: Liquid, snapshots: np.ndarray, state: LiquidState, rule: Rule) -> tuple[float, LiquidState]:
    """Return the seconds of a snapshot of the initialisation, and the state after the snapshots [n, ms, inputs].

    It is measured from this state on: the first snapshots of all take longer.
    """
    after, _ = liquid.initialise(snapshots, state, rule)
    return shortest(lambda: liquid.initialise(snapshots, after, rule)) / len(snapshots), after


def of_sample(liquid: Liquid, rasters: np.ndarray, weights: np.ndarray, rule: Rule) -> float:
    """Return the seconds of a presented sample, of rasters [n, ms, inputs] that are presented at the same time."""
    liquid.present(rasters[:1], weights, rule)
    return shortest(lambda: liquid.present(rasters, weights, rule)) / len(rasters)


def of_cycle(sizes: Sizes, n_liquid: int, n_classes: int, threads: int) -> float:
    """Return the seconds of a cycle of the readout, from its training and its evaluation on batches of random counts.

    threads : of both together; the two go on at the same time if there is more than one core
    """
    random = np.random.Generator(np.random.Philox(0))
    shape = min(sizes.batches_per_block, _BATCHES), sizes.batch_size
    block = CountBlock.pack(random.integers(0, 50, (*shape, n_liquid), np.int16), random.integers(0, n_classes, shape))
    n_samples = math.prod(shape)
    training, evaluating = divided(min(threads, cores()))
    with Team(training) as training_team, Team(evaluating) as evaluating_team:
        trained, evaluated = (Readout(n_liquid, n_classes, team) for team in (training_team, evaluating_team))
        trained.train_block(block)
        evaluated.count_correct(block)
        train = shortest(lambda: trained.train_block(block)) * sizes.train_samples / n_samples
        evaluate = shortest(lambda: evaluated.count_correct(block)) * sum(sizes.of_splits.values()) / n_samples
    return max(train, evaluate) if cores() > 1 else train + evaluate


def of_ridge(n_samples: int, n_liquid: int) -> float:
    """Return about the seconds of the ridge readout of so many training samples: nearly all go into its sums."""
    return _RIDGE_SECONDS * n_samples / 50_000 * (n_liquid / 1000) ** 2


def shortest(function: Callable[[], object]) -> float:
    """Return the shortest seconds of a call, of several within `_SECONDS`."""
    found, begin = math.inf, time.perf_counter()
    while True:
        started = time.perf_counter()
        function()
        ended = time.perf_counter()
        found = min(found, ended - started)
        if ended - begin > _SECONDS:
            return found
