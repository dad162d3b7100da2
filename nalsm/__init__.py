"""Liquid state machines with neuron-astrocyte plasticity (Ivanov and Michmizos, NeurIPS 2021).

Nothing is imported here: the programs ask their first question before any heavy library loads. `NALSMClassifier` is
imported when it is first used.
"""

from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "NALSMClassifier":
        from nalsm.estimator import NALSMClassifier  # imports scikit-learn and Numba

        return NALSMClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
