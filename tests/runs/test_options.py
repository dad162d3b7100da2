"""Options of a model: the astrocyte's density, and which samples of a batch learn while they are presented."""

import numpy as np
import pytest
from made_runs import made_run
from whole_runs import complete, settings

from nalsm.console.questions import command
from nalsm.liquid import open_liquid
from nalsm.models import MODELS
from nalsm.runs.initialisation import snapshot_samples
from nalsm.runs.noisy_test_set import NoiseRun
from nalsm.runs.questions import questions_for
from nalsm.runs.record import open_record
from nalsm.runs.settings import Settings, settings_of
from nalsm.support.errors import DamagedFile, UserError

DENSE = {"astrocyte_weight": 0.015, "astrocyte_density": 0.4}
FIRST = {"learning_samples": "first"}


def counts_of(folder, split="test"):
    return np.concatenate([folder.read(folder.counts(split, k))[0]["olc_S_AGG_RES"] for k in range(2)])


def presented(session, liquid, rule, seed, places=slice(None)):
    """The counts of test samples, presented from the run's weights."""
    test, weights = session.dataset.test, session.folder.read(session.folder.weights)[0]["W_INI"]
    rasters = test.presentation(np.arange(len(test))[places], 60, seed)
    return liquid.present(rasters, weights, rule).counts


def test_the_astrocyte_watches_the_same_neurons_in_every_stage(place):
    """Weights and counts from the definition; the noisy test set has its own seed, but the mask of its run."""
    trained, _ = complete(place, knobs=DENSE)
    session, model = trained.session, MODELS["NALSM"]
    liquid = open_liquid(session.network, "event", 1, session.network.watched(0.4, seed=5))
    snapshots = session.dataset.train.snapshots(snapshot_samples(30, 100, 5), np.arange(30), 20, 5)
    state, _ = liquid.initialise(snapshots, liquid.initial_state(absolute_weight=3.0), model.initialisation(DENSE))
    np.testing.assert_array_equal(trained.folder.read(trained.folder.weights)[0]["W_INI"], state.weights)
    counts = presented(session, liquid, model.presentation(DENSE), seed=5)
    np.testing.assert_array_equal(counts_of(trained.folder), counts)

    record = open_record(place / "train_data", 7)
    noisy = NoiseRun(settings_of(record, data_dir=settings(place).folders.data_dir,
                                 networks_dir=place / "networks", seed=6))  # fmt: skip
    noisy.run()
    rasters = noisy.dataset.test.presentation(np.arange(50), 60, 6)
    counts = liquid.present(rasters, state.weights, model.presentation(DENSE)).counts
    np.testing.assert_array_equal(counts_of(noisy.folder), counts)
    everything = open_liquid(session.network, "event", 1)
    assert np.any(everything.present(rasters, state.weights, model.presentation(DENSE)).counts != counts)


def test_only_the_first_sample_of_a_batch_learns(place, monkeypatch):
    """The first sample of each batch is that of a run in which all learn, the others see the weights as they are."""
    from nalsm.rules import Static
    from nalsm.support.tuning import TUNING

    monkeypatch.setattr(TUNING, "recorded_samples", lambda batch, size: [0, 3, 24] if batch else [2])
    one, _ = complete(place, model="LSM+STDP", knobs=FIRST)
    every, _ = complete(place, model="LSM+STDP", knobs={}, output_dir=place / "all")
    static = presented(one.session, one.session.liquid, Static(), seed=5)
    found, learned = counts_of(one.folder), counts_of(every.folder)
    wanted = static.copy()
    wanted[[0, 25]] = learned[[0, 25]]
    np.testing.assert_array_equal(found, wanted)
    assert np.any(learned != static, axis=1).mean() > 0.9
    for batch, samples in ((0, [2]), (1, [0, 3, 24])):
        arrays, _ = one.folder.read(one.folder.spikes("test", batch))
        recorded = np.zeros((len(samples), 64), int)
        sample, _, neuron = arrays["spike_rec_per_batch"].T
        np.add.at(recorded, (sample[neuron < 64], neuron[neuron < 64]), 1)
        np.testing.assert_array_equal(recorded, wanted[[25 * batch + k for k in samples]])


