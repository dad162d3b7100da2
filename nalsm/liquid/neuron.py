"""Constants of the leaky integrate-and-fire neurons and their synapses; one step is 1 ms.

Source: Ivanov and Michmizos, NeurIPS 2021, section 3 and supplement.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nalsm.support.constants import Constants, constant

f32 = np.float32
_LARGEST = 1e6
_MARGIN = 1.001  # far above what the rounding of a decaying potential can do


@dataclass(frozen=True)
class NeuronConstants(Constants):
    """The constants of neurons, with their published values. Raises ValueError for values outside their ranges."""

    heading = "neurons and synapses"
    membrane_tau_ms: float = constant(64.0, "time constant of the membrane potential", 1, _LARGEST, unit="ms")
    threshold: float = constant(20.0, "potential at or above which a neuron spikes; it is reset to 0", 1e-6, _LARGEST)
    refractory_ms: int = constant(2, "after a spike, how long none can follow", 0, 100, unit="ms", whole=True)
    input_pulse: float = constant(
        100.0, "current of a pulse into an input neuron; above threshold, a pulse is a spike 1 ms later", 0, _LARGEST
    )
    synapse_tau_ms: float = constant(
        1.0, "time constant tau of synaptic currents, exp(-t / tau) / tau after a spike", 0.01, _LARGEST, unit="ms"
    )


PUBLISHED = NeuronConstants()


class NeuronNumbers(NamedTuple):
    """The constants as the engines read them.

    scaled_threshold : the threshold in units of kernel_peak
    kernel_peak : of a synaptic current, at the spike; kernel_decay : its factor after every ms
    interval_ms : shortest interval between two spikes of a neuron
    pulse_spikes : a pulse into an input neuron is a spike, in the first ms in which the neuron can spike
    """

    membrane_tau_ms: np.float32
    threshold: np.float32
    scaled_threshold: np.float32
    input_pulse: np.float32
    kernel_peak: np.float32
    kernel_decay: np.float32
    interval_ms: int
    pulse_spikes: bool


def numbers_of(constants: NeuronConstants) -> NeuronNumbers:
    """Return the constants as the engines read them."""
    left = constants.input_pulse * (1 - 1 / constants.membrane_tau_ms) ** constants.refractory_ms
    return NeuronNumbers(
        f32(constants.membrane_tau_ms),
        f32(constants.threshold),
        f32(constants.threshold * constants.synapse_tau_ms),
        f32(constants.input_pulse),
        f32(1 / constants.synapse_tau_ms),
        f32(math.exp(-1 / constants.synapse_tau_ms)),
        int(constants.refractory_ms) + 1,
        left >= _MARGIN * constants.threshold,
    )
