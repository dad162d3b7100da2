"""TensorFlow, imported quietly and set up so that results do not depend on the number of cores."""

import contextlib
import os
import sys
import tempfile
from functools import cache


@cache
def tensorflow():
    """Import TensorFlow (seconds, the first time) and return the module."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_stderr():
        import tensorflow as tf

        # The order of a sum split over threads would depend on their number: each operation runs on
        # one, and the work is shared between operations.
        with contextlib.suppress(RuntimeError):  # a notebook may have started TensorFlow already
            tf.config.threading.set_intra_op_parallelism_threads(1)
    return tf


@contextlib.contextmanager
def quiet_stderr():
    """Hold back what C++ libraries write to standard error; show it only if the block fails."""
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
