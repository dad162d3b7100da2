"""The log for TensorBoard, read back with TensorBoard's own reader."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from made_runs import made_run
from small_runs import ROOT, environment, folder_contents
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from nalsm.runs.event_log import EventLog
from nalsm.runs.folder import RunFolder
from nalsm.storage.files import read_arrays
from nalsm.support.tuning import TUNING

TAGS = {"accuracy/train", "accuracy/valid", "accuracy/test", "loss"}


def add(log, cycles, loss=1.5):
    for cycle in cycles:
        log.add(cycle, {"train": 0.5 + cycle / 1000, "valid": 0.25, "test": 0.125}, loss)


def read(folder):
    """{tag: [(cycle, value)]}, as TensorBoard shows it."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def cycles_shown(folder):
    shown = {tag: [cycle for cycle, _ in values] for tag, values in read(folder).items()}
    assert set(shown) == TAGS
    first, *others = shown.values()
    assert all(other == first for other in others)
    return first


def test_what_is_logged_is_read_back(tmp_path):
    folder = tmp_path / "tensorboard"
    log = EventLog(folder)
    add(log, range(1, 4))
    log.close()
    shown = read(folder)
    assert set(shown) == TAGS
    assert shown["accuracy/train"] == [(k, pytest.approx(0.5 + k / 1000)) for k in (1, 2, 3)]
    assert shown["accuracy/test"] == [(1, 0.125), (2, 0.125), (3, 0.125)]
    assert shown["loss"] == [(1, 1.5), (2, 1.5), (3, 1.5)]


def test_cycles_done_again_show_once(tmp_path):
    """A run is killed after cycle 8, resumed from the checkpoint of cycle 5, then resumed from the beginning."""
    killed = EventLog(tmp_path)
    add(killed, range(1, 9))
    killed.flush()
    resumed = EventLog(tmp_path, done=5)
    add(resumed, range(6, 8), loss=9)
    resumed.flush()
    assert cycles_shown(tmp_path) == [1, 2, 3, 4, 5, 6, 7]
    assert read(tmp_path)["loss"][4:] == [(5, 1.5), (6, 9), (7, 9)]
    add(resumed, [8])
    resumed.close()
    assert cycles_shown(tmp_path) == [1, 2, 3, 4, 5, 6, 7, 8]

    anew = EventLog(tmp_path, done=0)
    add(anew, [1, 2])
    anew.close()
    assert cycles_shown(tmp_path) == [1, 2]
    assert len(list(tmp_path.iterdir())) == 3


def test_tenth_session_comes_after_the_ninth(tmp_path):
    for session in range(11):
        log = EventLog(tmp_path, done=session)
        add(log, [session + 1])
        log.close()
    assert cycles_shown(tmp_path) == list(range(1, 12))


def test_a_clock_that_was_set_back(tmp_path, monkeypatch):
    """Files are read in the order of their sessions, whatever the clock said."""
    for session, now in enumerate((2e9, 1e9, 1.5e9)):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        log = EventLog(tmp_path, done=2 * session)
        add(log, [2 * session + 1, 2 * session + 2, 2 * session + 3], loss=session)
        log.close()
    assert cycles_shown(tmp_path) == list(range(1, 8))
    assert [value for _, value in read(tmp_path)["loss"]] == [0, 0, 1, 1, 2, 2, 2]


def test_cut_file_of_a_killed_session(tmp_path):
    log = EventLog(tmp_path)
    add(log, range(1, 5))
    log.flush()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    log = EventLog(tmp_path, done=2)
    add(log, [3, 4])
    log.close()
    assert cycles_shown(tmp_path) == [1, 2, 3, 4]


def test_written_every_few_seconds(tmp_path, monkeypatch):
    log = EventLog(tmp_path / "log")
    add(log, [1, 2])
    assert not (tmp_path / "log").exists()  # a cycle alone writes nothing
    monkeypatch.setattr(TUNING, "seconds_between_log_writes", 0)
    add(log, [3])
    assert cycles_shown(tmp_path / "log") == [1, 2, 3]
    add(log, [4])
    assert cycles_shown(tmp_path / "log") == [1, 2, 3, 4]


def test_nothing_to_log_leaves_nothing(tmp_path):
    EventLog(tmp_path / "log").close()
    assert not (tmp_path / "log").exists()


def break_disk(log, monkeypatch):
    log._path = Path("/dev/full")


def break_folder(log, monkeypatch):
    log._folder.write_text("a file where the folder should be")


def break_import(log, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.record_writer", None)


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [(break_disk, "No space left"), (break_folder, "File exists"), (break_import, "tensorboard")],
)
def test_a_log_that_cannot_be_written_is_said_once(tmp_path, monkeypatch, break_it, reason):
    said = []
    monkeypatch.setattr(TUNING, "seconds_between_log_writes", -1)
    log = EventLog(tmp_path / "log", 0, said.append)
    break_it(log, monkeypatch)
    add(log, range(1, 50))
    log.close()
    assert len(said) == 1
    assert reason in said[0]
    assert "the run goes on without it" in said[0]
    assert len(said[0].splitlines()) == 1


def test_heavy_imports_wait_for_the_first_write():
    code = "import sys, nalsm.runs.event_log as e; e.EventLog('x').add(1, {}, 0.0); print('tensorboard' in sys.modules)"
    environ = {**environment(), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, env=environ
    )
    assert done.stdout == "False\n"


def test_version_folder_with_a_log(tmp_path):
    """The log does not hinder a resumed run, is no result, and is removed by --overwrite."""
    made = made_run(tmp_path, 7, "training")
    before = folder_contents(made.path)
    log = EventLog(made.event_log, done=5)
    add(log, [6])
    log.close()
    assert folder_contents(made.path) == before
    folder = RunFolder(tmp_path / "train_data", 7)
    assert folder.event_log == made.path / "tensorboard"
    with folder.locked():
        folder.start(made.identity, {})
    assert cycles_shown(folder.event_log) == [6]
    with folder.locked(overwrite=True):
        pass
    assert not folder.event_log.exists()


def test_a_run_logs_what_it_finds(finished_place):
    """The accuracies of each cycle equal those of the result file, and the loss falls."""
    folder = finished_place / "train_data" / "ver_7"
    arrays, _ = read_arrays(folder / "FILE_L_VAL_ACC_L.files")
    logged = read(folder / "tensorboard")
    for tag, name in (("valid", "ACUM_VAL_ACC_l"), ("train", "ACUM_TRAIN_ACC_l"), ("test", "ACUM_TST_ACC_l")):
        steps, values = zip(*logged[f"accuracy/{tag}"], strict=True)
        assert steps == (1, 2, 3, 4, 5, 6)
        np.testing.assert_allclose(values, arrays[name], rtol=1e-6)
    losses = [value for _, value in logged["loss"]]
    assert np.log(10) + 0.1 > losses[0] > losses[-1] > 0
