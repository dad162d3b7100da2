"""The event-driven loops of the CPU engine, compiled by Numba.

A weight changes only when its pre- or post-synaptic neuron spikes, and the current into a neuron
can be carried along instead of being summed afresh: with g_j the kernel of a pre-synaptic neuron,

    I_i(t) = sum_j w_ij g_j(t)

decays by exp(-1 / tau) a ms, tau = 1 ms. A spike of j lifts g_j to 1 and so I_i by w_ij (1 - g_j), and a
change dw of a weight adds dw * g_j. Potentials of the liquid are in units of 1 / tau, the factor of all kernels.
So the cost of a step is proportional to its spikes.

Two passes do the work of a step. The pre pass walks the outgoing synapses of each spiking neuron. Weights
are stored in this order, so a row is contiguous. If the post-synaptic neuron spikes as well, the pass adds
both terms of the learning rule. The post pass walks the incoming synapses of each spiking liquid neuron
through an index. It does not change synapses whose pre-synaptic neuron spikes too, because the traces of
these neurons read 0 during the pass. So every synapse is clipped once a step, as in the model.

Indices are unsigned throughout, so Numba omits the test for negative ones.
"""

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import njit

from nalsm.liquid.neuron import NeuronNumbers
from nalsm.rules import (
    Equations,
    Rule,
    RuleNumbers,
    calcium_gates,
    calcium_leak,
    first_rates,
    next_rates,
    numbers_of,
)
from nalsm.support.bits import trailing_zeros
from nalsm.support.compiling import callback, compiled

f32 = np.float32
ZERO, ONE = f32(0.0), f32(1.0)
ONE_BIT = np.uint64(1)
# Kernels and traces below it are set to 0: their contribution is lost in the rounding of any weight or
# potential, and arithmetic on numbers below 1e-38 is slow.
NEGLIGIBLE = f32(1e-20)

_first_rates = njit(first_rates)
_next_rates = njit(next_rates)
_calcium_gates = njit(calcium_gates)
_calcium_leak = njit(calcium_leak)


class Projection(NamedTuple):
    """Synapses from one group of neurons onto the liquid, in the order of (pre, post).

    out_start : uint32 [n_pre + 1], where the row of each pre-synaptic neuron begins
    post : uint32 [S], post-synaptic neurons
    in_start : uint32 [R + 1], where the entries of each post-synaptic neuron begin in in_place and in_pre
    in_place : uint32 [S], places of its synapses in `post`
    in_pre : uint32 [S], pre-synaptic neurons of these synapses, ascending
    """

    out_start: np.ndarray
    post: np.ndarray
    in_start: np.ndarray
    in_place: np.ndarray
    in_pre: np.ndarray


class Wiring(NamedTuple):
    """The whole network: synapses among liquid neurons, synapses of the inputs, and what the astrocyte watches.

    neuron : constants of all neurons
    watched, watched_inputs : uint8 [R], [n_inputs], 1 for neurons that the astrocyte watches; both empty: all
    """

    liquid: Projection
    inputs: Projection
    n_exc: int
    neuron: NeuronNumbers
    watched: np.ndarray
    watched_inputs: np.ndarray


class Source(NamedTuple):
    """State of a group of pre-synaptic neurons and of their synapses.

    weights : float32 [S], in the order of the projection; trace, kernel : float32 [n_pre]
    """

    weights: np.ndarray
    trace: np.ndarray
    kernel: np.ndarray


