"""How long a sweep will take: from stored runs and the speed of the machine."""

import pytest
from small_runs import ROOT
from stored_runs import stored
from sweep_places import file_of, places_of

from nalsm.programs.sweep import _say_what_is_left
from nalsm.runs.speed import of_ridge
from nalsm.sweep.estimate import STAGES, estimates, lines_of, measured_speed
from nalsm.sweep.plan import read_sweep

SECONDS = {"initialisation": 10.0, "counting": 80.0, "readout": 100.0}


def run(model="NALSM", neurons=1000, seconds=SECONDS, **values):
    return stored(neurons, model=model, seconds=seconds, **values)


@pytest.fixture(scope="module")
def cells():
    """The first cell of each entry of the paper's main sweep, by (model, data set)."""
    found = {}
    for cell in read_sweep(ROOT / "sweeps" / "paper_mnist.toml").cells:
        found.setdefault((cell.model, cell.dataset), cell)
    return found


def seconds_of(cell, store, speed=None, steps=("training",)):
    [estimate] = estimates([(cell, steps)], store, speed or {})
    return [round(estimate.seconds[stage], 6) for stage in STAGES]


def test_the_shortest_run_of_its_kind_counts(cells):
    slow = run(seconds={stage: 7 * seconds for stage, seconds in SECONDS.items()})
    others = [run("LSM+STDP", seconds=dict.fromkeys(STAGES, 1)), run(neurons=8000, seconds=dict.fromkeys(STAGES, 1))]
    assert seconds_of(cells["NALSM", "MNIST"], [slow, run(), *others]) == [10, 80, 100]
    assert seconds_of(cells["NALSM", "MNIST"], [slow, run()], steps=("network",)) == [0, 0, 0]


def test_times_follow_the_work(cells):
    store = [run(sizes={"sample_ms": 125, "cycles": 500, "init_samples": 5_000})]
    assert seconds_of(cells["NALSM", "MNIST"], store) == pytest.approx([100, 160, 1000])
    assert seconds_of(cells["LSM", "MNIST"], [run()])[0] == 0  # no initialisation
    assert seconds_of(cells["NALSM", "MNIST"], [run(neurons=500)]) == pytest.approx([20, 160, 200])


def test_the_closest_kind_stands_for_one_without_runs(cells):
    store = [run("LSM", seconds=dict.fromkeys(STAGES, 3.0)), run("NALSM", neurons=8000), run("NALSM")]
    assert seconds_of(cells["NALSM", "Fashion-MNIST"], store) == [10, 80, 100]


def test_runs_without_a_stage_say_nothing_of_its_time(cells):
    """A ridge readout has no cycles, and a run without snapshots no initialisation to scale."""
    ridge = run(readout="ridge", sizes={"cycles": 0, "init_samples": 0})
    speed = dict.fromkeys(STAGES, 100.0)
    assert seconds_of(cells["NALSM", "MNIST"], [ridge], speed) == pytest.approx([100, 100, 100])
    assert seconds_of(cells["NALSM", "MNIST"], [ridge, run()], speed) == pytest.approx([100, 100, 100])


def test_a_slower_machine_takes_longer(cells):
    """Twice as slow as the fastest run of NALSM on MNIST: twice the time of every model."""
    store, speed = (
        [run(), run("LSM", seconds={"counting": 20.0, "readout": 90.0})],
        {"counting": 160.0, "readout": 50.0},
    )
    assert seconds_of(cells["LSM", "MNIST"], store, speed) == [0, 40, 45]
    assert seconds_of(cells["LSM", "MNIST"], [], {**speed, "initialisation": 1}) == [0, 160, 50]  # nothing stored
    assert seconds_of(cells["LSM", "MNIST"], []) == [0, 0, 0]


def test_measures_and_ridge(cells, tmp_path):
    cell = cells["NALSM", "MNIST"]
    steps = ("noisy test set", "kernel quality", "branching factor")
    [with_measures] = estimates([(cell, steps)], [run()], {})
    assert with_measures.total == with_measures.seconds["measures"] > 80 / 7
    text = (ROOT / "sweeps" / "paper_mnist.toml").read_text().replace("[settings]", '[settings]\nreadout = "ridge"')
    ridge = read_sweep(file_of(tmp_path, text)).cells[0]
    assert seconds_of(ridge, [run()]) == [10, 80, of_ridge(50_000, 1000)] and of_ridge(50_000, 1000) < 10


def test_what_is_said(cells):
    found = estimates([(cell, ("training",)) for cell in cells.values()], [run()], {})
    lines = lines_of(found, 60, is_measured=False)
    assert lines[0] == "55 of 60 cells are done, 5 are left"
    assert "  NALSM on MNIST, 1,000 neurons: 1 cell, 3 min" in lines
    total = sum(estimate.total for estimate in found)
    assert lines[-1].startswith(f"together about {round(total / 60)} min on this machine (initialisation 1 min,")
    assert "measured" not in lines[-1] and "measured" in lines_of(found, 60, is_measured=True)[-1]
    assert lines_of(estimates([], [], {}), 60, True) == []
    long = estimates([(cells["NALSM", "MNIST"], ("training",))], [run(sizes={"cycles": 5})], {})
    assert "27 h 4" in lines_of(long, 1, False)[-1]


def test_a_page_without_runs_is_told_the_same_time(cells, tmp_path, monkeypatch, capsys):
    """Its times come from the published store."""
    monkeypatch.setattr("nalsm.sweep.estimate.measured_speed", lambda _data: {})
    said = []
    for page in (None, tmp_path / "page.md"):
        todo = list(cells.values())
        _say_what_is_left(todo, todo, places_of(tmp_path), page)
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] and "counting 0 s" not in said[0]


def test_a_measurement_here():
    speed = measured_speed(ROOT / "datasets", n=4)
    assert set(speed) == set(STAGES) and min(speed.values()) > 0
