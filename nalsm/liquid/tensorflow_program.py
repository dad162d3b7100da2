"""The liquid's time loop as one program, which XLA compiles for a GPU or the CPU.

Synapses are stored in rows [R, K]: row i contains the incoming synapses of liquid neuron i, padded to the
length of the longest row. So "post" is a broadcast, "pre" a gather along the neurons, and the current a sum
over K. Nothing is scattered, and no two threads ever add to the same number. The samples of a batch are the
last axis of every array, so they are neighbours in memory.

    R liquid neurons, I inputs, N = R + I, K synapses in a row, B samples, T steps of 1 ms
"""

from functools import partial, reduce
from operator import add
from typing import Any, NamedTuple

import numpy as np

from nalsm.liquid.neuron import NeuronNumbers
from nalsm.liquid.tensorflow_setup import tensorflow
from nalsm.rules import Equations, Rates, RuleNumbers, calcium_leak, first_rates

tf = tensorflow()
f32 = np.float32
FOLD = 16  # K is a multiple of it
COMPILED_CONSTANTS = ("trace_step", "trace_decay", "astrocyte_tau_ms", "calcium_tau_ms")


class Rows(NamedTuple):
    """The network; both bounds of the padding are 0, so its weights stay 0.

    pre : int32 [R, K], pre-synaptic neurons
    inhibitory : bool [R, K], type of the pre-synaptic neuron
    low, high : float32 [R, K], bounds of the weight
    watched : float32 [N], 1 for neurons that the astrocyte watches; None: all
    """

    pre: Any
    inhibitory: Any
    low: Any
    high: Any
    watched: Any = None


class State(NamedTuple):
    """Everything that a step changes.

    weights : float32 [R, K, B], or [R, K, 1] for all samples if nothing learns
    potential, kernel, trace : float32 [N, B]; wait : int8 [N, B], ms until a spike is possible again
    calcium : float32 [R, B]; counts : int32 [R, B]; fired : bool [N, B], spikes of this step
    """

    weights: Any
    potential: Any
    wait: Any
    kernel: Any
    trace: Any
    calcium: Any
    counts: Any
    fired: Any
    rates: Rates  # float32 [], depression [B]


@partial(tf.function, jit_compile=True, autograph=False)
def present(
    record: bool,
    rows: Rows,
    neuron: NeuronNumbers,
    numbers: RuleNumbers,
    weights: Any,
    rasters: Any,
    equations: Equations,
) -> Any:
    """Run samples side by side, each from fresh state and the same weights.

    record : bool
    neuron, numbers : Python numbers in them are constants of the compiled program: all of NeuronNumbers, the flags of
        RuleNumbers and its COMPILED_CONSTANTS
    weights : float32 [R, K]; rasters : uint8 [B, T, I]
    equations : functions of the rule
    Returns (counts uint16 [B, R], Recording or None).
    """
    (n_liquid, _), (n, _, n_inputs) = rows.pre.shape, rasters.shape
    copies = n if numbers.learns else 1
    state = _fresh(
        tf.repeat(weights[:, :, None], copies, axis=2),
        tf.zeros((n_liquid + n_inputs, n)),
        tf.zeros((n_liquid, n)),
        numbers,
    )
    state, recording = _run(rows, neuron, numbers, state, tf.transpose(rasters, (1, 2, 0)), record, equations)
    return _as_counts(state), recording


class Carried(NamedTuple):
    """What initialisation carries from sample to sample: float32 [R, K], [N], [R]."""

    weights: Any
    trace: Any
    calcium: Any

    @classmethod
    def of(cls, state: State) -> "Carried":
        """Return the part of the state of one sample that carries over."""
        return cls(state.weights[:, :, 0], state.trace[:, 0], state.calcium[:, 0])


