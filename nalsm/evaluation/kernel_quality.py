"""Kernel quality: the rank of a matrix of spike counts, how many directions the liquid's answers span.

A draw takes 100 samples of each class without replacement; their counts are a float32 matrix
[R, 1000], and its rank is what numpy.linalg.matrix_rank returns: the number of singular values above

    tolerance = largest singular value * max(R, 1000) * eps,   eps that of float32.

The mean over 1,000 draws is SP (separation) for the test counts, AP (approximation) for the counts of
the noisy test set.

Counts are whole numbers, so the product of the matrix with its transpose is exact in float64, and the
roots of its eigenvalues are the singular values, near the tolerance far more exact than float32 has them.
Where one is so near that float32 might see it on the other side, matrix_rank itself is called.

Source: Ivanov and Michmizos, NeurIPS 2021; R. Legenstein and W. Maass, Neural Networks 20:323, 2007.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from nalsm.support.errors import UserError
from nalsm.support.random_streams import stream
from nalsm.support.resources import cores

N_CLASSES = 10
_EPS = float(np.finfo(np.float32).eps)
# How near is too near, as a share of the largest singular value: the error that LAPACK's guide gives for computed
# singular values. Near the tolerance, those of matrices of counts were found to be off by a thousandth of it.
_DOUBT = _EPS / 2


def mean_rank(counts, labels, per_class=100, draws=1000, seed=0):
    """Return the mean of `ranks`: float."""
    return float(np.mean(ranks(counts, labels, per_class, draws, seed)))


def ranks(counts, labels, per_class=100, draws=1000, seed=0, workers=None, update=None):
    """Return the rank of each draw: int64 [draws].

    counts : whole numbers [samples, R]; labels : classes 0..9 [samples]
    per_class : samples of each class in a draw
    seed : with a draw's number it decides its samples, whatever the number of workers
    workers : draws at the same time; None: one for each CPU core
    update : called with 1 after each draw
    Raises UserError where a class has fewer than `per_class` samples, ValueError for unfitting shapes.
    """
    from threadpoolctl import threadpool_limits

    counts, labels = np.asarray(counts), np.asarray(labels)
    if counts.ndim != 2 or labels.shape != counts.shape[:1]:
        raise ValueError(f"counts have the shape {counts.shape} and labels {labels.shape}, not [n, R] and [n]")
    classes = [np.flatnonzero(labels == label) for label in range(N_CLASSES)]
    for label, members in enumerate(classes):
        if len(members) < per_class:
            raise UserError(
                f"class {label} has {len(members)} samples, a draw takes {per_class} of each class; count more "
                "samples, or take fewer (per_class)"
            )

    def rank_of_draw(number):
        random = stream(seed, "kernel quality", number)
        chosen = np.concatenate([random.choice(members, per_class, replace=False) for members in classes])
        return rank(counts[chosen].T)

    found = np.zeros(draws, np.int64)
    # one thread for each operation: quicker for matrices of this size, and the same bits on any number of cores
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(workers or cores()) as pool:
        try:
            for number, value in enumerate(pool.map(rank_of_draw, range(draws))):
                found[number] = value
                if update:
                    update(1)
        finally:
            pool.shutdown(cancel_futures=True)  # when stopped, at once
    return found


def rank(matrix):
    """Return numpy.linalg.matrix_rank of a matrix of whole numbers taken as float32: int."""
    short = matrix.astype(np.float64)
    if short.shape[0] > short.shape[1]:
        short = short.T
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(short @ short.T), 0.0))  # singular values, ascending
    tolerance = values[-1] * max(matrix.shape) * _EPS
    if np.any(np.abs(values - tolerance) <= values[-1] * _DOUBT):
        return int(np.linalg.matrix_rank(matrix.astype(np.float32)))
    return int(np.count_nonzero(values > tolerance))
