"""Constants of a sweep: which cells they reach, which programs they are given to, and what their results are."""

from dataclasses import replace

import pytest
from made_runs import made_record
from stored_runs import stored_of
from sweep_places import SMALL, file_of

from nalsm.network import Network, NetworkConstants, network_path
from nalsm.runs.noise_folder import NoiseFolder
from nalsm.support.errors import UserError
from nalsm.sweep.findings import Group, groups_of, is_complete, run_of
from nalsm.sweep.plan import read_sweep, require_no_conflicts
from nalsm.sweep.steps import Places, is_trained, measures_of, steps_of
from nalsm.sweep.store import read_store, write_store

SHARED = "[constants]\nthreshold = 15\ntrace_tau_ms = 5.0\nimage_noise = 60\nc_ee = 0.3\n"
WITH_MEASURES = (
    SMALL.replace(
        "astro_w_scaling = [0.015, 0.03]",
        """astro_w_scaling = 0.015
sample_ms = 90
measures = ["branching_factor", "kernel_quality"]
constants = { recorded_every = 25, branching_window_ms = 3, threshold = 16 }""",
    )
    + SHARED
)


@pytest.fixture
def cells(tmp_path):
    return read_sweep(file_of(tmp_path, WITH_MEASURES.replace("test_samples = 25", "test_samples = 1000"))).cells


def flags_of(cell, tmp_path):
    places = Places(tmp_path, tmp_path, tmp_path / "networks", tmp_path / "train_data")
    return {
        step.name: [flag[6:] for flag in step.flags if flag.startswith("--set=")] for step in steps_of(cell, places)
    }


def test_shared_constants_reach_the_entries_they_matter_to(cells, tmp_path):
    nalsm, lsm = (next(cell for cell in cells if cell.model == model) for model in ("NALSM", "LSM"))
    own = {"trace_tau_ms": 5.0, "threshold": 16.0, "recorded_every": 25}
    assert nalsm.constants == {"c_ee": 0.3, **own, "image_noise": 60.0, "branching_window_ms": 3}
    assert lsm.constants == {"c_ee": 0.3, "threshold": 15.0}, "nothing learns in it, and it has no measures"
    assert flags_of(nalsm, tmp_path) == {
        "network": ["c_ee=0.3"], "training": ["trace_tau_ms=5", "threshold=16", "recorded_every=25"],
        "branching factor": ["branching_window_ms=3"], "noisy test set": ["image_noise=60"],
        "kernel quality": ["image_noise=60"],
    }  # fmt: skip
    assert "astrocyte weight 0.015, c_ee=0.3, trace_tau_ms=5, threshold=16" in nalsm.title
    assert nalsm.parameters_of("branching_factor") == {"branching_window_ms": 3, "branching_margin_ms": 25}
    assert nalsm.parameters_of("kernel_quality")["image_noise"] == 60
    assert lsm.parameters_of("branching_factor") is None


@pytest.mark.parametrize(("text", "words"), [
    (SMALL + "[constants]\ntreshold = 15\n", "constants: there is no constant 'treshold', the nearest name is thres"),
    (SMALL + "[constants]\nthreshold = 'x'\n", "constants: threshold is 'x', expected a number"),
    (SMALL.replace("[[runs]]", "constants = 7\n[[runs]]", 1), "constants is 7, expected a table"),
    (SMALL + "constants = { trace_step = 0.2 }\n", "entry 2, constants: trace_step changes nothing for LSM on MNIST"),
    (SMALL + "constants = { image_noise = 9 }\n", "image_noise is of a measure that the entry does not list"),
    (SMALL + "constants = { c_ee = 0.3 }\n", "network 11 is used twice, as 4 x 4 x 4 for M from seed 1, c_ee=0.3 and"),
])  # fmt: skip
def test_mistakes(tmp_path, text, words):
    with pytest.raises(UserError) as caught:
        require_no_conflicts([read_sweep(file_of(tmp_path, text))])
    assert words in str(caught.value)


