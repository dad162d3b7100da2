"""Counting on a Dask cluster: the same files, whatever happens to workers, scheduler and program."""

import itertools
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from importlib.metadata import version
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from small_runs import (
    ANSWERS,
    ROOT,
    RUNNERS,
    assert_one_line_error,
    changed,
    command,
    environment,
    folder_contents,
    run,
)

from nalsm.cluster.cells import _run, on_workers
from nalsm.cluster.connection import _local_cluster, connected
from nalsm.cluster.counting import Counter, count_on_cluster, require_cluster
from nalsm.cluster.same_bits import fingerprint, require_same
from nalsm.cluster.tasks import results
from nalsm.datasets.events import EventSplit
from nalsm.datasets.images import ImageSplit
from nalsm.datasets.noise import NoisyImages, ShiftedEvents
from nalsm.datasets.packing import NMNIST_CODE, HeldRecordings
from nalsm.liquid import NeuronConstants, open_liquid
from nalsm.network import Network
from nalsm.rules import AstrocyteSTDP
from nalsm.runs.counting import Batch, Presentation
from nalsm.support.cluster_address import check_address
from nalsm.support.errors import MachineError, UserError
from nalsm.support.tuning import TUNING

SIZE = 5
# Files that take their time, so that a program can be caught in the middle of counting.
SLOW = """
import os, time
replace = os.replace
def slowly(*paths):
    time.sleep(0.2)
    replace(*paths)
os.replace = slowly
"""
NOISE = "NALSM_RUN_MAIN_SIM_MNIST_NOISE.py"


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes, started again when they die."""
    with _local_cluster(2) as started:
        yield started


@pytest.fixture
def address(cluster):
    with connected(cluster.scheduler_address) as client:
        client.wait_for_workers(2, timeout=30)
    return cluster.scheduler_address


@pytest.fixture
def in_threads(monkeypatch):
    """(cluster, address) without processes and without workers, which come in a moment with `cluster.scale`."""
    from distributed import LocalCluster

    options = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=0, threads_per_worker=1, processes=False, protocol="tcp", host="127.0.0.1",
                      scheduler_kwargs=options, silence_logs=100) as started:  # fmt: skip
        yield started, started.scheduler_address


def small_run(n_batches=12, steps=60):
    """(run, presentation, batches) of made-up images; the spikes of some samples are recorded, some are watched."""
    random = np.random.default_rng(0)
    network = Network.generate((4, 4, 4), 50, seed=1)
    liquid = open_liquid(network, "event", 1, network.watched(0.3, seed=3))
    n = SIZE * n_batches
    images = random.integers(0, 256, (n, 5, 10)).astype(np.uint8)
    split = ImageSplit(images, np.full(n, 0.002, np.float32), np.arange(n) % 10, np.arange(n))
    weights = liquid.initial_state(absolute_weight=2.0).weights
    presentation = Presentation(weights, AstrocyteSTDP(astrocyte_weight=0.01, decay=0.99), steps, seed=3)
    batches = [Batch("test", k, split, np.arange(k * SIZE, (k + 1) * SIZE), [0, 3] if k % 3 == 0 else [])
               for k in range(n_batches)]  # fmt: skip
    settings = SimpleNamespace(machine=SimpleNamespace(gpu=-1, threads=1))
    run = SimpleNamespace(settings=settings, network=network, liquid=liquid, say=lambda _text: None)
    return run, presentation, batches


def assert_as_without(found, small):
    """Every batch is there once, with the counts and spikes of the run's own liquid."""
    small_run, presentation, batches = small
    assert sorted(batch.number for batch, _ in found) == list(range(len(batches)))
    for batch, counted in found:
        wanted = presentation.count(small_run.liquid, presentation.rasters(batch.split, batch.places), batch.record)
        assert wanted.counts.sum() > 0
        np.testing.assert_array_equal(counted.counts, wanted.counts)
        assert counted.counts.dtype == np.uint16
        assert (counted.spikes is None) == (not batch.record)
        if batch.record:
            np.testing.assert_array_equal(counted.spikes, wanted.spikes)
            assert counted.spikes.dtype == np.int32


