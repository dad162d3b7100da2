"""Killed or stopped anywhere, a run goes on with the same answers and ends with the same contents.

The numbers come from tests/campaigns/faults.py; here are the points where it matters most.
"""

import random
import signal
import sys

import pytest
from fault_tools import MODELS, Launcher, SmallRun, instants
from small_runs import RUNNERS, assert_one_line_error, changed, run, tuned

from nalsm.storage.files import read_arrays

# A signal comes while a line of progress is printed, long after the last checkpoint.
STOPPED_WHEN_IT_SAYS = (
    tuned(seconds_between_checkpoints=1e9, seconds_between_lines=0)
    + """
import os, signal, sys
class Stopping:
    def write(self, text):
        sys.__stdout__.write(text)
        if text.startswith("{}"):
            os.kill(os.getpid(), signal.{})
    def __getattr__(self, name):
        return getattr(sys.__stdout__, name)
sys.__stdout__, sys.stdout = sys.stdout, Stopping()
"""
)


def renames(run):
    return [n for n, (kind, _) in enumerate(run.operations, 1) if kind == "rename"]


@pytest.mark.parametrize("part", range(3))
def test_killed_at_every_file(small_run, part):
    """Within the writing of each, or just before it gets its name, by turns."""
    points = renames(small_run)
    assert len(points) == 27
    for number, n in enumerate(points[part::3]):
        small_run.clear()
        where = (n - 1, "cut SIGKILL") if number % 2 else (n, "SIGKILL")  # a file is synced, then renamed
        assert small_run.lose(*where).returncode == -signal.SIGKILL
        small_run.kept(n)
        small_run.finish(n)


@pytest.mark.parametrize("model", MODELS)
def test_killed_again_and_again(launcher, tmp_path, model):
    """One run of each model, killed at random operations of one session after the other until it is through."""
    run = SmallRun(launcher, tmp_path, model).complete()
    random_ = random.Random(f"in a row {model}")
    run.clear()
    assert run.lose_again_and_again([random_.randint(20, len(run.operations) // 2) for _ in range(100)]) > 1
    run.finish()
    run.clear()
    run.lose_after(*instants(f"clock {model}", 1, run.seconds))
    run.finish("by the clock")


def test_killed_with_the_tensorflow_engine(tmp_path):
    """In the midst of counting."""
    launcher = Launcher("tensorflow", tmp_path / "launcher")
    run = SmallRun(launcher, tmp_path, "LSM", ["--engine=tensorflow"])
    assert run.run().returncode == 0
    run.expected = run.contents()
    run.clear()
    assert run.lose("rename *TEST_7_S_AGG_BATCH_0.datasagg").returncode == -signal.SIGKILL
    run.kept()
    run.finish()
    launcher.close()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals(small_run, name):
    """One line, the exit code of the signal; the same answers go on."""
    random_ = random.Random(name)
    last = len(small_run.operations)
    for n in (random_.randint(1, last // 3), random_.randint(last // 3, 2 * last // 3), random_.randint(100, last - 8)):
        small_run.clear()
        assert small_run.lose(n, name).returncode != 0, n  # says so itself, see `stopped_well`
        small_run.finish(n)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_initialisation_saves_when_stopped(small_run, name):
    """Whatever the time since the last checkpoint: all snapshots that are done are kept."""
    small_run.clear()
    done = small_run.run(code=STOPPED_WHEN_IT_SAYS.format("initialisation: 8 of 12", name))
    small_run.stopped_well(done, name)
    _, attributes = read_arrays(small_run.folder / "INITIALISATION_CHECKPOINT.wdata")
    assert attributes["snapshots"] == 8  # two calls of four snapshots
    small_run.finish()


def test_a_full_disk_when_stopped(small_run):
    """The checkpoint of a stopped initialisation cannot be written: one line says so."""
    small_run.clear()
    code = STOPPED_WHEN_IT_SAYS.format("initialisation: 4 of 12", "SIGTERM")
    done = small_run.run(code=code, watch=(small_run.output, "At", "open *CHECKPOINT*", "ENOSPC"))
    assert_one_line_error(done, 1, "INITIALISATION_CHECKPOINT.wdata", "No space left")
    small_run.finish()


def test_hang_up_under_nohup(small_run):
    """Where SIGHUP is ignored, as nohup has it, a run works on when its terminal goes."""
    small_run.clear()
    code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    done = small_run.run(code=code, watch=(small_run.output, "At", "rename *W_INI*", "SIGHUP"))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_second_signal_while_ending(small_run):
    """Ctrl-C again and again: still one line and one exit code."""
    small_run.clear()
    code = """
import atexit, os, signal, sys
class Nervous:
    def write(self, text):
        os.kill(os.getpid(), signal.SIGINT)
        return sys.__stderr__.write(text)
    def flush(self):
        sys.__stderr__.flush()
sys.__stderr__, sys.stderr = sys.stderr, Nervous()
atexit.register(os.kill, os.getpid(), signal.SIGINT)
"""
    done = small_run.run(code=code, watch=(small_run.output, "At", "rename *W_INI*", "SIGINT"))
    small_run.stopped_well(done, "SIGINT")


def test_ctrl_c_while_python_loads(small_run):
    """Before a program can say anything, Ctrl-C ends it without a traceback."""
    code = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # as on a terminal, also where the tests run behind one
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "nalsm.programs.train":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
"""
    program = [sys.executable, str(RUNNERS / small_run.training_program), *small_run.flags]
    done = run(changed(program, code), small_run.answers)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")
