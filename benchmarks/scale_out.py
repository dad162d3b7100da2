"""What a Dask cluster gains and costs in counting: tables in Markdown, measured on this machine.

The first table presents the same batches without a cluster, on one and on two local workers, one thread
each. The second one measures a task's parts at 1000 and 8000 neurons; 27,000 neurons are extrapolated by
visits to synapses. The third one is arithmetic on the second: how many workers a run can use.

Takes some minutes; nothing else should run meanwhile. `--doc docs/scaling.md` puts the tables into the
document's section "Measured" as well.
"""

import argparse
import platform
import re
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from distributed.protocol import deserialize, serialize
from scaling import _work
from timing import median_seconds, seconds_of

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from nalsm.cluster.connection import _local_cluster, connected
from nalsm.cluster.counting import Cluster
from nalsm.cluster.tasks import results
from nalsm.datasets import DATA_SOURCES
from nalsm.liquid import open_liquid
from nalsm.models import MODELS
from nalsm.network import Network
from nalsm.runs.counting import Batch, Presentation, _write, count_spikes
from nalsm.runs.folder import RunFolder
from nalsm.runs.settings import Settings
from nalsm.support.resources import cores

SEED, STEPS = 7, 250
SIZES = (((10, 10, 10), 250, 0.015), ((20, 20, 20), 50, 0.0075))  # grid, BATCH_SIZE, ASTRO_W_SCALING
LARGE = ((30, 30, 30), 50)  # extrapolated
SNAPSHOTS = 2000  # of 20 ms, before anything is presented
ALL_SAMPLES = 70_000  # of a full run
LINKS = {"1 Gbit/s": 125e6, "10 Gbit/s": 1.25e9}  # bytes/s
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def n_bytes(message):
    """Return the size of what `serialize` made."""
    _, frames = message
    return sum(memoryview(frame).nbytes for frame in frames)


class Bench:
    """A liquid of one size, initialised, and a run as counting needs it."""

    def __init__(self, dims, batch_size, astrocyte_weight, folder):
        source = DATA_SOURCES["MNIST"]
        self.train = source.load(source.find(ROOT / "datasets")).train
        self.network, self.batch_size = Network.generate(dims, DATA_SOURCES["MNIST"].n_inputs, SEED), batch_size
        self.model, self.knobs = MODELS["NALSM"], {"astrocyte_weight": astrocyte_weight}
        self.liquid, self.folder = open_liquid(self.network, "event", threads=1), folder
        state = self.liquid.initial_state(absolute_weight=3.0)
        numbers = np.arange(SNAPSHOTS)
        state, _ = self.liquid.initialise(
            self.train.snapshots(numbers, numbers, 20, SEED), state, self.model.initialisation(self.knobs)
        )
        self.presentation = Presentation(state.weights, self.model.presentation(self.knobs), STEPS, SEED)

    def count(self, samples, cluster):
        """Count so many samples into a fresh folder, on the cluster of that address or without one."""
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            settings = Settings.from_values(
                {"batch_size": self.batch_size, "sample_ms": STEPS, "knobs": self.knobs, "gpu": -1, "threads": 1}
            )
            run = SimpleNamespace(
                settings=settings, cluster=Cluster(cluster) if cluster else None, model=self.model, seed=SEED,
                network=self.network, liquid=self.liquid,
                folder=self._run_folder(place), say=lambda _text: None, progress=_no_progress,
            )  # fmt: skip
            count_spikes(run, self.presentation.weights, {"train": self.train.subset(np.arange(samples))})

    @staticmethod
    def _run_folder(place):
        folder = RunFolder(place, 1)
        folder.path.mkdir(parents=True)
        folder.identity = {"of": "a benchmark"}
        return folder

    def task(self, n_batches):
        """Return the Task of one batch: medians over `n_batches`."""
        parts = []
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            folder = self._run_folder(place)
            for number in range(n_batches + 1):
                places = np.arange(number * self.batch_size, (number + 1) * self.batch_size)
                parts.append(self._parts(Batch("train", number, self.train, places, []), folder))
        compute, submit, write, sent, back = (
            statistics.median(values) for values in zip(*parts[1:], strict=True)
        )  # the first one compiles and fills caches
        return Task(self.network.n_liquid, self.batch_size, compute, submit, write, sent, back)

    def _parts(self, batch, folder):
        done = {}

        def submit():
            done["sent"] = serialize((batch.samples(), batch.record))

        def compute():
            samples, record = deserialize(*done["sent"])
            rasters = self.presentation.rasters(samples, np.arange(len(samples)))
            done["counted"] = self.presentation.count(self.liquid, rasters, record)

        def write():
            _write(folder, batch, deserialize(*done["back"]))

        submitting, computing = seconds_of(submit), seconds_of(compute)
        done["back"] = serialize(done["counted"])
        return computing, submitting, seconds_of(write), n_bytes(done["sent"]), n_bytes(done["back"])

    def activity(self, samples=20):
        """Return liquid spikes, input spikes and visits to synapses per ms."""
        rasters = self.presentation.rasters(self.train, np.arange(samples))
        run = self.liquid.present(rasters, self.presentation.weights, self.presentation.rule, record=True)
        return _work(self.network, run.spikes, all_inputs=False)


