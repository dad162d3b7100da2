"""Many small runs at a time, some killed and started again, and what is left of them: load.py --help

Afterwards every run is finished and equal to the others of its kind, and nothing is left behind: no temporary file,
held lock, process, or file in the temporary folder. A second part makes many runs in one process, whose memory, open
files and threads must not grow.
"""

import argparse
import ctypes
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
from campaigns.same_bits import FREQUENT, PROGRAMS, RECORD
from small_runs import ROOT, RUNNERS, as_bytes, changed, command, environment, place_with_networks
from whole_runs import complete

from nalsm.models import MODELS
from nalsm.runs.folder import RunFolder
from nalsm.storage.files import read_arrays

SIZES = ("--train-samples=40", "--valid-samples=10", "--test-samples=10", "--init-samples=300", "--sample-ms=60",
         "--cycles=10", "--seed=5")  # fmt: skip
POINTS = ("ver_*", "ver_*/VER_*_params.txt", "ver_*/INITIALISATION_CHECKPOINT.wdata", "ver_*/W_INI.wdata",
          "ver_*/*.datasagg", "ver_*/READOUT_CHECKPOINT.evaldata")  # fmt: skip
KILLS = ((), ("SIGKILL",), (), ("SIGTERM",), (), ("SIGKILL", "SIGTERM"), (), ("SIGKILL",))  # of versions in turn
NOISE, MEASURES, REPORT = 0, 3, 5  # versions, modulo 8, that these programs look at
MARK = "NALSM_LOAD"  # in the environment of every process that is started


class Job(NamedTuple):
    """A run. Runs of one kind must be equal."""

    version: int
    kind: tuple[str, bool, str]  # model, simulated N-MNIST recordings, engine


