"""The liquid: one interface, and one engine for each kind of machine.

Rules come from `nalsm.rules`, rasters from `nalsm.encoding`. The engines sum currents in different orders.
They gave the same spikes in all cases tried, which is not a promise; weights differ in their last bits.
"""

import numpy as np

from nalsm.liquid.devices import gpu_is_visible
from nalsm.liquid.interface import Liquid, LiquidState, Run
from nalsm.liquid.neuron import PUBLISHED, NeuronConstants
from nalsm.network import Network

__all__ = ["ENGINES", "Liquid", "LiquidState", "NeuronConstants", "Run", "open_liquid"]

ENGINES = ("auto", "event", "tensorflow")


def open_liquid(
    network: Network,
    engine: str = "auto",
    threads: int | None = None,
    watched: np.ndarray | None = None,
    neuron: NeuronConstants = PUBLISHED,
) -> Liquid:
    """Return a Liquid that simulates `network`.

    engine : "event" (event-driven, on the CPU), "tensorflow" (on the GPU if TensorFlow sees one, otherwise on
        the CPU) or "auto": "tensorflow" if there is a GPU, otherwise "event", which is faster on a CPU
    threads : how many CPU threads present samples at the same time; None: one for each core
    watched : bool [N], the neurons whose spikes an astrocyte counts (`Network.watched`); None: all
    neuron : constants of the neurons
    Raises ValueError for an unknown engine, or for `watched` of another shape.
    """
    if engine not in ENGINES:
        raise ValueError(f"unknown engine {engine!r}; choose one of {', '.join(ENGINES)}")
    if engine == "auto":
        engine = "tensorflow" if gpu_is_visible() else "event"
    if engine == "tensorflow":
        from nalsm.liquid.tensorflow_engine import TensorFlowLiquid  # imports TensorFlow

        return TensorFlowLiquid(network, threads, watched, neuron)
    from nalsm.liquid.event_engine import EventDrivenLiquid  # imports Numba

    return EventDrivenLiquid(network, threads, watched, neuron)
