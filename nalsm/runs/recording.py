"""The samples whose spikes a run keeps."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from nalsm.support.constants import Constants, Value, chosen, constant, constants_of
from nalsm.support.tuning import TUNING


@dataclass(frozen=True)
class RecordingConstants(Constants):
    """Which spikes are kept. Raises ValueError for values outside their ranges."""

    heading = "recorded spikes"
    recorded_every: int = constant(
        10_000, "of one batch in so many samples of a split the spikes are kept", 1, 10**6, unit="samples", whole=True
    )
    recorded_samples: int = constant(
        20, "of that batch, the spikes of so many samples, evenly spaced; 0: none are kept", 0, 10**6, whole=True
    )


PUBLISHED = RecordingConstants()


def decisive(values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the constants (by name) that can change a result: all but those that say which spikes are kept."""
    recording = {name for name, _ in constants_of(RecordingConstants)}
    return {name: value for name, value in values.items() if name not in recording}


def recording_of(sizes: Iterable[int], values: Mapping[str, Value]) -> RecordingConstants:
    """Return which spikes a run keeps: as the values say, but of at least one batch of each split.

    sizes : samples of each split; values : constants that differ from the published ones, by name
    """
    constants = chosen(RecordingConstants, values)
    if "recorded_every" in values:
        return constants
    return replace(constants, recorded_every=min(constants.recorded_every, *sizes))


def recorded_samples(batch: int, batch_size: int, constants: RecordingConstants = PUBLISHED) -> list[int]:
    """Return the numbers of the samples in a batch whose spikes are kept, ascending; most batches have none."""
    if TUNING.recorded_samples:
        return TUNING.recorded_samples(batch, batch_size)
    every, samples = max(constants.recorded_every // batch_size, 1), constants.recorded_samples
    if batch % every != every - 1:
        return []
    places = (round(batch_size * n / samples) for n in range(samples))
    return sorted({place for place in places if place < batch_size})