@contextmanager
def _no_progress(*_arguments, **_options):
    yield SimpleNamespace(update=lambda *_arguments: None)


@dataclass
class Task:
    """One batch, in seconds and bytes: `compute` on the worker with one thread, the others in the program."""

    neurons: int
    batch_size: int
    compute: float
    submit: float
    write: float
    sent: float
    back: float

    @property
    def driver(self):
        return self.submit + self.write


def send_empty_tasks(client, address, number):
    """Send tasks that do nothing there and back, many at the same time."""

    def submit(k):
        return client.submit(_nothing, k, key=f"empty-{time.time_ns()}-{k}", pure=False)

    for _ in results(client, address, range(number), submit, per_thread=100):
        pass


def _nothing(_k):
    return None


def extrapolated(task, activity, network, larger, batch_size):
    """Return the Task of a larger network from that of a smaller one, and its visits to synapses per ms.

    Spikes per ms are taken to stay as they are, as the astrocyte holds them, so visits grow with the
    synapses of a neuron; time grows with visits, bytes and the time of writing with the neurons.
    """
    liquid, inputs, visits = activity

    def visited(net):
        """Visits if all synapses of a kind were visited alike."""
        of_liquid = np.count_nonzero(~net.is_input) / net.n_liquid
        of_inputs = np.count_nonzero(net.is_input)
        return liquid * (2 * of_liquid + of_inputs / net.n_liquid) + inputs * of_inputs / net.n_inputs

    factor = visited(larger) / visited(network)
    samples, neurons = batch_size / task.batch_size, larger.n_liquid / task.neurons
    grown = Task(
        larger.n_liquid, batch_size, task.compute * factor * samples, task.submit * samples,
        task.write * neurons * samples, task.sent * samples, task.back * neurons * samples,
    )  # fmt: skip
    return grown, visits * factor


def most_workers(task, scheduler_seconds, bytes_per_second):
    """Return by name how many workers of one thread each part can serve."""
    return {
        "program": task.compute / task.driver,
        "scheduler": task.compute / scheduler_seconds,
        "link": task.compute * bytes_per_second / (task.sent + task.back),
        "batches": ALL_SAMPLES / task.batch_size / 4,  # four for each, so that few wait for the last
    }


# ---- tables ---------------------------------------------------------------------------------------


def gain_table(bench, samples, repetitions):
    plain, rows = None, []
    for name, number in (("none", 0), ("local:1", 1), ("local:2", 2)):
        with _local_cluster(number) if number else nullcontext() as cluster:
            address = cluster.scheduler_address if number else None
            seconds = median_seconds(lambda address=address: bench.count(samples, address), repetitions)
        plain = plain or seconds
        rows.append(f"| {name} | {seconds:.2f} | {samples / seconds:.0f} | {plain / seconds:.2f} |")
    head = f"{samples} samples, {bench.network.n_liquid} neurons, BATCH_SIZE {bench.batch_size}, one thread a worker:"
    return [head, "", "| cluster | seconds | samples/s | times as fast |", "|---" * 4 + "|", *rows]


