"""Places in which sweeps work: their files, finished runs made in a moment, and the page of what is there."""

import subprocess
import sys

import numpy as np
from made_runs import made_network, made_run
from small_runs import ROOT, environment, folder_contents

from nalsm.evaluation import kernel_quality
from nalsm.runs.names import ACCURACY_NAMES
from nalsm.runs.noise_folder import open_noise
from nalsm.runs.record import open_record
from nalsm.sweep.page import write_page
from nalsm.sweep.plan import read_sweep
from nalsm.sweep.steps import Places
from nalsm.sweep.store import read_store, taken_into, write_store

SMALL = """
title = "Two small models"

[networks]
dims = [4, 4, 4]
first = 11
count = 2

[settings]
gpu = -1
batch_size = 25
batchs_per_block = 4
train_samples = 100
valid_samples = 25
test_samples = 25
init_samples = 20
sample_ms = 40
cycles = 4

[[runs]]
model = "NALSM"
dataset = "MNIST"
first_version = 100
astro_w_scaling = [0.015, 0.03]

[[runs]]
model = "LSM"
dataset = "MNIST"
first_version = 300
intial_abs_w_sclr = 0.7
networks = { count = 1 }
"""


def file_of(folder, text=SMALL):
    path = folder / "sweep.toml"
    path.write_text(text)
    return path


def sweep_command(place, *arguments):
    """A sweep that leaves everything in `place`."""
    folders = [f"--networks-dir={place}/networks", f"--output-dir={place}/train_data"]
    return [sys.executable, "-m", "nalsm.sweep", *map(str, arguments), *folders]


def sweep(place, *arguments):
    return subprocess.run(
        sweep_command(place, *arguments), capture_output=True, text=True, timeout=300, check=False, env=environment(),
        cwd=ROOT, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def contents(place):
    return {path.name: folder_contents(path) for path in sorted((place / "train_data").iterdir())}


def places_of(place):
    return Places(ROOT, ROOT / "datasets", place / "networks", place / "train_data")


PAPER = """
[networks]
dims = [10, 10, 10]
first = 1
count = 3

[settings]
gpu = -1
batch_size = 10000
batchs_per_block = 5

[[runs]]
model = "NALSM"
dataset = "MNIST"
first_version = 10
astro_w_scaling = 0.015
measures = ["branching_factor", "kernel_quality"]
"""
TESTS = {11: 95.5, 12: 96.25}  # test accuracy of networks 1 and 2; network 3 is missing
FACTORS = {11: 1.25, 12: 1.5}
RANKS = {11: (990, 980), 12: (991, 985)}


def published_runs(place, cycles=5_000, **identity):
    """Make finished runs of two of three networks as a full run leaves them, as far as a page reads it."""
    for version, seed in ((11, 1), (12, 2)):
        folder = made_run(
            place, version, "finished", made_network(seed=seed), seed=seed, network_number=seed, batch_size=10_000,
            train_samples=50_000, valid_samples=10_000, test_samples=10_000, init_samples=50_000, sample_ms=250,
            cycles=cycles, **identity,
        )  # fmt: skip
        accuracies = {name: np.linspace(0, 1, 4) for name in ACCURACY_NAMES.values()}
        accuracies[ACCURACY_NAMES["test"]] = np.array([0.1, 0.2, 0.3, TESTS[version] / 100])
        folder.write(folder.accuracies, accuracies)
        for split, batches in (("valid", 1), ("test", 1), ("train", 5)):
            for batch in range(batches):
                factors = {"per_sample": np.array([FACTORS[version], np.nan])}
                folder.write(folder.branching_factors(split, batch), factors)
    return place


def add_ranks(place, version, draws=1000):
    record = open_record(place / "train_data", version)
    noisy = open_noise(record)
    noisy.start({"run": record.folder.run_hash, "batch_size": 10_000, "test_samples": 10_000}, {})
    ranks = {name: np.full(draws, rank) for name, rank in zip(("SP", "AP"), RANKS[version], strict=True)}
    kernel_quality.write(record, ranks, per_class=100, seed=0)
    return noisy


def page_of(place, text=PAPER):
    """Take the finished runs of a place into its store, write its page; return (page, cells that are missing)."""
    plan, places = read_sweep(file_of(place, text)), places_of(place)
    store, conflicts = taken_into(read_store(place / "page.json"), plan.cells, places, say=print)
    assert conflicts == []
    missing = write_page([plan], write_store(place / "page.json", store), place / "page.md")
    return (place / "page.md").read_text(), missing
