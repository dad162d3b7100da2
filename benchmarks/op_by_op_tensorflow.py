"""The liquid as a plain TensorFlow program: what the engines of nalsm are compared with.

Written the way a GPU program of TensorFlow 1's time would be: a list of synapses with a table of their
pre- and one of their post-synaptic neurons, a gather for whatever a synapse reads of a neuron, a
scatter-add for the currents, one call for each operation of each ms, nothing compiled and nothing
fused. Every synapse is computed in every step, whether or not anything reaches it.

The steps and their order are those of Ivanov and Michmizos (NeurIPS 2021); learning rule: NALSM's.
"""

import numpy as np

from nalsm.liquid.tensorflow_setup import quiet_stderr

with quiet_stderr():
    import tensorflow as tf

THRESHOLD = 20.0
MEMBRANE_TAU = 64.0
INPUT_CURRENT = 100.0
KERNEL_DECAY = np.float32(np.exp(-1.0))
TRACE_DECAY = 0.9047744744744745
TRACE_STEP = 0.1
ASTROCYTE_TAU = 100.0
BOUND = 3.0


def present(network, weights, rasters, rule, samples_first=True):
    """Run every sample on its own copy of the weights, all samples at once.

    network : nalsm.network.Network of R liquid and I input neurons, N = R + I, with S synapses
    weights : float32 [S]; rasters : bool or uint8 [B, T, I]; rule : nalsm.rules.AstrocyteSTDP
    samples_first : arrays are [B, N] and [B, S], the usual layout; False: [N, B] and [S, B], where a
        gather moves whole rows
    Returns uint16 [B, R], spikes of each liquid neuron. Memory: about 10 arrays of float32 [B, S].
    The comments on shapes are for samples_first.
    """
    batch, steps, n_inputs = rasters.shape
    n_liquid, n_neurons = network.n_liquid, network.n_neurons
    axis = 1 if samples_first else 0  # of neurons and of synapses

    def laid_out(array):
        return tf.constant(np.ascontiguousarray(array if samples_first else np.swapaxes(array, 0, -1)))

    pre, post = tf.constant(network.pre), tf.constant(network.post)  # int32 [S]
    if samples_first:
        target, n_targets = tf.range(batch)[:, None] * n_liquid + post, batch * n_liquid  # [B, S], place in [B * R]
    else:
        target, n_targets = post, n_liquid
    inhibitory, is_input = network.is_inhibitory[None], network.is_input[None]  # inputs' weights may change sign
    low = laid_out(np.where(is_input | inhibitory, -BOUND, 0.0).astype(np.float32))  # [1, S]
    high = laid_out(np.where(inhibitory, 0.0, BOUND).astype(np.float32))
    inhibitory = laid_out(inhibitory)
    pulses = [laid_out(INPUT_CURRENT * rasters[:, t].astype(np.float32)) for t in range(steps)]  # [B, I] each

    weights = laid_out(np.tile(np.asarray(weights, np.float32), (batch, 1)))  # [B, S]
    potential = refractory = kernel = trace = laid_out(np.zeros((batch, n_neurons), np.float32))
    counts = laid_out(np.zeros((batch, n_liquid), np.float32))
    rate = depression = bias = tf.constant(rule.learning_rate)
    astrocyte_weight = tf.constant(rule.astrocyte_weight)

    for t in range(steps):
        spikes = tf.logical_and(refractory <= 0.0, potential >= THRESHOLD)
        spiked = tf.cast(spikes, tf.float32)  # [B, N]
        liquid_spiked, input_spiked = tf.split(spiked, [n_liquid, n_inputs], axis=axis)
        potential = tf.where(spikes, 0.0, potential)
        counts += liquid_spiked

        kernel = tf.where(spikes, 1.0, kernel)
        arriving = weights * tf.gather(kernel, pre, axis=axis)  # [B, S]
        current = tf.math.unsorted_segment_sum(arriving, target, n_targets)
        current = tf.concat([tf.reshape(current, liquid_spiked.shape), pulses[t]], axis=axis)  # [B, N]
        potential = potential + current - potential / MEMBRANE_TAU
        kernel = kernel * KERNEL_DECAY
        refractory = tf.where(spikes, 2.0, refractory - 1.0)

        pre_spiked, post_spiked = tf.gather(spiked, pre, axis=axis), tf.gather(spiked, post, axis=axis)  # [B, S]
        pre_trace, post_trace = tf.gather(trace, pre, axis=axis), tf.gather(trace, post, axis=axis)
        on_post, on_pre = post_spiked * pre_trace, pre_spiked * post_trace
        change = tf.where(inhibitory, rate * on_pre - depression * on_post, rate * on_post - depression * on_pre)
        weights = tf.minimum(tf.maximum(weights + change, low), high)
        trace = TRACE_DECAY * (trace + TRACE_STEP * spiked)

        surplus = tf.reduce_sum(liquid_spiked, axis, keepdims=True) - tf.reduce_sum(input_spiked, axis, keepdims=True)
        depression = depression + (astrocyte_weight * surplus + bias - depression) / ASTROCYTE_TAU  # [B, 1]
        rate, depression, bias = rate * rule.decay, depression * rule.decay, bias * rule.decay
        astrocyte_weight = astrocyte_weight * rule.decay

    counts = counts.numpy().astype(np.uint16)
    return counts if samples_first else counts.T
