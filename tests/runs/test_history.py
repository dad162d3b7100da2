"""Readouts that --keep-weights-every keeps: bounded checkpoints, stops, damage, and room on the disk."""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest
from small_runs import folder_contents
from whole_runs import complete, settings

from nalsm.runs.training import TrainingRun
from nalsm.storage.files import read_arrays
from nalsm.support.tuning import TUNING

CYCLES = 24
BYTES_OF_ONE = 4 * 65 * 10  # weights and biases of 64 neurons, 10 classes


class Stopped(Exception):
    pass


@contextmanager
def files_written(monkeypatch, before=lambda path: None, after=lambda path: None):
    """Call `before` and `after` with the path of each file that the block writes, as it gets its name."""
    replace = os.replace

    def watched(temporary, path):
        path = Path(path)  # Numba, which writes compiled code, passes text
        before(path)
        replace(temporary, path)
        after(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", watched)
        yield patch


@contextmanager
def stopped_after(monkeypatch, name):
    """The block ends as soon as a file of this name is written."""

    def stop(path):
        if path.name == name:
            raise Stopped

    with files_written(monkeypatch, after=stop), pytest.raises(Stopped):
        yield


@pytest.fixture
def frequent(monkeypatch):
    """A checkpoint after each cycle, three kept readouts in a part."""
    monkeypatch.setattr(TUNING, "seconds_between_checkpoints", 0)
    monkeypatch.setattr(TUNING, "kept_bytes_per_part", 3 * BYTES_OF_ONE)


@pytest.fixture
def counted(place):
    """A run that keeps every readout and has the readout still to train; returns how to start it."""
    run, _ = complete(place, cycles=CYCLES, keep_weights_every=1)
    expected = folder_contents(run.folder.path)

    def reset():
        for path in (run.folder.readout_weights, run.folder.accuracies, run.folder.readout_checkpoint):
            path.unlink(missing_ok=True)

    def start(**changes):
        return complete(place, cycles=CYCLES, keep_weights_every=1, **changes)

    return run.folder, expected, reset, start


def test_work_of_a_checkpoint_does_not_grow(place, frequent, monkeypatch):
    """Checkpoint and parts: as many bytes in the last cycles as in the first."""
    written = []

    def note(path):
        if path.name.startswith(("READOUT_CHECKPOINT", "KEPT")):
            written.append((path.name, path.stat().st_size))

    with files_written(monkeypatch, after=note):
        complete(place, cycles=CYCLES, keep_weights_every=1)
    checkpoints = [size for name, size in written if name.startswith("READOUT_CHECKPOINT")]
    assert len(checkpoints) == CYCLES
    assert max(checkpoints[-6:]) < max(checkpoints[3:9]) + BYTES_OF_ONE
    assert sum(size for _, size in written[-8:]) < sum(size for _, size in written[4:12]) + 2 * BYTES_OF_ONE
    assert len(written) - CYCLES == CYCLES // 3, "each full part is written once"


def test_parts_end_in_one_file(place, frequent, monkeypatch):
    """The results are the same as without parts, and no part is left."""
    in_parts, _ = complete(place, cycles=7, keep_weights_every=2)
    monkeypatch.undo()
    at_once, _ = complete(place, cycles=7, keep_weights_every=2, output_dir=place / "other")
    assert folder_contents(in_parts.folder.path) == folder_contents(at_once.folder.path)
    arrays, _ = read_arrays(at_once.folder.readout_weights)
    assert arrays["cycles_kept"].tolist() == [2, 4, 6]
    assert (arrays["W_kept"].shape, arrays["b_kept"].shape) == ((3, 64, 10), (3, 10))
    assert not list(in_parts.folder.path.glob("KEPT*"))


def test_stopped_at_any_write(counted, frequent, monkeypatch):
    """Stopped before or after each write and each removal, a resumed run has bit-identical results."""
    folder, expected, reset, start = counted
    unlink, left = type(folder.path).unlink, [0]

    def count(path):
        if path.suffix in (".json", ".txt"):  # parameters and times
            return
        left[0] -= 1
        if left[0] == 0:
            raise Stopped

    def stopping_unlink(path, missing_ok=False):
        if path.name.startswith(("KEPT", "READOUT")):
            count(path)
        unlink(path, missing_ok)

    reset()
    stops = 0
    for operations in [1, 2, 3, *[9, 10, 11] * 40]:
        with files_written(monkeypatch, count, count) as patch:
            patch.setattr(type(folder.path), "unlink", stopping_unlink)
            left[0] = operations
            try:
                start()
                break
            except Stopped:
                stops += 1
    assert stops > 5
    assert folder_contents(folder.path) == expected


@pytest.mark.parametrize("removed", [1, 3])
def test_stopped_while_files_are_removed(counted, frequent, monkeypatch, removed):
    """The results are complete, some parts are gone: nothing is trained again."""
    folder, expected, reset, start = counted
    reset()
    unlink, done = type(folder.path).unlink, []

    def stopping(path, missing_ok=False):
        if path.name.startswith("KEPT"):
            if len(done) == removed:
                raise Stopped
            done.append(path)
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(type(folder.path), "unlink", stopping)
        with pytest.raises(Stopped):
            start()
    assert folder.readout_checkpoint.exists()
    written = []
    with files_written(monkeypatch, written.append):
        start()
    assert not [path for path in written if path.name.startswith(("KEPT", "READOUT"))]  # as each cycle would
    assert folder_contents(folder.path) == expected
    assert not list(folder.path.glob("KEPT*"))


@pytest.mark.parametrize("damage", ["remove", "cut"])
def test_a_lost_part_is_recomputed(counted, frequent, monkeypatch, damage, capsys):
    folder, expected, reset, start = counted
    reset()
    with stopped_after(monkeypatch, "KEPT_READOUTS_6.evaldata"):
        start()
    part = folder.kept_readouts(4)
    part.unlink() if damage == "remove" else part.write_bytes(part.read_bytes()[:-9])
    start(quiet=False)
    lines = [line for line in capsys.readouterr().out.splitlines() if part.name in line]
    assert len(lines) == 1
    assert lines[0].endswith("; it is recomputed: the readout is trained again from the first cycle")
    assert folder_contents(folder.path) == expected


def test_other_size_of_parts_on_resuming(counted, frequent, monkeypatch):
    folder, expected, reset, start = counted
    reset()
    with stopped_after(monkeypatch, "KEPT_READOUTS_3.evaldata"):
        start()
    monkeypatch.setattr(TUNING, "kept_bytes_per_part", 5 * BYTES_OF_ONE)
    start()
    assert folder_contents(folder.path) == expected
    assert not list(folder.path.glob("KEPT*"))


def test_room_for_kept_readouts_is_asked_for(place):
    """Once in parts, once in the result file."""
    needed = []
    for every in (0, 1, 5):
        run = TrainingRun(settings(place, cycles=10_000, keep_weights_every=every))
        run.session.network = run.session.load_network()
        needed.append(run.expected_bytes())
    assert needed[1] - needed[0] == 2 * 10_000 * BYTES_OF_ONE
    assert needed[2] - needed[0] == 2 * 2_000 * BYTES_OF_ONE
