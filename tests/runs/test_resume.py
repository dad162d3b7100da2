"""A run that is killed, stopped or out of disk goes on with the same answers and ends with the same bits.

Processes of their own, and few of them; many faults in small runs: test_faults_*.py.
"""

import shutil
import signal
import subprocess
import time

import pytest
from small_runs import (
    ANSWERS,
    assert_one_line_error,
    changed,
    command,
    environment,
    folder_contents,
    place_with_networks,
    run,
    tuned,
)

# The real program with checkpoints at every chance, and small chunks of initialisation.
FREQUENT = tuned(seconds_between_checkpoints=0, snapshots_at_a_time=4)
# Enough work in each stage to be caught in the middle of it.
SLOWER = ("--init-samples=1600", "--init-ms=60", "--cycles=600", "--sample-ms=200")


def start(place, *flags):
    """Start the program with frequent checkpoints; answers are on their way."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    arguments = changed(command(place, *SLOWER, *flags), FREQUENT)
    child = subprocess.Popen(arguments, text=True, env=environment(), **pipes)
    child.stdin.write("".join(f"{answer}\n" for answer in ANSWERS))
    child.stdin.close()
    child.stdin = None
    return child


def stop_when(child, condition, number, seconds=120):
    """Send a signal as soon as the condition holds; return (exit code, stdout, stderr)."""
    end = time.monotonic() + seconds
    while not condition():
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < end, "the program never got there"
        time.sleep(0.002)
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    return child.returncode, out, err


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Contents of the folder of a run that was never interrupted."""
    place = place_with_networks(tmp_path_factory.mktemp("uninterrupted"))
    done = run(command(place, *SLOWER))
    assert done.returncode == 0, done.stderr
    return folder_contents(place / "train_data" / "ver_7")


def points(folder):
    """Points of a run, by what has just appeared in its folder."""
    return {
        "parameters": (folder / "VER_7_params.txt").exists,
        "initialisation": (folder / "INITIALISATION_CHECKPOINT.wdata").exists,
        "initialised": (folder / "W_INI.wdata").exists,
        "counting": (folder / "VALIDATION_7_S_AGG_BATCH_1.datasagg").exists,
        "counted": (folder / "TRAIN_S_AGG_7_BATCH_6.datasagg").exists,
        "readout": (folder / "READOUT_CHECKPOINT.evaldata").exists,
    }


def test_killed_at_every_stage(place, finished):
    """One run, killed with SIGKILL again and again, each time a stage further."""
    folder = place / "train_data" / "ver_7"
    for point in points(folder):
        if points(folder)[point]():
            continue  # the kill before came that late
        code, _, err = stop_when(start(place), points(folder)[point], signal.SIGKILL)
        assert code == -signal.SIGKILL, err
    done = run(command(place, *SLOWER))
    assert done.returncode == 0, done.stderr
    assert "going on with version 7, NALSM on MNIST, seed 5" in done.stdout
    assert folder_contents(folder) == finished
    assert not list(folder.glob("*CHECKPOINT*"))
    assert not list(folder.glob(".*.part"))


def test_stopped_by_a_signal(place, finished):
    """SIGTERM: one line, its exit code, and nothing lost. (All signals and stages: test_faults_stops.py.)"""
    folder = place / "train_data" / "ver_7"
    found, _, err = stop_when(start(place), points(folder)["counting"], signal.SIGTERM)
    assert found == 143, err
    assert len(err.splitlines()) == 1, err
    assert "SIGTERM: completed work is kept; to resume, give the same answers again" in err
    # The seed and all else that was drawn is in the folder: the same answers are enough.
    program, *arguments = [a for a in command(place, *SLOWER) if not a.startswith("--seed")]
    done = run([program, *arguments])
    assert done.returncode == 0, done.stderr
    assert folder_contents(folder) == finished


def test_second_process_is_refused(place):
    child = start(place)
    folder = place / "train_data" / "ver_7"
    try:
        end = time.monotonic() + 60
        while not points(folder)["initialisation"]():
            assert time.monotonic() < end
            time.sleep(0.01)
        assert_one_line_error(run(command(place, *SLOWER)), 2, "VERSION", "another process", str(folder))
        assert child.poll() is None  # and the first is not disturbed
    finally:
        child.kill()
        child.communicate()
    assert (folder / ".lock").exists()  # stale, and not in the way:
    assert run(command(place, *SLOWER, "--overwrite")).returncode == 0


def test_full_disk(finished_place):
    """Files that cannot grow: one line, exit code 1, whole files only; with room again, the same bits."""
    place, folder = finished_place, finished_place / "train_data" / "ver_7"
    reference = folder_contents(folder)
    shutil.rmtree(folder)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"
    done = run(changed(command(place), limit))
    assert_one_line_error(done, 1, "File too large", str(folder))
    assert not list(folder.glob(".*.part"))
    assert run(command(place)).returncode == 0
    assert folder_contents(folder) == reference


def test_results_do_not_depend_on_threads_or_blocks(place):
    """1, 2 and 4 threads, other block sizes, answers by flag: fresh processes, equal bits."""
    contents = []
    for threads, block in ((1, 4), (2, 2), (4, 8)):
        out = place / f"threads_{threads}"
        answers = (*ANSWERS[:4], str(block), ANSWERS[5])
        done = run([*command(place, f"--threads={threads}"), f"--output-dir={out}"], answers)
        assert done.returncode == 0, done.stderr
        contents.append(folder_contents(out / "ver_7"))
    assert contents[0] == contents[1] == contents[2]
