"""Disks that are full, read-only or gone: a line names the file, exit code 1, and what was complete stays.

Errors are raised by the operation itself (`file_operations.At`), so that every stage is met everywhere; where the tests
may mount a small disk, they fill a real one too.
"""

import shutil
import subprocess

import pytest
from fault_tools import SmallRun
from small_runs import assert_one_line_error

from nalsm.runs.folder import RunFolder
from nalsm.support.errors import UserError

# Every kind of file, in the order of writing: where a disk gets full.
FILES = (
    "VER_7_params.json", "VER_7_params.txt", "INITIALISATION_CHECKPOINT.wdata", "W_INI.wdata",
    "VALIDATION_7_S_AGG_BATCH_0.datasagg", "TEST_7_SPIKES_BATCH_1.spikes", "TRAIN_S_AGG_7_BATCH_3.datasagg",
    "KEPT_READOUTS_0.evaldata", "READOUT_CHECKPOINT.evaldata", "W_b_by_ITER.evaldata", "FILE_L_VAL_ACC_L.files",
    "VER_7_times.json",
)  # fmt: skip


def fails_at(run, where, what, *words, output=None):
    """The run ends there with one line that has these words; the same answers then finish it."""
    done = run.run(watch=(output or run.output, "At", where, what))
    assert_one_line_error(done, 1, *words)
    if run.folder.exists():
        run.kept(where)
    return done


@pytest.mark.parametrize("name", FILES)
def test_full_disk_at_every_file(small_run, name):
    """Already as the file is made, or as it is synced, or renamed."""
    for kind in ("open", "sync", "rename") if name == "W_INI.wdata" else ("open",):
        small_run.clear()
        fails_at(small_run, f"{kind} *{name}*", "ENOSPC", small_run.folder / name, "No space left on device")
        assert ".part" not in "".join(path.name for path in small_run.folder.iterdir())
        small_run.finish(name)


@pytest.mark.parametrize("error", ["EROFS", "EACCES", "EIO", "EDQUOT"])
def test_other_errors_of_a_disk(small_run, error):
    """It becomes read-only, closed, broken or the quota is used up while the run works."""
    words = {"EROFS": "Read-only file system", "EACCES": "Permission denied", "EIO": "Input/output error"}
    small_run.clear()
    name = "TEST_7_S_AGG_BATCH_0.datasagg"
    fails_at(small_run, f"open *{name}*", error, small_run.folder / name, words.get(error, "quota"))
    small_run.finish(error)


@pytest.mark.parametrize("where", ["mkdir *ver_7", "open *.lock"])
def test_a_folder_that_cannot_be_written(small_run, where):
    small_run.clear()
    for error, words in (("EROFS", "Read-only"), ("EACCES", "Permission denied"), ("ENOSPC", "No space left")):
        fails_at(small_run, where, error, small_run.folder, words)
    small_run.finish()


@pytest.mark.parametrize(
    ("where", "gone"),
    [
        ("open *CHECKPOINT.wdata*", "version folder"),
        ("rename *W_INI*", "output folder"),
        ("sync *TEST_7*", "version folder"),
        ("mkdir *tensorboard", "version folder"),
        ("open *READOUT*", "output folder"),
        ("open *_b_by*", "version folder"),
    ],
)
def test_a_folder_that_disappears(small_run, where, gone):
    """rm -rf while it works."""
    small_run.clear()
    folder = small_run.folder if gone == "version folder" else small_run.output
    fails_at(small_run, where, f"rmtree {folder}", small_run.folder)
    assert not (small_run.folder / "FILE_L_VAL_ACC_L.files").exists()
    small_run.finish(where)


def test_a_folder_that_is_replaced(small_run):
    """Somebody else's run of the same number is not mixed with what the first still writes."""
    small_run.clear()
    code = f"import shutil; from pathlib import Path; shutil.rmtree('{small_run.folder}'); "
    code += f"Path('{small_run.folder}').mkdir(); Path('{small_run.folder}/.lock').touch()"
    fails_at(small_run, "rename *TEST_7_S_AGG_BATCH_1*", f"run {code}", small_run.folder)
    assert [path.name for path in small_run.folder.iterdir()] == [".lock"]