def test_a_network_with_other_constants_is_another(cells, tmp_path):
    places = Places(tmp_path, tmp_path, tmp_path / "networks", tmp_path / "train_data")
    step = steps_of(cells[0], places)[0]
    places.networks_dir.mkdir()
    path = network_path(places.networks_dir, 11)
    Network.generate((4, 4, 4), 784, 1, NetworkConstants(c_ee=0.3)).save(path)
    assert step.is_done()
    Network.generate((4, 4, 4), 784, 1).save(path)
    with pytest.raises(UserError, match=r"another network than the sweep's \(.*, seed 1, c_ee=0\.3\)"):
        step.is_done()


def test_a_run_with_other_constants_is_another(cells, tmp_path):
    cell = next(cell for cell in cells if cell.model == "LSM")
    identity = {name: value for name, value in cell.settings.items() if name.endswith(("_samples", "_ms"))}
    identity |= {"model": "LSM", "knobs": {"initial_weight": 0.7}, "batch_size": 25, "cycles": 4, "seed": 1,
                 "network_number": 11}  # fmt: skip
    for folder, constants, done in (("a", {"threshold": 15.0}, True), ("b", {"threshold": 14.0}, False)):
        (tmp_path / folder).mkdir()
        made_record(tmp_path / folder, cell.version, **identity, constants=constants)
        places = Places(tmp_path, tmp_path, tmp_path, tmp_path / folder / "train_data")
        assert is_trained(cell, places) is done


def test_the_store_keeps_constants_and_finds_runs_by_them(cells, tmp_path):
    cell = cells[0]
    run = stored_of(cell)
    assert run.all_constants == {"c_ee": 0.3, "trace_tau_ms": 5.0, "threshold": 16.0, "recorded_every": 25}
    path = tmp_path / "store.json"
    write_store(path, {run.key: run})
    assert read_store(path) == {run.key: run}
    write_store(path, {run.key: stored_of(cell, constants=None)})
    assert '"threshold"' not in path.read_text()
    assert run_of(cell, [run]) == run
    assert run_of(cell, [stored_of(cell, constants=None)]) is None
    assert run_of(cell, [stored_of(cell, network={**run.network, "constants": {}})]) is None


def test_groups_of_other_constants_are_apart(cells):
    """No published figure is compared with them, and of a measure only values with the cell's parameters count."""
    cell = cells[0]
    plain = replace(cell, constants={}, version=1)
    run = stored_of(cell, measures={"branching_factor": {"mean": 1.2, "samples": 3}})
    groups = groups_of([cell, plain], {cell.version: run, 1: run})
    assert [group.knobs for group in groups] == [
        "astrocyte weight 0.015, " + ", ".join(cell.knob_labels[1:]), "astrocyte weight 0.015",
    ]  # fmt: skip
    assert [group.branching for group in groups] == [[], [1.2]]
    other = stored_of(cell, measures={"branching_factor": {"mean": 1.3, "branching_window_ms": 3}})
    assert Group(cell, (other,), 1).branching == [1.3]
    assert Group(plain, (other,), 1).branching == []


def test_measures_with_the_cells_parameters(cells, tmp_path, monkeypatch):
    from nalsm.evaluation import MEASURES

    values = {"mean": 1.3, "samples": 2, "branching_window_ms": 3}
    measure = replace(MEASURES["branching_factor"], read=lambda _record: values)
    monkeypatch.setitem(MEASURES, "branching_factor", measure)
    record = made_record(tmp_path)
    assert measures_of(record, cells[0])["branching_factor"] == values
    assert "branching_factor" not in measures_of(record, replace(cells[0], constants={}))


def test_a_cell_is_complete_with_measures_of_its_parameters(cells):
    cell = replace(cells[0], measures=("branching_factor",))
    for parameters, complete in (({}, False), ({"branching_window_ms": 3}, True)):
        run = stored_of(cell, measures={"branching_factor": {"mean": 1.3, **parameters}})
        assert is_complete(cell, run) is complete


def test_the_noisy_test_set_of_the_cells_strength(cells, tmp_path):
    noise = cells[0].source.noise.with_strength({"image_noise": 60.0})
    assert NoiseFolder(tmp_path, 3, noise).counts("test", 0).name == "NOISE_60_TEST_3_S_AGG_BATCH_0.datasagg"
    assert cells[0].source.noise.file_tag == "NOISE_125"
