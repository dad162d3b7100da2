"""Recordings of an event camera as splits: a raster shows the events that occurred, without random numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from nalsm.datasets.dataset import Dataset
from nalsm.datasets.packing import NMNIST_CODE, EventCode, HeldRecordings, PackedRecordings
from nalsm.support.constants import Constants, constant
from nalsm.support.errors import UserError
from nalsm.support.random_streams import stream


@dataclass(frozen=True)
class SnapshotConstants(Constants):
    """Where snapshots of recordings start. Raises ValueError for values outside their ranges."""

    heading = "snapshots of N-MNIST"
    snapshot_start_ms: int | str = constant(
        "random", "start of every snapshot of a recording", 0, 10_000, unit="ms", whole=True,
        words=("random",),
    )  # fmt: skip


@dataclass(frozen=True)
class EventSplit:
    """Samples of an event camera; see `nalsm.datasets.Split`.

    recordings : where the events are; places : int64 [n], which of these recordings belong to the split
    labels : uint8 or uint16 [n]; sample_ids : int64 [n]
    snapshots_from : where snapshots start
    """

    recordings: PackedRecordings | HeldRecordings
    places: np.ndarray
    labels: np.ndarray
    sample_ids: np.ndarray
    snapshots_from: SnapshotConstants = field(default=SnapshotConstants(), kw_only=True)

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, indices: np.ndarray) -> "EventSplit":
        """See `nalsm.datasets.Split.subset`."""
        return replace(
            self, places=self.places[indices], labels=self.labels[indices], sample_ids=self.sample_ids[indices]
        )

    def detached(self, indices: np.ndarray) -> "EventSplit":
        """See `nalsm.datasets.Split.detached`."""
        recordings = HeldRecordings(self.recordings.read(self.places[indices]), self.recordings.coding)
        return replace(self.subset(indices), recordings=recordings, places=np.arange(len(indices)))

    def events(self, indices: np.ndarray) -> list[tuple[np.ndarray, ...]]:
        """Return (x, y, p, t) of each recording, int64 [n_events] each, ordered by time; t in ticks, N-MNIST's us."""
        return [self.recordings.coding.decode(events) for events in self.recordings.read(self.places[indices])]

    def presentation(self, indices: np.ndarray, steps: int, seed: int) -> np.ndarray:
        """See `nalsm.datasets.Split.presentation`. The raster does not depend on the seed."""
        return self._rasters(indices, [0] * len(indices), steps)

    def snapshots(self, indices: np.ndarray, numbers: np.ndarray, steps: int, seed: int) -> np.ndarray:
        """See `nalsm.datasets.Split.snapshots`. A snapshot is a window of the recording; where it starts is random, or
        the same for all.
        """
        longest = self.recordings.coding.longest_snapshot
        latest = longest + 1 - steps  # 278 for N-MNIST and the published 20 ms
        if latest < 1:
            raise UserError(f"a snapshot of recordings may last {longest} ms at most, asked for {steps}")
        fixed = self.snapshots_from.snapshot_start_ms
        if isinstance(fixed, int):
            return self._rasters(indices, [fixed] * len(indices), steps)
        first = [int(stream(seed, "nmnist snapshot start", number).integers(1, latest + 1)) for number in numbers]
        return self._rasters(indices, first, steps)

    def _rasters(self, indices: np.ndarray, first_ms: Sequence[int], steps: int) -> np.ndarray:
        coding = self.recordings.coding
        rasters = np.zeros((len(indices), steps, coding.n_inputs), np.uint8)
        for raster, events, first in zip(rasters, self.recordings.read(self.places[indices]), first_ms, strict=True):
            fill_raster(raster, events, first, coding)
        return rasters


def starting_at(dataset: Dataset, constants: SnapshotConstants) -> Dataset:
    """Return a data set whose snapshots start as the constants say; a data set of images as it is."""
    train = dataset.train
    if not isinstance(train, EventSplit):
        return dataset
    return replace(dataset, train=replace(train, snapshots_from=constants))


def fill_raster(raster: np.ndarray, events: np.ndarray, first_ms: int, coding: EventCode = NMNIST_CODE) -> None:
    """Enter packed events into a raster (uint8 [steps, n_inputs]) that begins at step `first_ms`.

    Binning is that of `nalsm.encoding.raster_from_events`.
    """
    ticks = coding.ticks_per_step
    begin, end = first_ms - 1, first_ms + len(raster) + 1  # a step more at each end, because times are rounded
    events = coding.between(events, begin * ticks, end * ticks)
    ms = np.rint(coding.ticks(events) / ticks).astype(np.int64) - first_ms
    inside = (ms >= 0) & (ms < len(raster))
    raster[ms[inside], coding.inputs(events)[inside]] = 1


def event_dataset(packed: PackedRecordings, name: str, n_valid: int, sample_ids: np.ndarray) -> Dataset:
    """Return the Dataset of packed recordings; the last `n_valid` of the training set are the validation split.

    sample_ids : int64 [n]
    """
    n, n_train = len(packed), packed.n_train
    train, valid, test = (
        EventSplit(packed, places, packed.labels[places], sample_ids[places])
        for places in np.split(np.arange(n), [n_train - n_valid, n_train])
    )
    return Dataset(name, packed.coding.n_inputs, train, valid, test, fingerprint=packed.fingerprint)
