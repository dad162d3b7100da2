"""Whole small runs inside this process, from the settings on."""

from small_runs import ROOT

from nalsm.runs.settings import Settings
from nalsm.runs.training import TrainingRun


def settings(place, **changes):
    values = {
        "model": "NALSM", "dataset": "MNIST", "gpu": -1, "version": 7, "network_number": 1, "batch_size": 25,
        "batches_per_block": 2, "knobs": {"astrocyte_weight": 0.015}, "train_samples": 100, "valid_samples": 50,
        "test_samples": 50, "init_samples": 30, "init_ms": 20, "sample_ms": 60, "cycles": 8, "seed": 5,
        "engine": "event", "threads": 1, "data_dir": ROOT / "datasets", "networks_dir": place / "networks",
        "output_dir": place / "train_data", "keep_weights_every": 0, "memory_budget": None,
        "overwrite": False, "quiet": True,
    }  # fmt: skip
    return Settings.from_values({**values, **changes})


def complete(place, **changes):
    run = TrainingRun(settings(place, **changes))
    return run, run.run()
