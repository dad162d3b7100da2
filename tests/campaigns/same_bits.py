"""Runs that must give equal bits, made in different ways: python tests/campaigns/same_bits.py --help

Every run is a process of its own, or several, each killed but the last. With the same batch size all
files are equal. Another batch size is another training of the readout, as a step is made on a batch;
but the weights after initialisation, and each sample's counts and recorded spikes, are equal there too.
"""

import argparse
import hashlib
import itertools
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
from small_runs import changed, command, environment, folder_contents, tuned

from nalsm.network import Network, network_path
from nalsm.storage.files import read_arrays

PROGRAMS = {
    "NALSM": ("NALSM_RUN_MAIN_SIM_MNIST.py", ("--astro-w-scaling=0.015",)),
    "LSM+STDP": ("LSM_STDP_RUN_MAIN_SIM_MNIST.py", ()),
    "LSM": ("LSM_RUN_MAIN_SIM_MNIST.py", ("--intial-abs-w-sclr=1.1",)),
    "LSM+AP-STDP": (
        "LSM_APSTDP_RUN_MAIN_SIM_MNIST.py",
        ("--stdp-neuron-rate-theshold=10", "--stdp-neuron-rate-range=2", "--intial-abs-w-sclr=1"),
    ),
}  # fmt: skip
LARGE = ("--train-samples=500", "--valid-samples=250", "--test-samples=250", "--init-samples=2000", "--cycles=40",
         "--seed=5")  # fmt: skip
BLOCKS = {50: (10, 1, 2, 5), 125: (1, 4, 2), 250: (2, 1)}  # batches in a block by batch size, of 500 training samples
POINTS = ("INITIALISATION_CHECKPOINT.wdata", "*.datasagg", "READOUT_CHECKPOINT.evaldata")  # where runs are killed

# Records the same samples for any batch size, so that their spikes can be compared.
RECORD = tuned(recorded_samples="lambda batch, size: [k for k in range(size) if (batch * size + k) % 50 == 7]")
FREQUENT = tuned(seconds_between_checkpoints=0, snapshots_at_a_time=100)


@dataclass(frozen=True)
class Way:
    """One of many ways to make a run."""

    batch_size: int
    block: int
    threads: int
    killed: bool


def make(place, way, model, flags, small=LARGE):
    """Make a run in a folder with networks; return (digests of its folder, times it was killed)."""
    program, knobs = PROGRAMS[model]
    folder = place / "train_data" / "ver_7"
    shutil.rmtree(folder, ignore_errors=True)
    answers = (
        "--gpu=-1", "--version=7", "--net-num-var=1", f"--batch-size={way.batch_size}",
        f"--batchs-per-block={way.block}", f"--threads={way.threads}", *knobs,
    )  # fmt: skip
    code = RECORD + FREQUENT * way.killed
    arguments = changed(command(place, *answers, *flags, program=program, small=small), code)
    kills = kill_on_the_way(arguments, folder) if way.killed else 0
    if not is_finished(folder):
        subprocess.run(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment(), check=True)
    return digests(folder), kills


def is_finished(folder):
    return (folder / "FILE_L_VAL_ACC_L.files").exists() and not (folder / POINTS[-1]).exists()


def kill_on_the_way(arguments, folder):
    """Start a run again and again, and kill it at each of the POINTS; return how often that was in time."""
    kills = 0
    for number, point in enumerate(POINTS):
        if any(folder.glob(point)) or is_finished(folder):
            continue  # the kill before came that late
        child = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment()
        )
        while child.poll() is None and not any(any(folder.glob(later)) for later in POINTS[number:]):
            time.sleep(0.002)
        child.kill()
        _, error = child.communicate()
        assert child.returncode in (0, -signal.SIGKILL), error
        kills += child.returncode == -signal.SIGKILL
    return kills


def digests(folder):
    """Return hashes (hex text) of what a version folder holds.

    files : everything, dates and times left out; weights : after initialisation
    counts, spikes : by sample, whatever batch it was in
    """
    counts, spikes = {}, {}
    for path in folder.glob("*.datasagg"):
        arrays, _ = read_arrays(path)
        for sample, label, row in zip(
            arrays["sample_ids"].tolist(), arrays["scalar_labels_in_batch_arr"], arrays["olc_S_AGG_RES"], strict=True
        ):
            counts[sample] = int(label), row.dtype.str, row.tobytes()
    for path in folder.glob("*.spikes"):
        arrays, _ = read_arrays(path)
        columns = arrays["spike_rec_per_batch"]
        for place, sample in enumerate(arrays["sample_ids"].tolist()):
            spikes[sample] = columns[columns[:, 0] == place, 1:].tobytes()
    assert counts
    assert spikes
    weights = read_arrays(folder / "W_INI.wdata")[0]["W_INI"]
    return {
        "files": _hash(folder_contents(folder)), "weights": _hash(weights.tobytes()), "counts": _hash(counts),
        "spikes": _hash(spikes),
    }  # fmt: skip


def _hash(value):
    ordered = sorted(value.items()) if isinstance(value, dict) else value
    return hashlib.sha256(repr(ordered).encode()).hexdigest()


def differences(made):
    """Return what is wrong with the runs of one model and engine, {Way: digests}: lines of text."""
    lines = []
    for name in ("weights", "counts", "spikes"):
        if len({found[name] for found in made.values()}) != 1:
            lines.append(f"{name} differ")
    for size in sorted({way.batch_size for way in made}):
        if len({found["files"] for way, found in made.items() if way.batch_size == size}) != 1:
            lines.append(f"files differ at batch size {size}")
    return lines


def ways(batch_sizes):
    """Yield every combination of batch size and threads; every second is killed, and blocks are taken in turn."""
    blocks = {size: itertools.cycle(values) for size, values in BLOCKS.items()}
    for number, (size, threads) in enumerate(itertools.product(batch_sizes, (1, 2, 4))):
        yield Way(size, next(blocks[size]), threads, killed=number % 2 == 1)


def main():
    parser = argparse.ArgumentParser(description="1,000 samples on 1000 neurons in nine ways for each model.")
    parser.add_argument("--engine", choices=("event", "tensorflow"), default="event")
    parser.add_argument("--models", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    parser.add_argument("--batch-sizes", nargs="+", type=int, choices=BLOCKS, default=list(BLOCKS))
    parser.add_argument("--dims", nargs=3, type=int, default=(10, 10, 10))
    parser.add_argument("--sample-ms", type=int, default=250)
    parser.add_argument("--init-samples", type=int, default=2000)
    options = parser.parse_args()
    flags = (f"--engine={options.engine}", f"--sample-ms={options.sample_ms}", f"--init-samples={options.init_samples}")
    wrong = []
    with tempfile.TemporaryDirectory(prefix="same_bits_") as folder:
        place = Path(folder)
        (place / "networks").mkdir()
        Network.generate(tuple(options.dims), 784, seed=1).save(network_path(place / "networks", 1))
        print("model        engine      batch block threads kills  files    weights  counts   spikes")
        for model in options.models:
            made = {}
            for way in ways(options.batch_sizes):
                made[way], kills = make(place, way, model, flags)
                print(
                    f"{model:<12} {options.engine:<11} {way.batch_size:5} {way.block:5} {way.threads:7} {kills:5}  "
                    + " ".join(value[:8] for value in made[way].values()),
                    flush=True,
                )
            wrong += [f"{model}: {line}" for line in differences(made)]
    print("\n".join(wrong) or "equal wherever they must be")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