class Neurons(NamedTuple):
    """State of the liquid neurons, by post-synaptic neuron.

    potential, current : float32 [R]
    change : float32 [R], what the weight changes of this step add to the current of the next step
    above : uint8 [R, padded to whole words], 1 if the potential is at or above the threshold
    ready : int32 [same], first step in which the neuron may spike again
    calcium : float32 [R]
    potentiates, depresses : float32 [R], factors of such terms, from the rule's gates
    exc_slope, exc_offset, inh_slope, inh_offset : float32 [R]; the pre pass changes a weight by
        slope_i * x_j + offset_i, by type of the pre-synaptic neuron
    """

    potential: np.ndarray
    current: np.ndarray
    change: np.ndarray
    above: np.ndarray
    ready: np.ndarray
    calcium: np.ndarray
    potentiates: np.ndarray
    depresses: np.ndarray
    exc_slope: np.ndarray
    exc_offset: np.ndarray
    inh_slope: np.ndarray
    inh_offset: np.ndarray


class InputSpikes(NamedTuple):
    """Spikes of the input neurons; in step t the neurons[start[t]:start[t + 1]] (uint32) spike."""

    start: np.ndarray
    neurons: np.ndarray


class Recording(NamedTuple):
    """Arrays that the kernels record a sample in; with empty arrays they record nothing.

    spikes : uint8 [T, N], of which the liquid's part is written
    astrocyte : float32 [T], A of each step before its decay
    """

    spikes: np.ndarray
    astrocyte: np.ndarray


# ---- the equations of a rule ------------------------------------------------------------------------
# Kernels call those of other modules through addresses, so that they are compiled once for all rules.

_NUMBERS, _RATES = numba.typeof(numbers_of(Rule())), numba.typeof(first_rates(numbers_of(Rule())))
_VALUES = numba.types.Array(numba.float32, 1, "C")
_GATES = numba.types.void(_NUMBERS, _VALUES, _VALUES, _VALUES)
_NEXT_RATES = numba.types.Tuple((_RATES, numba.float32))(_NUMBERS, _RATES, numba.float32, numba.float32)


class Addresses(NamedTuple):
    """The equations of a rule that are not those of `nalsm.rules`.

    own_gates, own_rates : the rule has such equations; if not, the kernels use those that are compiled into them
    gates : (numbers, calcium, potentiates, depresses : float32 [R]) fills the last two; rates : as `next_rates`
    """

    own_gates: bool
    own_rates: bool
    gates: Any
    rates: Any


@njit
def _gates_of_all(numbers, calcium, potentiates, depresses):
    for i in range(len(calcium)):
        potentiates[i], depresses[i] = _calcium_gates(numbers, calcium[i])


_HERE = Path(__file__)
_PLAIN = getattr(_gates_of_all, "py_func", _gates_of_all)  # itself where Numba's compiler is switched off
_KNOWN = Addresses(
    False, False, callback(_PLAIN, _GATES, _HERE), callback(next_rates, _NEXT_RATES, _HERE)
)  # fmt: skip


@cache
def addresses_of(equations: Equations) -> Addresses:
    """Return the equations of a rule as the kernels take them; those of other modules are compiled."""
    addresses = _KNOWN
    if equations.gates is not calcium_gates:
        of_one = njit(equations.gates)

        def of_all(numbers, calcium, potentiates, depresses):
            for i in range(len(calcium)):
                potentiates[i], depresses[i] = of_one(numbers, calcium[i])

        addresses = addresses._replace(own_gates=True, gates=numba.cfunc(_GATES)(of_all))
    if equations.rates is not next_rates:
        addresses = addresses._replace(own_rates=True, rates=numba.cfunc(_NEXT_RATES)(equations.rates))
    return addresses


# ---- input spikes ---------------------------------------------------------------------------------