def task_table(tasks, scheduler_seconds):
    rows = [
        f"| {task.neurons}{note} | {task.batch_size} | {1000 * task.compute:.0f} ms | {task.sent / 1e3:.0f} / "
        f"{task.back / 1e3:.0f} kB | {1000 * task.submit:.2f} + {1000 * task.write:.1f} ms | "
        f"{1000 * scheduler_seconds:.2f} ms |"
        for task, note in tasks
    ]
    return [
        "| neurons | BATCH_SIZE | task on one thread, t | bytes there / back, b | program: send + write, d | an empty "
        "task there and back, s |", "|---" * 6 + "|", *rows,
    ]  # fmt: skip


def limit_table(tasks, scheduler_seconds):
    rows = []
    for task, note in tasks:
        for link, bytes_per_second in LINKS.items():
            limits = most_workers(task, scheduler_seconds, bytes_per_second)
            first = min(limits, key=limits.get)
            cells = " | ".join(f"{limit:,.0f}" for limit in limits.values())
            rows.append(f"| {task.neurons}{note} | {link} | {cells} | {limits[first]:,.0f} ({first}) |")
    return [
        "| neurons | link | program, t / d | scheduler, t / s | link, t B / b | batches, n / 4 | workers that have "
        "work (limit) |", "|---" * 7 + "|", *rows,
    ]  # fmt: skip


def put_into(document, text):
    """Replace what stands between the marks of a document."""
    before = document.read_text(encoding="utf-8")
    found = re.search(f"{BEGIN}.*{END}", before, re.DOTALL)
    if not found:
        sys.exit(f"error: {document} has no lines {BEGIN} and {END}")
    document.write_text(f"{before[: found.start()]}{BEGIN}\n{text}\n{END}{before[found.end() :]}", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=2000, help="of the first table; a multiple of 250")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--batches", type=int, default=5, help="of the second table, beside one that is not counted")
    parser.add_argument("--empty-tasks", type=int, default=2000)
    parser.add_argument("--folder", help="where count files are written meanwhile")
    parser.add_argument("--doc", type=Path, help="put the tables into this document, too")
    arguments = parser.parse_args()
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "dask", "distributed"))
    lines = [
        f"{platform.processor() or platform.machine()}, {cores()} cores, Python "
        f"{platform.python_version()}, {packages}, {time.strftime('%Y-%m-%d')}; NALSM on MNIST, presentations of "
        f"{STEPS} ms, medians of {arguments.repetitions} repetitions and {arguments.batches} batches.", "",
    ]  # fmt: skip
    tasks = []
    for dims, batch_size, weight in SIZES:
        bench = Bench(dims, batch_size, weight, arguments.folder)
        if not tasks:
            lines += [*gain_table(bench, arguments.samples, arguments.repetitions), ""]
        tasks.append((bench.task(arguments.batches), ""))
    with _local_cluster(1) as cluster, connected(cluster.scheduler_address) as client:
        number = arguments.empty_tasks
        overhead = median_seconds(lambda: send_empty_tasks(client, cluster.scheduler_address, number), 3) / number
    dims, batch_size = LARGE
    larger = Network.generate(dims, DATA_SOURCES["MNIST"].n_inputs, SEED)
    grown, visits = extrapolated(tasks[-1][0], bench.activity(), bench.network, larger, batch_size)
    tasks.append((grown, " (extrapolated)"))
    lines += [*task_table(tasks, overhead), "", *limit_table(tasks, overhead), ""]
    lines.append(
        f"{larger.n_liquid} neurons were not run here: at the spikes per ms of {bench.network.n_liquid} neurons a step "
        f"would visit {visits:,.0f} synapses."
    )
    text = "\n".join(lines)
    print(text)
    if arguments.doc:
        put_into(arguments.doc, text)


if __name__ == "__main__":
    main()
