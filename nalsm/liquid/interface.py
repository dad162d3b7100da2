"""What every engine offers, and the checks of its arguments."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nalsm.liquid.neuron import PUBLISHED, NeuronConstants, numbers_of
from nalsm.network import Network
from nalsm.rules import LARGEST, Rule

Record = bool | Sequence[int]


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
    """The spike counts of n samples, and what was recorded.

    counts : uint16 [n, R], spikes of each liquid neuron in each sample
    The rest is None if nothing was recorded:
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
    """A network that can be run; the subclasses are the engines, and `engine` is their name.

    Neurons follow sections 2 and 3 of Ivanov and Michmizos (NeurIPS 2021) in steps of 1 ms; see
    `nalsm.rules` for plasticity and `nalsm.liquid.neuron` for the constants. In shapes, R is the number of
    liquid neurons, N that of all neurons, S that of synapses, T that of steps.
    """

    engine: str
    threads: int
    watched: np.ndarray | None  # bool [N], the neurons whose spikes an astrocyte counts; None: all
    neuron: NeuronConstants

    def __init__(
        self, network: Network, watched: np.ndarray | None = None, neuron: NeuronConstants = PUBLISHED
    ) -> None:
        self.network = network
        self.neuron = neuron
        self._neuron = numbers_of(neuron)
        self.watched = None if watched is None else np.asarray(watched, bool)
        if self.watched is not None and self.watched.shape != (network.n_neurons,):
            raise ValueError(f"watched has the shape {self.watched.shape}, the network has {network.n_neurons} neurons")

    @property
    def most_steps(self) -> int:
        """The most steps of a sample: a count is uint16."""
        return self._neuron.interval_ms * np.iinfo(np.uint16).max

    def _bounds(self, rule: Rule) -> tuple[np.ndarray, np.ndarray]:
        """Return the smallest and the largest weight of each synapse: float32 [S], [S]."""
        free, sign, bound = self.network.is_input, self.network.sign, np.float32(rule.constants.weight_bound)
        return np.where(free | (sign < 0), -bound, np.float32(0)), np.where(free | (sign > 0), bound, np.float32(0))

    def initial_state(self, absolute_weight: float | None = None, weights: np.ndarray | None = None) -> LiquidState:
        """Return the state before initialisation: the weights given, and traces and calcium of 0.

        absolute_weight : absolute value of every weight, 0 or more; signs are those of the network
        weights : float32 [S], in the network's order
        Raises ValueError unless exactly one of the two is given, for weights of a wrong shape, for weights that are not
        finite or larger than 1e6, and for a negative absolute value.
        """
        network = self.network
        if (absolute_weight is None) == (weights is None):
            raise ValueError("give either absolute_weight or weights")
        if absolute_weight is not None:
            if absolute_weight < 0:
                raise ValueError(f"absolute_weight must be 0 or more, not {absolute_weight}")
            weights = network.sign * float(absolute_weight)
            self._check_weights(weights)  # as float64, before it can overflow
        weights = np.array(weights, dtype=np.float32)
        self._check_weights(weights)
        return LiquidState(weights, np.zeros(network.n_neurons, np.float32), np.zeros(network.n_liquid, np.float32))

    @abstractmethod
    def initialise(
        self, rasters: np.ndarray, state: LiquidState, rule: Rule, record: Record = False
    ) -> tuple[LiquidState, Run]:
        """Run samples one after another: weights, traces and calcium carry over, everything else starts afresh.

        rasters : bool or uint8 [n, T, n_inputs], not 0 if an input gets a pulse
        state : LiquidState, not changed
        record : True, False or the numbers of the samples to record
        Returns (state after the last sample, Run); what a rule that does not learn leaves in the traces, which it does
        not read, depends on the engine. Raises ValueError for shapes that do not fit the network, for weights outside
        the bounds of a rule that changes them, and for samples to record that do not exist.
        """

    @abstractmethod
    def present(self, rasters: np.ndarray, weights: np.ndarray, rule: Rule, record: Record = False) -> Run:
        """Run each sample on its own copy of the weights and from a fresh state.

        rasters : bool or uint8 [n, T, n_inputs], not 0 if an input gets a pulse
        weights : float32 [S], in the network's order, not changed
        record : True, False or the numbers of the samples to record
        Returns Run. Raises ValueError as `initialise` does.
        """

    def bytes_needed(self, batch_size: int, steps: int) -> int:
        """Return the memory, in bytes, that the device needs to present a batch; 0 if it is negligible."""
        return 0

    def _prepare(
        self, rasters: np.ndarray, weights: np.ndarray, rule: Rule, record: Record
    ) -> tuple[np.ndarray, Run, dict[int, int]]:
        """Check the arguments; return (rasters uint8 contiguous, empty Run, {sample: its place in the record})."""
        network = self.network
        rasters = np.asarray(rasters)
        if rasters.ndim != 3 or rasters.shape[2] != network.n_inputs:
            raise ValueError(f"rasters have the shape {rasters.shape}, not [samples, steps, {network.n_inputs}]")
        if rasters.dtype not in (np.bool_, np.uint8):
            raise ValueError(f"rasters must be bool or uint8, not {rasters.dtype}")
        if rasters.shape[1] > self.most_steps:
            raise ValueError(f"rasters have {rasters.shape[1]} steps: counts may overflow after {self.most_steps}")
        rasters = np.ascontiguousarray(rasters).view(np.uint8)
        self._check_weights(weights)
        weights = np.asarray(weights, np.float32)  # as the engines take them: 0.7 is within a bound of 0.7
        if not isinstance(rule, Rule):
            raise TypeError(f"{rule!r} is not a learning rule")
        if rule.learns:
            lowest, highest = self._bounds(rule)
            if not np.all((lowest <= weights) & (weights <= highest)):
                bound = rule.constants.weight_bound
                raise ValueError(
                    f"weights are outside the bounds of {rule.title}: 0 to {bound:g} with the network's sign, "
                    f"-{bound:g} to {bound:g} for inputs"
                )

        n, steps, _ = rasters.shape
        chosen = np.arange(n) if record is True else np.array([] if record is False else record)
        if chosen.ndim != 1 or (len(chosen) and chosen.dtype.kind not in "iu"):
            raise ValueError(f"record is {record!r:.60}, not True, False or the numbers of samples")
        samples = chosen.astype(int).tolist()
        places = {sample: place for place, sample in enumerate(samples)}
        if len(places) < len(samples) or not all(0 <= sample < n for sample in places):
            raise ValueError(f"record contains a sample twice, or samples outside 0..{n - 1}")
        run = Run(counts=np.zeros((n, network.n_liquid), np.uint16))
        if record is not False:
            run.spikes = np.zeros((len(places), steps, network.n_neurons), bool)
            run.weights = np.zeros((len(places), network.n_synapses), np.float32)
            if rule.has_astrocyte:
                run.astrocyte = np.zeros((len(places), steps), np.float32)
        return rasters, run, places

    def _check_weights(self, weights: np.ndarray) -> None:
        if np.shape(weights) != (self.network.n_synapses,):
            raise ValueError(
                f"weights have the shape {np.shape(weights)}, the network has {self.network.n_synapses} synapses"
            )
        if not np.all(np.abs(weights) <= LARGEST):
            raise ValueError(f"weights must be finite numbers, from {-LARGEST:g} to {LARGEST:g}")

    def _check_state(self, state: LiquidState) -> None:
        shapes = np.shape(state.traces), np.shape(state.calcium)
        expected = (self.network.n_neurons,), (self.network.n_liquid,)
        if shapes != expected:
            raise ValueError(f"traces and calcium have the shapes {shapes}, expected are {expected}")


def stretches(n: int, places: Mapping[int, int], longest: int) -> Iterator[slice]:
    """Cut 0..n-1 into slices of up to `longest`; every recorded sample (key of places) gets its own slice."""
    borders = sorted({0, n, *places, *(sample + 1 for sample in places)})
    for begin, end in pairwise(borders):
        for first in range(begin, end, longest):
            yield slice(first, min(first + longest, end))
