"""One stream of random numbers per (seed, purpose, index).

Philox is a counter-based generator: its 128-bit key alone names the stream. The seed fills one
half of the key, purpose and index the other, so that what is drawn for a sample depends on nothing
that was drawn before it: not on batch size, order, thread count or a restart.
"""

import numpy as np

# The numbers are part of every recorded result: never renumber, only add.
PURPOSES = {
    "network": 1,  # positions, synapses, signs
    "subset": 2,  # which samples a reduced run uses (index: split)
    "snapshot order": 3,  # order of the samples in initialisation (index: pass over the samples)
    "snapshot": 4,  # input of one initialisation snapshot (index: snapshot)
    "presentation": 5,  # input of one presented sample (index: sample id)
    "nmnist snapshot start": 10,  # first ms of an initialisation snapshot of a recording (index: snapshot)
    "simulated camera": 11,  # thresholds of the pixels of the simulated event camera
    "simulated recording": 12,  # jitter of the events of one simulated recording (index: sample id)
    "pixel noise": 20,  # noise on one test image (index: sample id)
    "noisy presentation": 21,  # input of one presented noisy image (index: sample id)
    "time shift": 22,  # of all events of one test recording (index: sample id)
    "kernel quality": 23,  # samples of one draw (index: draw)
}

SEED_LIMIT = 2**63
_INDEX_BITS = 48


def stream(seed: int, purpose: str, index: int = 0) -> np.random.Generator:
    """Return the generator of (seed, purpose, index).

    Parameters: seed in 0..2**63-1, purpose a key of PURPOSES, index in 0..2**48-1.
    Raises ValueError outside these ranges.
    """
    if not 0 <= seed < SEED_LIMIT:
        raise ValueError(f"seed {seed} is outside 0..2**63-1")
    if not 0 <= index < 2**_INDEX_BITS:
        raise ValueError(f"stream index {index} is outside 0..2**{_INDEX_BITS}-1")
    key = np.array([seed, (PURPOSES[purpose] << _INDEX_BITS) | int(index)], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))
