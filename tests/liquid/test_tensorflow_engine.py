"""What only the TensorFlow engine promises; test_liquid.py tests what every engine promises."""

import re

import numpy as np
import pytest

from nalsm.encoding import poisson_rasters
from nalsm.liquid import devices, open_liquid
from nalsm.liquid.tensorflow_setup import tensorflow
from nalsm.network import Network
from nalsm.rules import APSTDP, STDP, AstrocyteSTDP, Static, equations_of
from nalsm.support.tuning import TUNING

STEPS = 250
RULES = [Static(), STDP(), AstrocyteSTDP(astrocyte_weight=0.2), APSTDP(threshold_hz=3.0, range_hz=2.0)]
rules = pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)


@pytest.fixture(scope="module")
def case():
    """A generated network with weights and 8 rasters that keep it busy for the published 250 ms."""
    network = Network.generate((6, 5, 4), 60, seed=3)
    rates = np.random.default_rng(4).uniform(0, 0.12, (8, 60)).astype(np.float32)
    weights = network.sign * np.float32(2.5)
    return network, weights.astype(np.float32), poisson_rasters(rates, STEPS, 5, np.arange(8))


def liquids(network):
    return [open_liquid(network, engine) for engine in ("event", "tensorflow")]


@rules
def test_engines_agree_over_250_steps(rule, case):
    network, weights, rasters = case
    event, tensorflow = (liquid.present(rasters, weights, rule, record=True) for liquid in liquids(network))
    assert event.counts.sum() > 2000
    np.testing.assert_array_equal(tensorflow.spikes, event.spikes)
    np.testing.assert_array_equal(tensorflow.counts, event.counts)
    np.testing.assert_allclose(tensorflow.weights, event.weights, rtol=0, atol=2e-5)
    assert np.array_equal(event.weights[0], weights) == isinstance(rule, Static)
    if isinstance(rule, AstrocyteSTDP):
        np.testing.assert_allclose(tensorflow.astrocyte, event.astrocyte, rtol=0, atol=1e-6)


@rules
def test_engines_agree_in_initialisation(rule, case):
    network, weights, rasters = case
    snapshots = rasters[:, : STEPS // 20 * 20].reshape(-1, 20, network.n_inputs)  # [96, 20, I]
    states = []
    for liquid in liquids(network):
        state, run = liquid.initialise(snapshots, liquid.initial_state(weights=weights), rule)
        states.append((state.weights, state.traces, state.calcium, run.counts))
    np.testing.assert_array_equal(states[1][3], states[0][3])
    np.testing.assert_allclose(states[1][0], states[0][0], rtol=0, atol=2e-5)
    if not isinstance(rule, Static):  # which reads no traces
        np.testing.assert_allclose(states[1][1], states[0][1], rtol=0, atol=1e-6)
    if isinstance(rule, APSTDP):
        np.testing.assert_allclose(states[1][2], states[0][2], rtol=0, atol=1e-4)


def test_weights_are_changed_in_place(case):
    """The loop holds no second copy of a batch's weights: it never copies one, and makes one a step."""
    from nalsm.liquid import tensorflow_program as program
    from nalsm.liquid.tensorflow_engine import TensorFlowLiquid
    from nalsm.liquid.tensorflow_setup import tensorflow

    tf = tensorflow()
    network, weights, rasters = case
    liquid, rule = TensorFlowLiquid(network), AstrocyteSTDP()
    arguments = (
        False,
        program.Rows(*map(tf.constant, liquid._rows_for(rule)[:-1])),  # all neurons are watched
        *liquid._numbers(rule),
        tf.constant(liquid._as_rows(weights, np.float32)),
        tf.constant(rasters),
        equations_of(rule),
    )
    text = program.present.experimental_get_compiler_ir(*arguments)(stage="optimized_hlo")
    loop = max(re.findall(r"^%\S*(?:body|region)\S* .*?^}", text, re.M | re.S), key=len)
    shape = "f32[{},{},{}]".format(*liquid._shape, len(rasters))
    made = re.findall(rf"= {re.escape(shape)}\S* (\w+)", loop)
    assert made.count("fusion") == 1, made
    assert "copy" not in made


def test_memory_of_a_batch(case, monkeypatch):
    """By hand for 1000 neurons, batch 250, on a GPU: three copies of the padded weights make 0.6 GB at most."""
    network = Network.generate((10, 10, 10), 784, seed=1)
    monkeypatch.setattr(TUNING, "whole_batches", True)
    liquid = open_liquid(network, "tensorflow")
    n_rows, longest = liquid._shape
    assert n_rows == 1000
    assert longest % 16 == 0
    assert longest - 16 < np.bincount(network.post).max() <= longest
    copies = 3 * 250 * 1000 * longest * 4
    assert copies < 0.65e9
    assert copies < liquid.bytes_needed(250, STEPS) < 1.4 * copies
    assert liquid.bytes_needed(50, STEPS) < liquid.bytes_needed(250, STEPS) / 4
    assert open_liquid(case[0], "event").bytes_needed(250, STEPS) == 0


def test_a_gpu_that_is_not_there(monkeypatch):
    if devices.gpu_is_visible():
        pytest.skip("this machine has a GPU")
    said = []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    devices.choose_device(3, said.append)
    assert said == ["there is no GPU 3 on this machine: computing on the CPU"]
    devices.choose_device(-1, said.append)
    assert len(said) == 1
    assert devices.free_memory() > 1e6


def test_free_memory_of_a_gpu(monkeypatch, tmp_path):
    """Asked from nvidia-smi, which comes with the driver; whatever it says instead is no answer."""
    program = tmp_path / "nvidia-smi"
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    assert devices.free_gpu_memory() is None
    for script, answer in (
        ('for a in "$@"; do [ "$a" = --id=2 ] && echo 1024; done', 2**30),
        ("echo N/A", None),
        ("exit 9", None),
        ("true", None),
    ):
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        assert devices.free_gpu_memory() == answer


@pytest.mark.gpu
@rules
def test_a_gpu_gives_the_event_engines_spikes(rule, case):
    network, weights, rasters = case
    event, tensorflow = (liquid.present(rasters, weights, rule, record=True) for liquid in liquids(network))
    np.testing.assert_array_equal(tensorflow.spikes, event.spikes)
    again = open_liquid(network, "tensorflow").present(rasters, weights, rule, record=True)
    np.testing.assert_array_equal(again.weights, tensorflow.weights)
    parts = [open_liquid(network, "tensorflow").present(part, weights, rule) for part in np.split(rasters, [1, 4])]
    np.testing.assert_array_equal(np.concatenate([part.counts for part in parts]), event.counts)


def test_programs_of_other_shapes_are_no_warning():
    logger = tensorflow().get_logger()
    text = "5 out of the last 5 calls to %s triggered tf.function retracing. Tracing is expensive"
    assert not logger.filter(logger.makeRecord("tensorflow", 30, "", 0, text, ("present",), None))
    assert logger.filter(logger.makeRecord("tensorflow", 30, "", 0, "%s is deprecated", ("it",), None))
