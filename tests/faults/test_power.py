"""Power cuts: whatever the disk may hold after one, the same answers lead to the same contents.

A sample of the states; all of them: tests/campaigns/faults.py. The model is in power_cuts.py.
"""

import random
from pathlib import Path

import pytest
from power_cuts import Disk, states_of


def test_the_model():
    """What a cut leaves of a file that is written, synced, renamed, and of its folder."""
    write = [("mkdir", "/r/d"), ("create", "/r/d/a.part"), ("data", "/r/d/a.part", b"1234")]
    name = [("rename", "/r/d/a.part", "/r/d/a"), ("sync folder", "/r/d"), ("sync folder", "/r")]

    def left(operations):
        return {state.get("/r/d/a") for _, state, _ in states_of(operations, "/r")}

    assert left(write + name) == {None, b"", b"12", b"\0\0\0\0", b"1234"}
    assert left(write + [("sync", "/r/d/a.part")] + name) == {None, b"1234"}
    disk = Disk("/r")
    for operation in write + [("sync", "/r/d/a.part")] + name[:2]:
        disk.do(*operation)
    states = [*disk.states(random.Random(1))]
    assert disk.promised == {"/r/d/a": b"1234"}
    assert {"/r": None} in states  # the folder itself is not there for sure
    disk.do(*name[2])
    assert all(state["/r/d/a"] == b"1234" for state in disk.states(random.Random(1)))


def test_resuming_after_power_cuts(small_run):
    """Nothing that was complete is lost, in no state; from a sample of all, the run goes on."""
    states = [*states_of(small_run.record(), small_run.place)]
    assert len(states) > 100
    assert [broken for _, _, broken in states if broken] == []
    for n, state, _ in states[:: len(states) // 14]:
        small_run.go_on_from(state, n)


def unsynced(operations, is_left_out):
    """The operations of a run without the syncs that a function (kind, path) chooses."""
    return [(kind, path, *more) for kind, path, *more in operations if not is_left_out(kind, path)]


def test_without_syncing_a_power_cut_loses_runs(small_run):
    """The model would notice: files that seemed complete are lost, and a run cannot be resumed from some states."""
    operations = unsynced(small_run.record(), lambda kind, _: kind.startswith("sync"))
    zeroed = [
        state
        for _, state, _ in states_of(operations, small_run.place)
        if any(path.endswith("params.json") and data and not data.strip(b"\0") for path, data in state.items())
    ]
    assert zeroed
    with pytest.raises(AssertionError, match=r"VER_7_params\.json is damaged"):
        small_run.go_on_from(zeroed[0])


def test_without_syncing_the_folder_files_are_lost(small_run):
    disk = Disk(small_run.place)
    for operation in unsynced(small_run.record(), lambda kind, _: kind == "sync folder"):
        disk.do(*operation)
    assert disk.promised == {}  # though the run was finished


def test_without_syncing_new_folders_a_run_is_lost(small_run):
    """The folder of the version folders may be new itself."""
    above = small_run.folder.parents
    operations = unsynced(small_run.record(), lambda kind, path: kind == "sync folder" and Path(path) in above)
    assert any(broken for _, _, broken in states_of(operations, small_run.place))
