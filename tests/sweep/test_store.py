"""The results store: what a record holds, what is merged, and what contradicts it."""

import json
import shutil
from contextlib import suppress
from dataclasses import asdict, replace
from threading import Barrier, BrokenBarrierError, Thread

import numpy as np
import pytest
from made_runs import made_network, made_run
from small_runs import assert_one_line_error
from sweep_places import PAPER, add_ranks, file_of, page_of, places_of, published_runs, sweep

from nalsm.runs.folder import RunFolder
from nalsm.runs.names import ACCURACY_NAMES
from nalsm.runs.record import open_record
from nalsm.runs.trained_run import TrainedRun
from nalsm.support.errors import DamagedFile, MachineError
from nalsm.sweep.plan import read_sweep
from nalsm.sweep.store import merged, read_store, stored_run, update_store, write_store


def record(place, version=7, measures=None, **identity):
    folder = made_run(place, version, "finished", made_network(), **identity)
    run = TrainedRun(open_record(folder.path.parent, version), place / "networks")
    return stored_run(run, measures or {})


def test_a_record_says_what_decides_a_run_and_what_came_out(tmp_path):
    found = record(tmp_path, measures={"branching_factor": {"mean": 1.2, "samples": 2}})
    assert (found.version, found.model, found.dataset, found.knobs) == (
        7,
        "NALSM",
        "MNIST",
        {"astrocyte_weight": 0.015},
    )
    assert found.network["dims"] == [10, 10, 10] and found.network["neurons"] == 1000 and found.network["seed"] == 1
    assert found.network["sha256"] == made_network().fingerprint
    assert (found.cycle, found.accuracies) == (4, {"valid": 0.8, "test": 0.9, "train": 0.85})
    assert found.sizes["cycles"] == 6 and found.sizes["init_samples"] == 50
    assert found.seconds == {"initialisation": 1.5, "counting": 20, "readout": 300.25}
    assert found.peak_memory_bytes == 6e8 and found.machine == "x, 2 cores" and found.versions == {"nalsm": "0.1.0"}


def test_the_key_is_what_decides_the_accuracies(tmp_path):
    """Not the version, the number of the network or which readouts are kept; but knobs, seed, sizes and engine."""
    first = record(tmp_path / "a", 7)
    assert record(tmp_path / "b", 8, network_number=3, keep_weights_every=2).key == first.key
    others = [{"knobs": {"astrocyte_weight": 0.03}}, {"seed": 6}, {"cycles": 7}, {"batch_size": 10},
              {"engine": "tensorflow"}, {"knobs": {"astrocyte_weight": 0.015, "astrocyte_density": 0.4}},
              {"dataset_sha256": "1" * 64}, {"init_samples": 51}]  # fmt: skip
    keys = {record(tmp_path / f"c{number}", 7, **other).key for number, other in enumerate(others)}
    assert len(keys) == len(others) and first.key not in keys
    static = [record(tmp_path / f"d{n}", 7, model="LSM", init_samples=n).key for n in (50, 51)]
    assert static[0] == static[1]  # LSM has no initialisation


@pytest.fixture(autouse=True)
def folders(tmp_path):
    for name in ("a", "b", *(f"c{k}" for k in range(8)), "d50", "d51"):
        (tmp_path / name).mkdir()


def test_a_store_is_read_back_and_written_in_one_order(tmp_path):
    runs = [record(tmp_path / name, version, seed=seed) for name, version, seed in (("a", 7, 5), ("b", 8, 4))]
    write_store(tmp_path / "one.json", {run.key: run for run in runs})
    write_store(tmp_path / "two.json", {run.key: run for run in reversed(runs)})
    text = (tmp_path / "one.json").read_text()
    assert (tmp_path / "two.json").read_text() == text
    assert [run.version for run in read_store(tmp_path / "one.json").values()] == [8, 7]
    assert asdict(read_store(tmp_path / "one.json")[runs[0].key]) == asdict(runs[0])
    assert read_store(tmp_path / "none.json") == {}


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"format": 1}', '{"format": 2, "runs": []}', '{"format": 1, "runs": [{}]}']
)
def test_what_is_no_store_is_refused(tmp_path, text):
    (tmp_path / "page.json").write_text(text)
    with pytest.raises(DamagedFile, match=r"page\.json"):
        read_store(tmp_path / "page.json")


