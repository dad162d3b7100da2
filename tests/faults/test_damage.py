"""Damaged files: the same contents are recomputed, or a line names the file; never a wrong number.

Every file with every damage, many times over: tests/campaigns/faults.py.
"""

import json
import os
import re
import shutil

import pytest
from damages import (
    ALL,
    ANYWHERE,
    damage_with,
    files_of,
    flipped,
    is_possible,
    leave_at,
    look_at_damaged,
    of_another_batch,
    resume_damaged,
    zeroed,
)
from fault_tools import MEASURES, SmallRun
from small_runs import assert_one_line_error

from nalsm.runs.folder import RunFolder
from nalsm.runs.parameters import identity_hash
from nalsm.storage.files import read_arrays, write_arrays
from nalsm.support.errors import DamagedFile


@pytest.fixture(scope="module")
def small_run(launcher, tmp_path_factory):
    """A run; `whole` is a copy of its finished folder with all measures, `others` the folder of another run."""
    run = SmallRun(launcher, tmp_path_factory.mktemp("damage")).complete()
    run.measured = run.measure()
    run.whole = run.place / "whole"
    shutil.copytree(run.folder, run.whole)
    run.clear()
    assert run.run("--seed=6").returncode == 0
    run.measure()
    run.others = run.place / "others"
    shutil.copytree(run.folder, run.others)
    return run


@pytest.fixture
def finished_run(small_run):
    small_run.clear()
    shutil.copytree(small_run.whole, small_run.folder)
    return small_run


def kinds(folder):
    """Files of a folder by kind: what their names have in common."""
    found = {}
    for path in files_of(folder):
        found.setdefault(re.sub(r"\d+(?=\.[a-z])", "N", path.name), []).append(path)
    return found


# ---- reading --------------------------------------------------------------------------------------


def test_every_bit_and_length_of_the_parameters(finished_run):
    """No change goes unnoticed that changes what is read."""
    folder = RunFolder(finished_run.output, 7)
    path, recorded = folder.parameters_json, folder.recorded_parameters()
    image = path.read_bytes()
    damaged = [image[:length] for length in range(len(image))]
    for place in range(len(image)):
        for bit in range(8):
            damaged.append(image[:place] + bytes([image[place] ^ 1 << bit]) + image[place + 1 :])
    noticed = 0
    for changed in damaged:
        path.write_bytes(changed)
        try:
            assert folder.recorded_parameters() == recorded, changed
        except DamagedFile as error:
            assert path.name in str(error)
            noticed += 1
    assert noticed > 0.95 * len(damaged)


def test_every_length_of_a_result(finished_run):
    folder = RunFolder(finished_run.output, 7)
    folder.open()
    path = folder.accuracies
    noticed, size = 0, path.stat().st_size
    for length in reversed(range(size)):
        os.truncate(path, length)
        try:
            folder.read(path)
        except DamagedFile as error:
            noticed += str(path) in str(error)
    assert noticed == size


def test_parameters_of_the_first_format_are_read(finished_run):
    """They had no checksum, flat knobs and one session, and the result files neither format nor name."""
    folder = RunFolder(finished_run.output, 7)
    parameters = json.loads(folder.parameters_json.read_text())
    del parameters["sha256"], parameters["run_hash"]
    parameters |= parameters.pop("sessions")[0]
    identity = parameters["identity"]
    identity |= {f"knob_{name}": value for name, value in identity.pop("knobs").items()}
    folder.parameters_json.write_text(json.dumps({**parameters, "format": 1}))
    for path in folder.path.glob("*.files"):
        arrays, attributes = read_arrays(path)
        del attributes["format"], attributes["file"]
        attributes["run"] = identity_hash(identity)
        write_arrays(path, arrays, attributes)
    program, flags = MEASURES[0]
    assert look_at_damaged(finished_run, program, flags, finished_run.measured[program], []) == "same result"
    folder.parameters_json.write_text(json.dumps({**parameters, "format": 4}))
    done = finished_run.program(program)
    assert_one_line_error(done, 1, "VER_7_params.json is of format 4, not 3", "another version of the program")


# ---- unfinished runs ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "damage"), [("initialising", flipped), ("counting", zeroed), *(("training", damage) for damage in ALL)]
)
def test_resuming_with_damaged_files(small_run, stage, damage):
    """All files of a stage at once, but for the parameters."""
    paths = leave_at(small_run, stage)
    paths = [path for path in paths if path.name != "VER_7_params.json" and is_possible(damage, path, small_run.others)]
    damaged = [path for path in paths if damage_with(damage, path, stage, small_run.others)]
    assert resume_damaged(small_run, damaged, (stage, damage)) == "recomputed"


