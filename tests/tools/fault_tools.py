"""Small whole runs that are killed, stopped, cut off and damaged, and what has to come out of them.

The programs run in children of a process that has imported all they need (`Launcher`): the same code from the runner's
first line on, in a fraction of the time. `python fault_tools.py ENGINE` is that process.
"""

import atexit
import contextlib
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from file_operations import read_record
from power_cuts import put
from small_runs import (
    ROOT,
    RUNNERS,
    as_bytes,
    assert_one_line_error,
    environment,
    folder_contents,
    place_with_networks,
    tuned,
)

from nalsm.storage.files import read_arrays

VERSION = 7
# Smallest intervals: a checkpoint at every chance, and recorded spikes, so that a small run has every kind of file.
FREQUENT = tuned(
    seconds_between_checkpoints=0, snapshots_at_a_time=4, kept_bytes_per_part=1,
    recorded_samples="lambda batch, size: [0, 3] if batch % 2 else []",
)  # fmt: skip
_MODELS = {  # program, answers after the common ones
    "NALSM": ("NALSM", ("0.015",)),
    "LSM+STDP": ("LSM_STDP", ()),
    "LSM": ("LSM", ("0.7",)),
    "LSM+AP-STDP": ("LSM_APSTDP", ("37", "23", "1")),
}
MODELS = tuple(_MODELS)
ENGINES = ("event", "tensorflow")
_SMALL = (
    "--train-samples=40", "--valid-samples=20", "--test-samples=20", "--init-samples=12", "--sample-ms=90",
    "--cycles=3", "--seed=5", "--keep-weights-every=2", "--threads=1",
)  # fmt: skip
_COMMON_ANSWERS = ("-1", str(VERSION), "1", "10", "2")
MEASURES = (  # programs that print results and write nothing, with flags
    ("get_test_accuracy.py", ()),
    ("get_branching_factor.py", ()),
    ("compute_SP_AP_kernel_quality_measures.py", ("--per-class=1", "--draws=20", "--quiet")),
)
SIGNAL_CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}


@dataclass
class Done:
    """How a program ended: returncode as in `subprocess`, its output, and how long it took in seconds."""

    returncode: int
    stdout: str
    stderr: str
    seconds: float


class Launcher:
    """Starts programs in children of a warm process."""

    def __init__(self, engine, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 0}  # `select` sees no buffers
        self.server = subprocess.Popen([sys.executable, __file__, engine], env=environment(), **pipes)
        assert self.server.stdout.readline() == b"ready\n"

    def close(self):
        self.server.stdin.close()
        self.server.stdout.close()
        self.server.wait(60)

    def run(self, arguments, answers, code="", watch=None, stop=None, stdout=None):
        """Run a runner to its end; return Done.

        arguments : [name of the runner, flags ...]
        code : executed in the child first
        watch : (folder, "Count" or "At" or "Record", its arguments ...), see `file_operations`
        stop : (seconds, signal), sent that long after the start unless the program has ended before
        stdout : path that standard output goes to, instead of being returned
        """
        out, err = self.folder / "stdout", self.folder / "stderr"
        request = {
            "arguments": list(map(str, arguments)), "answers": "".join(f"{answer}\n" for answer in answers),
            "code": code, "watch": watch and [str(item) for item in watch],
            "stdout": str(stdout or out), "stderr": str(err), "cwd": str(self.folder),
        }  # fmt: skip
        begin = time.monotonic()
        self.server.stdin.write(json.dumps(request).encode() + b"\n")
        child = int(self.server.stdout.readline())
        if stop:
            seconds, number = stop
            if not select.select([self.server.stdout], [], [], seconds)[0]:
                os.kill(child, number)
        if not select.select([self.server.stdout], [], [], 300)[0]:
            os.kill(child, signal.SIGKILL)
            raise TimeoutError(f"{arguments} does not end")
        status = int(self.server.stdout.readline())
        shown = "" if stdout else out.read_text(errors="replace")
        return Done(os.waitstatus_to_exitcode(status), shown, err.read_text(errors="replace"), time.monotonic() - begin)


def serve(engine):
    """The warm process: a line of JSON in, the child's number and its wait status out."""
    _warm(engine)
    print("ready", flush=True)
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(request)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)


