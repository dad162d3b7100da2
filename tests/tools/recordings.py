"""Writes recordings as N-MNIST's .bin files."""

import numpy as np


def recording_bytes(x, y, p, t_us):
    """Return a recording in N-MNIST's format, 5 bytes for each event: x, y, polarity (1 bit) and time (23 bits)."""
    return np.stack([x, y, p << 7 | t_us >> 16, t_us >> 8 & 255, t_us & 255], axis=1).astype(np.uint8).tobytes()