@pytest.mark.parametrize("damage", ANYWHERE)
def test_resuming_with_damaged_parameters(small_run, damage):
    """Never guessed, and nothing is lost."""
    leave_at(small_run, "training")
    path = small_run.folder / "VER_7_params.json"
    whole = path.read_bytes()
    damage_with(damage, path, 1, None)
    assert resume_damaged(small_run, [path]) == "refused"
    path.write_bytes(whole)
    small_run.finish()


@pytest.mark.parametrize(
    "text", ["[]", "5", '{"counting": "long"}', '{"counting": null}', '{"counting": 1e999}', "\xff"]
)
def test_damaged_times_are_of_no_consequence(small_run, text):
    leave_at(small_run, "training")
    (small_run.folder / "VER_7_times.json").write_text(text)
    small_run.finish()


def test_damaged_networks(finished_run):
    """Of the run, and of programs that look at it."""
    path = finished_run.place / "networks" / "Network_1.h5"
    whole = path.read_bytes()
    noise = finished_run.noise_program
    try:
        for damage in ANYWHERE:
            path.write_bytes(whole)
            damage_with(damage, path, 2, None)
            assert_one_line_error(finished_run.run("--overwrite"), 1, str(path), "damaged")
            for program in ("compute_branching_factor.py", noise):
                flags = ["--overwrite"] if program == noise else []
                done = finished_run.program(program, *flags, answers=finished_run.answers_of(program))
                assert_one_line_error(done, 1, str(path), "damaged")
    finally:
        path.write_bytes(whole)


# ---- finished runs --------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [flipped, of_another_batch])
def test_looking_at_damaged_runs(finished_run, damage):
    """All files of one kind damaged, one kind after the other, under every program that prints results."""
    refused = set()
    for kind, paths in kinds(finished_run.folder).items():
        before = {path: path.read_bytes() for path in paths}
        damaged = [path for path in paths if is_possible(damage, path, finished_run.others)]
        for path in damaged:
            damage_with(damage, path, kind, finished_run.others)
        for program, flags in MEASURES if damaged else ():
            outcome = look_at_damaged(finished_run, program, flags, finished_run.measured[program], damaged, kind)
            if outcome == "refused":
                refused.add((kind, program.split("_")[1]))
        for path, image in before.items():
            path.write_bytes(image)
    counts = {("TEST_7_S_AGG_BATCH_N.datasagg", "SP"), ("NOISE_125_TEST_7_S_AGG_BATCH_N.datasagg", "SP")}
    assert refused >= counts
    if damage != of_another_batch:
        assert ("FILE_L_VAL_ACC_L.files", "test") in refused


def test_a_damaged_result_can_be_made_again(finished_run):
    """As the line says: without the file, the same answers make it again."""
    path = finished_run.folder / "FILE_L_VAL_ACC_L.files"
    damage_with(flipped, path, 4, None)
    assert_one_line_error(finished_run.run(), 2, "finished run")  # never touched
    done = finished_run.program("get_test_accuracy.py")
    assert_one_line_error(done, 1, f"{path} is damaged", "remove it", finished_run.training_program)
    path.unlink()
    assert finished_run.run().returncode == 0
    assert read_arrays(path)[1] == read_arrays(finished_run.whole / path.name)[1]
    assert finished_run.program("get_test_accuracy.py").stdout == finished_run.measured["get_test_accuracy.py"]


def test_report_of_a_damaged_run(finished_run):
    """It says which parts it cannot show, and why."""
    for name in ("FILE_L_VAL_ACC_L.files", "W_INI.wdata", "TEST_7_S_AGG_BATCH_0.datasagg"):
        damage_with(flipped, finished_run.folder / name, 3, None)
    damage_with(of_another_batch, finished_run.folder / "TEST_7_SPIKES_BATCH_1.spikes", 3, None)
    done = finished_run.program("report.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert "missing: " in done.stdout
    page = (finished_run.folder / "report.html").read_text()
    for name in ("FILE_L_VAL_ACC_L.files", "W_INI.wdata", "TEST_7_S_AGG_BATCH_0.datasagg"):
        assert f"{name} is damaged" in page
    assert "TEST_7_SPIKES_BATCH_1.spikes contains the data of" in page
