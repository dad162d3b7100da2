"""The event-driven engine: it presents samples in threads, each on its own copy of the weights that can change.

The loops are in `event_kernels`. This file brings synapses into their order, and hands out the work.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

import nalsm.liquid.event_kernels as kernels
from nalsm.liquid.interface import Liquid, LiquidState, Record, Run, stretches
from nalsm.liquid.neuron import PUBLISHED, NeuronConstants
from nalsm.network import Network
from nalsm.rules import Rule, equations_of, numbers_of
from nalsm.support.resources import cores

f32 = np.float32
_NO_RECORDING = kernels.Recording(np.empty((0, 0), np.uint8), np.empty(0, f32))
_STRETCH = 8  # samples in a call, at most: enough to hide the cost of a call
_STRETCHES = 8  # calls a thread, at least, so that none idles at the end


class EventDrivenLiquid(Liquid):
    """A liquid on the CPU. See `nalsm.liquid` for the interface."""

    engine = "event"

    def __init__(
        self,
        network: Network,
        threads: int | None = None,
        watched: np.ndarray | None = None,
        neuron: NeuronConstants = PUBLISHED,
    ) -> None:
        super().__init__(network, watched, neuron)
        self.threads = threads or cores()
        # The kernels keep weights in the order of (pre, post): all of the liquid, then all of the inputs.
        self._order = np.lexsort((network.post, network.pre))
        self._split = int(np.count_nonzero(~network.is_input))
        (pre, input_pre), (post, input_post) = (
            np.split(values[self._order], [self._split]) for values in (network.pre, network.post)
        )
        n_liquid = network.n_liquid
        self._wiring = kernels.Wiring(
            _projection(pre, post, n_liquid, n_liquid),
            _projection(input_pre - n_liquid, input_post, network.n_inputs, n_liquid),
            network.n_exc,
            self._neuron,
            *self._watched_groups(),
        )

    def _watched_groups(self) -> list[np.ndarray]:
        """Return which liquid neurons and which inputs the astrocyte watches; both empty if it watches all."""
        if self.watched is None:
            return [np.empty(0, np.uint8)] * 2
        return np.split(self.watched.astype(np.uint8), [self.network.n_liquid])

    def initialise(
        self, rasters: np.ndarray, state: LiquidState, rule: Rule, record: Record = False
    ) -> tuple[LiquidState, Run]:
        """Run samples one after another; see `Liquid.initialise`."""
        rasters, run, places = self._prepare(rasters, state.weights, rule, record)
        self._check_state(state)
        numbers, equations = numbers_of(rule), kernels.addresses_of(equations_of(rule))
        traces = np.split(np.array(state.traces, f32), [self.network.n_liquid])
        liquid, inputs = (
            kernels.Source(weights, trace, np.zeros_like(trace))
            for weights, trace in zip(self._kernel_order(state.weights), traces, strict=True)
        )
        calcium = np.array(state.calcium, f32)
        for part in stretches(len(rasters), places, len(rasters)):
            recording = self._recording(run, places, part.start, rasters)
            kernels.initialise_samples(
                self._wiring, liquid, inputs, rasters[part], calcium, numbers, equations, run.counts[part], recording
            )
            if part.start in places and run.weights is not None:
                run.weights[places[part.start]] = self._network_order(liquid.weights, inputs.weights)
        weights = self._network_order(liquid.weights, inputs.weights)
        return LiquidState(weights, np.concatenate([liquid.trace, inputs.trace]), calcium), run

    def present(self, rasters: np.ndarray, weights: np.ndarray, rule: Rule, record: Record = False) -> Run:
        """Run each sample on its own copy of the weights; see `Liquid.present`."""
        rasters, run, places = self._prepare(rasters, weights, rule, record)
        numbers, equations = numbers_of(rule), kernels.addresses_of(equations_of(rule))
        liquid_weights, input_weights = self._kernel_order(weights)

        def work(part: slice) -> None:
            if part.start not in places or run.weights is None:
                kernels.present_samples(
                    self._wiring, liquid_weights, input_weights, rasters[part], numbers, equations, run.counts[part],
                    _NO_RECORDING,
                )  # fmt: skip
                return
            sample = part.start
            recording = self._recording(run, places, sample, rasters)
            liquid, own_inputs, active = kernels.present_sample(
                self._wiring, liquid_weights, input_weights, rasters[sample], numbers, equations, run.counts[sample],
                recording,
            )  # fmt: skip
            inputs = input_weights.copy()
            kernels.scatter_rows(self._wiring.inputs, active, own_inputs, inputs)
            run.weights[places[sample]] = self._network_order(liquid, inputs)

        longest = min(_STRETCH, max(1, len(rasters) // (_STRETCHES * self.threads)))
        with ThreadPoolExecutor(self.threads) as pool:
            tasks = [pool.submit(work, part) for part in stretches(len(rasters), places, longest)]
            try:
                for task in tasks:
                    task.result()
            except BaseException:  # also Ctrl-C: do not wait for calls that have not begun
                pool.shutdown(cancel_futures=True)
                raise
        return run

    def _recording(self, run: Run, places: dict[int, int], sample: int, rasters: np.ndarray) -> kernels.Recording:
        """Return where the kernels record this sample, its input spikes already in place."""
        if sample not in places or run.spikes is None:
            return _NO_RECORDING
        place = places[sample]
        spikes = run.spikes[place].view(np.uint8)  # [T, N]
        start, neurons = kernels.schedule_input_spikes(rasters[sample], self._neuron)
        times = np.repeat(np.arange(len(spikes)), np.diff(start))
        spikes[times, self.network.n_liquid + neurons] = 1
        return kernels.Recording(spikes, _NO_RECORDING.astrocyte if run.astrocyte is None else run.astrocyte[place])

    def _kernel_order(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return copies of the weights of liquid and inputs in the kernels' order."""
        ordered = np.asarray(weights, f32)[self._order]
        return ordered[: self._split].copy(), ordered[self._split :].copy()

    def _network_order(self, liquid_weights: np.ndarray, input_weights: np.ndarray) -> np.ndarray:
        """Return the weights in the network's order."""
        weights = np.empty(self.network.n_synapses, f32)
        weights[self._order] = np.concatenate([liquid_weights, input_weights])
        return weights


def _projection(pre: np.ndarray, post: np.ndarray, n_pre: int, n_post: int) -> kernels.Projection:
    place = np.lexsort((pre, post))
    arrays = (
        np.concatenate([[0], np.cumsum(np.bincount(pre, minlength=n_pre))]),
        post,
        np.concatenate([[0], np.cumsum(np.bincount(post, minlength=n_post))]),
        place,
        pre[place],
    )
    return kernels.Projection(*(array.astype(np.uint32) for array in arrays))