@compiled
def schedule_input_spikes(raster: np.ndarray, neuron: NeuronNumbers) -> InputSpikes:
    """Turn a raster (uint8 [T, n_inputs], contiguous) into the spikes of the input neurons."""
    steps, n_inputs = raster.shape
    capacity = n_inputs * (steps // neuron.interval_ms + 1)
    due = np.empty(capacity, dtype=np.uint32)
    source = np.empty(capacity, dtype=np.uint32)
    start = np.zeros(steps + 1, dtype=np.uint32)
    if neuron.pulse_spikes:
        n = _spikes_of_pulses(raster, neuron, due, source, start)
    else:
        n = _spikes_of_potentials(raster, neuron, due, source, start)
    for t in range(steps):
        start[t + 1] += start[t]
    neurons = np.empty(n, dtype=np.uint32)
    fill = start.copy()
    for k in range(n):
        neurons[fill[due[k]]] = source[k]
        fill[due[k]] += 1
    return InputSpikes(start, neurons)


@njit
def _list_filled(words, filled):
    """List the words that are not 0 in `filled` (uint64, room for one more than all); return how many they are.

    Without a branch, because the processor cannot foresee which words they are.
    """
    n = 0
    for word in range(len(words)):
        filled[n] = word
        n += words[word] != 0
    return n


@njit
def _spikes_of_pulses(raster, neuron, due, source, start):
    """Fill `due` and `source` with times and neurons, and start[t + 1] with their number; return how many there are.

    A pulse lifts its neuron over the threshold. The neuron spikes in the next step or, while it is
    refractory, in the first step it can. Pulses that arrive before that are part of the same spike.
    """
    steps, n_inputs = raster.shape
    last = np.full(n_inputs, -neuron.interval_ms, dtype=np.int32)  # last spike, or the one already due
    padded = np.zeros((n_inputs + 7) // 8 * 8, dtype=np.uint8)
    words = padded.view(np.uint64)
    filled = np.empty(len(words) + 1, dtype=np.uint64)
    n = 0
    for t in range(steps):
        for j in range(n_inputs):
            padded[j] = raster[t, j] != 0
        for k in range(_list_filled(words, filled)):
            pulses = words[filled[k]]
            while True:
                j = np.uint64(8) * filled[k] + (trailing_zeros(pulses) >> np.uint64(3))
                pulses &= pulses - ONE_BIT
                if last[j] <= t:
                    spike = max(t + 1, last[j] + neuron.interval_ms)
                    last[j] = spike
                    if spike < steps:
                        due[n] = spike
                        source[n] = j
                        start[spike + 1] += 1
                        n += 1
                if not pulses:
                    break
    return n


@njit
def _spikes_of_potentials(raster, neuron, due, source, start):
    """The same for pulses that may be too weak for a spike each: the potentials are computed, as in the liquid."""
    steps, n_inputs = raster.shape
    potential, ready = np.zeros(n_inputs, dtype=np.float32), np.zeros(n_inputs, dtype=np.int32)
    n = 0
    for t in range(steps):
        for j in range(n_inputs):
            v = potential[j]
            if v >= neuron.threshold and ready[j] <= t:
                v = ZERO
                ready[j] = t + neuron.interval_ms
                due[n] = t
                source[n] = j
                start[t + 1] += 1
                n += 1
            potential[j] = v + (neuron.input_pulse if raster[t, j] else ZERO) - v / neuron.membrane_tau_ms
    return n


@compiled
def number_active(spikes: InputSpikes, n_inputs: int) -> tuple[InputSpikes, np.ndarray]:
    """Number the inputs that spike at all; return (the spikes in these numbers, the active inputs: uint32)."""
    number = np.zeros(n_inputs, dtype=np.uint32)
    for j in spikes.neurons:
        number[j] = 1
    active = np.flatnonzero(number).astype(np.uint32)
    for k in range(len(active)):
        number[active[k]] = k
    return InputSpikes(spikes.start, number[spikes.neurons]), active


@compiled
def keep_active(projection: Projection, active: np.ndarray) -> Projection:
    """Return the part of a projection whose pre-synaptic neurons are `active` (uint32, ascending).

    Its pre-synaptic neurons are numbered by their place in `active`.
    """
    n_post = len(projection.in_start) - 1
    out_start = np.zeros(len(active) + 1, dtype=np.uint32)
    for k in range(len(active)):
        row = projection.out_start[active[k] + 1] - projection.out_start[active[k]]
        out_start[k + 1] = out_start[k] + row
    post = gather_rows(projection, active, projection.post)
    in_start = np.zeros(n_post + 1, dtype=np.uint32)
    for i in post:
        in_start[i + 1] += 1
    for i in range(n_post):
        in_start[i + 1] += in_start[i]
    in_place = np.empty_like(post)
    in_pre = np.empty_like(post)
    fill = in_start[:-1].copy()
    for j in range(len(active)):
        for k in range(out_start[j], out_start[j + 1]):
            entry = fill[post[k]]
            in_place[entry] = k
            in_pre[entry] = j
            fill[post[k]] = entry + 1
    return Projection(out_start, post, in_start, in_place, in_pre)


@compiled
def gather_rows(projection: Projection, active: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the values ([S]) of the rows of `active`, one row after another."""
    size = 0
    for j in active:
        size += projection.out_start[j + 1] - projection.out_start[j]
    rows = np.empty(size, dtype=values.dtype)
    n = 0
    for j in active:
        begin, end = projection.out_start[j], projection.out_start[j + 1]
        rows[n : n + end - begin] = values[begin:end]
        n += end - begin
    return rows


@compiled
def scatter_rows(projection: Projection, active: np.ndarray, rows: np.ndarray, values: np.ndarray) -> None:
    """Copy `rows`, as returned by `gather_rows`, back into `values`."""
    n = 0
    for j in active:
        begin, end = projection.out_start[j], projection.out_start[j + 1]
        values[begin:end] = rows[n : n + end - begin]
        n += end - begin


# ---- one step -------------------------------------------------------------------------------------


@njit
def _find_spikes(neurons, t, spiking, filled):
    """List the spiking liquid neurons in `spiking`, ascending; return how many they are."""
    n = 0
    words = neurons.above.view(np.uint64)
    for k in range(_list_filled(words, filled)):
        above = words[filled[k]]
        while True:
            i = np.uint64(8) * filled[k] + (trailing_zeros(above) >> np.uint64(3))
            spiking[n] = i
            n += neurons.ready[i] <= t
            above &= above - ONE_BIT
            if not above:
                break
    return n


@njit
def _reset(neurons, t, interval_ms, spiking, n_spiking, counts, recording):
    for k in range(n_spiking):
        i = spiking[k]
        neurons.potential[i] = ZERO
        neurons.ready[i] = t + interval_ms
        counts[i] += 1
        if len(recording.spikes):
            recording.spikes[t, i] = 1


@njit
def _lift_kernels(source, spiking, n_spiking):
    for k in range(n_spiking):
        source.kernel[spiking[k]] = ONE


@njit
def _update_calcium(neurons, numbers, equations, spiking, n_spiking):
    for i in range(len(neurons.calcium)):
        neurons.calcium[i] = _calcium_leak(numbers, neurons.calcium[i])
    for k in range(n_spiking):
        neurons.calcium[spiking[k]] += ONE
    if equations.own_gates:
        equations.gates(numbers, neurons.calcium, neurons.potentiates, neurons.depresses)
    else:
        _gates_of_all(numbers, neurons.calcium, neurons.potentiates, neurons.depresses)


@njit
def _prepare_changes(neurons, trace, spiking, n_spiking, rates):
    """Set the slopes and offsets of the pre pass."""
    potentiation, depression = rates.potentiation, rates.depression
    for i in range(len(trace)):
        neurons.exc_offset[i] = -depression * neurons.depresses[i] * trace[i]
        neurons.inh_offset[i] = potentiation * neurons.potentiates[i] * trace[i]
    for k in range(n_spiking):
        i = spiking[k]
        neurons.exc_slope[i] = potentiation * neurons.potentiates[i]
        neurons.inh_slope[i] = -depression * neurons.depresses[i]


@njit
def _send(j, projection, source, neurons):
    """Add a spike of neuron j to the currents, without learning."""
    lift = ONE - source.kernel[j]
    for k in range(np.uintp(projection.out_start[j]), np.uintp(projection.out_start[j + 1])):
        neurons.current[projection.post[k]] += source.weights[k] * lift


@njit
def _send_and_learn(j, projection, source, neurons, slope, offset, low, high):
    """The pre pass for neuron j: add its spike to the currents and change its synapses.

    The current of this step uses the weights before the change.
    """
    lift, trace = ONE - source.kernel[j], source.trace[j]
    for k in range(np.uintp(projection.out_start[j]), np.uintp(projection.out_start[j + 1])):
        i = projection.post[k]
        old = source.weights[k]
        new = old + (slope[i] * trace + offset[i])
        new = min(max(new, low), high)
        source.weights[k] = new
        neurons.current[i] += old * lift
        neurons.change[i] += new - old


@njit
def _learn_from_liquid(i, wiring, source, exc_rate, inh_rate, bound):
    """The post pass for neuron i and the liquid; return what the changes add to its next current."""
    into = wiring.liquid
    added = ZERO
    for k in range(np.uintp(into.in_start[i]), np.uintp(into.in_start[i + 1])):
        j = into.in_pre[k]
        excitatory = j < wiring.n_exc
        low = ZERO if excitatory else -bound
        old = source.weights[into.in_place[k]]
        new = old + (exc_rate if excitatory else inh_rate) * source.trace[j]
        new = min(max(new, low), low + bound)
        source.weights[into.in_place[k]] = new
        added += (new - old) * source.kernel[j]
    return added


@njit
def _learn_from_inputs(i, into, source, rate, bound):
    """The post pass for neuron i and the inputs; return what the changes add to its next current."""
    added = ZERO
    for k in range(np.uintp(into.in_start[i]), np.uintp(into.in_start[i + 1])):
        j = into.in_pre[k]
        old = source.weights[into.in_place[k]]
        new = old + rate * source.trace[j]
        new = min(max(new, -bound), bound)
        source.weights[into.in_place[k]] = new
        added += (new - old) * source.kernel[j]
    return added


@njit
def _hide_traces(source, spiking, n_spiking, hidden):
    for k in range(n_spiking):
        hidden[k] = source.trace[spiking[k]]
        source.trace[spiking[k]] = ZERO


@njit
def _update_traces(source, numbers, spiking, n_spiking, hidden):
    for k in range(n_spiking):
        source.trace[spiking[k]] = hidden[k] + numbers.trace_step
    _decay(source.trace, numbers.trace_decay)


@njit
def _decay(values, factor):
    for k in range(len(values)):
        value = values[k] * factor
        values[k] = value if value > NEGLIGIBLE else ZERO


@njit
def _n_watched(watched, spiking, n_spiking):
    """Return how many of the spiking neurons the astrocyte watches; an empty `watched` means all."""
    if len(watched) == 0:
        return n_spiking
    n = 0
    for k in range(n_spiking):
        n += watched[spiking[k]]
    return n


@njit
def _advance_potentials(neurons, constants):
    for i in range(len(neurons.potential)):
        v = neurons.potential[i]
        v = v + neurons.current[i] - v / constants.membrane_tau_ms
        neurons.potential[i] = v
        neurons.above[i] = v >= constants.scaled_threshold
        neurons.current[i] = (neurons.current[i] + neurons.change[i]) * constants.kernel_decay
        neurons.change[i] = ZERO


# ---- one sample -----------------------------------------------------------------------------------


@njit
def fresh_neurons(calcium: np.ndarray) -> Neurons:
    """Return the state of the liquid neurons at the start of a sample; calcium is used in place."""
    n = len(calcium)
    padded = (n + 7) // 8 * 8
    zeros = np.zeros((7, n), dtype=np.float32)
    ones = np.ones((2, n), dtype=np.float32)
    above, ready = np.zeros(padded, dtype=np.uint8), np.zeros(padded, dtype=np.int32)
    return Neurons(
        zeros[0], zeros[1], zeros[2], above, ready, calcium, ones[0], ones[1], zeros[3], zeros[4], zeros[5], zeros[6]
    )  # fmt: skip


@njit
def fresh_source(weights: np.ndarray, n_pre: int) -> Source:
    """Return a group of pre-synaptic neurons that has never spiked; weights are used in place."""
    return Source(weights, np.zeros(n_pre, dtype=np.float32), np.zeros(n_pre, dtype=np.float32))


@njit
def _send_all(wiring, liquid, inputs, neurons, spiking, n_spiking, arriving):
    for k in range(n_spiking):
        _send(spiking[k], wiring.liquid, liquid, neurons)
    for k in range(len(arriving)):
        _send(arriving[k], wiring.inputs, inputs, neurons)


@njit
def _pre_pass(wiring, liquid, inputs, neurons, spiking, n_spiking, arriving, bound):
    exc, inh = (neurons.exc_slope, neurons.exc_offset), (neurons.inh_slope, neurons.inh_offset)
    for k in range(n_spiking):
        if spiking[k] < wiring.n_exc:
            _send_and_learn(spiking[k], wiring.liquid, liquid, neurons, *exc, ZERO, bound)
        else:
            _send_and_learn(spiking[k], wiring.liquid, liquid, neurons, *inh, -bound, ZERO)
    for k in range(len(arriving)):
        _send_and_learn(arriving[k], wiring.inputs, inputs, neurons, *exc, -bound, bound)


@njit
def _post_pass(wiring, liquid, inputs, neurons, spiking, n_spiking, bound):
    for k in range(n_spiking):
        i = spiking[k]
        exc_rate, inh_rate = neurons.exc_slope[i], neurons.inh_slope[i]
        neurons.change[i] += _learn_from_liquid(i, wiring, liquid, exc_rate, inh_rate, bound)
        neurons.change[i] += _learn_from_inputs(i, wiring.inputs, inputs, exc_rate, bound)
        neurons.exc_slope[i] = neurons.inh_slope[i] = ZERO


# branches on `numbers` are taken once a step, never inside a loop over synapses
@compiled
def run_sample(
    wiring: Wiring,
    liquid: Source,
    inputs: Source,
    input_spikes: InputSpikes,
    calcium: np.ndarray,
    numbers: RuleNumbers,
    equations: Addresses,
    counts: np.ndarray,
    recording: Recording,
) -> None:
    """Run one sample, T steps from a fresh state of potentials, kernels and astrocyte.

    liquid, inputs : weights and traces are changed in place
    calcium : float32 [R], changed in place if the rule uses it
    equations : result of `addresses_of`
    counts : uint16 [R], set to the spikes of each liquid neuron
    """
    neurons = fresh_neurons(calcium)
    spiking = np.empty(len(neurons.above) + 1, dtype=np.uint32)
    filled = np.empty(len(neurons.above) // 8 + 1, dtype=np.uint64)
    hidden, hidden_inputs = np.empty_like(liquid.trace), np.empty_like(inputs.trace)
    liquid.kernel[:] = ZERO
    inputs.kernel[:] = ZERO
    counts[:] = 0
    rates = _first_rates(numbers)
    neuron, bound = wiring.neuron, numbers.weight_bound

    for t in range(len(input_spikes.start) - 1):
        n_spiking = _find_spikes(neurons, t, spiking, filled)
        _reset(neurons, t, neuron.interval_ms, spiking, n_spiking, counts, recording)
        arriving = input_spikes.neurons[input_spikes.start[t] : input_spikes.start[t + 1]]
        if numbers.uses_calcium:
            _update_calcium(neurons, numbers, equations, spiking, n_spiking)

        if numbers.learns:
            _prepare_changes(neurons, liquid.trace, spiking, n_spiking, rates)
            _pre_pass(wiring, liquid, inputs, neurons, spiking, n_spiking, arriving, bound)
        else:
            _send_all(wiring, liquid, inputs, neurons, spiking, n_spiking, arriving)
        _lift_kernels(liquid, spiking, n_spiking)
        _lift_kernels(inputs, arriving, len(arriving))

        if numbers.learns:
            _hide_traces(liquid, spiking, n_spiking, hidden)
            _hide_traces(inputs, arriving, len(arriving), hidden_inputs)
            _post_pass(wiring, liquid, inputs, neurons, spiking, n_spiking, bound)
            _update_traces(liquid, numbers, spiking, n_spiking, hidden)
            _update_traces(inputs, numbers, arriving, len(arriving), hidden_inputs)

        _advance_potentials(neurons, neuron)
        _decay(liquid.kernel, neuron.kernel_decay)
        _decay(inputs.kernel, neuron.kernel_decay)
        n_liquid = f32(_n_watched(wiring.watched, spiking, n_spiking))
        n_inputs = f32(_n_watched(wiring.watched_inputs, arriving, len(arriving)))
        if equations.own_rates:
            rates, depression = equations.rates(numbers, rates, n_liquid, n_inputs)
        else:
            rates, depression = _next_rates(numbers, rates, n_liquid, n_inputs)
        if len(recording.astrocyte):
            recording.astrocyte[t] = depression


@compiled
def initialise_samples(
    wiring: Wiring,
    liquid: Source,
    inputs: Source,
    rasters: np.ndarray,
    calcium: np.ndarray,
    numbers: RuleNumbers,
    equations: Addresses,
    counts: np.ndarray,
    recording: Recording,
) -> None:
    """Run samples one after another, in place; rasters uint8 [n, T, n_inputs], counts uint16 [n, R]."""
    for sample in range(len(rasters)):
        spikes = schedule_input_spikes(rasters[sample], wiring.neuron)
        run_sample(wiring, liquid, inputs, spikes, calcium, numbers, equations, counts[sample], recording)


@compiled
def present_sample(
    wiring: Wiring,
    liquid_weights: np.ndarray,
    input_weights: np.ndarray,
    raster: np.ndarray,
    numbers: RuleNumbers,
    equations: Addresses,
    counts: np.ndarray,
    recording: Recording,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Run one sample on its own copy of the weights.

    The copy omits inputs that never spike: without a trace their synapses cannot change.
    Returns (liquid weights, weights of the active inputs' rows, active inputs).
    """
    spikes, active = number_active(schedule_input_spikes(raster, wiring.neuron), raster.shape[1])
    watched_inputs = wiring.watched_inputs[active] if len(wiring.watched_inputs) else wiring.watched_inputs
    own_wiring = Wiring(
        wiring.liquid, keep_active(wiring.inputs, active), wiring.n_exc, wiring.neuron, wiring.watched, watched_inputs
    )  # fmt: skip
    liquid = fresh_source(liquid_weights.copy(), counts.shape[0])
    inputs = fresh_source(gather_rows(wiring.inputs, active, input_weights), len(active))
    calcium = np.zeros(counts.shape[0], dtype=np.float32)
    run_sample(own_wiring, liquid, inputs, spikes, calcium, numbers, equations, counts, recording)
    return liquid.weights, inputs.weights, active


@compiled
def present_samples(
    wiring: Wiring,
    liquid_weights: np.ndarray,
    input_weights: np.ndarray,
    rasters: np.ndarray,
    numbers: RuleNumbers,
    equations: Addresses,
    counts: np.ndarray,
    recording: Recording,
) -> None:
    """Run samples independently of each other; rasters uint8 [n, T, n_inputs], counts uint16 [n, R]."""
    for sample in range(len(rasters)):
        present_sample(
            wiring, liquid_weights, input_weights, rasters[sample], numbers, equations, counts[sample], recording
        )
