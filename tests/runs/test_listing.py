"""python -m nalsm.runs: where each run stands, told from its folder, whatever that holds."""

import csv
import fcntl
import io
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_runs import STAGES, made_record, made_run
from small_runs import ROOT, assert_one_line_error, environment, folder_contents

from nalsm.evaluation import MEASURES, kernel_quality
from nalsm.programs.run_table import SORTS, sorted_by, table
from nalsm.runs.listing import RunStatus, list_runs, read_status
from nalsm.runs.noise_folder import open_noise
from nalsm.storage.checksum import content_checksum

STATES = {
    "started": "initialising",
    "initialised": "counting 0 of 100",
    "counting": "counting 20 of 100",
    "training": "cycle 5 of 6",
    "finished": "finished",
}


def list_program(*arguments, columns=80):
    command = [sys.executable, "-m", "nalsm.runs", *map(str, arguments)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**environment(), "PYTHONPATH": str(ROOT), "COLUMNS": str(columns)},
    )


@pytest.mark.parametrize("stage", STAGES)
def test_state(tmp_path, stage):
    made_run(tmp_path, 7, stage)
    status = read_status(tmp_path / "train_data", 7)
    assert status.state == STATES[stage]
    assert (status.version, status.model, status.dataset, status.network) == (7, "NALSM", "MNIST", 1)
    assert status.knobs == {"astrocyte_weight": 0.015}
    assert (status.working, status.problem) == (False, None)
    if stage in ("training", "finished"):
        assert status.best_cycle == 4  # the first of equals
        assert status.accuracies == {"valid": 0.8, "test": 0.9, "train": 0.85}
    else:
        assert status.accuracies == {}


def test_a_run_that_ends_while_it_is_listed(tmp_path, monkeypatch):
    folder = made_run(tmp_path)
    checkpoint = folder.readout_checkpoint
    checkpoint.touch()
    read = type(folder).read

    def ending(folder, path):
        if path == checkpoint:
            checkpoint.unlink()
        return read(folder, path)

    monkeypatch.setattr(type(folder), "read", ending)
    status = read_status(tmp_path / "train_data", 7)
    assert (status.state, status.problem) == ("finished", None)


def test_cycles_not_begun(tmp_path):
    """All is counted, and no checkpoint of the readout is there yet."""
    made_run(tmp_path, 7, "training").readout_checkpoint.unlink()
    assert read_status(tmp_path / "train_data", 7).state == "cycle 0 of 6"


def test_working_is_told_from_the_lock(tmp_path):
    folder = made_run(tmp_path, 7, "counting")
    with folder.locked():
        assert read_status(tmp_path / "train_data", 7).working
    assert not read_status(tmp_path / "train_data", 7).working
    with folder.locked():  # looking has left no lock behind
        pass


def test_looking_does_not_keep_a_run_from_starting(tmp_path):
    """While the list looks at the lock, a run that starts waits for that moment instead of being refused."""
    folder = made_run(tmp_path, 7, "counting")
    code = """
import fcntl, sys, time
with open(sys.argv[1]) as lock:
    fcntl.flock(lock, fcntl.LOCK_SH)
    print("held", flush=True)
    time.sleep(0.1)
"""
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(folder.path / ".lock")], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "held\n"
    with folder.locked():
        pass
    assert child.wait(30) == 0
    child.stdout.close()