def test_later_measures_join_a_record_and_other_values_do_not(tmp_path):
    first = record(tmp_path, measures={"branching_factor": {"mean": 1.2, "samples": 2}})
    ranks = {"SP": 990.0, "AP": 980.0, "draws": 1000, "per_class": 100, "seed": 0}
    store = merged({first.key: first}, replace(first, version=9, measures={"kernel_quality": ranks}))
    assert store[first.key].measures == {"branching_factor": {"mean": 1.2, "samples": 2}, "kernel_quality": ranks}
    assert store[first.key].version == 7
    with pytest.raises(MachineError, match=r"version 9 .* has kernel_quality .*version 7"):
        merged(store, replace(first, version=9, measures={"kernel_quality": {**ranks, "AP": 981.0}}))


def test_measures_with_other_parameters_stand_beside_each_other(tmp_path):
    """A run may be measured for two cells that differ in a constant of the measure only."""
    narrow = {"mean": 1.3, "samples": 2, "branching_window_ms": 3}
    first = record(tmp_path / "a", measures={"branching_factor": {"mean": 1.2, "samples": 2}})
    store = merged({first.key: first}, record(tmp_path / "b", measures={"branching_factor": narrow}))
    write_store(tmp_path / "page.json", store)
    [found] = read_store(tmp_path / "page.json").values()
    assert found.measured("branching_factor")["mean"] == 1.2
    assert found.measured("branching_factor", {"branching_window_ms": 3})["mean"] == 1.3
    assert found.measured("branching_factor", {"branching_window_ms": 5}) == found.measured("kernel_quality") == {}


def test_a_silent_liquid(tmp_path):
    """Its branching factor is not a number: that is no contradiction, and the file is JSON."""
    silent = {"mean": float("nan"), "samples": 2}
    runs = [record(tmp_path / name, measures={"branching_factor": dict(silent)}) for name in ("a", "b")]
    store = merged(merged({}, runs[0]), runs[1])
    write_store(tmp_path / "page.json", store)
    assert '{"mean": null, "samples": 2}' in (tmp_path / "page.json").read_text()
    assert read_store(tmp_path / "page.json") == store


def test_two_sweeps_update_a_store(tmp_path, monkeypatch):
    """Neither loses the record of the other: the second one waits."""
    cells = read_sweep(file_of(tmp_path, PAPER)).cells
    published_runs(tmp_path)
    slow = Barrier(2)

    def read_slowly(path):
        found = read_store(path)
        with suppress(BrokenBarrierError):
            slow.wait(0.2)  # passes at once if both have read before one has written
        return found

    monkeypatch.setattr("nalsm.sweep.store.read_store", read_slowly)
    path = tmp_path / "page.json"
    sweeps = [Thread(target=update_store, args=(path, [cell], places_of(tmp_path), print)) for cell in cells[:2]]
    for thread in sweeps:
        thread.start()
    for thread in sweeps:
        thread.join()
    assert [run.version for run in read_store(path).values()] == [11, 12]


def test_the_same_run_with_other_bits_is_an_error(tmp_path):
    """Both runs are named, the exit code is 1, and the store and the page keep the old figures."""
    published_runs(tmp_path)
    page_of(tmp_path)
    stored = (tmp_path / "page.json").read_bytes()
    shutil.rmtree(tmp_path / "train_data" / "ver_12")
    folder = RunFolder(tmp_path / "train_data", 11)
    folder.open()
    arrays, _ = folder.read(folder.accuracies)
    test = arrays[ACCURACY_NAMES["test"]].copy()
    test[0] = np.nextafter(test[0], 1)  # one bit, in a cycle that is not the best
    folder.write(folder.accuracies, {**arrays, ACCURACY_NAMES["test"]: test})
    done = sweep(tmp_path, file_of(tmp_path, PAPER), "--list", f"--results={tmp_path}/page.md")
    assert_one_line_error(done, 1, "run of version 11 (NALSM on MNIST", "than the stored run of version 11", "digest")
    assert (tmp_path / "page.json").read_bytes() == stored
    assert "| 96.25 |" in (tmp_path / "page.md").read_text()


def test_results_outlive_their_folders(tmp_path):
    """The page is made from the store: it is the same when the version folders are gone."""
    published_runs(tmp_path)
    add_ranks(tmp_path, 11)
    page, _ = page_of(tmp_path)
    shutil.rmtree(tmp_path / "train_data")
    assert page_of(tmp_path)[0] == page
    assert "990.00" in page


def test_a_run_without_its_network_is_not_taken(tmp_path):
    published_runs(tmp_path)
    (tmp_path / "networks" / "Network_2.h5").unlink()
    done = sweep(tmp_path, file_of(tmp_path, PAPER), "--list", f"--results={tmp_path}/page.md")
    assert done.returncode == 0 and "network 2: not stored: --networks-dir: there is no" in done.stdout
    assert [run["version"] for run in json.loads((tmp_path / "page.json").read_text())["runs"]] == [11]