def test_output_on_a_full_disk(small_run):
    """The log of a run lies on the full disk as well."""
    small_run.clear()
    done = small_run.run(stdout="/dev/full")
    assert_one_line_error(done, 1, "No space left on device")
    small_run.finish()


def test_no_room_for_counts_in_the_readout(launcher, tmp_path):
    """Counts that do not fit into memory go to a temporary file, which has no name."""
    run = SmallRun(launcher, tmp_path, flags=["--memory-budget=1e-6"]).complete()
    run.clear()
    done = run.run(code="import tempfile; tempfile.TemporaryFile = lambda **_: open('/dev/full', 'r+b', 0)\n")
    assert_one_line_error(done, 1, run.folder, "temporary file", "No space left on device")
    run.finish()


def test_room_is_asked_for_what_is_still_missing(small_run):
    """A run that a full disk stopped goes on with the room that it still needs."""
    small_run.clear()
    assert small_run.lose("rename *READOUT*").returncode != 0
    there = sum(path.stat().st_size for path in small_run.folder.glob("*.*data*"))
    code = "import collections, shutil\nusage = collections.namedtuple('usage', 'total used free')\n"
    for free, code_expected in ((50e6 - there - 100_000, 2), (51e6 - there, 0)):  # it needs less than 51 MB in all
        done = small_run.run(code=code + f"shutil.disk_usage = lambda path: usage(10**9, 10**9, {free})\n")
        assert done.returncode == code_expected, done
    small_run.finish()


def test_a_file_that_goes_while_room_is_asked_for(tmp_path):
    """Another process at work in the folder renames its files; a name that leads nowhere is such a moment, kept."""
    folder = RunFolder(tmp_path, 7)
    folder.path.mkdir()
    (folder.path / ".W_INI.wdata.part").symlink_to("gone")
    folder.require_space(1)
    with open(folder.spikes("test", 0), "wb") as file:  # all files of the run count, this one is made of a hole
        file.truncate(2**34)
    folder.require_space(shutil.disk_usage(tmp_path).free + 2**33)
    with pytest.raises(UserError, match="the run needs about"):
        folder.require_space(1e18)


# ---- real disks -----------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 60 MB of one's own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("may not mount a disk")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_disk_that_is_really_full(launcher, small_disk):
    """Filled to the last byte in each stage; with room again, the same answers finish."""
    run = SmallRun(launcher, small_disk / "place").complete()
    ballast = small_disk / "ballast"
    fill = f"""
import contextlib
with contextlib.suppress(OSError), open("{ballast}", "wb", 0) as file:
    for size in (1 << 20, 1 << 12):
        with contextlib.suppress(OSError):
            while file.write(bytes(size)) == size:
                pass
"""
    for name in (
        "VER_7_params.json",
        "INITIALISATION_CHECKPOINT.wdata",
        "TRAIN_S_AGG_7_BATCH_0.datasagg",
        "W_b_by_ITER.evaldata",
    ):
        run.clear()
        fails_at(run, f"open *{name}*", f"run {fill}", run.folder / name, "No space left on device")
        ballast.unlink()
        run.finish(name)


def test_a_disk_that_is_really_read_only(launcher, small_disk):
    run = SmallRun(launcher, small_disk / "place").complete()
    shutil.rmtree(run.folder)
    assert run.lose("rename *TEST_7_S_AGG_BATCH_0*").returncode != 0
    subprocess.run(["mount", "-o", "remount,ro,size=60m", small_disk], check=True)
    done = run.run()
    assert_one_line_error(done, 1, run.folder, "Read-only file system")
    other = launcher.run([run.training_program, *run.flags, "--version=9"], (run.answers[0], *run.answers[2:]))
    assert_one_line_error(other, 1, "ver_9", "Read-only file system")
    subprocess.run(["mount", "-o", "remount,rw,size=60m", small_disk], check=True)
    run.finish()
