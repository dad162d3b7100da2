"""Both engines follow every constant of neurons and of plasticity, as the plain reference does."""

from dataclasses import replace

import numpy as np
import pytest
from dense_reference import DenseLiquid
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from liquid.test_liquid import assert_same_run, random_network

from nalsm.liquid import NeuronConstants, open_liquid
from nalsm.rules import APSTDP, STDP, AstrocyteSTDP, RuleConstants, Static

# Far from the published values, so that a constant that an engine ignores moves weights by more than the tolerance.
OTHER_RULE = {
    "weight_bound": 1.7, "trace_step": 0.31, "trace_tau_ms": 4.6, "astrocyte_tau_ms": 17.0, "astrocyte_bias": 0.3,
    "calcium_tau_ms": 210.0,
}  # fmt: skip
OTHER_NEURON = {
    "membrane_tau_ms": 23.0, "threshold": 11.3, "refractory_ms": 4, "input_pulse": 7.7, "synapse_tau_ms": 2.4,
}  # fmt: skip
NEURONS = [
    NeuronConstants(**OTHER_NEURON),
    NeuronConstants(input_pulse=7.7),  # three pulses make a spike
    # a pulse is forgotten before its neuron can spike again
    NeuronConstants(membrane_tau_ms=6.0, threshold=9.0, refractory_ms=8, input_pulse=30.0),
    NeuronConstants(membrane_tau_ms=31.7, threshold=9.1, refractory_ms=0, synapse_tau_ms=0.6),
    NeuronConstants(),
]
RULES = {
    "STDP": STDP(learning_rate=1.1, decay=0.97),
    "NALSM": AstrocyteSTDP(learning_rate=0.9, astrocyte_weight=0.6, decay=0.98),
    "AP-STDP": APSTDP(learning_rate=1.1, threshold_hz=2.317, range_hz=1.873),
}


def made(rule, **constants):
    return replace(rule, constants=RuleConstants(**constants))


def situation(seed, n_inputs=18, steps=80, firing=0.5, bound=1.7):
    """A busy network, its weights and rasters."""
    random = np.random.default_rng(seed)
    network = random_network(random, 12, 4, n_inputs, 0.7)
    weights = (network.sign * random.uniform(0.5, bound, network.n_synapses)).astype(np.float32)
    pulses = random.random((2, steps, n_inputs)) < firing
    return network, weights, pulses * np.uint8(3)  # anything but 0 is a pulse


def start_of(liquid, weights):
    state = liquid.initial_state(weights=weights)
    state.traces[:] = np.linspace(0, 0.5, len(state.traces))  # as left behind by earlier samples
    state.calcium[:] = np.linspace(0.01, 4, len(state.calcium))
    return state


def assert_presents_as_reference(engine, network, weights, rasters, rule, neuron):
    """The engine presents samples as the reference does; return its run."""
    dense = DenseLiquid(network, **vars(neuron))
    wanted = dense.present(rasters, weights, rule)
    assume(dense.closest > 3e-4)
    run = open_liquid(network, engine, threads=1, neuron=neuron).present(rasters, weights, rule, record=True)
    assert_same_run(run, wanted, rule)
    return run


def assert_initialises_as_reference(engine, network, weights, rasters, rule, neuron):
    """The engine runs samples one after another as the reference does; return its run."""
    dense = DenseLiquid(network, **vars(neuron))
    liquid = open_liquid(network, engine, threads=1, neuron=neuron)
    start = start_of(liquid, weights)
    wanted = dense.initialise(rasters, weights, start.traces, start.calcium, rule)
    assume(dense.closest > 3e-4)
    state, run = liquid.initialise(rasters, start, rule, record=True)
    assert_same_run(run, wanted, rule)
    np.testing.assert_allclose(state.weights, wanted.weights[-1], rtol=0, atol=2e-5)
    np.testing.assert_allclose(state.calcium, wanted.calcium, rtol=1e-5, atol=1e-5)
    if rule.learns:
        np.testing.assert_allclose(state.traces, wanted.traces, rtol=1e-5, atol=1e-6)
    return run


