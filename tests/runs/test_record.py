"""The record of a run: one check, older formats, sessions with other versions, and `load_run` for notebooks."""

import json
from importlib import metadata

import numpy as np
import pytest
from made_runs import KNOBS, SESSION, made_network, made_run
from whole_runs import complete

from nalsm.evaluation.accuracy import accuracy_of
from nalsm.models import MODELS
from nalsm.runs import load_run
from nalsm.runs.listing import read_status
from nalsm.runs.parameters import FORMAT, Parameters, differences, read_parameters
from nalsm.runs.record import Missing, open_record
from nalsm.support.errors import DamagedFile, UserError


def load(place, version=7):
    return load_run(version, place / "train_data", place / "networks")


# ---- identity -------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_identity_of_each_model(tmp_path, model):
    record = open_record(made_run(tmp_path, 7, "started", model=model).path.parent, 7)
    assert record.knobs == KNOBS[model]
    assert ("init_samples" in record.identity) == (MODELS[model].initialisation is not None)
    assert (record.title, record.is_finished) == (f"version 7, {model} on MNIST", False)


@pytest.mark.parametrize(
    ("name", "value"),
    [("model", "X"), ("batch_size", 0), ("seed", True), ("cycles", 1.5), ("train_samples", 10**9), ("dataset", None),
     ("network_sha256", 1), ("knobs", {}), ("knobs", {"astrocyte_weight": float("inf")}), ("init_ms", None)],
)  # fmt: skip
def test_one_check_of_an_identity(tmp_path, name, value):
    """What the record refuses, notebook and list refuse or report too."""
    output = made_run(tmp_path, 7, "started", **{name: value}).path.parent
    for opened in (open_record, load_run):
        with pytest.raises(DamagedFile, match=rf"other parameters than those of a run .*{name}"):
            opened(output, 7) if opened is open_record else opened(7, output)


def test_no_run(tmp_path):
    with pytest.raises(UserError, match=r"VER_7_params\.json is missing"):
        open_record(tmp_path, 7)


def test_an_unfinished_lsm_run_resumes_with_other_snapshots(place):
    """LSM has no initialisation, so the number and length of snapshots are no part of its identity."""
    knobs = {"initial_weight": 1.1}
    run, result = complete(place, model="LSM", knobs=knobs, init_samples=30)
    run.folder.accuracies.unlink()
    _, again = complete(place, model="LSM", knobs=knobs, init_samples=40, init_ms=10)
    assert again == result


# ---- formats written before -----------------------------------------------------------------------


@pytest.mark.parametrize("written_in", [1, 2])
@pytest.mark.parametrize("model", MODELS)
def test_older_formats_are_upgraded(tmp_path, model, written_in):
    """Such a run is listed, measured and loaded like one of today, and its files belong to it."""
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    folder = made_run(tmp_path / "old", 7, model=model, written_in=written_in)
    made_run(tmp_path / "new", 7, model=model)
    old, new = load(tmp_path / "old"), load(tmp_path / "new")
    assert json.loads(folder.parameters_json.read_text())["format"] == written_in
    assert (old.record.identity, old.record.sessions) == (new.record.identity, new.record.sessions)
    assert old.record.folder.run_hash != new.record.folder.run_hash
    status = read_status(folder.path.parent, 7)
    assert (status.state, status.problem, status.knobs) == ("finished", None, KNOBS[model])
    assert accuracy_of(old.record).cycle == 4
    for split in ("valid", "test", "train"):
        np.testing.assert_array_equal(old.counts[split], new.counts[split])


@pytest.mark.parametrize("model", ["NALSM", "LSM"])
def test_a_run_of_an_older_format_is_resumed(place, model):
    """Its files are taken up, and those that are added belong to it too."""
    from nalsm.runs.folder import RunFolder
    from nalsm.runs.parameters import identity_hash
    from nalsm.storage.checksum import content_checksum
    from nalsm.storage.files import read_arrays, write_arrays

    run, result = complete(place, model=model, knobs=KNOBS[model])
    folder = run.folder
    identity = {name: value for name, value in folder.identity.items() if name != "knobs"}
    identity |= {f"knob_{name}": value for name, value in KNOBS[model].items()}
    identity = {"init_samples": 30, "init_ms": 20, **identity}
    contents = {"format": 2, "identity": identity, "version": 7, "batches_per_block": 2, **SESSION}
    folder.parameters_json.write_text(json.dumps({**contents, "sha256": content_checksum({}, contents)}))
    for path in [
        path for path in folder.path.iterdir() if path.suffix in (".wdata", ".datasagg", ".spikes", ".evaldata")
    ]:
        arrays, attributes = read_arrays(path)
        write_arrays(path, arrays, {**attributes, "run": identity_hash(identity)})
    kept = {path: path.stat().st_mtime_ns for path in folder.path.glob("*.datasagg")}
    folder.accuracies.unlink()
    folder.counts("test", 1).unlink()

    resumed, again = complete(place, model=model, knobs=KNOBS[model])
    assert again == result
    assert [path for path in kept if path.stat().st_mtime_ns != kept[path]] == [folder.counts("test", 1)]
    assert resumed.folder.run_hash == identity_hash(identity)
    assert json.loads(folder.parameters_json.read_text())["format"] == FORMAT  # it has a session more
    reopened = RunFolder(folder.path.parent, 7)
    reopened.open()
    assert reopened.read(reopened.accuracies)