# ---- what is sent ---------------------------------------------------------------------------------


def splits():
    random = np.random.default_rng(1)
    images = random.integers(0, 256, (6, 4, 4)).astype(np.uint8)
    scale, labels, ids = np.full(6, 0.002, np.float32), np.arange(6), np.arange(100, 106)
    recordings = HeldRecordings([
        NMNIST_CODE.encode(*random.integers(0, 34, (2, 50)), random.integers(0, 2, 50), random.integers(0, 300_000, 50))
        for _ in range(9)
    ])  # fmt: skip
    places = np.array([8, 1, 2, 3, 5, 7])
    return {
        "images": ImageSplit(images, scale, labels, ids),
        "noisy images": NoisyImages(images.astype(np.float32), scale, labels, ids),
        "events": EventSplit(recordings, places, labels, ids),
        "shifted events": ShiftedEvents(recordings, places, labels, ids, 10.0),
    }


@pytest.mark.parametrize("kind", splits())
def test_detached_samples_are_presented_alike(kind):
    split, chosen = splits()[kind], np.array([4, 0, 3])
    sent = pickle.dumps(split.detached(chosen))
    wanted = split.presentation(chosen, 250, seed=7)
    assert wanted.any()
    np.testing.assert_array_equal(pickle.loads(sent).presentation(np.arange(3), 250, seed=7), wanted)
    np.testing.assert_array_equal(pickle.loads(sent).sample_ids, split.sample_ids[chosen])
    assert len(sent) < wanted.nbytes / (1 if "images" in kind else 100)


# ---- equal bits -----------------------------------------------------------------------------------


def test_a_whole_run_leaves_the_same_files(finished_place):
    wanted = folder_contents(finished_place / "train_data" / "ver_7")
    out = finished_place / "clustered"
    done = run([*command(finished_place, "--cluster=local:2"), f"--output-dir={out}"])
    assert (done.returncode, done.stderr) == (0, "")
    assert "counting: 300 of 300 samples (100 %)" in done.stdout
    assert folder_contents(out / "ver_7") == wanted
    parameters = json.loads((out / "ver_7" / "VER_7_params.json").read_text())
    assert parameters["sessions"][0]["cluster"] == "local:2"
    assert "cluster" not in parameters["identity"]


def test_noisy_test_set_begun_without_a_cluster(finished_place, address):
    folder = finished_place / "train_data" / "ver_7"
    arguments = [sys.executable, str(RUNNERS / NOISE), f"--output-dir={folder.parent}",
                 f"--networks-dir={finished_place}/networks"]  # fmt: skip
    assert run(arguments, ANSWERS[:5]).returncode == 0
    wanted = folder_contents(folder)
    for name in ("NOISE_125_TEST_7_S_AGG_BATCH_0.datasagg", "NOISE_125_TEST_7_S_AGG_BATCH_1.datasagg"):
        (folder / name).unlink()
    done = run([*arguments, f"--cluster={address}"], ANSWERS[:5])
    assert (done.returncode, done.stderr) == (0, "")
    assert "going on with noisy test set" in done.stdout
    assert folder_contents(folder) == wanted


def test_each_worker_gets_the_liquid_once(address):
    """Counts and recorded spikes; the network and weights travel once to a worker, not with every batch."""

    def received():
        def keys(dask_worker):
            return [key for entry in dask_worker.transfer_incoming_log for key in entry["keys"]]

        with connected(address) as client:
            return [key for log in client.run(keys).values() for key in log if key.startswith("nalsm-run")]

    small, before = small_run(24), received()
    assert_as_without(list(count_on_cluster(address, *small)), small)
    # One of the two workers made it, the other one fetched it, unless a busy machine left it without a batch.
    assert len(received()) - len(before) in (0, 1)


# ---- losses ---------------------------------------------------------------------------------------


