"""Plasticity of the liquid: the learning rules, their parameters and their equations.

S_i is 1 where neuron i spikes in this step, x_i its STDP trace, eta the potentiation rate and A the
depression rate. A synapse j -> i changes by

    pre-synaptic neuron      on a post spike (S_i = 1)    on a pre spike (S_j = 1)
    excitatory or input      + eta * x_j                  - A * x_i
    inhibitory               - A * x_j                    + eta * x_i

Both terms are added, then the weight is clipped once to its bounds. The trace follows as
x <- m * (x + 0.1 * S). What the rules differ in is where A comes from and when a term counts:

    Static          never
    STDP            A = eta
    AstrocyteSTDP   A is the astrocyte's state, one per sample (`astrocyte_step`)
    APSTDP          A = eta; a term counts only while the post-synaptic calcium allows it (`calcium_gates`)

The functions below are plain arithmetic, so that every engine runs these very lines.

Source: V. A. Ivanov and K. P. Michmizos, "Increasing Liquid State Machine Performance with
Edge-of-Chaos Dynamics Organized by Astrocyte-modulated Plasticity", NeurIPS 2021, sections 2 and 3
and the supplement; the value of TRACE_DECAY is that of the authors' program.
"""

from dataclasses import dataclass

import numpy as np

f32 = np.float32

LARGEST = 1e6  # of any number of a rule, and of any weight: what is computed from them stays far below float32's end
LEARNING_RATE = 0.15
PRESENTATION_DECAY = 0.99  # of the rates, per ms, while a sample is presented

TRACE_DECAY = f32(0.9047744744744745)  # per ms; close to exp(-1/10)
TRACE_STEP = f32(0.1)  # added to a neuron's trace by its spike
WEIGHT_BOUND = f32(3.0)  # liquid synapses keep their sign within it, input synapses may cross zero
ASTROCYTE_TAU_MS = f32(100.0)
CALCIUM_TAU_MS = f32(1000.0)  # one second, so that calcium reads as a rate in Hz


@dataclass(frozen=True)
class Static:
    """Weights stay as they are."""


@dataclass(frozen=True)
class STDP:
    """Spike-timing-dependent plasticity with equal rates, A = eta = `learning_rate`.

    `decay` multiplies the rate after every ms (1: none); it starts afresh at every sample.
    """

    learning_rate: float = LEARNING_RATE
    decay: float = PRESENTATION_DECAY

    def __post_init__(self):
        _require_rates(self.learning_rate, self.decay)


@dataclass(frozen=True)
class AstrocyteSTDP:
    """STDP whose depression rate is the state of one astrocyte that watches all neurons (NALSM).

    `astrocyte_weight` is u of `astrocyte_step` (ASTRO_W_SCALING at the prompt); A and its bias b
    start at `learning_rate`. `decay` multiplies eta, A, u and b after every ms (1: none).
    """

    learning_rate: float = LEARNING_RATE
    astrocyte_weight: float = 0.015
    decay: float = PRESENTATION_DECAY

    def __post_init__(self):
        _require_rates(self.learning_rate, self.decay)
        if not abs(self.astrocyte_weight) <= LARGEST:
            raise ValueError(f"astrocyte_weight must lie in {-LARGEST:g}..{LARGEST:g}, not {self.astrocyte_weight}")


@dataclass(frozen=True)
class APSTDP:
    """STDP gated by the activity of the post-synaptic neuron, read from its calcium in Hz."""

    learning_rate: float = LEARNING_RATE
    threshold_hz: float = 37.0
    range_hz: float = 23.0

    def __post_init__(self):
        _require_rates(self.learning_rate, 1.0)
        if not (abs(self.threshold_hz) <= LARGEST and abs(self.range_hz) <= LARGEST):
            raise ValueError(f"threshold_hz and range_hz must lie in {-LARGEST:g}..{LARGEST:g}")


Rule = Static | STDP | AstrocyteSTDP | APSTDP


def astrocyte_step(depression, astrocyte_weight, bias, liquid_spikes, input_spikes):
    """A after one ms: A + (u * (liquid spikes - input spikes) + b - A) / tau."""
    drive = astrocyte_weight * (liquid_spikes - input_spikes) + bias
    return depression + (drive - depression) / ASTROCYTE_TAU_MS


def calcium_leak(calcium):
    """Calcium after one ms without a spike; a spike of the neuron then adds 1."""
    return calcium - calcium / CALCIUM_TAU_MS


def calcium_gates(calcium, threshold, width):
    """Return (potentiation counts, depression counts) for post-synaptic calcium in Hz.

    Above the threshold only positive terms count, below it only negative ones, and none at a
    distance of `width` or more. All comparisons are strict.
    """
    potentiates = (threshold < calcium) & (calcium < threshold + width)
    depresses = (threshold - width < calcium) & (calcium < threshold)
    return potentiates, depresses


def _require_rates(learning_rate, decay):
    if not 0 <= learning_rate <= LARGEST:
        raise ValueError(f"learning_rate must be a number from 0 to {LARGEST:g}, not {learning_rate}")
    if not 0 <= decay <= 1:
        raise ValueError(f"decay must lie in 0..1, not {decay}")
