"""The learning rules: parameters, equations, and everything else that differs between them.

S_i is 1 if neuron i spikes in this step, x_i is its STDP trace, eta the potentiation rate and A the
depression rate. A synapse j -> i changes by

    pre-synaptic neuron      on a post spike (S_i = 1)    on a pre spike (S_j = 1)
    excitatory or input      + eta * x_j                  - A * x_i
    inhibitory               - A * x_j                    + eta * x_i

Both terms are added, then the weight is clipped once to its bounds. The trace follows as
x <- m * (x + 0.1 * S). The rules differ in where A comes from and in when a term counts:

    Static          never
    STDP            A = eta
    AstrocyteSTDP   A is the state of an astrocyte, one per sample (`next_rates`)
    APSTDP          A = eta; a term counts only while the post-synaptic calcium allows it (`calcium_gates`)

Both engines run the functions of this module on their own arrays: Numba compiles them for single
numbers, TensorFlow traces them with tensors. So they are plain arithmetic on their arguments, and they
branch only on the flags of `RuleNumbers`.

A rule of your own is a frozen dataclass that inherits from `Rule` and sets its flags, in any module. If its
rates or gates follow other equations, it has its own `rates` or `gates`. docs/extending.md has an example and
says which rules need more.

Source: V. A. Ivanov and K. P. Michmizos, "Increasing Liquid State Machine Performance with
Edge-of-Chaos Dynamics Organized by Astrocyte-modulated Plasticity", NeurIPS 2021, sections 2 and 3
and the supplement; the decay of the traces is that of the authors' program.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np

from nalsm.support.constants import Constants, constant

f32 = np.float32

LARGEST = 1e6  # upper bound on parameters and weights, so that nothing overflows float32
_PUBLISHED_TRACE_TAU_MS = 10.0
_PUBLISHED_TRACE_DECAY = 0.9047744744744745  # the authors' program computes exp(-1/10) on a grid


@dataclass(frozen=True)
class RuleConstants(Constants):
    """The constants of plasticity, with their published values; a rule contains those that it was made with.

    Raises ValueError for values outside their ranges.
    """

    heading = "plasticity"
    potentiation_rate: float = constant(
        0.15, "eta, the rate of potentiation; without an astrocyte also A, that of depression", 0, LARGEST
    )
    presentation_decay: float = constant(
        0.99, "factor of all rates after every ms while a sample is presented (1: no decay)", 0, 1
    )
    weight_bound: float = constant(
        3.0, "largest absolute weight; liquid synapses keep their sign, input synapses may cross zero", 0, LARGEST
    )
    trace_step: float = constant(0.1, "what a spike adds to the STDP trace of its neuron", 0, LARGEST)
    trace_tau_ms: float = constant(
        _PUBLISHED_TRACE_TAU_MS, "time constant of the STDP traces", 0.01, LARGEST, unit="ms"
    )
    astrocyte_tau_ms: float = constant(100.0, "time constant of the astrocyte", 1, LARGEST, unit="ms")
    astrocyte_bias: float | None = constant(
        None, "b, the bias of the astrocyte, and A at the start of a sample", -LARGEST, LARGEST,
        default_text="potentiation_rate",
    )  # fmt: skip
    calcium_tau_ms: float = constant(
        1000.0, "time constant of calcium, which reads as a rate in Hz at 1000", 1, LARGEST, unit="ms"
    )

    @property
    def trace_decay(self) -> float:
        """Factor of a trace after every ms."""
        if self.trace_tau_ms == _PUBLISHED_TRACE_TAU_MS:
            return _PUBLISHED_TRACE_DECAY
        return math.exp(-1 / self.trace_tau_ms)


PUBLISHED = RuleConstants()


@dataclass(frozen=True)
class Rule:
    """What all rules share: their name on pages, and flags that tell an engine which state a rule needs.

    constants : RuleConstants; those that are parameters of a rule count as the rule has them
    title : English name of the rule
    learns : the rule changes weights, and so reads the STDP traces
    uses_calcium : the gates of `calcium_gates`, or the rule's own, apply
    has_astrocyte : A is the state of an astrocyte, which a recording contains
    gates, rates : functions in place of `calcium_gates` and `next_rates`, with their arguments and results; None: these

    The parameters of a rule are its fields. Those that no rule below has are own_1 to own_4 of `RuleNumbers`, in order.
    """

    title: ClassVar[str]
    learns: ClassVar[bool] = True
    uses_calcium: ClassVar[bool] = False
    has_astrocyte: ClassVar[bool] = False
    gates: ClassVar[Callable | None] = None
    rates: ClassVar[Callable | None] = None

    constants: RuleConstants = field(default=PUBLISHED, kw_only=True, repr=False)


@dataclass(frozen=True)
class Static(Rule):
    """Weights stay as they are."""

    title = "static weights"
    learns = False


@dataclass(frozen=True)
class STDP(Rule):
    """Spike-timing-dependent plasticity with equal rates, A = eta.

    learning_rate : eta and A at the start of every sample, 0..1e6
    decay : factor of both rates after every ms, 0..1 (1: no decay)
    Raises ValueError for values outside these ranges.
    """

    title = "STDP"
    learning_rate: float = PUBLISHED.potentiation_rate
    decay: float = PUBLISHED.presentation_decay

    def __post_init__(self) -> None:
        _require_range("learning_rate", self.learning_rate, 0, LARGEST)
        _require_range("decay", self.decay, 0, 1)


@dataclass(frozen=True)
class AstrocyteSTDP(Rule):
    """STDP whose depression rate is the state of one astrocyte that watches all neurons (NALSM).

    learning_rate : eta, and unless the constants say otherwise A and its bias b at the start of every sample, 0..1e6
    astrocyte_weight : u of `next_rates` at the start of every sample (ASTRO_W_SCALING at the prompt), -1e6..1e6
    decay : factor of eta, A, u and b after every ms, 0..1 (1: no decay)
    Raises ValueError for values outside these ranges.
    """

    title = "astrocyte-modulated STDP"
    has_astrocyte = True
    learning_rate: float = PUBLISHED.potentiation_rate
    astrocyte_weight: float = 0.015
    decay: float = PUBLISHED.presentation_decay

    def __post_init__(self) -> None:
        _require_range("learning_rate", self.learning_rate, 0, LARGEST)
        _require_range("astrocyte_weight", self.astrocyte_weight, -LARGEST, LARGEST)
        _require_range("decay", self.decay, 0, 1)


@dataclass(frozen=True)
class APSTDP(Rule):
    """STDP gated by the activity of the post-synaptic neuron, read from its calcium in Hz.

    learning_rate : eta and A, 0..1e6
    threshold_hz, range_hz : limits of `calcium_gates` in Hz, -1e6..1e6
    Raises ValueError for values outside these ranges.
    """

    title = "activity-gated STDP"
    uses_calcium = True
    learning_rate: float = PUBLISHED.potentiation_rate
    threshold_hz: float = 37.0
    range_hz: float = 23.0

    def __post_init__(self) -> None:
        _require_range("learning_rate", self.learning_rate, 0, LARGEST)
        _require_range("threshold_hz", self.threshold_hz, -LARGEST, LARGEST)
        _require_range("range_hz", self.range_hz, -LARGEST, LARGEST)


class RuleNumbers(NamedTuple):
    """A rule as the engines read it: its flags, and its parameters as float32.

    A rule without one of the parameters has the default, which changes nothing.
    """

    learns: bool
    uses_calcium: bool
    has_astrocyte: bool
    learning_rate: np.float32 = f32(0)
    astrocyte_weight: np.float32 = f32(0)
    decay: np.float32 = f32(1)
    threshold_hz: np.float32 = f32(0)
    range_hz: np.float32 = f32(0)
    bias: np.float32 = f32(0)
    weight_bound: np.float32 = f32(PUBLISHED.weight_bound)
    trace_step: np.float32 = f32(PUBLISHED.trace_step)
    trace_decay: np.float32 = f32(PUBLISHED.trace_decay)
    astrocyte_tau_ms: np.float32 = f32(PUBLISHED.astrocyte_tau_ms)
    calcium_tau_ms: np.float32 = f32(PUBLISHED.calcium_tau_ms)
    own_1: np.float32 = f32(0)
    own_2: np.float32 = f32(0)
    own_3: np.float32 = f32(0)
    own_4: np.float32 = f32(0)


_SHARED = ("learning_rate", "astrocyte_weight", "decay", "threshold_hz", "range_hz")
_OWN = ("own_1", "own_2", "own_3", "own_4")


class Rates(NamedTuple):
    """The rates of one ms in one sample, or in a batch if an engine puts arrays into the fields.

    potentiation, depression : eta and A of the module's docstring
    astrocyte_weight, bias : u and b of `next_rates`
    """

    potentiation: Any
    depression: Any
    astrocyte_weight: Any
    bias: Any


def numbers_of(rule: Rule) -> RuleNumbers:
    """Return the rule as the engines read it; raises TypeError if it has too many parameters of its own."""
    constants = rule.constants
    given = {name: f32(value) for name, value in vars(rule).items() if name != "constants"}
    own = [name for name in given if name not in _SHARED]
    if len(own) > len(_OWN):
        raise TypeError(f"{rule.title} has the parameters {', '.join(own)}; a rule can have {len(_OWN)} of its own")
    names = dict(zip(own, _OWN, strict=False))
    parameters = {names.get(name, name): value for name, value in given.items()}
    bias = constants.astrocyte_bias if rule.has_astrocyte else None
    return RuleNumbers(
        rule.learns,
        rule.uses_calcium,
        rule.has_astrocyte,
        **parameters,
        bias=parameters.get("learning_rate", f32(0)) if bias is None else f32(bias),
        **{
            name: f32(getattr(constants, name))
            for name in ("weight_bound", "trace_step", "trace_decay", "astrocyte_tau_ms", "calcium_tau_ms")
        },
    )


def first_rates(numbers: RuleNumbers) -> Rates:
    """Return the rates at the start of a sample."""
    return Rates(numbers.learning_rate, numbers.bias, numbers.astrocyte_weight, numbers.bias)


def next_rates(numbers: RuleNumbers, rates: Rates, liquid_spikes: Any, input_spikes: Any) -> tuple[Rates, Any]:
    """Return (the rates of the next ms, A of this ms before its decay).

    An astrocyte changes A to A + (u * (liquid_spikes - input_spikes) + b - A) / tau; then all rates decay.

    liquid_spikes, input_spikes : float32, how many neurons of each group spike in this ms
    """
    depression = rates.depression
    if numbers.has_astrocyte:
        drive = rates.astrocyte_weight * (liquid_spikes - input_spikes) + rates.bias
        depression = depression + (drive - depression) / numbers.astrocyte_tau_ms
    decay = numbers.decay
    decayed = Rates(rates.potentiation * decay, depression * decay, rates.astrocyte_weight * decay, rates.bias * decay)
    return decayed, depression


def calcium_leak(numbers: RuleNumbers, calcium: Any) -> Any:
    """Return the calcium after one ms without a spike; a spike of the neuron then adds 1."""
    return calcium - calcium / numbers.calcium_tau_ms


def calcium_gates(numbers: RuleNumbers, calcium: Any) -> tuple[Any, Any]:
    """Return the factors of eta and of A for post-synaptic calcium in Hz, here true (1) or false (0).

    Above the threshold only positive terms count, below it only negative ones, and none at a
    distance of the range or more. All comparisons are strict.
    """
    threshold, width = numbers.threshold_hz, numbers.range_hz
    potentiates = (threshold < calcium) & (calcium < threshold + width)
    depresses = (threshold - width < calcium) & (calcium < threshold)
    return potentiates, depresses


class Equations(NamedTuple):
    """The functions of a rule: those above, or its own."""

    gates: Callable = calcium_gates
    rates: Callable = next_rates


def equations_of(rule: Rule) -> Equations:
    """Return the functions of a rule; raises TypeError if it has gates that nothing would call."""
    kind = type(rule)
    if kind.gates and not kind.uses_calcium:
        raise TypeError(f"{kind.__name__} has gates, but they apply with uses_calcium = True only")
    return Equations(kind.gates or calcium_gates, kind.rates or next_rates)


def _require_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}, not {value}")