# ---- sessions -------------------------------------------------------------------------------------


def test_resuming_with_other_versions_is_said_and_recorded(place, monkeypatch, capsys):
    run, _ = complete(place)
    run.folder.accuracies.unlink()
    complete(place, quiet=False)
    assert "other versions" not in capsys.readouterr().out
    assert len(open_record(place / "train_data", 7).sessions) == 1  # nothing new to record

    run.folder.accuracies.unlink()
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "9.9" if name == "numpy" else real(name))
    complete(place, quiet=False)
    lines = [line for line in capsys.readouterr().out.splitlines() if "other versions" in line]
    assert len(lines) == 1
    assert f"numpy 9.9 (before: {np.__version__})" in lines[0]
    first, second = open_record(place / "train_data", 7).sessions
    assert (first["packages"]["numpy"], second["packages"]["numpy"]) == (np.__version__, "9.9")
    assert first["started"] and second["started"]
    assert "sessions.2.packages.numpy" in run.folder.parameters_text.read_text()


def test_the_program_is_recorded_with_its_source(place):
    run, _ = complete(place)
    assert "(source " in open_record(place / "train_data", 7).sessions[0]["packages"]["nalsm"]
    recorded = read_parameters(run.folder.parameters_json, "")
    other = {**recorded.sessions[0], "packages": {**recorded.sessions[0]["packages"], "nalsm": "0.1.0 (source 0)"}}
    assert [line.split(" (before")[0] for line in recorded.changed_versions(other)] == ["nalsm 0.1.0 (source 0)"]


# ---- load_run -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "title"), [("LSM", "weight"), ("LSM+AP-STDP", "starting weight")])
def test_differences_have_the_names_that_the_user_knows(model, title):
    recorded = {"model": model, "knobs": KNOBS[model], "seed": 5, "network_number": 1}
    wanted = {**recorded, "knobs": {**KNOBS[model], "initial_weight": 2.0}, "seed": 6, "network_number": 2}
    weight = KNOBS[model]["initial_weight"]
    assert differences(recorded, wanted) == [
        f"{title} (INTIAL_ABS_W_SCLR) {weight} there, 2.0 here", "--seed 5 there, 6 here",
        "NET_NUM_VAR 1 there, 2 here",
    ]  # fmt: skip


def test_another_model_is_the_first_difference():
    assert differences({"model": "LSM"}, {"model": "NALSM"})[0] == "model LSM there, NALSM here"


def test_folders_whose_names_are_no_text():
    """A checkout, or the folder of a data file, may have a name of any bytes."""
    parameters = Parameters({"seed": 5}, {"own_data": {"file": "/\udce9/trees.npz"}}, "")
    assert parameters.as_text().encode().endswith(rb" /\udce9/trees.npz" + b"\n")


def test_load_run(tmp_path):
    made_run(tmp_path)
    run = load(tmp_path)
    assert run.counts["test"].shape == (40, 1000)
    assert list(run.labels["valid"][:3]) == [0, 1, 2]
    assert run.spikes["test"].spikes.shape == (2, 100, 1784)
    assert list(run.spikes["test"].labels) == [3, 8]
    assert run.weights.shape == (made_network().n_synapses,)
    assert (len(run.accuracies["test"]), run.best_cycle) == (6, 4)
    assert run.readout.weights.shape == (1000, 10)
    assert (run.settings.knobs, run.settings.sizes.cycles) == ({"astrocyte_weight": 0.015}, 6)
    assert "version 7, NALSM on MNIST, astrocyte weight 0.015" in repr(run)
    assert "test accuracy 90.00 % at cycle 4" in repr(run)


def test_parts_that_are_missing_say_why(tmp_path):
    """An unfinished run is loaded all the same; so is one whose network is another by now."""
    made_run(tmp_path, 7, "counting")
    run = load(tmp_path)
    for read in (lambda: run.accuracies, lambda: run.counts["train"], lambda: run.spikes["test"], lambda: run.readout):
        with pytest.raises(Missing, match=r"not complete|no recorded spikes"):
            read()
    assert "unfinished" in repr(run)
    assert run.weights.size
    made_network(seed=2).save(tmp_path / "networks" / "Network_1.h5")
    with pytest.raises(Missing, match="is not the network"):
        _ = load(tmp_path).network


def test_a_damaged_part_is_named(tmp_path):
    folder = made_run(tmp_path)
    path = folder.counts("test", 1)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Missing, match=r"BATCH_1\.datasagg is damaged.*NALSM_RUN_MAIN_SIM_MNIST\.py"):
        _ = load(tmp_path).counts["test"]