def test_killed_worker(address):
    """SIGKILL to a worker at work: its batches are presented elsewhere."""
    small = small_run(16, steps=300)
    with connected(address) as client:
        victim = next(iter(client.run(os.getpid).values()))
    found = []
    for pair in count_on_cluster(address, *small):
        if not found:
            os.kill(victim, signal.SIGKILL)
        found.append(pair)
    assert_as_without(found, small)


@contextmanager
def process(*arguments, **options):
    """A process of Dask's command line, killed at the end."""
    started = subprocess.Popen([sys.executable, "-m", *arguments], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, **options)  # fmt: skip
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def worker(address, folder, package=ROOT):
    return process("distributed.cli.dask_worker", address, "--nthreads=1", "--no-nanny", "--no-dashboard",
                   f"--local-directory={folder}", cwd=folder,
                   env={**environment(), "PYTHONPATH": str(package)})  # fmt: skip


def until(condition, child=None, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert child is None or child.poll() is None, child.communicate()
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


def start(arguments, **options):
    child = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, env=environment(), **options)  # fmt: skip
    child.stdin.write("".join(f"{answer}\n" for answer in ANSWERS))
    child.stdin.close()
    child.stdin = None
    return child


def ended(child):
    out, err = child.communicate(timeout=60)
    return SimpleNamespace(returncode=child.returncode, stdout=out, stderr=err)


def slow_program(place, *flags, **options):
    """A run in place/own that is caught as it counts; (process, version folder)."""
    child = start(changed([*command(place, *flags), f"--output-dir={place}/own"], SLOW), **options)
    folder = place / "own" / "ver_7"
    until((folder / "VALIDATION_7_S_AGG_BATCH_0.datasagg").exists, child)
    return child, folder


def test_lost_scheduler(finished_place, tmp_path):
    """SIGKILL to the scheduler: one line; the same answers without a cluster end with the same bits."""
    with process("distributed.cli.dask_scheduler", "--host=127.0.0.1", "--port=0", "--dashboard-address=127.0.0.1:0",
                 f"--scheduler-file={tmp_path}/scheduler.json", env=environment()) as scheduler:  # fmt: skip
        until((tmp_path / "scheduler.json").exists, scheduler)
        time.sleep(0.1)
        address = json.loads((tmp_path / "scheduler.json").read_text())["address"]
        with worker(address, tmp_path):
            child, folder = slow_program(finished_place, f"--cluster={address}")
            scheduler.kill()
            assert_one_line_error(ended(child), 1, "--cluster", "scheduler", address, "was lost", "without --cluster")
    done = run([*command(finished_place), f"--output-dir={folder.parent}"])
    assert done.returncode == 0, done.stderr
    assert "going on with" in done.stdout
    assert folder_contents(folder) == folder_contents(finished_place / "train_data" / "ver_7")


def processes_of_session(session):
    found = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.Error):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_stopped_program_leaves_no_processes(place, number):
    """SIGINT to all processes of the terminal, as Ctrl-C sends it; SIGKILL to the program alone."""
    child, folder = slow_program(place, "--cluster=local:2", start_new_session=True)
    assert len(processes_of_session(child.pid)) >= 3
    if number == signal.SIGINT:
        os.killpg(child.pid, number)
        assert_one_line_error(ended(child), 130, "stopped by SIGINT", "give the same answers again")
        assert not list(folder.glob(".*.part"))
    else:
        child.kill()
        child.communicate()
    until(lambda: not processes_of_session(child.pid), seconds=10)


def test_all_workers_lost(in_threads, monkeypatch):
    started, address = in_threads
    started.scale(1)
    monkeypatch.setattr(TUNING, "seconds_for_workers", 0.5)
    monkeypatch.setattr(TUNING, "seconds_to_take", 0.5)
    with pytest.raises(MachineError, match=r"all workers of .* were lost.*same answers again"):
        for number, _ in enumerate(count_on_cluster(address, *small_run(40))):
            if number == 0:
                started.scale(0)


