"""The table of constants: complete, as published, and strict about names and values."""

import json
import re
from pathlib import Path

import click
import numpy as np
import pytest

import nalsm
from nalsm.console.questions import command
from nalsm.constants import BRANCHING, GROUPS, NETWORK, NOISE, TABLE, TRAINING, checked, is_used, parsed, questions
from nalsm.datasets import DATA_SOURCES
from nalsm.liquid.neuron import NeuronConstants
from nalsm.models import MODELS, Knob, Model
from nalsm.rules import STDP, Static
from nalsm.support.constants import chosen, differing
from nalsm.support.errors import UserError

PUBLISHED = {
    NETWORK: {"c_ee": 0.2, "c_ei": 0.1, "c_ie": 0.3, "c_ii": 0.05, "connection_length": 3, "input_density": 0.15,
              "excitatory_share": 0.8},
    TRAINING: {"potentiation_rate": 0.15, "presentation_decay": 0.99, "weight_bound": 3, "trace_step": 0.1,
               "trace_tau_ms": 10, "astrocyte_tau_ms": 100, "astrocyte_bias": None, "calcium_tau_ms": 1000,
               "membrane_tau_ms": 64, "threshold": 20, "refractory_ms": 2, "input_pulse": 100, "synapse_tau_ms": 1,
               "snapshot_start_ms": "random", "recorded_every": 10_000, "recorded_samples": 20,
               "readout_learning_rate": 0.1, "readout_weight_penalty": 5e-10},
    NOISE: {"image_noise": 125, "event_noise_ms": 10},
    BRANCHING: {"branching_window_ms": 4, "branching_margin_ms": 25},
}  # fmt: skip


def test_the_table_has_every_constant_with_its_published_value():
    found = {
        program: {constant.name: constant.default for constant in TABLE.values() if constant.program == program}
        for program in PUBLISHED
    }
    assert found == PUBLISHED
    sources = "".join(path.read_text() for path in Path(nalsm.__file__).parent.rglob("*.py"))
    assert {group.__name__ for group in GROUPS} == {*re.findall(r"class (\w+)\(Constants\)", sources)}


@pytest.mark.parametrize(("texts", "values"), [
    ((), {}),
    (("threshold=15", " trace_tau_ms = 2e1"), {"trace_tau_ms": 20.0, "threshold": 15.0}),
    (("threshold=20.0", "snapshot_start_ms=random", "astrocyte_bias=0.2"), {"astrocyte_bias": 0.2}),
    (("snapshot_start_ms=7", "refractory_ms=3.0"), {"refractory_ms": 3, "snapshot_start_ms": 7}),
])  # fmt: skip
def test_good_values(texts, values):
    found = parsed(texts, TRAINING)
    assert found == values
    assert {*map(type, found.values())} == {*map(type, values.values())}, "they decide a hash"
    assert [*found] == [name for name in TABLE if name in values]


@pytest.mark.parametrize(("text", "words"), [
    ("treshold=15", "there is no constant 'treshold', the nearest name is threshold; --constants lists all"),
    ("\u00a0\x1b=1", "there is no constant"),
    ("threshold", "read 'threshold', expected NAME=VALUE"),
    ("threshold=", "threshold is '', expected a number from 1e-06 to 1e+06"),
    ("threshold=0", "threshold is '0', expected a number"),
    ("threshold=nan", "expected a number"), ("threshold=1_5", "expected a number"), ("threshold=True", "a number"),
    ("refractory_ms=1.5", "expected a whole number from 0 to 100"),
    ("snapshot_start_ms=first", "expected random or a whole number from 0 to 10000"),
    ("c_ee=0.3", "c_ee is set by generate_spatial_network.py, not here"),
])  # fmt: skip
def test_bad_texts(text, words):
    with pytest.raises(UserError, match=r"^--set: ") as caught:
        parsed([text], TRAINING)
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_name_is_given_once():
    with pytest.raises(UserError, match="'threshold' is given twice"):
        parsed(["threshold=15", "threshold=15"], TRAINING)


@pytest.mark.parametrize("value", [True, None, [15], {"a": 1}, float("inf"), "x" * 1000])
def test_values_of_a_file(value):
    assert checked({"threshold": 15}, [TRAINING], "here") == {"threshold": 15.0}
    with pytest.raises(UserError, match=r"^here: threshold is .{,60}, expected a number"):
        checked({"threshold": value}, [TRAINING], "here")


def test_a_group_with_chosen_values():
    for group in GROUPS:
        assert differing(group()) == {}
    values = {"threshold": 15.0, "image_noise": 3.0}
    assert [differing(chosen(group, values)) for group in GROUPS if differing(chosen(group, values))] == [
        {"threshold": 15.0}, {"image_noise": 3.0},
    ]  # fmt: skip