def test_table(tmp_path):
    """By number, aligned, and one line for each folder, also for those that are damaged or foreign."""
    made_run(tmp_path, 10)
    made_run(tmp_path, 9, "training", model="LSM+AP-STDP", dataset="simulated N-MNIST",
             knobs={"initial_weight": 1.0, "threshold_hz": 37.0, "range_hz": 23.0})  # fmt: skip
    output = tmp_path / "train_data"
    damaged = made_run(tmp_path, 11).accuracies
    damaged.write_bytes(damaged.read_bytes()[:-1])
    (output / "ver_2").mkdir()
    (output / "ver_3").write_text("a file")
    (output / "ver_x").mkdir()
    (output / "README.md").write_text("no run")
    other = made_run(tmp_path, 12)  # holds a result of another run
    shutil.copy(made_run(tmp_path, 13, seed=6).accuracies, other.accuracies)
    shutil.rmtree(output / "ver_13")

    with made_run(tmp_path, 13, "counting").locked():
        done = list_program("--output-dir", output)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:9]] == ["RUN", "2", "3", "9", "10", "11", "12", "13", "x"]
    assert all(len(line) <= 80 for line in lines[:9])
    row = ["10", "NALSM", "MNIST", "0.015", "1", "finished", "reduced", "90.00", "2026-01-01"]
    assert lines[4].split() == row
    assert "37, 23, 1" in lines[3]  # in the order of the questions
    assert "simulated" in lines[3] and "readout 83%" in lines[3]
    assert lines[7].split()[5:8] == ["counting", "20%+", "reduced"]
    words = ("STATE", "unread", "unread", "readout", "fin")
    places = {line.index(word) for line, word in zip(lines[:5], words, strict=True)}
    assert len(places) == 1
    assert lines[9] == "+: a process is working on the run"
    assert [line.split(":")[0] for line in lines[10:]] == ["ver_2", "ver_3", "ver_11", "ver_12", "ver_x"]
    assert "FILE_L_VAL_ACC_L.files is damaged" in lines[12]
    assert "belongs to another run" in lines[13]


@pytest.mark.parametrize("width", [66, 80, 200])
def test_the_table_fits(tmp_path, width):
    """Columns that can be spared go first, then texts are cut; no run loses its line."""
    made_run(tmp_path, 100_001, network_number=27_001, model="LSM+AP-STDP", dataset="Fashion-MNIST",
             knobs={"initial_weight": 1.0, "threshold_hz": 37.125, "range_hz": 23.0})  # fmt: skip
    made_run(tmp_path, 7, "training")
    lines = table(list_runs(tmp_path / "train_data", notes=lambda record: ["reduced"]), width).splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= width
    assert ("SECONDS" in lines[0]) == (width == 200)
    assert ("…" in lines[2]) == (width < 200)


def test_a_folder_with_a_name_for_the_terminal():
    text = table([RunStatus("train_data/ver_\n\x1b[2J", problem="its name is not ver_<number>")], 80)
    assert len(text.splitlines()) == 3 and "\x1b" not in text