def _warm(engine):
    """Import everything, and remember the data set, which is read again and again."""
    import filelock
    import h5py
    import tqdm

    import nalsm.evaluation.branching
    import nalsm.liquid.event_engine
    import nalsm.programs.train
    import nalsm.report.sections
    import nalsm.runs.event_log
    import nalsm.runs.noisy_test_set
    import nalsm.runs.readout_training
    from nalsm.datasets import DATA_SOURCES
    from nalsm.liquid.tensorflow_setup import tensorflow

    assert all((filelock, h5py, tqdm, nalsm))
    with contextlib.suppress(ImportError):
        from tensorboard.summary.writer import record_writer

        assert record_writer
    mnist, loaded = DATA_SOURCES["MNIST"], {}

    def load_once(path, *more):
        key = str(path), os.stat(path).st_mtime_ns
        if key not in loaded:
            loaded[key] = mnist.loader(path, *more)
        return loaded[key]

    DATA_SOURCES["MNIST"] = replace(mnist, loader=load_once)
    DATA_SOURCES["MNIST"].load(ROOT / "datasets" / "mnist.npz")
    _load_machine_code(MODELS if engine == "event" else MODELS[:1])
    if engine == "tensorflow":
        tensorflow()  # not started: its threads would not outlive the fork


def _load_machine_code(models):
    """Let each model compute a little, with the event-driven engine: Numba then loads nothing more."""
    from whole_runs import complete

    from nalsm.models import MODELS as knobs_of

    with tempfile.TemporaryDirectory() as folder:
        place = place_with_networks(Path(folder))
        for version, model in enumerate(models):
            names = [knob.name for knob in knobs_of[model].knobs]
            complete(
                place, model=model, version=version, knobs=dict(zip(names, map(float, _MODELS[model][1]), strict=True)),
                batch_size=10, batches_per_block=1, train_samples=10, valid_samples=10, test_samples=10, init_samples=2,
                sample_ms=20, cycles=1, threads=1,
            )  # fmt: skip


def _become(request):
    """Turn this child into the program, and end with it."""
    import runpy

    os.setpgid(0, 0)
    os.chdir(request["cwd"])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    reading, writing = os.pipe()
    os.write(writing, request["answers"].encode())
    os.close(writing)
    os.dup2(reading, 0)
    for path, descriptor in ((request["stdout"], 1), (request["stderr"], 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), descriptor)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", 1, closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, closefd=False)
    script, *flags = request["arguments"]
    sys.argv = [str(RUNNERS / script), *flags]
    sys.path.insert(0, str(RUNNERS))
    exec(request["code"], {})
    if request["watch"]:
        import file_operations

        root, name, *arguments = request["watch"]
        arguments = [int(a) if a.isdigit() else a for a in arguments]
        file_operations.watch(root, getattr(file_operations, name)(*arguments))
    code = 1
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
    threading._shutdown()  # what the interpreter does as it ends, but for taking itself apart, which takes a second
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(code)


