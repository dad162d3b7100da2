"""The samples whose spikes a run keeps."""

from nalsm.support.tuning import TUNING

_EVERY_SAMPLES = 10_000  # spikes are kept of one batch in so many samples of a split
_SAMPLES_PER_BATCH = 20  # and of so many samples of that batch


def recorded_samples(batch: int, batch_size: int) -> list[int]:
    """Return the numbers of the samples in a batch whose spikes are kept, ascending; most batches have none."""
    if TUNING.recorded_samples:
        return TUNING.recorded_samples(batch, batch_size)
    every = max(_EVERY_SAMPLES // batch_size, 1)
    if batch % every != every - 1:
        return []
    places = (round(batch_size * n / _SAMPLES_PER_BATCH) for n in range(_SAMPLES_PER_BATCH))
    return sorted({place for place in places if place < batch_size})
