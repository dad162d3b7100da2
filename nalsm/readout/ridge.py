"""A cheaper readout for looks at many runs: ridge regression of the classes on the normalised counts.

    minimise  sum |x W + b - y|^2 + strength * s * |W|^2

y is +1 for a sample's class and -1 for all others, s is the mean over the neurons of sum (x - mean)^2; b is not
penalised. It takes seconds where the training of
`nalsm.readout.layer` takes minutes, and is another readout than the published one: its accuracies differ.

Sums are added up batch by batch in one thread, so the number of threads and blocks changes no bit.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import scipy.linalg
from threadpoolctl import threadpool_limits

from nalsm.readout.counts import CountBlock


class RidgeRegression:
    """The sums that the regression needs: of inputs, of targets, and of their products.

    n_liquid : number of liquid neurons, R; n_classes : number of classes C
    """

    def __init__(self, n_liquid: int, n_classes: int) -> None:
        self._n, self._classes = 0, np.arange(n_classes)
        self._inputs, self._targets = np.zeros(n_liquid), np.zeros(n_classes)
        self._squares, self._products = np.zeros((n_liquid, n_liquid)), np.zeros((n_liquid, n_classes))

    def add(self, blocks: Iterable[CountBlock]) -> RidgeRegression:
        """Add the samples of blocks with labels; return the regression."""
        with threadpool_limits(1, "blas"):
            for block in blocks:
                for counts, factors, labels in zip(block.counts, block.factors, block.labelled(), strict=True):
                    x = counts * factors[:, None].astype(np.float64)
                    y = np.where(labels[:, None] == self._classes, 1.0, -1.0)
                    self._n += len(x)
                    self._inputs += x.sum(axis=0)
                    self._targets += y.sum(axis=0)
                    self._squares += x.T @ x
                    self._products += x.T @ y
        return self

    def solve(self, strength: float) -> tuple[np.ndarray, np.ndarray]:
        """Return weights float32 [R, C] and biases float32 [C] for a strength of the penalty, above 0."""
        x, y = self._inputs / self._n, self._targets / self._n
        variances = self._squares - self._n * np.outer(x, x)
        penalty = strength * (np.trace(variances) / len(x) or 1.0)
        variances[np.diag_indices(len(x))] += penalty
        with threadpool_limits(1, "blas"):
            weights = scipy.linalg.solve(variances, self._products - self._n * np.outer(x, y), assume_a="pos")
        return weights.astype(np.float32), (y - x @ weights).astype(np.float32)
