"""The learning rules: parameters that make sense, and the equations every engine runs."""

import math
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest

from nalsm import rules
from nalsm.rules import APSTDP, STDP, AstrocyteSTDP, Static, astrocyte_step, calcium_gates, calcium_leak

GOLDEN = Path(__file__).parent / "golden"
NO_NUMBERS = (math.nan, math.inf, -math.inf)


def test_constants_of_the_model():
    assert STDP() == STDP(learning_rate=0.15, decay=0.99)
    assert AstrocyteSTDP() == AstrocyteSTDP(learning_rate=0.15, astrocyte_weight=0.015, decay=0.99)
    assert APSTDP().learning_rate == 0.15
    assert rules.WEIGHT_BOUND == 3
    assert np.float32(0.1) == rules.TRACE_STEP
    assert rules.ASTROCYTE_TAU_MS == 100
    assert rules.CALCIUM_TAU_MS == 1000
    with np.load(GOLDEN / "readout_and_analysis.npz") as file:
        assert np.float32(file["trace_decay"]) == rules.TRACE_DECAY
    for constant in (rules.WEIGHT_BOUND, rules.TRACE_STEP, rules.TRACE_DECAY, rules.ASTROCYTE_TAU_MS):
        assert constant.dtype == np.float32, "a float64 would turn the engines' state into float64"


@pytest.mark.parametrize("kind", [STDP, AstrocyteSTDP, APSTDP])
@pytest.mark.parametrize("rate", [*NO_NUMBERS, -0.15, -1e-300])
def test_learning_rates_that_make_no_sense(kind, rate):
    with pytest.raises(ValueError, match="learning_rate"):
        kind(learning_rate=rate)


@pytest.mark.parametrize("kind", [STDP, AstrocyteSTDP])
@pytest.mark.parametrize("decay", [*NO_NUMBERS, -0.01, 1.0001])
def test_decays_that_make_no_sense(kind, decay):
    with pytest.raises(ValueError, match="decay"):
        kind(decay=decay)


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_other_parameters_that_are_no_numbers(value):
    with pytest.raises(ValueError, match="astrocyte_weight"):
        AstrocyteSTDP(astrocyte_weight=value)
    with pytest.raises(ValueError, match="threshold_hz"):
        APSTDP(threshold_hz=value)
    with pytest.raises(ValueError, match="range_hz"):
        APSTDP(range_hz=value)


@pytest.mark.parametrize("edge", [0, 1, 0.0, 1.0, np.float32(0.5)])
def test_values_at_the_edge_are_fine(edge):
    assert STDP(learning_rate=edge, decay=edge).decay == edge
    assert AstrocyteSTDP(learning_rate=edge, astrocyte_weight=-edge, decay=edge).astrocyte_weight == -edge
    assert APSTDP(learning_rate=edge, threshold_hz=edge, range_hz=edge).range_hz == edge


def test_rules_cannot_be_changed():
    for rule in (STDP(), AstrocyteSTDP(), APSTDP()):
        with pytest.raises(FrozenInstanceError):
            rule.learning_rate = 0.3
    assert Static() == Static()
    assert hash(STDP()) == hash(STDP())


def test_astrocyte_step():
    """A + (u * (liquid - input) + b - A) / 100, in numbers that float32 holds exactly."""
    step = astrocyte_step(np.float32(2), np.float32(0.5), np.float32(3), np.float32(250), np.float32(48))
    assert step == np.float32(2 + (0.5 * 202 + 3 - 2) / 100)
    assert step.dtype == np.float32
    assert astrocyte_step(0.15, 0.015, 0.15, 0.0, 0.0) == pytest.approx(0.15, abs=1e-9), "at rest it stays where it is"
    assert astrocyte_step(0.15, 0.015, 0.15, 9.0, 3.0) > 0.15, "spikes of the liquid raise it"
    assert astrocyte_step(0.0, 0.015, 0.0, 3.0, 900.0) < 0, "spikes of the inputs lower it, below zero as well"


def test_calcium_is_a_rate_in_hz():
    assert calcium_leak(np.float32(1000)) == 999
    calcium = np.zeros(1, np.float32)
    for ms in range(20_000):
        calcium = calcium_leak(calcium) + np.float32(ms % 25 == 0)
    assert calcium.dtype == np.float32
    assert calcium[0] == pytest.approx(40, rel=0.02)  # one spike each 25 ms


def test_calcium_gates_are_strict():
    theta, width = np.float32(6), np.float32(4)
    calcium = np.array([1.9, 2, 2.1, 5.9, 6, 6.1, 9.9, 10, 10.1], np.float32)
    potentiates, depresses = calcium_gates(calcium, theta, width)
    assert potentiates.tolist() == [False, False, False, False, False, True, True, False, False]
    assert depresses.tolist() == [False, False, True, True, False, False, False, False, False]


def test_calcium_gates_take_single_numbers():
    """The engines compile these lines for one neuron at a time."""
    assert calcium_gates(37.5, 37.0, 23.0) == (True, False)
    assert calcium_gates(36.5, 37.0, 23.0) == (False, True)
    assert calcium_gates(37.0, 37.0, 23.0) == (False, False)
