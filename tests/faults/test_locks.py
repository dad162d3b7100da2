"""Two processes on one version: the second is refused at once, whatever it is; a stale lock is in nobody's way."""

import subprocess
import sys

import pytest
from fault_tools import SmallRun, run_contents
from small_runs import assert_one_line_error, environment

HOLDER = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def small_run(launcher, tmp_path_factory):
    run = SmallRun(launcher, tmp_path_factory.mktemp("locks")).complete()
    run.measure()
    for path in (*run.folder.glob("*.bf"), run.folder / "NOISE_125_TEST_7_S_AGG_BATCH_1.datasagg"):
        path.unlink()
    return run


@pytest.fixture
def holder(small_run):
    """Another process that works in the version folder."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    lock = str(small_run.folder / ".lock")
    process = subprocess.Popen([sys.executable, "-c", HOLDER, lock], text=True, env=environment(), **pipes)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def writers(run):
    """Programs that write into a version folder, as functions that run them."""
    noise, branching = run.noise_program, "compute_branching_factor.py"
    return {
        "noise": lambda: run.program(noise, answers=run.answers_of(noise)),
        "noise with --overwrite": lambda: run.program(noise, "--overwrite", answers=run.answers_of(noise)),
        "branching factors": lambda: run.program(branching),
        "training with --overwrite": lambda: run.run("--overwrite"),
    }


def test_every_program_that_writes_is_refused(small_run, holder):
    before = run_contents(small_run.folder)
    for what, start in writers(small_run).items():
        done = start()
        assert_one_line_error(done, 2, "VERSION: another process is working in", small_run.folder)
        assert run_contents(small_run.folder) == before, what
    result = small_run.folder / "FILE_L_VAL_ACC_L.files"
    result.rename(small_run.place / "aside")  # unfinished: the same answers would go on
    done = small_run.run()
    (small_run.place / "aside").rename(result)
    assert_one_line_error(done, 2, "VERSION: another process is working in", small_run.folder)
    assert holder.poll() is None


def test_looking_is_not_refused(small_run, holder):
    done = small_run.program("get_test_accuracy.py")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_lock_of_a_killed_process_is_not_in_the_way(small_run, holder):
    holder.kill()
    holder.wait()
    assert (small_run.folder / ".lock").exists()
    for what, start in writers(small_run).items():
        done = start()
        assert (done.returncode, done.stderr) == (0, ""), (what, done)
