"""Runs with other constants: what they compute, record, show and refuse."""

from dataclasses import replace

import numpy as np
import pytest
from made_runs import made_record, made_run
from whole_runs import complete, settings

from nalsm.datasets.noise import noisy_images
from nalsm.evaluation import MEASURES, branching, branching_factors, kernel_quality
from nalsm.liquid import NeuronConstants, open_liquid
from nalsm.models import MODELS
from nalsm.optimiser import ReadoutConstants
from nalsm.readout import CountBlock, Readout
from nalsm.rules import RuleConstants
from nalsm.runs import load_run
from nalsm.runs.initialisation import snapshot_samples
from nalsm.runs.noisy_test_set import NoiseRun
from nalsm.runs.record import open_record
from nalsm.runs.recording import RecordingConstants, recorded_samples
from nalsm.runs.settings import settings_of
from nalsm.support.errors import DamagedFile, UserError

OTHERS = {
    "potentiation_rate": 0.3, "presentation_decay": 0.9, "trace_tau_ms": 4.0, "astrocyte_bias": 0.2, "threshold": 12.0,
    "refractory_ms": 3, "recorded_every": 50, "recorded_samples": 2, "readout_learning_rate": 0.5,
}  # fmt: skip
KNOBS = {"astrocyte_weight": 0.015}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run with other constants."""
    from small_runs import place_with_networks

    return complete(place_with_networks(tmp_path_factory.mktemp("constants")), constants=OTHERS)[0]


def read(folder, path, name):
    return folder.read(path)[0][name]


def test_a_run_from_the_definition(trained):
    """Weights, counts, recorded spikes and readout are those of the liquid and the readout with these constants."""
    session, folder, model = trained.session, trained.folder, MODELS["NALSM"]
    rules = RuleConstants(potentiation_rate=0.3, presentation_decay=0.9, trace_tau_ms=4.0, astrocyte_bias=0.2)
    liquid = open_liquid(session.network, "event", 1, neuron=NeuronConstants(threshold=12.0, refractory_ms=3))
    snapshots = session.dataset.train.snapshots(snapshot_samples(30, 100, 5), np.arange(30), 20, 5)
    rule = model.initialisation(KNOBS, rules)
    assert (rule.learning_rate, rule.decay) == (0.3, 1.0)
    state, _ = liquid.initialise(snapshots, liquid.initial_state(absolute_weight=3.0), rule)
    np.testing.assert_array_equal(read(folder, folder.weights, "W_INI"), state.weights)
    rule = model.presentation(KNOBS, rules)
    assert (rule.learning_rate, rule.decay) == (0.3, 0.9)
    test = session.dataset.test
    run = liquid.present(test.presentation(np.arange(50), 60, 5), state.weights, rule, record=[25, 37])
    counts = [read(folder, folder.counts("test", batch), "olc_S_AGG_RES") for batch in range(2)]
    np.testing.assert_array_equal(np.concatenate(counts), run.counts)
    assert not folder.spikes("test", 0).exists()
    spikes = read(folder, folder.spikes("test", 1), "spike_rec_per_batch")
    np.testing.assert_array_equal(spikes, np.argwhere(run.spikes))

    loaded = load_run(7, folder.path.parent, trained.settings.folders.networks_dir)
    readout = Readout(64, constants=ReadoutConstants(readout_learning_rate=0.5))
    block = CountBlock.pack(loaded.counts["train"].reshape(4, 25, 64), loaded.labels["train"].reshape(4, 25))
    for _ in range(8):
        readout.train_block(block)
    np.testing.assert_array_equal(readout.weights, read(folder, folder.readout_weights, "W_last"))


def test_what_is_recorded_and_shown(trained):
    record = open_record(trained.folder.path.parent, 7)
    assert record.identity["constants"] == record.constants == settings_of(record).constants == OTHERS
    text = trained.folder.parameters_text.read_text()
    assert "constants.threshold" in text and "12.0" in text
    shown = repr(load_run(7, trained.folder.path.parent))
    assert "astrocyte weight 0.015, potentiation_rate=0.3, " in shown and "threshold=12, refractory_ms=3" in shown


def test_published_values_are_no_part_of_the_identity(place):
    trained, _ = complete(place, cycles=1, constants={})
    assert "constants" not in trained.folder.identity


def test_a_noisy_test_set_with_another_strength(trained):
    """Its files have the strength in their names, and its kernel quality is not the published measure."""
    record = open_record(trained.folder.path.parent, 7)
    folders = trained.settings.folders
    changes = {"data_dir": folders.data_dir, "networks_dir": folders.networks_dir}
    noisy = NoiseRun(settings_of(record, **changes, constants={**OTHERS, "image_noise": 12.5}))
    noisy.run()
    assert noisy.folder.counts("test", 0).name == "NOISE_12.5_TEST_7_S_AGG_BATCH_0.datasagg"
    clean, ids = trained.session.dataset.test, noisy.dataset.test.sample_ids
    np.testing.assert_array_equal(noisy.dataset.test.images, noisy_images(clean.images, ids, 5, 12.5))
    counts = noisy.session.liquid.present(
        noisy.dataset.test.presentation(np.arange(50), 60, 5), trained.folder.read(trained.folder.weights)[0]["W_INI"],
        MODELS["NALSM"].presentation(KNOBS, trained.settings.rule_constants),
    ).counts  # fmt: skip
    np.testing.assert_array_equal(kernel_quality.noisy_counts(record, {"image_noise": 12.5})[0], counts)
    assert noisy.session.liquid.neuron == NeuronConstants(threshold=12.0, refractory_ms=3)
    with pytest.raises(UserError, match=r"NOISE_125_VER_7_params\.json"):
        kernel_quality.noisy_counts(record)

    measure, found = MEASURES["kernel_quality"], {name: np.full(1000, 20) for name in ("SP", "AP")}
    kernel_quality.write(record, found, 100, 0, {"image_noise": 12.5})
    assert measure.read(record)["image_noise"] == 12.5
    assert not measure.is_done(record)
    assert measure.is_done(record, {**measure.parameters, "image_noise": 12.5})
    record.folder.kernel_quality.unlink()


def test_branching_factors_with_other_constants(trained):
    record, network = open_record(trained.folder.path.parent, 7), trained.session.network
    others = branching.BranchingConstants(branching_window_ms=2, branching_margin_ms=10)
    batches = branching.recorded_batches(record)
    assert [(batch.split, batch.number) for batch in batches] == [("valid", 1), ("test", 1), ("train", 1), ("train", 3)]
    for batch in batches:
        branching.compute(record, network, batch, others)
    measure, values = MEASURES["branching_factor"], MEASURES["branching_factor"].read(record)
    assert (values["branching_window_ms"], values["branching_margin_ms"]) == (2, 10)
    assert not measure.is_done(record)
    assert measure.is_done(record, vars(others))
    assert branching.factors_of(record, "test", 1) is None
    spikes = record.read_recorded("test", 1, network.n_neurons).spikes
    np.testing.assert_array_equal(branching.factors_of(record, "test", 1, others),
                                  branching_factors(network, spikes, others))  # fmt: skip
    branching.compute(record, network, batches[0])
    assert measure.read(record) is None, "batches with different constants are no measure"


def test_branching_factor_in_numbers():
    """Windows of 2 ms, and 1 ms left out at the ends: neuron 0 drives neuron 1, which drives neuron 0."""
    from nalsm.network import Network

    network = Network([0, 1], [1, 0], [1, 1], 2, 0, 0)
    spikes = np.zeros((1, 12, 2), bool)
    spikes[0, [3, 6], 0] = spikes[0, [4, 5, 8], 1] = True
    constants = branching.BranchingConstants(branching_window_ms=2, branching_margin_ms=1)
    # neuron 0 at 3: none before, 2 after; at 6: 2 before, 1 after. Neuron 1 at 4: 1 and 1; at 5: 1 and 1; at 8: 1 and 0
    wanted = np.mean([(2 / 1 + 1 / 2) / 2, (1 + 1 + 0) / 3])
    assert branching_factors(network, spikes, constants)[0] == pytest.approx(wanted)


@pytest.mark.parametrize(("recorded", "wanted", "words"), [
    ({}, {"threshold": 15.0}, "--set threshold the published value there, 15.0 here"),
    ({"threshold": 15.0}, {}, "--set threshold 15.0 there, the published value here"),
    ({"threshold": 15.0}, {"threshold": 16.0, "trace_step": 0.2}, "--set threshold 15.0 there, 16.0 here and 1 more"),
])  # fmt: skip
def test_a_run_is_not_resumed_with_other_constants(tmp_path, recorded, wanted, words):
    folder = made_run(tmp_path, 7, "counting", **({"constants": recorded} if recorded else {}))
    identity = {name: value for name, value in folder.identity.items() if name != "constants"}
    folder.require_same(folder.recorded_parameters(), folder.identity)
    with pytest.raises(UserError, match="contains another run") as caught:
        folder.require_same(folder.recorded_parameters(), {**identity, **({"constants": wanted} if wanted else {})})
    assert words in str(caught.value)


@pytest.mark.parametrize("constants", [
    {"threshold": 0}, {"threshold": "15"}, {"threshold": True}, {"refractory_ms": 1.5}, {"other": 1}, [], "x",
    {"image_noise": 60.0},
])  # fmt: skip
def test_recorded_constants_are_checked(tmp_path, constants):
    output = made_run(tmp_path, 7, "started", constants=constants).path.parent
    with pytest.raises(DamagedFile, match=r"other parameters than those of a run \(constants\)"):
        open_record(output, 7)


def test_lists_and_pages_name_constants_and_compare_with_no_published_figure(tmp_path):
    from nalsm.programs.runs import notes_of
    from nalsm.report.shown_run import ShownRun

    record = made_record(tmp_path, constants={"threshold": 15.0})
    assert "threshold=15" in notes_of(record)
    shown = ShownRun(tmp_path / "train_data", 7, tmp_path / "networks")
    assert "threshold=15" in shown.knobs
    assert shown.published is None
    (tmp_path / "recorded").mkdir()
    made_run(tmp_path / "recorded", constants={"recorded_every": 5000})
    shown = ShownRun(tmp_path / "recorded" / "train_data", 7, tmp_path / "recorded" / "networks")
    assert shown.published is not None, "which spikes are kept changes no accuracy"


@pytest.mark.parametrize(("changes", "constants", "words"), [
    ({"sample_ms": 58}, branching.PUBLISHED, "a presentation of 58 ms is too short for it: it takes 59 ms or more"),
    ({"sample_ms": 59}, branching.BranchingConstants(branching_window_ms=5), "it takes 61 ms or more"),
    ({"constants": {"recorded_every": 500}}, None, "keeps no spikes: its recorded_every and recorded_samples leave n"),
    ({"constants": {"recorded_samples": 0}}, branching.PUBLISHED, "keeps no spikes: its recorded_every"),
])  # fmt: skip
def test_runs_that_cannot_have_a_branching_factor(tmp_path, changes, constants, words):
    """It is said before anything is computed."""
    record = made_record(tmp_path, **{"sample_ms": 59, **changes})
    with pytest.raises(UserError, match=words):
        branching.recorded_batches(record, constants)
    assert branching.recorded_batches(made_record(tmp_path, 8, "initialised", sample_ms=59), branching.PUBLISHED)


def test_which_samples_keep_their_spikes():
    constants = RecordingConstants(recorded_every=1000, recorded_samples=4)
    assert [batch for batch in range(20) if recorded_samples(batch, 250, constants)] == [3, 7, 11, 15, 19]
    assert recorded_samples(3, 250, constants) == [0, 62, 125, 188]
    assert recorded_samples(39, 250, replace(constants, recorded_samples=0)) == []
    assert len(recorded_samples(3, 250, replace(constants, recorded_samples=10**6))) == 250


def test_a_smaller_bound_lowers_the_starting_weight():
    bound = RuleConstants(weight_bound=2.0)
    assert MODELS["NALSM"].starting_weight(KNOBS, bound) == MODELS["LSM+STDP"].starting_weight({}, bound) == 2
    assert MODELS["NALSM"].starting_weight(KNOBS, RuleConstants(weight_bound=5.0)) == 3
    assert MODELS["LSM"].starting_weight({"initial_weight": 7.0}, bound) == 7


def test_room_for_many_recorded_spikes(place, monkeypatch):
    """What is recorded beyond the published choice counts for the room on the disk."""
    import shutil
    from types import SimpleNamespace

    from nalsm.runs.training import TrainingRun

    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=51e6))
    wide = {"recorded_every": 25, "recorded_samples": 25}
    with pytest.raises(UserError, match="MB left, the run needs about"):
        TrainingRun(settings(place, constants=wide, sample_ms=1000, train_samples=5000)).run()