class SmallRun:
    """The run of one model with one engine in a folder of its own: start, lose, resume, compare."""

    def __init__(self, launcher, place, model="NALSM", flags=()):
        place = Path(place)
        place.mkdir(parents=True, exist_ok=True)
        self.launcher = launcher
        self.place = place_with_networks(place)
        self.output = place / "train_data"
        self.folder = self.output / f"ver_{VERSION}"
        self.model = model
        name, own = _MODELS[model]
        self.training_program = f"{name}_RUN_MAIN_SIM_MNIST.py"
        self.answers = (*_COMMON_ANSWERS, *own)
        self.flags = (*_SMALL, f"--networks-dir={place}/networks", f"--output-dir={self.output}", *flags)

    def run(self, *flags, code="", **options):
        return self.launcher.run([self.training_program, *self.flags, *flags], self.answers, FREQUENT + code, **options)

    def complete(self):
        """Run it uninterrupted; keep its contents in `expected`, its operations and its time."""
        listing = self.place / "operations"
        done = self.run(watch=(self.output, "Count", listing))
        assert done.returncode == 0, done.stderr
        self.operations = [tuple(line.split("\t")) for line in listing.read_text().splitlines()]
        self.seconds = done.seconds
        self.expected = self.contents()
        return self

    def clear(self):
        shutil.rmtree(self.output, ignore_errors=True)

    def contents(self):
        return run_contents(self.folder)

    def kept(self, where=""):
        """What an unfinished run has left is whole, and what it will be in the end."""
        for path in self.folder.glob("*.*data*"):
            if not path.name.startswith((".", "INITIALISATION_CHECKPOINT", "READOUT_CHECKPOINT")):
                arrays, attributes = read_arrays(path)
                if path.name.startswith("KEPT_READOUTS"):  # they are removed in the end
                    continue
                assert as_bytes(arrays, attributes) == self.expected[path.name], (where, path)

    def finish(self, where=""):
        """Give the same answers (again); the result has to be that of the uninterrupted run."""
        done = self.run()
        if done.returncode == 2 and "finished run" in done.stderr:
            assert done.stderr.count("\n") == 1, done.stderr
            for path in self.folder.glob(".VER_*_times.json.*.part"):  # written last, and nothing follows
                path.unlink()
        else:
            assert (done.returncode, done.stderr) == (0, ""), (where, done)
        assert_same_contents(self.contents(), self.expected, where)
        assert not list(self.folder.glob(".*.part")), where
        assert not list(self.folder.glob("*CHECKPOINT*")), where
        return done

    def lose(self, n, what="SIGKILL"):
        """Start it, and end it at a file operation of this session (number or pattern); return Done.

        what : as in `file_operations.At`: a signal, after "cut " with the file that is being written cut in half
        """
        done = self.run(watch=(self.output, "At", n, what))
        name = what.removeprefix("cut ")
        if name == "SIGKILL":
            assert done.returncode in (-signal.SIGKILL, 0, 2), (n, done)  # 0: there were fewer; 2: it was finished
        elif done.returncode:
            self.stopped_well(done, name)
        assert done.returncode != 2 or "finished" in done.stderr, (n, done)
        return done

    def lose_again_and_again(self, steps, what="SIGKILL"):
        """End session after session at the given operations of each; return how many were ended."""
        for number, n in enumerate(steps):
            if self.lose(n, what).returncode in (0, 2):
                return number
        return len(steps)

    def lose_after(self, seconds, name="SIGKILL"):
        """Start it, and end it so much later by the clock; return Done."""
        done = self.run(stop=(seconds, getattr(signal, name)))
        if name == "SIGKILL" or (not done.stderr and not done.stdout):
            # (before its first line of code a program ends in the system's own way)
            assert done.returncode in (-getattr(signal, name), 0), (seconds, done)
        elif done.returncode:
            self.stopped_well(done, name)
        return done

    def program(self, name, *flags, answers=(str(VERSION),), **options):
        """Run another program on this run; flags as far as it has them."""
        folders = [f"--output-dir={self.output}"]
        if name.startswith(("compute_branching", "report")) or "NOISE" in name:
            folders.append(f"--networks-dir={self.place}/networks")
        return self.launcher.run([name, *folders, *flags], answers, FREQUENT, **options)

    def measure(self):
        """Add what the programs that look at runs leave; return what they print at last, by name of program."""
        for name in (self.noise_program, "compute_branching_factor.py"):
            done = self.program(name, answers=self.answers_of(name))
            assert done.returncode == 0, done.stderr
        return {name: self.program(name, *flags, answers=self.answers_of(name)).stdout for name, flags in MEASURES}

    @property
    def noise_program(self):
        return self.training_program.replace(".py", "_NOISE.py")

    def answers_of(self, program):
        """Answers to a program that looks at this run."""
        if "NOISE" in program:
            return (*_COMMON_ANSWERS, *(self.answers[-1:] if self.model == "LSM" else ()))
        return (str(VERSION), "M") if "kernel" in program else (str(VERSION),)

    def record(self, code=""):
        """Run it uninterrupted; return the operations that `power_cuts` wants."""
        self.clear()
        done = self.run(code=code, watch=(self.place, "Record", self.launcher.folder / "record"))
        assert done.returncode == 0, done.stderr
        return read_record(self.launcher.folder / "record")

    def go_on_from(self, state, where=""):
        """Put a state of a disk in place, and finish."""
        self.clear()
        put({path: data for path, data in state.items() if path.startswith(str(self.output))}, self.place)
        self.finish(where)

    def stopped_well(self, done, name):
        """A program that got a signal said so in one line, and ended with its code."""
        assert_one_line_error(done, SIGNAL_CODES[name], name)


def run_contents(folder):
    """All that a finished run left, but times: results, and the parameters without start time."""
    contents = folder_contents(folder)
    parameters = json.loads((folder / f"VER_{VERSION}_params.json").read_text())
    sessions = [{**session, "started": None} for session in parameters["sessions"]]
    contents["parameters"] = {**parameters, "sessions": sessions, "sha256": None}
    text = (folder / f"VER_{VERSION}_params.txt").read_text()
    contents["text"] = [line for line in text.splitlines() if ".started " not in line]
    return contents


def assert_same_contents(found, expected, where=""):
    assert sorted(found) == sorted(expected), where
    different = [name for name in expected if found[name] != expected[name]]
    assert not different, (where, different)


def instants(seed, n, seconds):
    """n instants spread over a time: one at a random place in each n-th of it, in random order."""
    random_ = random.Random(seed)
    found = [(k + random_.random()) * seconds / n for k in range(n)]
    random_.shuffle(found)
    return found


if __name__ == "__main__":
    serve(sys.argv[1])
