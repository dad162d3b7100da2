"""The TensorFlow engine: a batch of samples as one compiled program, on a GPU or the CPU.

The program is in `tensorflow_program`. This file lays out synapses as padded rows, and estimates memory.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

import nalsm.liquid.tensorflow_program as program
from nalsm.liquid.devices import gpu_is_visible
from nalsm.liquid.interface import Liquid, LiquidState, Record, Run, stretches
from nalsm.liquid.neuron import PUBLISHED, NeuronConstants, NeuronNumbers
from nalsm.liquid.tensorflow_setup import run_compiled
from nalsm.network import Network
from nalsm.rules import Rule, RuleNumbers, equations_of, numbers_of
from nalsm.support.resources import cores
from nalsm.support.tuning import TUNING

f32 = np.float32
SAMPLES_AT_A_TIME = 250  # of an initialisation, in one call
SAMPLES_SIDE_BY_SIDE = 16  # on the CPU: the width of a vector
_COPIES = 3  # of a batch's weights: one in the loop, two that the compiler may add


class TensorFlowLiquid(Liquid):
    """A liquid on the device that TensorFlow computes on. See `nalsm.liquid` for the interface."""

    engine = "tensorflow"

    def __init__(
        self,
        network: Network,
        threads: int | None = None,
        watched: np.ndarray | None = None,
        neuron: NeuronConstants = PUBLISHED,
    ) -> None:
        super().__init__(network, watched, neuron)
        self.threads = threads or cores()
        self._whole_batches = gpu_is_visible() if TUNING.whole_batches is None else TUNING.whole_batches
        degree = np.bincount(network.post, minlength=network.n_liquid)
        longest = -(-max(degree.max(initial=0), 1) // program.FOLD) * program.FOLD
        self._shape = network.n_liquid, int(longest)  # [R, K]
        within = np.arange(network.n_synapses) - np.repeat(np.cumsum(degree) - degree, degree)
        self._place = network.post * self._shape[1] + within  # of each synapse in the rows, flat
        self._rows: dict[float, program.Rows] = {}  # by the bound of the weights

    def initialise(
        self, rasters: np.ndarray, state: LiquidState, rule: Rule, record: Record = False
    ) -> tuple[LiquidState, Run]:
        """Run samples one after another; see `Liquid.initialise`."""
        rasters, run, places = self._prepare(rasters, state.weights, rule, record)
        self._check_state(state)
        carried = program.Carried(
            self._as_rows(state.weights, f32), np.asarray(state.traces, f32), np.asarray(state.calcium, f32)
        )
        arguments = self._rows_for(rule), *self._numbers(rule)
        for part in stretches(len(rasters), places, SAMPLES_AT_A_TIME):
            if part.start in places:
                carried, counts, recording = run_compiled(
                    program.initialise_recorded, *arguments, carried, rasters[part.start], equations_of(rule)
                )
                self._keep(run, [places[part.start]], recording)
            else:
                padded = np.zeros((SAMPLES_AT_A_TIME, *rasters.shape[1:]), np.uint8)  # one shape: compiled once
                padded[: part.stop - part.start] = rasters[part]
                carried, counts = run_compiled(
                    program.initialise,
                    *arguments,
                    carried,
                    padded,
                    np.int32(part.stop - part.start),
                    equations_of(rule),
                )
            run.counts[part] = counts[: part.stop - part.start]
        weights, traces, calcium = (np.array(values) for values in carried)
        return LiquidState(self._as_synapses(weights), traces, calcium), run

    def present(self, rasters: np.ndarray, weights: np.ndarray, rule: Rule, record: Record = False) -> Run:
        """Run each sample on its own copy of the weights; see `Liquid.present`."""
        rasters, run, places = self._prepare(rasters, weights, rule, record)
        start = self._as_rows(np.asarray(weights, f32), f32)
        arguments = self._rows_for(rule), *self._numbers(rule), start
        recorded = np.fromiter(places, int, len(places))
        others = np.setdiff1d(np.arange(len(rasters)), recorded)
        groups = [(group, True) for group in self._groups(recorded)]
        groups += [(group, False) for group in self._groups(others)]

        def work(group: np.ndarray, record: bool) -> None:
            padded = rasters[np.resize(group, self._group_size(len(group)))]  # one shape: compiled once
            counts, recording = run_compiled(program.present, record, *arguments, padded, equations_of(rule))
            run.counts[group] = counts[: len(group)]
            if record:
                self._keep(run, [places[sample] for sample in group], recording)

        with ThreadPoolExecutor(1 if self._whole_batches else self.threads) as pool:
            for task in [pool.submit(work, *group) for group in groups]:
                task.result()
        return run

    def bytes_needed(self, batch_size: int, steps: int) -> int:
        """Return an upper bound of the memory that the device needs to present a batch, in bytes.

        A sample that runs takes _COPIES times its weights in padded rows, 4 bytes each, 34 bytes a neuron
        (potential, kernel, trace, current before and after a step, wait, spikes), and twice its raster.
        """
        at_once = batch_size if self._whole_batches else SAMPLES_SIDE_BY_SIDE * min(self.threads, batch_size)
        weights = 4 * self._shape[0] * self._shape[1]
        sample = _COPIES * weights + 34 * self.network.n_neurons + 2 * steps * self.network.n_inputs
        return at_once * sample + 4 * weights

    def _rows_for(self, rule: Rule) -> program.Rows:
        """Return the network as the program takes it, with the bounds of the rule."""
        bound, network = rule.constants.weight_bound, self.network
        if bound not in self._rows:
            lowest, highest = self._bounds(rule)
            self._rows[bound] = program.Rows(
                self._as_rows(network.pre, np.int32),
                self._as_rows(network.is_inhibitory, bool),
                self._as_rows(lowest, f32),
                self._as_rows(highest, f32),
                None if self.watched is None else self.watched.astype(f32),
            )
        return self._rows[bound]

    def _numbers(self, rule: Rule) -> tuple[NeuronNumbers, RuleNumbers]:
        """Return the constants, as Python numbers, which the compiler takes as such, and the rule's parameters."""
        numbers = numbers_of(rule)
        constants: dict[str, Any] = {name: float(getattr(numbers, name)) for name in program.COMPILED_CONSTANTS}
        neuron: dict[str, Any] = {name: value.item() if isinstance(value, np.floating) else value
                                  for name, value in self._neuron._asdict().items()}  # fmt: skip
        return NeuronNumbers(**neuron), numbers._replace(**constants)

    def _groups(self, samples: np.ndarray) -> list[np.ndarray]:
        """Cut samples into groups that run side by side: one group on a GPU, small ones on the CPU for its caches."""
        size = self._group_size(len(samples))
        return [samples[first : first + size] for first in range(0, len(samples), size)] if size else []

    def _group_size(self, n_samples: int) -> int:
        return n_samples if self._whole_batches else SAMPLES_SIDE_BY_SIDE

    def _keep(self, run: Run, places: list[int], recording: program.Recording) -> None:
        """Copy a recording to the samples' places in the run."""
        if run.spikes is None or run.weights is None:
            return
        n = len(places)
        spikes = recording.spikes.numpy()[:, :, :n]
        run.spikes[places] = np.unpackbits(spikes, axis=1, count=self.network.n_neurons).transpose(2, 0, 1)
        weights = recording.weights.numpy()[:, :, :n]
        run.weights[places] = weights.reshape(-1, weights.shape[2])[self._place].T
        if run.astrocyte is not None:
            run.astrocyte[places] = recording.astrocyte.numpy()[:, :n].T

    def _as_rows(self, values: np.ndarray, dtype: DTypeLike) -> np.ndarray:
        """Return values of all synapses ([S]) as padded rows ([R, K])."""
        rows = np.zeros(self._shape, dtype)
        rows.ravel()[self._place] = values
        return rows

    def _as_synapses(self, rows: np.ndarray) -> np.ndarray:
        return rows.ravel()[self._place]