def test_no_scheduler_and_no_workers(in_threads, monkeypatch):
    monkeypatch.setattr(TUNING, "seconds_to_answer", 1)
    monkeypatch.setattr(TUNING, "seconds_for_workers", 0.5)
    said = []
    with pytest.raises(MachineError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1 within 1 s; start one"):
        require_cluster("tcp://127.0.0.1:1", said.append)
    assert said == []
    with pytest.raises(MachineError, match=r"no workers for 0.5 s; start some \(dask worker"):
        require_cluster(in_threads[1], said.append)
    assert said == [f"waiting up to 0.5 s for workers of {in_threads[1]}"]


def test_failing_task_is_one_line(in_threads):
    started, address = in_threads
    started.scale(1)
    with connected(address) as client, pytest.raises(MachineError, match=r"a worker failed .ZeroDivisionError"):
        list(results(client, address, [0], lambda item: client.submit(lambda: 1 // item, key="zero"), 2))


def test_worker_of_another_version(address, tmp_path):
    """A worker with one other byte in the package, there from the start or coming later, is named and refused."""
    shutil.copytree(ROOT / "nalsm", tmp_path / "nalsm", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "nalsm" / "rules.py").open("a") as file:
        file.write("#\n")
    words = r"worker tcp://.* has nalsm .*\(source .*\), this program .*\(source .*\).*install the same"
    counting = count_on_cluster(address, *small_run(40))
    next(counting)
    with connected(address) as client:
        with worker(address, tmp_path, package=tmp_path):
            until(lambda: len(client.nthreads()) == 3)
            with pytest.raises(MachineError, match=words):
                list(counting)
            with pytest.raises(MachineError, match=words):
                require_cluster(address, say=None)
        until(lambda: len(client.nthreads()) == 2)


# ---- how many are on their way --------------------------------------------------------------------


def test_few_batches_are_on_their_way(in_threads):
    """Two for each thread of the workers, however slowly results are taken; workers that come later have work."""
    from distributed import get_worker

    started, address = in_threads
    started.scale(1)

    def task(_item):
        time.sleep(0.005)
        return get_worker().address

    with connected(address) as client:
        submitted, taken, most, workers = [], 0, {1: 0, 2: 0}, set()

        def submit(item):
            submitted.append(item)
            return client.submit(task, item, key=f"task-{item}")

        for item, where in results(client, address, range(400), submit, 2):
            assert item in submitted
            n_workers = len(client.nthreads())
            most[n_workers] = max(most[n_workers], len(submitted) - taken)
            taken += 1
            workers.add(where)
            if taken == 10:
                time.sleep(0.2)  # slow to take: nothing more is submitted meanwhile
                assert len(submitted) - taken <= 2
                started.scale(2)
    assert taken == len(submitted) == 400
    assert most == {1: 2, 2: 4}
    assert len(workers) == 2


# ---- the flag -------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["tcp://host:8786", "tls://10.0.0.1:1", "tcp://[::1]:8786", "local:1", "local:16"])
def test_addresses(address):
    check_address(address)
    check_address(None)


@pytest.mark.parametrize(
    "address",
    ["", "local", "local:0", "local:-1", "local:x", "host:8786", "tcp://host", "tcp://:8786", "tcp://host:0",
     "tcp://host:99999", "http://host:8786", "tcp://host:8786/x", "tcp://a b:8786", "x" * 1000],
)  # fmt: skip
def test_bad_addresses(address):
    with pytest.raises(UserError, match=r"--cluster: read '.*', expected tcp://HOST:PORT .* local:N") as error:
        check_address(address)
    assert len(str(error.value)) < 250


def test_flag_is_checked_before_the_questions(place):
    """At once, without Dask, and it says what to install where that is missing."""
    heavy = """
import atexit, sys
atexit.register(lambda: print([name for name in ("dask", "distributed", "numba") if name in sys.modules]))
"""
    done = run(changed(command(place, "--cluster=local:0"), heavy))
    assert_one_line_error(done, 2, "--cluster", "'local:0'", "tcp://HOST:PORT")
    assert done.stdout.splitlines() == ["[]"]
    done = run(changed(command(place, "--cluster=local:1"), heavy), ["x"])
    assert_one_line_error(done, 2, "GPU")
    assert done.stdout.splitlines()[-1] == "[]"
    done = run(changed(command(place, "--cluster=local:1"), "import sys\nsys.modules['distributed'] = None"))
    assert_one_line_error(done, 2, "--cluster", "pip install '.[cluster]'")
    noise = [sys.executable, str(RUNNERS / NOISE), "--cluster=tcp://x"]
    assert_one_line_error(run(noise), 2, "--cluster", "'tcp://x'")
    assert not (place / "train_data").exists()


# ---- whole cells ----------------------------------------------------------------------------------


def test_each_item_once_and_one_at_a_time(address, tmp_path):
    """Results of all items; on a worker with one thread they never overlap. Nothing stays in the folder."""

    def work(number):
        begin = time.monotonic()
        time.sleep(0.1)
        return os.getpid(), begin, time.monotonic(), number**2

    found = dict(on_workers(address, work, range(8), tmp_path, print))
    assert {number: result[3] for number, result in found.items()} == {number: number**2 for number in range(8)}
    by_worker = {}
    for pid, begin, end, _ in found.values():
        by_worker.setdefault(pid, []).append((begin, end))
    assert len(by_worker) == 2
    for spans in map(sorted, by_worker.values()):
        assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(spans))
    assert list(tmp_path.iterdir()) == []


def test_an_item_of_a_lost_worker_goes_to_another(address, tmp_path):
    def work(item):
        with (tmp_path / "pids").open("a") as file:
            file.write(f"{os.getpid()}\n")
        if len((tmp_path / "pids").read_text().split()) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    assert list(on_workers(address, work, ["cell"], tmp_path, print)) == [("cell", "cell")]
    first, second = (tmp_path / "pids").read_text().split()
    assert first != second


def test_cells_need_a_shared_folder_and_single_threads(in_threads, address, tmp_path):
    from distributed import Worker

    started, several = in_threads
    started.worker_spec, started.new_spec = {}, {"cls": Worker, "options": {"nthreads": 2}}
    started.scale(1)
    with pytest.raises(UserError, match=r"several threads.*--nthreads 1"):
        list(on_workers(several, str, ["cell"], tmp_path, print))
    with connected(address) as client, pytest.raises(UserError, match=r"worker tcp://.* does not see .*same path"):
        client.submit(_run, str, "cell", str(tmp_path / "elsewhere"), pure=False).result()


# ---- what decides the bits -----------------------------------------------------------------------


def test_tensorflow_and_its_device_are_compared_for_its_engine():
    """A worker with another TensorFlow or another GPU would compute other bits; the event engine uses neither."""
    own = fingerprint("tensorflow")
    assert own["tensorflow"] == version("tensorflow") and own["device"]
    assert not {"tensorflow", "device"} & set(fingerprint("event"))
    for name in ("tensorflow", "device"):
        with pytest.raises(MachineError, match=f"worker w has {name} other, this program"):
            require_same(own, {**own, name: "other"}, "w")


def test_a_worker_with_another_tensorflow_counts_nothing(address):
    """The worker itself compares: a program with another device is refused before anything is counted."""
    network, wanted = (
        Network.generate((3, 3, 3), 5, seed=1),
        {**fingerprint("tensorflow"), "device": "GPU of the program"},
    )
    presentation = Presentation(np.zeros(network.n_synapses, np.float32), AstrocyteSTDP(), 5, seed=1)
    with connected(address) as client, pytest.raises(MachineError, match=r"has device .*, this program GPU of the"):
        client.submit(
            lambda: Counter(network, None, NeuronConstants(), presentation, "tensorflow", -1, 1, wanted).liquid,
            pure=False,
        ).result()
