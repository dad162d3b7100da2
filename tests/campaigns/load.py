"""Many small runs at a time, some killed and started again, and what is left of them: load.py --help

Afterwards every run is finished and equal to the others of its kind, and nothing is left behind: no
temporary file, held lock, process, or file in the temporary folder. A second part makes many runs in
one process, whose memory, open files and threads must not grow.
"""

import argparse
import ctypes
import hashlib
import json
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
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
from campaigns.same_bits import FREQUENT, PROGRAMS, RECORD, digests
from small_runs import ROOT, RUNNERS, changed, command, environment, place_with_networks

from nalsm.runs.folder import RunFolder
from nalsm.storage.files import read_arrays

SIZES = ("--train-samples=40", "--valid-samples=10", "--test-samples=10", "--init-samples=300", "--sample-ms=60",
         "--cycles=10", "--seed=5")  # fmt: skip
POINTS = ("ver_*", "ver_*/VER_*_params.txt", "ver_*/INITIALISATION_CHECKPOINT.wdata", "ver_*/W_INI.wdata",
          "ver_*/*.datasagg", "ver_*/READOUT_CHECKPOINT.evaldata")  # fmt: skip
KILLS = ((), ("SIGKILL",), (), ("SIGTERM",), (), ("SIGKILL", "SIGTERM"), (), ("SIGKILL",))  # in turn
MARK = "NALSM_LOAD"  # in the environment of every process that is started


@dataclass(frozen=True)
class Job:
    """A run with what is done to it, and the programs that look at it afterwards."""

    version: int
    model: str
    simulated: bool  # N-MNIST recordings
    engine: str
    kills: tuple

    @property
    def kind(self):
        """Runs of one kind must be equal."""
        return self.model, self.simulated, self.engine

    @property
    def program(self):
        name, _ = PROGRAMS[self.model]
        return name.replace("SIM_MNIST", "SIM_N_MNIST") if self.simulated else name

    @property
    def noise(self):
        return self.version % 8 == 0

    @property
    def looked_at(self):
        return self.version % 8 == 3

    @property
    def reported(self):
        return self.version % 8 == 5


