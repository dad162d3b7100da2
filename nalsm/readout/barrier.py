"""Where the threads of a kernel wait for each other, inside compiled code.

Numba has no atomic operations for CPUs, so two of LLVM's are made available here.
"""

import numpy as np
from numba import njit, types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

_SPINS = 1_000  # looks at the counter before the core is offered to another thread: some microseconds

_yield_core = types.ExternalFunction("sched_yield", types.int32())


@intrinsic
def _add_one(_typing, counter):
    """Add 1 to counter[0] (int64), atomically."""

    def generate(context, builder, signature, arguments):
        place = make_array(signature.args[0])(context, builder, arguments[0]).data
        builder.atomic_rmw("add", place, context.get_constant(types.int64, 1), "seq_cst")
        return context.get_dummy_value()

    return types.void(counter), generate


@intrinsic
def _value(_typing, counter):
    """Return counter[0] (int64) as other threads see it."""

    def generate(context, builder, signature, arguments):
        place = make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.load_atomic(place, "seq_cst", 8)

    return types.int64(counter), generate


@njit
def wait_for_all(counter: np.ndarray, arrivals: int) -> None:
    """Arrive, and return when so many arrivals have been counted in counter (int64 [1]), which began at 0."""
    _add_one(counter)  # type: ignore[call-arg]  # Numba adds the first argument
    looks = 0
    while _value(counter) < arrivals:  # type: ignore[call-arg]
        looks += 1
        if looks > _SPINS:
            _yield_core()
