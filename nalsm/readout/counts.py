"""Spike counts as the readout takes them: packed integers, with one normalising factor for each sample.

Each sample of a batch is divided by its sum, then the batch by its maximum. Counts stay small integers: both
divisions together are one factor, which the readout applies to its sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def sample_factors(counts: np.ndarray, largest: float | None = None) -> np.ndarray:
    """Return the factor of each sample that turns its counts into the readout's input.

    counts : integers [B, R], one batch
    largest : what the counts are divided by after their sums; None: `largest_share` of the batch
    Returns float32 [B]: 1 / (sum of the sample * largest), 0 for a sample without spikes, whose input is a zero vector.
    """
    sums, spiking = _sums(counts)
    largest = largest_share(counts) if largest is None else largest
    factors = np.where(spiking, 1.0 / (sums * (largest or 1.0)), 0.0)
    return factors.astype(np.float32)


def largest_share(counts: np.ndarray) -> float:
    """Return the largest count of a batch (integers [B, R]) after each sample is divided by its sum; 0 if no spikes."""
    sums, _ = _sums(counts)
    return float((np.asarray(counts).max(axis=1, initial=0) / sums).max(initial=0.0))


def _sums(counts):
    """Return (sum of each sample, 1 if there is no spike; whether there is one): float64 and bool [B]."""
    sums = np.asarray(counts).sum(axis=1, dtype=np.float64)
    spiking = sums > 0
    sums[~spiking] = 1.0
    return sums, spiking


@dataclass(frozen=True)
class CountBlock:
    """Batches of counts, ready for the readout.

    counts : uint8 or uint16 [batches, B, R]
    factors : float32 [batches, B], see `sample_factors`
    labels : int32 [batches, B], or None for samples that are only classified
    """

    counts: np.ndarray
    factors: np.ndarray
    labels: np.ndarray | None

    @classmethod
    def pack(cls, counts: np.ndarray, labels: np.ndarray | None = None, largest: float | None = None) -> CountBlock:
        """Pack counts in the narrowest type that fits, together with their factors.

        counts : integers in 0..65535, [batches, B, R]; labels : integers [batches, B]
        largest : see `sample_factors`
        Raises ValueError for other shapes or values.
        """
        counts = np.asarray(counts)
        if counts.ndim != 3 or counts.dtype.kind not in "iub":
            raise ValueError(f"counts must be integers [batches, B, R], not {counts.dtype} {list(counts.shape)}")
        highest = counts.max(initial=0)
        if highest > np.iinfo(np.uint16).max or (counts.dtype.kind == "i" and counts.min(initial=0) < 0):
            raise ValueError("counts must be in 0..65535")
        if labels is not None:
            given = np.asarray(labels)
            labels = np.ascontiguousarray(given, np.int32)
            if not np.array_equal(labels, given):
                raise ValueError("labels must be whole numbers")
            if labels.shape != counts.shape[:2]:
                raise ValueError(f"labels must be {list(counts.shape[:2])} like the counts, not {list(labels.shape)}")
        narrow = np.uint8 if highest <= np.iinfo(np.uint8).max else np.uint16
        factors = np.zeros(counts.shape[:2], np.float32)
        for batch, values in enumerate(counts):
            factors[batch] = sample_factors(values, largest)
        return cls(np.ascontiguousarray(counts, narrow), factors, labels)

    @classmethod
    def of_batches(cls, counts: np.ndarray, labels: np.ndarray, batch_size: int) -> list[CountBlock]:
        """Return all samples as blocks: one of whole batches, and one of a last, smaller batch if samples are left.

        counts : integers in 0..65535, [n, R]; labels : integers [n]
        Raises ValueError for other shapes or values, and for batches of less than one sample.
        """
        counts, labels = np.asarray(counts), np.asarray(labels)
        if counts.ndim != 2 or labels.shape != counts.shape[:1]:
            raise ValueError(f"counts {list(counts.shape)} and labels {list(labels.shape)} must be [n, R] and [n]")
        if batch_size < 1:
            raise ValueError(f"a batch has one sample at least, not {batch_size}")
        whole = len(counts) // batch_size * batch_size
        parts = ((slice(0, whole), batch_size), (slice(whole, None), len(counts) - whole))
        return [
            cls.pack(counts[part].reshape(-1, size, counts.shape[1]), labels[part].reshape(-1, size))
            for part, size in parts
            if len(counts[part])
        ]

    def labelled(self) -> np.ndarray:
        """Return the labels; raises ValueError if there are none."""
        if self.labels is None:
            raise ValueError("every sample needs a label")
        return self.labels

    @property
    def n_samples(self) -> int:
        return self.factors.size

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return self.counts.nbytes + self.factors.nbytes + (0 if self.labels is None else self.labels.nbytes)
