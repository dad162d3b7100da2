"""Imports and runs TensorFlow without its messages on standard error."""

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import cache
from types import ModuleType
from typing import Any


@cache
def tensorflow() -> ModuleType:
    """Import TensorFlow, which takes seconds the first time, and return the module."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_stderr():
        import tensorflow as tf

        # Other shapes are another program: no fault of the caller's.
        tf.get_logger().addFilter(lambda record: "tf.function retracing" not in record.getMessage())
        for gpu in tf.config.list_physical_devices("GPU"):
            with contextlib.suppress(RuntimeError):  # a notebook may have started TensorFlow already
                tf.config.experimental.set_memory_growth(gpu, True)
    return tf


_started: set[Callable] = set()
_first_calls = threading.Lock()


def run_compiled(function: Callable, *arguments: Any) -> Any:
    """Call a compiled function, from any thread, without the compiler's messages on the first call."""
    if function not in _started:
        with _first_calls, quiet_stderr():  # one at a time: standard error belongs to the whole process
            result = function(*arguments)
        _started.add(function)
        return result
    return function(*arguments)


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keep back what C++ libraries write to standard error, and show it only if the block fails."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        original = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(original, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)