def test_numbers_of_numpy_become_pythons():
    constants = NeuronConstants(refractory_ms=np.int64(3), threshold=np.float32(15))
    assert json.dumps(differing(constants)) == '{"threshold": 15.0, "refractory_ms": 3}'
    with pytest.raises(ValueError, match="threshold must be"):
        NeuronConstants(threshold=np.bool_(True))


def test_what_matters_to_a_model_and_a_data_set():
    def used(model, dataset):
        return {name for name in TABLE if is_used(name, MODELS[model], DATA_SOURCES[dataset])}

    everything, astrocyte = {*TABLE}, {"astrocyte_tau_ms", "astrocyte_bias"}
    learning = {"potentiation_rate", "presentation_decay", "weight_bound", "trace_step", "trace_tau_ms"}
    of_recordings = {"snapshot_start_ms", "event_noise_ms"}
    assert used("NALSM", "MNIST") == everything - of_recordings - {"calcium_tau_ms"}
    assert used("NALSM", "N-MNIST") == everything - {"image_noise", "calcium_tau_ms"}
    assert used("NALSM", "Fashion-MNIST") == everything - of_recordings - {"image_noise", "calcium_tau_ms"}
    assert used("LSM+STDP", "MNIST") == everything - of_recordings - astrocyte - {"calcium_tau_ms"}
    assert used("LSM+AP-STDP", "N-MNIST") == everything - astrocyte - {"presentation_decay", "image_noise"}
    assert used("LSM", "MNIST") == everything - of_recordings - astrocyte - learning - {"calcium_tau_ms"}


def program(model, dataset):
    table = questions(TRAINING, MODELS[model], lambda _answers: DATA_SOURCES[dataset])
    return command("train", "", table, lambda answers: None)


def test_what_matters_to_a_model_whose_knob_chooses_the_rule():
    def rule(knobs, _constants=None):
        return {"none": Static(), "stdp": STDP()}[knobs["kind"]]

    kind = Knob("kind", "KIND", "kind", 0, 0, "which rule", choices=("none", "stdp"))
    model, mnist = Model("own", (kind,), 1.0, None, rule), DATA_SOURCES["MNIST"]
    found = [is_used(name, model, mnist) for name in ("trace_step", "presentation_decay", "calcium_tau_ms")]
    assert found == [True, True, False]


@pytest.mark.parametrize(("model", "dataset", "text", "answers", "words"), [
    ("LSM", "MNIST", "trace_tau_ms=5", {}, "trace_tau_ms changes nothing for LSM on MNIST"),
    ("LSM+AP-STDP", "MNIST", "weight_bound=2", {"initial_weight": 2.5}, "read 2.5, but weight_bound is 2;"),
    ("NALSM", "N-MNIST", "snapshot_start_ms=280", {"init_ms": 20}, "can start at 278 ms at most"),
    ("NALSM", "MNIST", "readout_learning_rate=1", {"readout": "ridge"}, "changes nothing with --readout ridge"),
])  # fmt: skip
def test_values_that_do_not_fit_the_run(model, dataset, text, answers, words):
    [question, _] = questions(TRAINING, MODELS[model], lambda _answers: DATA_SOURCES[dataset])
    question.check((), answers)
    with pytest.raises(UserError) as caught:
        question.check((text,), answers)
    assert words in str(caught.value)


def test_the_list(capsys):
    """--constants prints every constant with its default, unit and range, and asks nothing."""
    assert program("NALSM", "MNIST").main(["--constants"], standalone_mode=False) == 0
    printed = capsys.readouterr().out
    assert all(re.search(rf"^  {name} ", printed, re.MULTILINE) for name in TABLE)
    for line in (
        r"  connection_length +3 +grid units +0.01 to 100 +lambda of",
        r"  astrocyte_bias +potentiation_rate +-1e\+06 to 1e\+06 +b, the bias",
        r"  snapshot_start_ms +random +ms +random or 0 to 10000 +start of",
        r"  readout_weight_penalty +5e-10 +0 to 1000 +of the loss",
        r"noisy test set \(--set NAME=VALUE of the noise programs and compute_SP_AP",
    ):
        assert re.search(f"^{line}", printed, re.MULTILINE), line


def test_the_flag_may_be_given_again():
    caught = []
    run = command("train", "", questions(TRAINING), caught.append)
    run.main(["--set", "threshold=15", "--set=trace_step=0.2"], standalone_mode=False)
    assert parsed(caught[0]["constants"], TRAINING) == {"trace_step": 0.2, "threshold": 15.0}
    with pytest.raises((UserError, click.ClickException), match="nearest name is threshold"):
        run.main(["--set=treshold=15"], standalone_mode=False)