@given(
    seed=st.sampled_from(range(10_000)),
    rule=st.sampled_from([Static(), *RULES.values()]),
    names=st.sets(st.sampled_from(list(OTHER_RULE))),
    neuron=st.sampled_from(NEURONS),
    firing=st.sampled_from([0.6, 0.3, 0.9]),
)
@settings(max_examples=30, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_event_engine_equals_plain_reference(seed, rule, names, neuron, firing):
    rule = made(rule, **{name: OTHER_RULE[name] for name in names})
    assert_presents_as_reference("event", *situation(seed, firing=firing), rule, neuron)
    assert_initialises_as_reference("event", *situation(seed, firing=firing), rule, neuron)


@pytest.mark.filterwarnings("ignore:Using `assume` outside")
def test_tensorflow_engine_equals_plain_reference():
    """Each program of the engine is compiled once."""
    gated, astrocyte = (made(RULES[name], **OTHER_RULE) for name in ("AP-STDP", "NALSM"))
    run = assert_presents_as_reference("tensorflow", *situation(6), gated, NEURONS[2])
    assert run.spikes[:, :, :16].sum() > 50
    run = assert_initialises_as_reference("tensorflow", *situation(6), astrocyte, NEURONS[0])
    assert run.spikes[:, :, :16].sum() > 50


@pytest.mark.filterwarnings("ignore:Using `assume` outside")
@pytest.mark.parametrize("name", [*OTHER_RULE, *OTHER_NEURON])
def test_every_constant_matters(name):
    """With one constant changed alone, the engine does what the reference does, and something else than before."""
    rule = RULES["AP-STDP" if name == "calcium_tau_ms" else "NALSM"]
    neuron = NeuronConstants(**{name: OTHER_NEURON[name]}) if name in OTHER_NEURON else NeuronConstants()
    changed = made(rule, **{name: OTHER_RULE[name]}) if name in OTHER_RULE else rule
    network, weights, rasters = situation(3)
    run = assert_initialises_as_reference("event", network, weights, rasters, changed, neuron)
    liquid = open_liquid(network, "event", threads=1)
    _, published = liquid.initialise(rasters, start_of(liquid, weights), rule, record=True)
    assert np.abs(run.weights - published.weights).max() > 1e-3


def test_all_constants_of_neurons_and_rules_are_tested():
    made_into_parameters = {"potentiation_rate", "presentation_decay"}  # of a rule, by the models
    assert {*OTHER_NEURON} == {*vars(NeuronConstants())}
    assert {*OTHER_RULE} | made_into_parameters == {*vars(RuleConstants())}


def test_weights_outside_another_bound_are_refused():
    network, weights, rasters = situation(3, bound=2.5)
    liquid = open_liquid(network, "event", threads=1)
    with pytest.raises(ValueError, match=r"0 to 1\.7 with the network's sign, -1\.7 to 1\.7 for inputs"):
        liquid.present(rasters, weights, made(STDP(), weight_bound=1.7))
    liquid.present(rasters[:, :1], weights, made(STDP(), weight_bound=2.6))
    liquid.present(rasters[:, :1], network.sign * 0.7, made(STDP(), weight_bound=0.7))  # float64, above float32(0.7)


def test_values_that_make_no_sense():
    for values in ({"threshold": 0.0}, {"membrane_tau_ms": 0.5}, {"refractory_ms": 1.5}, {"input_pulse": float("nan")}):
        with pytest.raises(ValueError, match=next(iter(values))):
            NeuronConstants(**values)
    for values in ({"weight_bound": -1}, {"trace_tau_ms": 0}, {"presentation_decay": 1.01}, {"astrocyte_tau_ms": "x"}):
        with pytest.raises(ValueError, match=next(iter(values))):
            RuleConstants(**values)
