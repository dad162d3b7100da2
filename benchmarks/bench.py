"""Measure what the documentation says about speed, and print it as a table.

Every row is the median of several repetitions in this one process; nothing else should run
meanwhile. `--only WORD` runs the rows whose name holds the word.
"""

import argparse
import platform
import sys
import tempfile
import time
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from threads import cycle_ms, made_blocks, thread_rows
from timing import median_seconds

from nalsm.datasets import DATA_SOURCES
from nalsm.liquid import open_liquid
from nalsm.models import MODELS
from nalsm.network import Network
from nalsm.readout import Readout
from nalsm.runs.count_blocks import CountBlocks
from nalsm.support.resources import (
    cores,
    peak_memory_bytes,
)

SEED = 7
STEPS = 250
KNOBS = {
    "NALSM": {"astrocyte_weight": 0.015},
    "LSM+STDP": {},
    "LSM": {"initial_weight": 0.7},
    "LSM+AP-STDP": {"initial_weight": 1.0, "threshold_hz": 37.0, "range_hz": 23.0},
}

WANTED = {"NALSM": "5", "LSM+STDP": "18"}  # of presentation, on all cores


class Bench:
    """The rows, as methods that yield (what, measured, unit, wanted)."""

    def __init__(self):
        source = DATA_SOURCES["MNIST"]
        self.dataset = source.load(source.find(ROOT / "datasets"))
        self.network = Network.generate((10, 10, 10), 784, SEED)
        self.cores = cores()

    def network_generation(self):
        for size, wanted in ((10, ""), (20, "10"), (30, "60")):
            seconds = median_seconds(lambda size=size: Network.generate((size,) * 3, 784, SEED), 1)
            yield f"network generation, {size**3} neurons", seconds, "s", wanted

    def rasters(self):
        train = self.dataset.train
        seconds = median_seconds(lambda: train.presentation(np.arange(250), STEPS, SEED))
        yield "drawing rasters, 250 samples", seconds / 250 / STEPS * 1e6, "us per ms step and sample", ""

    def liquid(self):
        """Initialisation and presentation of each model, the one with the other's weights."""
        train = self.dataset.train
        snapshots = train.snapshots(np.arange(5000), np.arange(5000), 20, SEED)
        rasters = train.presentation(np.arange(250), STEPS, SEED)
        for name, model in MODELS.items():
            liquid = open_liquid(self.network, threads=1)
            state = liquid.initial_state(absolute_weight=model.starting_weight(KNOBS[name]))
            if model.initialisation:
                rule = model.initialisation(KNOBS[name])
                liquid.initialise(snapshots[:2], state, rule)
                begin = time.perf_counter()
                state, run = liquid.initialise(snapshots, state, rule)
                micros = (time.perf_counter() - begin) / run.counts.shape[0] / 20 * 1e6
                wanted = "18" if name == "NALSM" else ""
                yield f"{name}: initialisation", micros, "us per ms step", wanted
            rule = model.presentation(KNOBS[name])
            for threads in sorted({1, self.cores}):
                liquid = open_liquid(self.network, threads=threads)
                seconds = median_seconds(partial(liquid.present, rasters, state.weights, rule))
                spikes = liquid.present(rasters, state.weights, rule).counts.sum() / len(rasters) / STEPS
                wanted = WANTED.get(name, "") if threads == self.cores else ""
                what = f"{name}: presentation, {threads} thread{'s' * (threads > 1)}, {spikes:.0f} spikes per ms"
                yield what, seconds / len(rasters) / STEPS * 1e6, "us per ms step and sample", wanted

    def competitors(self):
        from competitors import competitor_rows

        yield from competitor_rows(self.network, self.dataset.train, SEED)

    def start_up(self):
        from startup import start_up_rows

        yield from start_up_rows(self.network)

    def readout(self):
        yield "readout cycle, 50,000 + 10,000 + 10,000 samples", cycle_ms(made_blocks(SEED), self.cores), "ms", "35"

    def threads(self):
        yield from thread_rows(self.network, self.dataset.train, SEED, self.cores)

    def streaming(self):
        """The same cycle through CountBlocks: all in memory, and with no memory at all allowed for counts."""
        from concurrent.futures import ThreadPoolExecutor

        blocks = made_blocks(SEED)
        readout = Readout(1000)

        def evaluate(parameters, splits):
            frozen = Readout.from_parameters(*parameters)
            return sum(frozen.count_correct(block) for split in splits for block in split)

        def cycle(train, valid, test):
            evaluation = pool.submit(evaluate, (readout.weights, readout.biases), (train, valid, test))
            for block in train:
                readout.train_block(block)
            evaluation.result()

        with ThreadPoolExecutor(1) as pool, tempfile.TemporaryDirectory() as folder:
            for where, budget in (("in memory", np.inf), ("streamed from a file", 0)):
                splits = [CountBlocks(part, budget, folder) for part in (blocks[:4], blocks[4:5], blocks[5:])]
                yield f"readout cycle, counts {where}", 1000 * median_seconds(partial(cycle, *splits), 15), "ms", ""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    only = parser.parse_args().only
    bench = Bench()
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "tensorflow"))
    print(f"{platform.processor() or platform.machine()}, {bench.cores} cores, Python {platform.python_version()}, "
          f"{packages}, {time.strftime('%Y-%m-%d')}\n")  # fmt: skip
    print(f"| {'what':<90} | {'measured':>9} | {'unit':<26} | {'at most':>7} |")
    print(f"|{'-' * 92}|{'-' * 11}|{'-' * 28}|{'-' * 9}|", flush=True)
    every = (
        bench.network_generation, bench.rasters, bench.liquid, bench.competitors, bench.readout, bench.threads,
        bench.streaming, bench.start_up,
    )  # fmt: skip
    for rows in every:
        if only not in rows.__name__:
            continue
        for what, measured, unit, wanted in rows():
            figure = "-" if measured is None else f"{measured:.2f}"
            print(f"| {what:<90} | {figure:>9} | {unit:<26} | {wanted:>7} |", flush=True)
    print(f"\npeak memory of this process: {peak_memory_bytes() / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
