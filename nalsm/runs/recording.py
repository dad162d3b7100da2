"""The samples whose spikes a run keeps."""

from collections.abc import Iterable

from nalsm.datasets import DataSource
from nalsm.support.tuning import TUNING

_EVERY_SAMPLES = 10_000  # spikes are kept of one batch in so many samples of a split
_SAMPLES_PER_BATCH = 20  # and of so many samples of that batch


def recording_interval(source: DataSource, sizes: Iterable[int]) -> int:
    """Return in how many samples of a split one batch is kept: 10,000, and fewer only where a data file has fewer.

    sizes : samples of each split
    """
    return min(_EVERY_SAMPLES, *sizes) if source.own else _EVERY_SAMPLES


def recorded_samples(batch: int, batch_size: int, interval: int = _EVERY_SAMPLES) -> list[int]:
    """Return the numbers of the samples in a batch whose spikes are kept, ascending; most batches have none.

    interval : see `recording_interval`
    """
    if TUNING.recorded_samples:
        return TUNING.recorded_samples(batch, batch_size)
    every = max(interval // batch_size, 1)
    if batch % every != every - 1:
        return []
    places = (round(batch_size * n / _SAMPLES_PER_BATCH) for n in range(_SAMPLES_PER_BATCH))
    return sorted({place for place in places if place < batch_size})
