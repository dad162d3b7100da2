"""How long a person waits for a program to begin: rows of the table, measured on a terminal."""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import pexpect

from nalsm.network import network_path

RUNNER = Path(__file__).resolve().parents[1] / "runners" / "NALSM_RUN_MAIN_SIM_MNIST.py"
SMALL = (
    "--train-samples=500",
    "--valid-samples=50",
    "--test-samples=50",
    "--init-samples=500",
    "--cycles=2",
    "--seed=1",
)
ANSWERS = (
    "-1",
    "1",
    "1",
    "50",
    "1",
    "0.015",
)  # GPU, VERSION, NET_NUM_VAR, BATCH_SIZE, BATCHS_PER_BLOCK, ASTRO_W_SCALING
MOMENTS = {  # what the terminal shows at each
    "first question": "GPU[?]",
    "first snapshots initialised": "initialisation: +[1-9]",
    "first samples counted": "counting: +[1-9]",
}


def start_up_rows(network, repetitions=3):
    """Yield (what, measured, unit, wanted) of a run whose answers are given at once; caches are warm."""
    _seconds_to_moments(network)
    runs = [_seconds_to_moments(network) for _ in range(repetitions)]
    for moment, times in zip(MOMENTS, zip(*runs, strict=True), strict=True):
        yield f"start of a training program to {moment}", statistics.median(times), "s", ""


def _seconds_to_moments(network):
    with tempfile.TemporaryDirectory() as folder:
        network.save(network_path(folder, 1))
        arguments = [str(RUNNER), *SMALL, f"--networks-dir={folder}", f"--output-dir={folder}/train_data"]
        begin, times = time.perf_counter(), []
        child = pexpect.spawn(sys.executable, arguments, encoding="utf-8", timeout=120)
        for moment in MOMENTS.values():
            child.expect(moment)
            times.append(time.perf_counter() - begin)
            if len(times) == 1:
                child.send("".join(f"{answer}\n" for answer in ANSWERS))
        child.close(force=True)
    return times
