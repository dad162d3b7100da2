"""One stream of random numbers per (seed, purpose, index).

Philox is a counter-based generator, and its 128-bit key identifies the stream. The seed is one half of the
key, purpose and index are the other. So the numbers drawn for a sample do not depend on earlier draws: not
on batch size, order, thread count or a restart.
"""

import operator

import numpy as np

# The numbers are part of every recorded result: never renumber, only add.
PURPOSES = {
    "network": 1,  # positions, synapses, signs
    "subset": 2,  # which samples a reduced run uses (index: split)
    "snapshot order": 3,  # order of the samples in initialisation (index: pass over the samples)
    "snapshot": 4,  # input of one initialisation snapshot (index: snapshot)
    "presentation": 5,  # input of one presented sample (index: sample id)
    "astrocyte": 6,  # which neurons the astrocyte watches
    "held out": 7,  # samples that an estimator keeps for validation
    "nmnist snapshot start": 10,  # first ms of an initialisation snapshot of a recording (index: snapshot)
    "simulated camera": 11,  # thresholds of the pixels of the simulated event camera
    "simulated recording": 12,  # jitter of the events of one simulated recording (index: sample id)
    "pixel noise": 20,  # noise on one test image (index: sample id)
    "noisy presentation": 21,  # input of one presented noisy image (index: sample id)
    "time shift": 22,  # of all events of one test recording (index: sample id)
    "kernel quality": 23,  # samples of one draw (index: draw)
    "order of recordings": 30,  # in which the training set of a tonic data set is packed
}

SEED_LIMIT = 2**63
_INDEX_BITS = 48


def stream(seed: int, purpose: str, index: int = 0) -> np.random.Generator:
    """Return the generator of (seed, purpose, index).

    seed : 0..2**63-1; purpose : a key of PURPOSES; index : 0..2**48-1
    Raises ValueError for a seed or index outside its range, TypeError for one that is no integer, KeyError for an
    unknown purpose.
    """
    seed, index = operator.index(seed), operator.index(index)
    if not 0 <= seed < SEED_LIMIT:
        raise ValueError(f"seed {seed} is outside 0..2**63-1")
    if not 0 <= index < 2**_INDEX_BITS:
        raise ValueError(f"stream index {index} is outside 0..2**{_INDEX_BITS}-1")
    key = np.array([seed, (PURPOSES[purpose] << _INDEX_BITS) | index], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))
