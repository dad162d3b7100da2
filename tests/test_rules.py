"""The learning rules: parameters that make sense, and the equations every engine runs."""

import ast
import math
from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path

import numpy as np
import pytest

from nalsm import rules
from nalsm.rules import (
    APSTDP,
    STDP,
    AstrocyteSTDP,
    Rates,
    Rule,
    Static,
    calcium_gates,
    calcium_leak,
    equations_of,
    first_rates,
    next_rates,
    numbers_of,
)

GOLDEN = Path(__file__).parent / "golden"
NO_NUMBERS = (math.nan, math.inf, -math.inf)


def test_constants_of_the_model():
    assert STDP() == STDP(learning_rate=0.15, decay=0.99)
    assert AstrocyteSTDP() == AstrocyteSTDP(learning_rate=0.15, astrocyte_weight=0.015, decay=0.99)
    assert APSTDP().learning_rate == 0.15
    numbers = numbers_of(STDP())
    assert numbers.weight_bound == 3
    assert numbers.trace_step == np.float32(0.1)
    assert numbers.astrocyte_tau_ms == 100
    assert numbers.calcium_tau_ms == 1000
    with np.load(GOLDEN / "readout_and_analysis.npz") as file:
        assert numbers.trace_decay == np.float32(file["trace_decay"])


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


def test_numbers_of_a_rule():
    """Parameters are float32 under their names; those that a rule does not have change nothing."""
    numbers = numbers_of(AstrocyteSTDP(0.25, -2.0, 0.5))
    assert numbers[:9] == (True, False, True, 0.25, -2.0, 0.5, 0, 0, 0.25)
    assert numbers_of(STDP(0.25, 0.5))[:9] == (True, False, False, 0.25, 0, 0.5, 0, 0, 0.25)
    assert numbers_of(APSTDP(0.25, 6, 4))[:9] == (True, True, False, 0.25, 0, 1, 6, 4, 0.25)
    assert numbers_of(Static())[:9] == (False, False, False, 0, 0, 1, 0, 0, 0)
    for rule in (Static(), STDP(), AstrocyteSTDP(), APSTDP()):
        assert {type(value) for value in numbers_of(rule)} == {bool, np.float32}


def test_a_rule_of_ones_own():
    """Its fields may have the names of constants; gates that no engine would call are refused."""

    @dataclass(frozen=True)
    class Own(Rule):
        title = "own"
        learning_rate: float = 0.5
        bias: float = 2.0
        gates = staticmethod(calcium_gates)

    numbers = numbers_of(Own())
    assert (numbers.learning_rate, numbers.own_1, numbers.bias) == (0.5, 2.0, 0.5)
    with pytest.raises(TypeError, match="Own has gates, but they apply with uses_calcium = True only"):
        equations_of(Own())


def astrocyte_step(depression, weight, bias, liquid_spikes, input_spikes):
    """A after one ms, before its decay."""
    rates = Rates(np.float32(0), depression, weight, bias)
    return next_rates(numbers_of(AstrocyteSTDP()), rates, liquid_spikes, input_spikes)[1]


def test_the_astrocyte():
    """A + (u * (liquid - input) + b - A) / 100, in numbers that float32 represents exactly."""
    step = astrocyte_step(np.float32(2), np.float32(0.5), np.float32(3), np.float32(250), np.float32(48))
    assert step == np.float32(2 + (0.5 * 202 + 3 - 2) / 100)
    assert step.dtype == np.float32
    assert astrocyte_step(0.15, 0.015, 0.15, 0.0, 0.0) == pytest.approx(0.15, abs=1e-9), "at rest it stays where it is"
    assert astrocyte_step(0.15, 0.015, 0.15, 9.0, 3.0) > 0.15, "spikes of the liquid raise it"
    assert astrocyte_step(0.0, 0.015, 0.0, 3.0, 900.0) < 0, "spikes of the inputs lower it, below zero as well"


def test_rates_of_a_sample():
    """All rates decay after every ms; without an astrocyte, spikes do not change A."""
    one = np.float32(1)
    numbers = numbers_of(AstrocyteSTDP(0.25, 2.0, 0.5))
    assert first_rates(numbers) == Rates(0.25, 0.25, 2.0, 0.25)
    rates, depression = next_rates(numbers, first_rates(numbers), 51 * one, one)
    assert depression == 1.25  # 0.25 + (2 * 50 + 0.25 - 0.25) / 100
    assert rates == Rates(0.125, 0.625, 1.0, 0.125)
    numbers = numbers_of(STDP(0.25, 0.5))
    assert next_rates(numbers, first_rates(numbers), 51 * one, one) == (Rates(0.125, 0.125, 0, 0.125), 0.25)
    numbers = numbers_of(APSTDP(0.25))
    assert next_rates(numbers, first_rates(numbers), 51 * one, one) == (first_rates(numbers), 0.25)


def test_engines_name_no_rule():
    """Whatever differs between rules is in nalsm/rules.py."""
    for path in Path(rules.__file__).parent.joinpath("liquid").glob("*.py"):
        names = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
        imported = {alias.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)
                    for alias in node.names}  # fmt: skip
        assert not (names | imported) & {"Static", "STDP", "AstrocyteSTDP", "APSTDP"}, path.name


def test_calcium_is_a_rate_in_hz():
    assert calcium_leak(numbers_of(APSTDP()), np.float32(1000)) == 999
    calcium = np.zeros(1, np.float32)
    for ms in range(20_000):
        calcium = calcium_leak(numbers_of(APSTDP()), calcium) + np.float32(ms % 25 == 0)
    assert calcium.dtype == np.float32
    assert calcium[0] == pytest.approx(40, rel=0.02)  # one spike each 25 ms


def test_calcium_gates_are_strict():
    numbers = numbers_of(APSTDP(threshold_hz=6, range_hz=4))
    calcium = np.array([1.9, 2, 2.1, 5.9, 6, 6.1, 9.9, 10, 10.1], np.float32)
    potentiates, depresses = calcium_gates(numbers, calcium)
    assert potentiates.tolist() == [False, False, False, False, False, True, True, False, False]
    assert depresses.tolist() == [False, False, True, True, False, False, False, False, False]


def test_calcium_gates_take_single_numbers():
    """Numba compiles these lines for one neuron at a time."""
    numbers = numbers_of(APSTDP(threshold_hz=37.0, range_hz=23.0))
    assert calcium_gates(numbers, np.float32(37.5)) == (True, False)
    assert calcium_gates(numbers, np.float32(36.5)) == (False, True)
    assert calcium_gates(numbers, np.float32(37.0)) == (False, False)
