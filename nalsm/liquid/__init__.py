"""The liquid: one interface, one engine for each kind of machine. Rules come from `nalsm.rules`, rasters from
`nalsm.encoding`.
"""

from nalsm.liquid.devices import gpu_is_visible
from nalsm.liquid.interface import Liquid, LiquidState, Run

__all__ = ["ENGINES", "Liquid", "LiquidState", "Run", "open_liquid"]

ENGINES = ("auto", "event", "tensorflow")


def open_liquid(network, engine="auto", threads=None):
    """Return a Liquid that simulates `network`.

    engine : "event" (event-driven, on the CPU), "tensorflow" (on the GPU that TensorFlow sees, else on the
        CPU) or "auto": "tensorflow" where there is a GPU, else "event", the faster one on a CPU
    threads : how many samples the event-driven engine presents at the same time; None: one for each CPU core
    Raises ValueError for an unknown engine.
    """
    if engine not in ENGINES:
        raise ValueError(f"unknown engine {engine!r}; there are {', '.join(ENGINES)}")
    if engine == "auto":
        engine = "tensorflow" if gpu_is_visible() else "event"
    if engine == "tensorflow":
        from nalsm.liquid.tensorflow_engine import TensorFlowLiquid  # imports TensorFlow

        return TensorFlowLiquid(network, threads)
    from nalsm.liquid.event_engine import EventDrivenLiquid  # imports Numba

    return EventDrivenLiquid(network, threads)
