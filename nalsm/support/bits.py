"""Set bits of a word, one after another, in compiled code."""

from typing import Any

from numba import types
from numba.extending import intrinsic


@intrinsic
def trailing_zeros(_typing: Any, word: Any) -> Any:
    """Return the place of the lowest set bit of a uint64 that is not 0: uint64."""

    def generate(context, builder, _signature, arguments):
        return builder.cttz(arguments[0], context.get_constant(types.boolean, True))

    return types.uint64(types.uint64), generate
