"""Set bits of a word, one after another, in compiled code."""

from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic


@intrinsic
def _counted(_typing: Any, word: Any) -> Any:
    def generate(context, builder, _signature, arguments):
        return builder.cttz(arguments[0], context.get_constant(types.boolean, True))

    return types.uint64(types.uint64), generate


def _counted_plainly(word: np.uint64) -> np.uint64:
    return np.uint64((int(word) & -int(word)).bit_length() - 1)


# Return the place of the lowest set bit of a uint64 that is not 0: uint64. An intrinsic works in compiled code only.
trailing_zeros: Any = _counted_plainly if vars(numba.config)["DISABLE_JIT"] else _counted