@partial(tf.function, jit_compile=True, autograph=False)
def initialise(
    rows: Rows,
    neuron: NeuronNumbers,
    numbers: RuleNumbers,
    carried: "Carried",
    rasters: Any,
    n_samples: Any,
    equations: Equations,
) -> Any:
    """Run samples one after another.

    carried : Carried; rasters : uint8 [most, T, I], of which the first n_samples are run
    Returns (Carried, counts uint16 [most, R]).
    """

    def sample(number, carried, counts):
        start = _fresh_sample(carried, numbers)
        state, _ = _run(rows, neuron, numbers, start, rasters[number][:, :, None], False, equations)
        return number + 1, Carried.of(state), tf.tensor_scatter_nd_update(counts, [[number]], _as_counts(state))

    counts = tf.zeros((rasters.shape[0], rows.pre.shape[0]), tf.uint16)
    start = tf.constant(0), carried, counts
    _, carried, counts = tf.while_loop(lambda number, *_: number < n_samples, sample, start)
    return carried, counts


@partial(tf.function, jit_compile=True, autograph=False)
def initialise_recorded(
    rows: Rows,
    neuron: NeuronNumbers,
    numbers: RuleNumbers,
    carried: "Carried",
    raster: Any,
    equations: Equations,
) -> Any:
    """Run one sample as `initialise` does; return (Carried, counts uint16 [1, R], Recording).

    raster : uint8 [T, I]
    """
    start = _fresh_sample(carried, numbers)
    state, recording = _run(rows, neuron, numbers, start, raster[:, :, None], True, equations)
    return Carried.of(state), _as_counts(state), recording


class Recording(NamedTuple):
    """The recording of all samples.

    spikes : uint8 [T, ceil(N / 8), B], one bit for each neuron
    weights : float32 [R, K, B], or [R, K, 1] for all samples if nothing learns
    astrocyte : float32 [T, B]
    """

    spikes: Any
    weights: Any
    astrocyte: Any


def _fresh(weights, trace, calcium, numbers):
    n = trace.shape[1]
    zeros = tf.zeros_like(trace)
    rates = first_rates(numbers)
    return State(
        weights,
        potential=zeros,
        wait=tf.zeros(trace.shape, tf.int8),
        kernel=zeros,
        trace=trace,
        calcium=calcium,
        counts=tf.zeros(calcium.shape, tf.int32),
        fired=tf.zeros(trace.shape, tf.bool),
        rates=rates._replace(depression=tf.fill((n,), rates.depression)),
    )


def _fresh_sample(carried, numbers):
    weights, trace, calcium = (values[..., None] for values in carried)
    return _fresh(weights, trace, calcium, numbers)


def _as_counts(state):
    return tf.cast(tf.transpose(state.counts), tf.uint16)  # [B, R]