def plan(versions, simulated_every=0, tensorflow_every=0):
    """Return a Job for each version (whole numbers): models and kills in turn, of other kinds every so many."""
    models = list(PROGRAMS)
    return [
        Job(
            version,
            models[(version + version // 8) % 4],
            bool(simulated_every) and version % simulated_every == simulated_every - 1,
            "tensorflow" if tensorflow_every and version % tensorflow_every == tensorflow_every - 2 else "event",
            KILLS[version % len(KILLS)],
        )
        for version in versions
    ]


class Load:
    """Works jobs off in a folder; `counts` says what happened, `wrong` what should not have (lines)."""

    def __init__(self, place):
        self.place = place_with_networks(place)
        self.temporary = place / "tmp"
        self.temporary.mkdir()
        self.counts, self.wrong, self.digests = Counter(), [], {}
        self._environment = {**environment(), "TMPDIR": str(self.temporary), MARK: str(place)}
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # orphans become children of this process: none is overlooked

    def work_off(self, jobs, at_a_time, minutes=float("inf")):
        """Do the jobs, none begun after so many minutes; then look for what is left."""
        end = time.monotonic() + 60 * minutes
        done = []

        def work(job):
            if time.monotonic() < end:
                done.append(job)
                self._job(job)

        with ThreadPoolExecutor(at_a_time) as pool:
            list(pool.map(work, jobs))
        self._look_for_remains(done)

    def _job(self, job):
        try:
            self._train(job)
            self._look(job)
            self.counts["runs"] += 1
            if self.counts["runs"] % 20 == 0:
                print(f"so far {dict(self.counts)}, {len(self.wrong)} wrong", flush=True)
        except Exception as error:
            self.wrong.append(f"version {job.version}: {error!r}")

    def _train(self, job):
        dice = random.Random(job.version)
        folder = self.place / "train_data" / f"ver_{job.version}"
        for name in job.kills:
            point = dice.choice(POINTS).replace("*", str(job.version), 1)
            self._run(job, FREQUENT, kill=(name, point, dice.random() / 5))
            if _is_finished(folder):
                break
        if not _is_finished(folder):
            self._run(job, FREQUENT if job.kills else "")
        self.digests[job.version] = {**digests(folder), "readout": _readout(folder)}

    def _run(self, job, code, kill=None):
        _, knobs = PROGRAMS[job.model]
        flags = (*self._answers(job), f"--engine={job.engine}", "--threads=1", *knobs)
        arguments = command(self.place, *flags, *self._data(job), program=job.program, small=SIZES)
        self._start(f"version {job.version}", changed(arguments, RECORD + code), kill)

    def _answers(self, job):
        return ("--gpu=-1", f"--version={job.version}", f"--net-num-var={1 + job.simulated}", "--batch-size=10",
                "--batchs-per-block=2")  # fmt: skip

    def _data(self, job):
        return (f"--data-dir={self.place / 'data'}",) if job.simulated else ()

    def _look(self, job):
        """Run the programs that look at a finished run; each has to work."""
        here, networks = f"--output-dir={self.place}/train_data", f"--networks-dir={self.place}/networks"
        version = f"--version={job.version}"
        if job.noise:
            knobs = PROGRAMS["LSM"][1] if job.model == "LSM" else ()
            arguments = self._runner(
                job.program.replace(".py", "_NOISE.py"), *self._answers(job), *knobs, here, networks, *self._data(job)
            )
            if job.version % 16 == 0:  # killed as it begins, and started again
                point = f"ver_{job.version}/*NOISE*params*"
                self._start(f"noise of version {job.version}", arguments, ("SIGKILL", point, 0))
            if not list(self.place.glob(f"train_data/ver_{job.version}/*NOISE*.datasagg")):
                self._start(f"noise of version {job.version}", arguments)
        if job.looked_at:
            self._start("accuracy", self._runner("get_test_accuracy.py", version, here))
            branching = self._runner("compute_branching_factor.py", version, here, networks)
            self._start("branching", changed(branching, RECORD))
            self._start("branching", changed(self._runner("get_branching_factor.py", version, here), RECORD))
        if job.reported:
            self._start("report", self._runner("report.py", version, here, networks))
            self._start("list", [sys.executable, "-m", "nalsm.runs", here])

    def _runner(self, name, *flags):
        return [sys.executable, str(RUNNERS / name), *flags]

    def _start(self, what, arguments, kill=None):
        """Run a program to its end, or kill it: kill = (signal, what has to be there first, seconds after it)."""
        child = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=ROOT,
            env=self._environment,
        )  # fmt: skip
        self.counts["processes"] += 1
        if kill:
            name, point, delay = kill
            while child.poll() is None and not any((self.place / "train_data").glob(point)):
                time.sleep(0.005)
            time.sleep(delay)
            child.send_signal(getattr(signal, name))
        _, error = child.communicate()
        expected = {"SIGKILL": (0, -9), "SIGTERM": (0, 143, -15)}[kill[0]] if kill else (0,)
        if child.returncode not in expected or (error and child.returncode != 143):
            self.wrong.append(f"{what} ended with {child.returncode}: {error.strip()}")
        if kill:
            self.counts["ended before the kill" if child.returncode == 0 else kill[0]] += 1

    def _look_for_remains(self, jobs):
        for job in jobs:
            folder = RunFolder(self.place / "train_data", job.version)
            names = sorted(path.name for path in folder.path.iterdir())
            remains = [name for name in names if name.endswith(".part") or "CHECKPOINT" in name]
            if remains or not _is_finished(folder.path):
                self.wrong.append(f"version {job.version} is not finished, or left something: {remains}")
            if folder.is_locked():
                self.wrong.append(f"version {job.version} is locked")
            alike = next(other for other in jobs if other.kind == job.kind)
            names = ("weights", "counts", "spikes", "readout")
            first, own = self.digests.get(alike.version, {}), self.digests.get(job.version, {})
            if not own or any(first.get(name) != own[name] for name in names):
                self.wrong.append(f"version {job.version} differs from version {alike.version}, of the same kind")
        self.counts["kinds"] = len({job.kind for job in jobs})
        self.wrong += [f"in the temporary folder: {path.name}" for path in self.temporary.iterdir()]
        self.wrong += [f"still there: {what}" for what in self._processes()]

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


def _is_finished(folder):
    return RunFolder(folder.parent, folder.name.removeprefix("ver_")).is_finished()


def _readout(folder):
    arrays = [read_arrays(folder / name)[0] for name in ("W_b_by_ITER.evaldata", "FILE_L_VAL_ACC_L.files")]
    values = [(name, found[name].tobytes()) for found in arrays for name in sorted(found) if "files" not in name]
    return hashlib.sha256(repr(values).encode()).hexdigest()


# ---- many runs in one process ---------------------------------------------------------------------


def runs_in_this_process(place, n, engine="event"):
    """Make n runs, models in turn; return what this process held after each: {name: list of n numbers}.

    memory : MB, resident; files : open; threads
    """
    from whole_runs import complete

    from nalsm.models import MODELS

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


def main():
    parser = argparse.ArgumentParser(description="Many small runs at a time, and many in one process.")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--at-a-time", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no more runs after them")
    parser.add_argument("--in-process", type=int, default=60)
    parser.add_argument("--in-process-tensorflow", type=int, default=16)
    options = parser.parse_args()
    wrong = []
    shared = set(os.listdir("/dev/shm"))
    with tempfile.TemporaryDirectory(prefix="load_") as folder:
        load = Load(Path(folder))
        data = load.place / "data"
        data.mkdir()
        (data / "mnist.npz").symlink_to(ROOT / "datasets" / "mnist.npz")
        simulate = ["simulate-nmnist", "--count=84", f"--data-dir={data}"]
        subprocess.run(
            [sys.executable, "-m", "nalsm.datasets", *simulate], check=True, capture_output=True, cwd=ROOT
        )  # fmt: skip
        jobs = plan(range(options.runs), simulated_every=10, tensorflow_every=25)
        load.work_off(jobs, options.at_a_time, options.minutes)
        wrong += load.wrong
        print(f"{options.at_a_time} at a time: {dict(load.counts)}", flush=True)
    left = set(os.listdir("/dev/shm")) - shared  # of other programs too, so only shown
    print(f"new in /dev/shm: {sorted(left) or 'nothing'}", flush=True)
    for engine, n in (("event", options.in_process), ("tensorflow", options.in_process_tensorflow)):
        if not n:
            continue
        with tempfile.TemporaryDirectory(prefix="load_") as folder:
            held = runs_in_this_process(place_with_networks(Path(folder)), n, engine)
        for name, values in held.items():
            print(
                f"{n} runs in one process, engine {engine}, {name}: {values[0]:.0f} after the first, "
                f"{values[n // 4]:.0f} after {n // 4 + 1}, {values[-1]:.0f} at the end, {growth(values):+.3f} a run",
                flush=True,
            )
        print(json.dumps({engine: [round(value, 1) for value in held["memory"]]}), flush=True)
    print("\n".join(wrong) or "nothing is left, and runs of a kind are equal")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
