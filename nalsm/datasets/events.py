"""Recordings of an event camera as splits: a raster shows the events that occurred, without random numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nalsm.datasets.packing import (
    HeldRecordings,
    PackedRecordings,
    decode_events,
    earliest_at,
    event_inputs,
    event_times,
)
from nalsm.encoding import N_EVENT_INPUTS
from nalsm.support.errors import UserError
from nalsm.support.random_streams import stream

LONGEST_SNAPSHOT = 297  # ms; a recording lasts 300


@dataclass(frozen=True)
class EventSplit:
    """Samples of an event camera; see `nalsm.datasets.Split`.

    recordings : where the events are; places : int64 [n], which of these recordings belong to the split
    labels : uint8 [n]; sample_ids : int64 [n]
    """

    recordings: PackedRecordings | HeldRecordings
    places: np.ndarray
    labels: np.ndarray
    sample_ids: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, indices: np.ndarray) -> "EventSplit":
        """See `nalsm.datasets.Split.subset`."""
        return replace(
            self, places=self.places[indices], labels=self.labels[indices], sample_ids=self.sample_ids[indices]
        )

    def detached(self, indices: np.ndarray) -> "EventSplit":
        """See `nalsm.datasets.Split.detached`."""
        recordings = HeldRecordings(self.recordings.read(self.places[indices]))
        return replace(self.subset(indices), recordings=recordings, places=np.arange(len(indices)))

    def events(self, indices: np.ndarray) -> list[tuple[np.ndarray, ...]]:
        """Return (x, y, p, t_us) of each recording, int64 [n_events] each, ordered by time."""
        return [decode_events(events) for events in self.recordings.read(self.places[indices])]

    def presentation(self, indices: np.ndarray, steps: int, seed: int) -> np.ndarray:
        """See `nalsm.datasets.Split.presentation`. The raster does not depend on the seed."""
        return self._rasters(indices, [0] * len(indices), steps)

    def snapshots(self, indices: np.ndarray, numbers: np.ndarray, steps: int, seed: int) -> np.ndarray:
        """See `nalsm.datasets.Split.snapshots`. A snapshot is a window of the recording with a random start."""
        latest = LONGEST_SNAPSHOT + 1 - steps  # 278 for the published 20 ms
        if latest < 1:
            raise UserError(f"a snapshot of recordings may last {LONGEST_SNAPSHOT} ms at most, asked for {steps}")
        first = [int(stream(seed, "nmnist snapshot start", number).integers(1, latest + 1)) for number in numbers]
        return self._rasters(indices, first, steps)

    def _rasters(self, indices: np.ndarray, first_ms: Sequence[int], steps: int) -> np.ndarray:
        rasters = np.zeros((len(indices), steps, N_EVENT_INPUTS), np.uint8)
        for raster, events, first in zip(rasters, self.recordings.read(self.places[indices]), first_ms, strict=True):
            fill_raster(raster, events, first)
        return rasters


def fill_raster(raster: np.ndarray, events: np.ndarray, first_ms: int) -> None:
    """Enter packed events into a raster (uint8 [steps, 2312]) that begins at `first_ms`.

    Binning is that of `nalsm.encoding.raster_from_events`.
    """
    margin = 1  # ms, because times are rounded
    near = earliest_at((first_ms - margin) * 1000), earliest_at((first_ms + len(raster) + margin) * 1000)
    events = events[slice(*np.searchsorted(events, near))]
    ms = np.rint(event_times(events) / 1000).astype(np.int64) - first_ms
    inside = (ms >= 0) & (ms < len(raster))
    raster[ms[inside], event_inputs(events)[inside]] = 1