def _run(rows, neuron, numbers, state, pulses, record, equations):
    """Run all steps of pulses (uint8 [T, I, B]); return (State, Recording or None).

    Each turn of the loop first learns from the step before it, then computes its own spikes. So weights are
    changed before they are read, and the compiler can change them in place.
    """
    (n, n_samples), steps = state.trace.shape, pulses.shape[0]
    spikes = tf.zeros((steps, -(-n // 8), n_samples), tf.uint8) if record else ()
    astrocyte = tf.zeros((steps, n_samples)) if record else ()

    def fire(t, state, spikes):
        state = _fire(rows, neuron, numbers, state, tf.cast(pulses[t] != 0, tf.float32))
        return state, tf.tensor_scatter_nd_update(spikes, [[t]], _packed(state.fired)[None]) if record else ()

    def learn(t, state, astrocyte):
        state, depression = _learn(rows, numbers, equations, state)
        return state, tf.tensor_scatter_nd_update(astrocyte, [[t]], depression[None]) if record else ()

    def turn(t, state, spikes, astrocyte):
        state, astrocyte = learn(t - 1, state, astrocyte)
        state, spikes = fire(t, state, spikes)
        return t + 1, state, spikes, astrocyte

    if steps:
        state, spikes = fire(0, state, spikes)
        start = tf.constant(1), state, spikes, astrocyte
        _, state, spikes, astrocyte = tf.while_loop(lambda t, *_: t < steps, turn, start)
        state, astrocyte = learn(steps - 1, state, astrocyte)
    return state, Recording(spikes, state.weights, astrocyte) if record else None


def _packed(fired):
    """bool [N, P] -> uint8 [ceil(N / 8), P], the first neuron in the highest bit as np.unpackbits expects."""
    n, p = fired.shape
    padded = tf.pad(fired, ((0, -n % 8), (0, 0)))
    bits = tf.cast(tf.reshape(padded, (-1, 8, p)), tf.int32) * tf.reshape(2 ** tf.range(7, -1, -1), (1, 8, 1))
    return tf.cast(tf.reduce_sum(bits, axis=1), tf.uint8)


def _fire(rows, neuron, numbers, state, pulses):
    """Spikes, potentials and currents of one ms: steps 1 to 6 of the model, calcium after step 2."""
    n_liquid = rows.pre.shape[0]
    fired = (state.wait <= 0) & (state.potential >= neuron.threshold)
    calcium = state.calcium
    if numbers.uses_calcium:
        calcium = calcium_leak(numbers, calcium) + tf.cast(fired[:n_liquid], tf.float32)
    kernel = tf.where(fired, f32(neuron.kernel_peak), state.kernel)
    external = tf.concat([_current(state.weights, kernel, rows.pre), neuron.input_pulse * pulses], 0)
    potential = tf.where(fired, f32(0), state.potential)
    return state._replace(
        potential=potential + external - potential / neuron.membrane_tau_ms,
        wait=tf.where(fired, tf.constant(neuron.interval_ms - 1, tf.int8), tf.maximum(state.wait, 1) - 1),
        kernel=kernel * neuron.kernel_decay,
        calcium=calcium,
        counts=state.counts + tf.cast(fired[:n_liquid], tf.int32),
        fired=fired,
    )


def _learn(rows, numbers, equations, state):
    """Weights, traces and rates after the spikes of one ms: steps 7 to 9; return (State, A before its decay [B])."""
    n_fired, n_liquid = tf.cast(state.fired, tf.float32), rows.pre.shape[0]
    if rows.watched is not None:
        n_fired *= rows.watched[:, None]
    rates, depression = equations.rates(
        numbers, state.rates, tf.reduce_sum(n_fired[:n_liquid], axis=0), tf.reduce_sum(n_fired[n_liquid:], axis=0)
    )
    state = state._replace(
        weights=_learned(rows, numbers, equations, state) if numbers.learns else state.weights,
        trace=numbers.trace_decay * (state.trace + numbers.trace_step * tf.cast(state.fired, tf.float32)),
        rates=rates,
    )
    return state, depression


def _current(weights, kernel, pre):
    """Return sum_j w_ij g_j [R, B]: FOLD slices added in order, then a sum too short to be split between threads."""
    width = pre.shape[1] // FOLD
    parts = (slice(k * width, (k + 1) * width) for k in range(FOLD))
    folded = reduce(add, (weights[:, part] * tf.gather(kernel, pre[:, part]) for part in parts))  # [R, K / FOLD, B]
    return tf.reduce_sum(folded, axis=1)


def _learned(rows, numbers, equations, state):
    """Return the weights [R, K, B] after one step."""
    n_liquid = rows.pre.shape[0]
    up, down = state.rates.potentiation, state.rates.depression
    if numbers.uses_calcium:
        gates = equations.gates(numbers, state.calcium)
        factors = (tf.broadcast_to(tf.cast(gate, tf.float32), state.calcium.shape)[:, None, :] for gate in gates)
        up, down = (rate * factor for rate, factor in zip((up, down), factors, strict=True))  # [R, 1, B]
    pre_fired, pre_trace = tf.gather(state.fired, rows.pre), tf.gather(state.trace, rows.pre)  # [R, K, B]
    post_fired, post_trace = state.fired[:n_liquid, None, :], state.trace[:n_liquid, None, :]  # [R, 1, B]
    inhibitory = rows.inhibitory[:, :, None]
    zero = f32(0)
    at_post = tf.where(post_fired, tf.where(inhibitory, -down, up) * pre_trace, zero)
    at_pre = tf.where(pre_fired, tf.where(inhibitory, up, -down) * post_trace, zero)
    changed = state.weights + (at_post + at_pre)
    return tf.clip_by_value(changed, rows.low[:, :, None], rows.high[:, :, None])