# ---- what a run records ---------------------------------------------------------------------------


def settings_with(place, model, *flags):
    """The settings of a training program that is started with these flags."""
    caught = []
    own = {"NALSM": [0.015], "LSM": [0.7]}.get(model, [])
    folders = [f"--{name}-dir={place / folder}" for name, folder in (("networks", "networks"), ("output", "t"))]
    asked = ["--gpu=-1", "--version=3", "--net-num-var=1", "--batch-size=25", "--batchs-per-block=4"]
    knobs = [f"{knob.flag}={value}" for knob, value in zip(MODELS[model].knobs, own, strict=True)]
    program = command("train", "", questions_for(model, "MNIST", place), caught.append)
    program.main([*asked, *knobs, *folders, *flags], standalone_mode=False)
    return Settings.from_answers(model, "MNIST", place, caught[0])


def test_a_flag_is_recorded_where_it_differs_from_its_default(place):
    assert all(q.prompt is None for q in questions_for("NALSM", "MNIST", place) if q.name in [*DENSE, *FIRST][1:])
    for flags in ((), ("--astrocyte-density=1.0", "--learning-samples=all")):
        assert settings_with(place, "NALSM", *flags).knobs == {"astrocyte_weight": 0.015}
    assert settings_with(place, "NALSM", "--astrocyte-density=0.4").knobs == DENSE
    assert settings_with(place, "LSM+STDP", "--learning-samples=FIRST").knobs == FIRST


@pytest.mark.parametrize(
    ("model", "flag", "words"),
    [("NALSM", "--astrocyte-density=1.1", "a number from 0 to 1"), ("LSM", "--astrocyte-density=1", "No such option"),
     ("LSM+STDP", "--learning-samples=second", "all or first"), ("LSM", "--learning-samples=all", "No such option")],
)  # fmt: skip
def test_bad_flags(place, model, flag, words):
    with pytest.raises(Exception, match=words):
        settings_with(place, model, flag)


@pytest.mark.parametrize(("recorded", "wanted", "words"), [
    ({}, {"astrocyte_density": 0.4}, "astrocyte density (--astrocyte-density) 1.0 there, 0.4 here"),
    ({"astrocyte_density": 0.4}, {}, "astrocyte density (--astrocyte-density) 0.4 there, 1.0 here"),
    ({"learning_samples": "first"}, {}, "learning samples (--learning-samples) first there, all here"),
])  # fmt: skip
def test_a_run_is_not_resumed_with_another_option(tmp_path, recorded, wanted, words):
    weight = {"astrocyte_weight": 0.015}
    folder = made_run(tmp_path, 7, "counting", knobs={**weight, **recorded})
    with pytest.raises(UserError) as caught:
        folder.require_same(folder.recorded_parameters(), {**folder.identity, "knobs": {**weight, **wanted}})
    assert words in str(caught.value)


@pytest.mark.parametrize("option", [
    {"astrocyte_density": 1.5}, {"astrocyte_density": True}, {"astrocyte_density": "1"},
    {"learning_samples": "second"}, {"learning_samples": [1]}, {"other": 1},
])  # fmt: skip
def test_recorded_options_are_checked(tmp_path, option):
    output = made_run(tmp_path, 7, "started", knobs={"astrocyte_weight": 0.015, **option}).path.parent
    with pytest.raises(DamagedFile, match=r"other parameters than those of a run \(knobs\)"):
        open_record(output, 7)


def test_recorded_options_are_shown(tmp_path):
    from nalsm.programs.runs import table
    from nalsm.runs import load_run
    from nalsm.runs.listing import list_runs

    knobs = {**DENSE, "learning_samples": "first"}
    made_run(tmp_path, 7, knobs=knobs)
    shown = repr(load_run(7, tmp_path / "train_data", tmp_path / "networks"))
    assert "astrocyte density 0.4, learning samples first" in shown
    assert "0.015, astrocyte density 0.4, learning samples first" in table(list_runs(tmp_path / "train_data"), 200)