def plan(versions, simulated_every=0, tensorflow_every=0):
    """Return a Job for each version (whole numbers): models in turn, other data and engines every so many."""
    jobs = []
    for version in versions:
        simulated = bool(simulated_every) and version % simulated_every == simulated_every - 1
        tensorflow = bool(tensorflow_every) and version % tensorflow_every == tensorflow_every - 2
        model = list(PROGRAMS)[(version + version // 8) % 4]
        jobs.append(Job(version, (model, simulated, "tensorflow" if tensorflow else "event")))
    return jobs


class Load:
    """Works jobs off in a folder; `counts` says what happened, `wrong` what should not have (lines)."""

    def __init__(self, place):
        self.place = place_with_networks(place)
        self.temporary = place / "tmp"
        self.temporary.mkdir()
        self.counts, self.wrong, self.results = Counter(), [], {}
        self._environment = {**environment(), "TMPDIR": str(self.temporary), MARK: str(place)}
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # orphans become children of this process: none is overlooked

    def work_off(self, jobs, at_a_time):
        """Do the jobs; then look for what is left."""
        with ThreadPoolExecutor(at_a_time) as pool:
            list(pool.map(self._job, jobs))
        for job in jobs:
            self._look_for_remains(job, next(other for other in jobs if other.kind == job.kind))
        self.counts["kinds"] = len({job.kind for job in jobs})
        self.wrong += [f"in the temporary folder: {path.name}" for path in self.temporary.iterdir()]
        self.wrong += [f"still there: {what}" for what in self._processes()]

    def _folder(self, job):
        return RunFolder(self.place / "train_data", job.version)

    def _job(self, job):
        try:
            self._train(job)
            self._look(job)
            self.counts["runs"] += 1
        except Exception as error:
            self.wrong.append(f"version {job.version}: {error!r}")

    def _train(self, job):
        dice, kills = random.Random(job.version), KILLS[job.version % 8]
        program, flags = self._program(job)
        arguments = command(self.place, *flags, f"--engine={job.kind[2]}", program=program, small=SIZES)
        for name in kills:
            if self._folder(job).is_finished():
                break
            point = dice.choice(POINTS).replace("*", str(job.version), 1)
            self._start(job, changed(arguments, RECORD + FREQUENT), (name, point, dice.random() / 5))
        if not self._folder(job).is_finished():
            self._start(job, changed(arguments, RECORD + FREQUENT * bool(kills)))
        self.results[job.version] = results_of(self._folder(job))

    def _program(self, job):
        """Return the name of the training program and its flags, as far as the noise run has them too."""
        model, simulated, _ = job.kind
        name, knobs = PROGRAMS[model]
        flags = ("--gpu=-1", f"--version={job.version}", f"--net-num-var={1 + simulated}", "--batch-size=10",
                 "--batchs-per-block=2", "--threads=1")  # fmt: skip
        if simulated:
            name, flags = name.replace("SIM_MNIST", "SIM_N_MNIST"), (*flags, f"--data-dir={self.place / 'data'}")
        return name, (*flags, *knobs)

    def _look(self, job):
        """Run the programs that look at a finished run; each has to work."""
        here, networks = f"--output-dir={self.place}/train_data", f"--networks-dir={self.place}/networks"

        def look(name, *flags, kill=None):
            program = [sys.executable, str(RUNNERS / name), f"--version={job.version}", here, *flags]
            self._start(job, changed(program, RECORD), kill)

        turn = job.version % 8
        if turn == NOISE:
            name, flags = self._program(job)
            knobs = () if job.kind[0] == "LSM" else PROGRAMS[job.kind[0]][1]  # the noise run asks for LSM's alone
            noise = (name.replace(".py", "_NOISE.py"), networks, *(flag for flag in flags if flag not in knobs))
            if job.version % 16 == 0:  # killed as it begins, and started again
                look(*noise, kill=("SIGKILL", f"ver_{job.version}/*NOISE*params*", 0))
            if not list(self._folder(job).path.glob("*NOISE*.datasagg")):
                look(*noise)
        elif turn == MEASURES:
            look("get_test_accuracy.py")
            look("compute_branching_factor.py", networks)
            look("get_branching_factor.py")
        elif turn == REPORT:
            look("report.py", networks)
            self._start(job, [sys.executable, "-m", "nalsm.runs", here])

    def _start(self, job, arguments, kill=None):
        """Run a program to its end, or kill it: kill = (signal, what has to be there first, seconds after it)."""
        child = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=ROOT,
            env=self._environment,
        )  # fmt: skip
        self.counts["processes"] += 1
        expected = (0,)
        if kill:
            name, point, delay = kill
            while child.poll() is None and not any((self.place / "train_data").glob(point)):
                time.sleep(0.005)
            time.sleep(delay)
            child.send_signal(getattr(signal, name))
            expected = {"SIGKILL": (0, -9), "SIGTERM": (0, 143, -15)}[name]
        _, error = child.communicate()
        if child.returncode not in expected or (error and child.returncode != 143):
            self.wrong.append(f"version {job.version}: {arguments[1:3]} ended with {child.returncode}: {error.strip()}")
        if kill:
            self.counts[kill[0] if child.returncode in (-9, -15, 143) else "ended before the kill"] += 1

    def _look_for_remains(self, job, alike):
        folder, what = self._folder(job), f"version {job.version}"
        names = sorted(path.name for path in folder.path.iterdir())
        remains = [name for name in names if name.endswith(".part") or "CHECKPOINT" in name]
        if remains or not folder.is_finished():
            self.wrong.append(f"{what} is not finished, or left something: {remains}")
        if folder.is_locked():
            self.wrong.append(f"{what} is locked")
        if job.version not in self.results or self.results[job.version] != self.results.get(alike.version):
            self.wrong.append(f"{what} differs from version {alike.version}, of the same kind")

    def _processes(self):
        """Return the processes that are left: ours by their environment, and children that nobody waited for."""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
                marked = f"{MARK}={self.place}".encode() in (folder / "environ").read_bytes().split(b"\0")
            except (OSError, ValueError):
                continue  # ended meanwhile, or another user's
            if marked or (state == "Z" and int(parent) == os.getpid()):
                yield f"process {folder.name} (state {state})"


def results_of(folder):
    """Return what a run found, the same for runs of one kind: arrays by file, without the number of the version."""
    found = {}
    for path in folder.path.iterdir():
        if path.suffix in (".wdata", ".datasagg", ".spikes", ".evaldata", ".files"):
            arrays = {name: array for name, array in read_arrays(path)[0].items() if "files" not in name}
            found[path.name.replace(f"_{folder.version}_", "_")] = as_bytes(arrays, None)
    return found


# ---- many runs in one process ---------------------------------------------------------------------


def runs_in_this_process(place, n, engine="event"):
    """Make n runs, models in turn; return what this process held after each: {name: list of n numbers}.

    memory : MB, resident; files : open; threads
    """
    knobs = {"initial_weight": 1.0, "astrocyte_weight": 0.015, "threshold_hz": 10.0, "range_hz": 2.0}
    held = {"memory": [], "files": [], "threads": []}
    for number in range(n):
        model = list(PROGRAMS)[number % 4]
        own = {knob.name: knobs[knob.name] for knob in MODELS[model].knobs}
        complete(place, model=model, knobs=own, version=number, engine=engine, threads=2)
        shutil.rmtree(place / "train_data")
        held["memory"].append(int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6)
        held["files"].append(len(os.listdir("/proc/self/fd")))
        held["threads"].append(len(os.listdir("/proc/self/task")))
    return held


def growth(values):
    """Return by how much a number grew with each run, after a first quarter to warm up: a straight line's slope."""
    values = values[len(values) // 4 :]
    return float(np.polyfit(np.arange(len(values)), values, 1)[0])


# ---- program --------------------------------------------------------------------------------------


def many_at_a_time(n, at_a_time):
    """Return what was wrong with n runs."""
    with tempfile.TemporaryDirectory(prefix="load_") as folder:
        load = Load(Path(folder))
        data = load.place / "data"
        data.mkdir()
        (data / "mnist.npz").symlink_to(ROOT / "datasets" / "mnist.npz")
        simulate = [sys.executable, "-m", "nalsm.datasets", "simulate-nmnist", "--count=84", f"--data-dir={data}"]
        subprocess.run(simulate, check=True, capture_output=True, cwd=ROOT)
        load.work_off(plan(range(n), simulated_every=10, tensorflow_every=25), at_a_time)
        print(f"{at_a_time} at a time: {dict(load.counts)}", flush=True)
        return load.wrong


def main():
    parser = argparse.ArgumentParser(description="Many small runs at a time, and many in one process.")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--at-a-time", type=int, default=4)
    parser.add_argument("--in-process", type=int, default=60)
    parser.add_argument("--in-process-tensorflow", type=int, default=16)
    options = parser.parse_args()
    wrong = many_at_a_time(options.runs, options.at_a_time)
    for engine, n in (("event", options.in_process), ("tensorflow", options.in_process_tensorflow)):
        with tempfile.TemporaryDirectory(prefix="load_") as folder:
            held = runs_in_this_process(place_with_networks(Path(folder)), n, engine) if n else {}
        for name, values in held.items():
            print(
                f"{n} runs in one process, engine {engine}, {name}: {values[0]:.0f} after the first, "
                f"{values[n // 4]:.0f} after {n // 4 + 1}, {values[-1]:.0f} at the end, {growth(values):+.3f} a run",
                flush=True,
            )
    print("\n".join(wrong) or "nothing is left, and runs of a kind are equal")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
