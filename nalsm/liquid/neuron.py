"""Constants of the leaky integrate-and-fire neurons and their synapses; one step is 1 ms.

Source: Ivanov and Michmizos, NeurIPS 2021, section 3 and supplement.
"""

import numpy as np

f32 = np.float32

MEMBRANE_TAU_MS = f32(64.0)
THRESHOLD = f32(20.0)  # a neuron at or above it spikes, and is reset to 0
MIN_INTERVAL_MS = 3  # between two spikes of a neuron, which is refractory for 2 ms
INPUT_PULSE = f32(100.0)  # external current; far above threshold, so a pulse is a spike 1 ms later
SYNAPSE_DECAY = f32(np.exp(-1.0))  # of the synaptic current, per ms: its time constant is 1 ms
