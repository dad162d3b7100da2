"""Counting: every sample is presented from the same weights, and its spikes of each neuron are kept."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from nalsm.datasets.dataset import Split
from nalsm.liquid.interface import Liquid
from nalsm.rules import Rule
from nalsm.support.prefetching import prefetch


@dataclass(frozen=True)
class Presentation:
    """What all presentations of a run share.

    weights : float32 [S], what each starts from; steps : ms; seed : of the random numbers of the inputs
    """

    weights: np.ndarray
    rule: Rule
    steps: int
    seed: int

    def rasters(self, split: Split, places: np.ndarray) -> np.ndarray:
        """Return the input of these samples (int [n], places in `split`): uint8 [n, steps, n_inputs]."""
        return split.presentation(places, self.steps, self.seed)

    def count(self, liquid: Liquid, rasters: np.ndarray, record: list[int]) -> "Counted":
        """Present rasters; return the Counted. record : numbers of the samples whose spikes are kept"""
        presented = liquid.present(rasters, self.weights, self.rule, record=record or False)
        spikes = presented.spikes
        return Counted(presented.counts, None if spikes is None else np.argwhere(spikes).astype(np.int32))


@dataclass(frozen=True)
class Counted:
    """counts : uint16 [n, R]; spikes : int32 [n_spikes, 3], (recorded sample, ms, neuron), or None"""

    counts: np.ndarray
    spikes: np.ndarray | None


@dataclass(frozen=True)
class Batch:
    """Samples that are presented together and share a count file.

    places : int [n], in `split`; record : numbers of the samples in the batch whose spikes are kept
    """

    split_name: str
    number: int
    split: Split
    places: np.ndarray
    record: list[int]

    def samples(self) -> Split:
        """Return its samples as a Split that can be sent."""
        return self.split.detached(self.places)


class Counting(Protocol):
    """Counts spikes somewhere else, as on a cluster."""

    def require(self, say: Callable[[str], None]) -> None:
        """Raise MachineError unless it can count for this program."""

    def count(self, run: Any, presentation: Presentation, batches: list[Batch]) -> Iterator[tuple[Batch, Counted]]:
        """Yield (batch, Counted) of every batch, in any order."""


def none_recorded(_batch: int, _batch_size: int) -> list[int]:
    return []


def count_spikes(
    run: Any,
    weights: np.ndarray,
    splits: dict[str, Split],
    recorded_samples: Callable[[int, int], list[int]] = none_recorded,
) -> None:
    """Present every sample that has no good count file in the run's folder yet.

    run : has settings (batch_size, sample_ms), cluster (Counting or None), model, seed, network, liquid, folder, say
        and progress
    weights : float32 [S], what each presentation starts from
    splits : Split by name; the folder's `counts` and `spikes` name the files of their batches
    recorded_samples : (batch, batch size) -> samples of the batch whose spikes are kept as well
    """
    settings, size = run.settings, run.settings.sizes.batch_size
    batches = [
        Batch(name, number, split, np.arange(number * size, (number + 1) * size), recorded_samples(number, size))
        for name, split in splits.items()
        for number in range(len(split) // size)
    ]
    todo = [batch for batch in batches if not _is_counted(run, batch)]
    presentation = Presentation(weights, run.model.presentation(settings.knobs), settings.sizes.sample_ms, run.seed)
    total, done = len(batches) * size, (len(batches) - len(todo)) * size
    with (
        run.progress(total, "counting", "samples", done) as bar,
        ThreadPoolExecutor(1) as writer,
        closing(_count(run, presentation, todo)) as counted,
    ):
        written = None
        for batch, result in counted:
            if written:
                written.result()
            written = writer.submit(_write, run.folder, batch, result)
            bar.update(size)
        if written:
            written.result()


def _is_counted(run, batch):
    folder, place = run.folder, (batch.split_name, batch.number)
    paths = [folder.counts(*place)] + ([folder.spikes(*place)] if batch.record else [])
    return all(folder.read_if_good(path, run.say) for path in paths)


def _count(run, presentation, batches):
    """Yield (batch, Counted) of every batch: in order from the run's own liquid, in any order from a cluster."""
    if run.cluster and batches:
        yield from run.cluster.count(run, presentation, batches)
        return
    for batch, rasters in prefetch(lambda batch: presentation.rasters(batch.split, batch.places), batches):
        yield batch, presentation.count(run.liquid, rasters, batch.record)


def _write(folder, batch, result):
    """Write the files of one batch, its counts last."""
    name, number, split, places = batch.split_name, batch.number, batch.split, batch.places
    if batch.record:
        arrays = {
            "spike_rec_per_batch": result.spikes,
            "scalar_labels_in_batch_arr": split.labels[places[batch.record]],
            "sample_ids": split.sample_ids[places[batch.record]],
        }
        folder.write(folder.spikes(name, number), arrays, {"ITER": number})
    arrays = {
        "olc_S_AGG_RES": result.counts,
        "scalar_labels_in_batch_arr": split.labels[places],
        "sample_ids": split.sample_ids[places],
        "ITER": np.int64(number),
    }
    folder.write(folder.counts(name, number), arrays)
