"""Liquid state machines with neuron-astrocyte plasticity (Ivanov and Michmizos, NeurIPS 2021).

Nothing is imported here: the programs ask their first question before any heavy library loads. `NALSMClassifier` is
imported when it is first used. Modules of the user's that the environment variable NALSM_EXTENSIONS names are imported
with the package, in every program and every worker; they add rules, models, data sets and measures (docs/extending.md).
"""

import importlib
import os
import sys
from typing import Any

__version__ = "0.2.0"


def __getattr__(name: str) -> Any:
    if name == "NALSMClassifier":
        from nalsm.estimator import NALSMClassifier  # imports scikit-learn and Numba

        return NALSMClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


for _module in os.environ.get("NALSM_EXTENSIONS", "").split():
    try:
        importlib.import_module(_module)
    except ImportError as _error:
        _text = f"Error: NALSM_EXTENSIONS: {_module} cannot be imported ({_error}); is its folder in PYTHONPATH?"
        print(_text, file=sys.stderr)
        raise SystemExit(2) from None
