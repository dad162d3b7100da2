"""The liquid: one interface, one engine for each kind of machine.

An engine holds a network and offers `initial_state`, `initialise` and `present`; rules come from
`nalsm.rules`, rasters from `nalsm.encoding`. All engines give the same spikes.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nalsm.liquid.neuron import MIN_INTERVAL_MS
from nalsm.rules import LARGEST, WEIGHT_BOUND, Rule

MOST_STEPS = int(MIN_INTERVAL_MS) * np.iinfo(np.uint16).max  # a count is uint16


@dataclass
class LiquidState:
    """What initialisation carries from one snapshot to the next.

    weights : float32 [S], in the network's order
    traces : float32 [N], STDP traces of liquid and input neurons
    calcium : float32 [R], in Hz
    """

    weights: np.ndarray
    traces: np.ndarray
    calcium: np.ndarray


@dataclass
class Run:
    """What a liquid did with n samples.

    counts : uint16 [n, R], spikes of each liquid neuron in each sample
    For the recorded samples only, else None:
    spikes : bool [n_recorded, T, N], liquid neurons first, then inputs
    weights : float32 [n_recorded, S], at the end of each sample
    astrocyte : float32 [n_recorded, T], the depression rate A after each step and before its decay;
        None for rules without an astrocyte
    """

    counts: np.ndarray
    spikes: np.ndarray | None = None
    weights: np.ndarray | None = None
    astrocyte: np.ndarray | None = None


class Liquid(ABC):
    """A network ready to run; `engine` names the way it is done.

    Neurons follow sections 2 and 3 of Ivanov and Michmizos (NeurIPS 2021) in steps of 1 ms; see
    `nalsm.rules` for plasticity and `nalsm.liquid.neuron` for the constants.
    """

    engine: str

    def __init__(self, network):
        self.network = network
        free = network.is_input
        self._lowest = np.where(free | (network.sign < 0), -WEIGHT_BOUND, 0)  # [S]
        self._highest = np.where(free | (network.sign > 0), WEIGHT_BOUND, 0)

    def initial_state(self, absolute_weight=None, weights=None):
        """Return the state before initialisation: weights, and traces and calcium of 0.

        absolute_weight : the size of every weight, its sign being the network's; or
        weights : float32 [S], in the network's order
        Raises ValueError unless exactly one of them is given, and for a wrong shape.
        """
        network = self.network
        if (absolute_weight is None) == (weights is None):
            raise ValueError("give either absolute_weight or weights")
        if weights is None:
            weights = network.sign * float(absolute_weight)
            self._check_weights(weights)  # as float64, which has room for any number
        weights = np.array(weights, dtype=np.float32)
        self._check_weights(weights)
        return LiquidState(weights, np.zeros(network.n_neurons, np.float32), np.zeros(network.n_liquid, np.float32))

    @abstractmethod
    def initialise(self, rasters, state, rule, record=False):
        """Run samples one after another: weights, traces and calcium carry over, all else starts afresh.

        rasters : bool or uint8 [n, T, n_inputs], 1 where an input gets a pulse
        state : LiquidState, left as it is
        record : True, False or the numbers of the samples to record
        Returns (LiquidState, Run). Raises ValueError for shapes that do not fit the network, and for
        weights outside the bounds of a rule that changes them.
        """

    @abstractmethod
    def present(self, rasters, weights, rule, record=False):
        """Run each sample on its own copy of the weights and from a fresh state.

        rasters : bool or uint8 [n, T, n_inputs], 1 where an input gets a pulse
        weights : float32 [S], in the network's order, left as they are
        record : True, False or the numbers of the samples to record
        Returns Run. Raises ValueError as `initialise` does.
        """

    def bytes_needed(self, batch_size, steps):
        """Return the memory that presenting a batch takes on the engine's device beside the rasters, or 0: little."""
        return 0

    def _prepare(self, rasters, weights, rule, record):
        """Check the arguments; return (rasters uint8 contiguous, empty Run, {sample: place in the record})."""
        network = self.network
        rasters = np.asarray(rasters)
        if rasters.ndim != 3 or rasters.shape[2] != network.n_inputs:
            raise ValueError(f"rasters have the shape {rasters.shape}, wanted is [samples, steps, {network.n_inputs}]")
        if rasters.dtype not in (np.bool_, np.uint8):
            raise ValueError(f"rasters must be bool or uint8, not {rasters.dtype}")
        if rasters.shape[1] > MOST_STEPS:
            raise ValueError(f"rasters of {rasters.shape[1]} steps: counts of more than {MOST_STEPS} may overflow")
        rasters = np.ascontiguousarray(rasters).view(np.uint8)
        self._check_weights(weights)
        if not isinstance(rule, Rule):
            raise TypeError(f"{rule!r} is not a learning rule")
        if rule.learns and not np.all((self._lowest <= weights) & (weights <= self._highest)):
            raise ValueError(
                f"weights are outside the bounds of {rule.title}: 0 to {WEIGHT_BOUND:g} with the network's sign, "
                f"-{WEIGHT_BOUND:g} to {WEIGHT_BOUND:g} for inputs"
            )

        n, steps, _ = rasters.shape
        samples = [*range(n)] if record is True else [] if record is False else [int(sample) for sample in record]
        places = {sample: place for place, sample in enumerate(samples)}
        if len(places) < len(samples) or not all(0 <= sample < n for sample in places):
            raise ValueError(f"record names samples twice, or samples outside 0..{n - 1}")
        run = Run(counts=np.zeros((n, network.n_liquid), np.uint16))
        if record is not False:
            run.spikes = np.zeros((len(places), steps, network.n_neurons), bool)
            run.weights = np.zeros((len(places), network.n_synapses), np.float32)
            if rule.has_astrocyte:
                run.astrocyte = np.zeros((len(places), steps), np.float32)
        return rasters, run, places

    def _check_weights(self, weights):
        if np.shape(weights) != (self.network.n_synapses,):
            raise ValueError(
                f"weights have the shape {np.shape(weights)}, the network has {self.network.n_synapses} synapses"
            )
        if not np.all(np.abs(weights) <= LARGEST):
            raise ValueError(f"weights must be finite numbers, from {-LARGEST:g} to {LARGEST:g}")

    def _check_state(self, state):
        shapes = np.shape(state.traces), np.shape(state.calcium)
        wanted = (self.network.n_neurons,), (self.network.n_liquid,)
        if shapes != wanted:
            raise ValueError(f"traces and calcium have the shapes {shapes}, wanted are {wanted}")


def stretches(n, places, longest):
    """Cut 0..n-1 into slices of up to `longest`, every recorded sample (key of places) on its own."""
    borders = sorted({0, n, *places, *(sample + 1 for sample in places)})
    for begin, end in pairwise(borders):
        for first in range(begin, end, longest):
            yield slice(first, min(first + longest, end))
