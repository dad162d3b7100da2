"""Counting and readout over numbers of threads."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from timing import median_seconds

from nalsm.liquid import open_liquid
from nalsm.models import MODELS
from nalsm.readout import CountBlock, Readout, Team
from nalsm.runs.readout_training import divided

N_TRAIN = 4  # of the blocks below


def made_blocks(seed):
    """Counts of 50,000, 10,000 and 10,000 samples of 1000 neurons, in blocks as a run has them."""
    random = np.random.default_rng(seed)
    return [
        CountBlock.pack(random.poisson(8, (n, 250, 1000)), random.integers(0, 10, (n, 250)))
        for n in (50, 50, 50, 50, 40, 40)
    ]


def cycle_ms(blocks, threads):
    """A whole cycle as in a run: 50,000 samples train while all 70,000 of the cycle before are evaluated."""
    sizes = divided(threads)
    with Team(sizes[0]) as training, Team(sizes[1]) as evaluating, ThreadPoolExecutor(1) as pool:
        readout = Readout(1000, team=training)

        def evaluate(weights, biases):
            return Readout.from_parameters(weights, biases, evaluating).count_correct_of_blocks(blocks)

        def cycle():
            evaluation = pool.submit(evaluate, readout.weights, readout.biases)
            readout.train_blocks(blocks[:N_TRAIN])
            evaluation.result()

        return 1000 * median_seconds(cycle, 15)


def numbers_of_threads(cores):
    """1, 2, 4, ... and all cores."""
    return sorted({cores, *(2**k for k in range(cores.bit_length()) if 2**k <= cores)})


def thread_rows(network, train, seed, cores):
    """Yield rows for the table of `bench.py`."""
    model, knobs = MODELS["NALSM"], {"astrocyte_weight": 0.015}
    liquid = open_liquid(network, threads=1)
    snapshots = train.snapshots(np.arange(5000), np.arange(5000), 20, seed)
    state = liquid.initial_state(absolute_weight=model.starting_weight(knobs))
    state, _ = liquid.initialise(snapshots, state, model.initialisation(knobs))
    rasters, rule = train.presentation(np.arange(250), 250, seed), model.presentation(knobs)
    blocks = made_blocks(seed)
    for threads in numbers_of_threads(cores):
        which = f"{threads} thread{'s' * (threads > 1)}"
        seconds = median_seconds(partial(open_liquid(network, threads=threads).present, rasters, state.weights, rule))
        yield f"{which}: counting, NALSM", seconds / len(rasters) / 250 * 1e6, "us per ms step and sample", ""
        with Team(threads) as team:
            readout = Readout(1000, team=team)
            for what, work in (
                ("readout, training on 50,000 samples", partial(readout.train_blocks, blocks[:N_TRAIN])),
                ("readout, evaluation on 70,000 samples", partial(readout.count_correct_of_blocks, blocks)),
            ):
                yield f"{which}: {what}", 1000 * median_seconds(work, 15), "ms", ""
        train_threads, test_threads = divided(threads)
        what = f"{which}: readout, a cycle ({train_threads} train, {test_threads} evaluate)"
        yield what, cycle_ms(blocks, threads), "ms", ""