def test_sort_and_csv(tmp_path):
    made_run(tmp_path, 7, "training", seed=9)
    folder = made_run(tmp_path, 8)
    arrays, _ = folder.read(folder.accuracies)
    folder.write(folder.accuracies, {**arrays, "ACUM_TST_ACC_l": arrays["ACUM_TST_ACC_l"] + 0.05})
    (tmp_path / "train_data" / "ver_9").mkdir()
    done = list_program("--output-dir", tmp_path / "train_data", "--sort=test", "--csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["version"] for row in rows] == ["8", "7", "9"], done.stderr
    assert float(rows[0]["accuracies.test"]) == pytest.approx(0.95)
    assert (rows[1]["seed"], rows[1]["knobs.astrocyte_weight"], rows[1]["notes"]) == ("9", "0.015", "reduced")
    assert rows[2]["problem"]
    statuses = list_runs(tmp_path / "train_data")
    for name in SORTS:
        assert len(sorted_by(name, statuses)) == 3
    for status, mean in zip(statuses, (1.0, np.nan, 3.0), strict=True):  # NaN: no neuron spiked
        status.measures = {"branching_factor": {"mean": mean}}
    assert [status.version for status in sorted_by("branching_factor", statuses)] == [9, 7, 8]


def test_measures(tmp_path):
    """The table shows those with the published parameters, --json all of them."""
    for version, draws in ((7, 1000), (8, 20)):
        record = made_record(tmp_path, version)
        open_noise(record).start({"run": record.folder.run_hash, "batch_size": 20, "test_samples": 40}, {})
        kernel_quality.write(record, {"SP": np.full(draws, 990), "AP": np.full(draws, 980)}, per_class=100, seed=0)
    sizes = {"train_samples": 10_000, "valid_samples": 10_000, "test_samples": 10_000, "batch_size": 10_000}
    record = made_record(tmp_path, 9, **sizes)
    for path in MEASURES["branching_factor"].files(record):
        record.folder.write(path, {"per_sample": np.array([1.25, np.nan])})
    made_run(tmp_path, 10, "training")
    lines = list_program("--output-dir", tmp_path / "train_data", columns=200).stdout.splitlines()
    assert re.split(r"  +", lines[0])[-4:-2] == ["BRANCHING", "SP / AP"]
    assert [re.split(r"  +", line)[-4:-2] for line in lines[1:]] == [
        ["-", "990.0 / 980.0"], ["-", "-"], ["1.250", "-"], ["-", "-"],
    ]  # fmt: skip
    runs = json.loads(list_program("--output-dir", tmp_path / "train_data", "--json").stdout)
    ranks = {"SP": 990.0, "AP": 980.0, "per_class": 100, "seed": 0}
    assert [run["measures"] for run in runs] == [
        {"kernel_quality": {**ranks, "draws": 1000}}, {"kernel_quality": {**ranks, "draws": 20}},
        {"branching_factor": {"mean": 1.25, "samples": 3}}, {},
    ]  # fmt: skip


def test_json(tmp_path):
    made_run(tmp_path, 10, "started")
    made_run(tmp_path, 9)
    (tmp_path / "train_data" / "ver_11").mkdir()
    done = list_program("--output-dir", tmp_path / "train_data", "--json")
    assert done.returncode == 0, done.stderr
    runs = json.loads(done.stdout)
    assert [run["version"] for run in runs] == [9, 10, 11]
    assert runs[0]["accuracies"] == {"valid": 0.8, "test": 0.9, "train": 0.85}
    assert runs[0]["seconds"] == {"initialisation": 1.5, "counting": 20.0, "readout": 300.25}
    assert runs[2]["problem"] == "it contains no parameters of a run"


def test_no_runs_and_no_folder(tmp_path):
    assert list_program("--output-dir", tmp_path).stdout == f"no runs in {tmp_path}\n"
    assert_one_line_error(list_program("--output-dir", tmp_path / "none"), 2, "--output-dir", str(tmp_path / "none"))


def test_a_real_run(finished_place):
    before = folder_contents(finished_place / "train_data" / "ver_7")
    (status,) = list_runs(finished_place / "train_data")
    assert (status.state, status.problem) == ("finished", None)
    assert 0 < status.accuracies["test"] <= 1
    assert set(status.seconds) == {"initialisation", "counting", "readout"}
    assert folder_contents(finished_place / "train_data" / "ver_7") == before


def test_nothing_heavy_is_imported(tmp_path):
    made_run(tmp_path)
    code = f"""
import sys
from pathlib import Path
from nalsm.evaluation import MEASURES, kernel_quality
from nalsm.programs.runs import measures_of, table
from nalsm.runs.listing import list_runs
table(list_runs(Path({str(tmp_path / "train_data")!r}), measures_of))
print([name for name in ("tensorflow", "numba", "scipy", "matplotlib", "tensorboard", "tonic") if name in sys.modules])
"""
    environ = {**environment(), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, env=environ
    )
    assert done.stdout == "[]\n"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=5,
)
KEYS = ("model", "dataset", "network_number", "seed", "batch_size", "train_samples", "cycles", "knobs")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(st.sampled_from(KEYS), JSON, min_size=1), times=JSON)
def test_odd_parameters_never_end_in_a_traceback(tmp_path, changes, times):
    folder = tmp_path / "train_data" / "ver_7"
    if not folder.exists():
        made_run(tmp_path, 7, "counting")
    path = folder / "VER_7_params.json"
    original = path.read_text()
    parameters = json.loads(original)
    parameters["identity"] |= changes
    del parameters["sha256"]
    parameters["sha256"] = content_checksum({}, parameters)
    path.write_text(json.dumps(parameters))
    (folder / "VER_7_times.json").write_text(json.dumps(times))
    try:
        statuses = list_runs(tmp_path / "train_data")
        lines = table(statuses).splitlines()
        assert len(lines) == (3 if statuses[0].problem else 2)
        assert statuses[0].state or statuses[0].problem
    finally:
        path.write_text(original)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"format": 1}', '{"format": 1, "identity": {}}', "[" * 100_000]
)
def test_damaged_parameter_file(tmp_path, text):
    made_run(tmp_path).parameters_json.write_text(text)
    status = read_status(tmp_path / "train_data", 7)
    assert status.problem
    assert "cannot be read: " in table([status])


def test_lock_of_a_shared_folder(tmp_path):
    """Another reader's look at the lock is no run."""
    folder = made_run(tmp_path)
    with open(folder.path / ".lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert not read_status(tmp_path / "train_data", 7).working
