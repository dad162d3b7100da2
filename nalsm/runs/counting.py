"""Counting: every sample is presented from the same weights, and the spikes of each liquid neuron are counted."""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from nalsm.console.progress import Meter
from nalsm.datasets import Split
from nalsm.liquid import Liquid
from nalsm.models import LEARNING_SAMPLES, Model
from nalsm.network import Network
from nalsm.rules import Rule, Static
from nalsm.runs.folder import RunFolder
from nalsm.runs.names import BATCH, COUNTS, LABELS, SAMPLE_IDS, SPIKES
from nalsm.runs.settings import Settings
from nalsm.support.prefetching import prefetch


@dataclass(frozen=True)
class Presentation:
    """What all presentations of a run share.

    weights : float32 [S], at the start of each presentation; steps : ms
    seed : seed of the random numbers of the inputs
    first_only : the rule is for the first sample of each batch; the weights of the others stay as they are
    """

    weights: np.ndarray
    rule: Rule
    steps: int
    seed: int
    first_only: bool = False

    def rasters(self, split: Split, places: np.ndarray) -> np.ndarray:
        """Return the input of these samples (int [n], places in `split`): uint8 [n, steps, n_inputs]."""
        return split.presentation(places, self.steps, self.seed)

    def count(self, liquid: Liquid, rasters: np.ndarray, record: list[int]) -> "Counted":
        """Present the rasters of a batch (uint8 [n, steps, n_inputs]).

        record : numbers of the samples whose spikes are kept, ascending
        """
        n_learning = 1 if self.first_only else len(rasters)
        parts = [(rasters[:n_learning], self.rule, [sample for sample in record if sample < n_learning])]
        if n_learning < len(rasters):
            others = [sample - n_learning for sample in record if sample >= n_learning]
            parts.append((rasters[n_learning:], Static(constants=self.rule.constants), others))
        runs = [liquid.present(some, self.weights, rule, chosen if record else False) for some, rule, chosen in parts]
        counts = np.concatenate([run.counts for run in runs])
        kept = [run.spikes for run in runs if run.spikes is not None]
        return Counted(counts, np.argwhere(np.concatenate(kept)).astype(np.int32) if kept else None)


@dataclass(frozen=True)
class Counted:
    """The result of a batch.

    counts : uint16 [n, R]; spikes : int32 [n_spikes, 3] (recorded sample, ms, neuron), None if none are kept
    """

    counts: np.ndarray
    spikes: np.ndarray | None


@dataclass(frozen=True)
class Batch:
    """Samples that are presented together and share a count file.

    split_name : selects the names of its files in the folder of the run
    places : int [n], in `split`; record : numbers of the samples in the batch whose spikes are kept
    """

    split_name: str
    number: int
    split: Split
    places: np.ndarray
    record: list[int]

    def samples(self) -> Split:
        """Return its samples as a Split that another process can present."""
        return self.split.detached(self.places)


class CountingSession(Protocol):
    """The part of a `nalsm.runs.session.Session` that counting needs."""

    settings: Settings
    folder: RunFolder
    cluster: "Counting | None"
    model: Model
    network: Network
    seed: int
    liquid: Liquid

    def say(self, text: str, /) -> None:
        """Print a line."""

    def progress(self, total: int, label: str, unit: str, done: int = 0, /) -> AbstractContextManager[Meter]:
        """Show the progress of the block; see `nalsm.console.progress`."""


class Counting(Protocol):
    """Counts spikes elsewhere, for example on a cluster."""

    def require(self, say: Callable[[str], None]) -> None:
        """Raise MachineError unless it can count for this program."""

    def count(
        self, run: CountingSession, presentation: Presentation, batches: list[Batch]
    ) -> Iterator[tuple[Batch, Counted]]:
        """Yield (batch, Counted) of every batch, in any order."""


def count_spikes(
    run: CountingSession,
    weights: np.ndarray,
    splits: dict[str, Split],
    recorded_samples: Callable[[int, int], list[int]] = lambda _batch, _batch_size: [],
) -> None:
    """Present every sample that has no sound count file in the run's folder yet, and write its counts there.

    weights : float32 [S], at the start of each presentation
    splits : Split by name; the folder's `counts` and `spikes` give the files of their batches
    recorded_samples : (batch, batch size) -> numbers of the samples in the batch whose spikes are kept, too
    """
    settings, size = run.settings, run.settings.sizes.batch_size
    batches = [
        Batch(name, number, split, np.arange(number * size, (number + 1) * size), recorded_samples(number, size))
        for name, split in splits.items()
        for number in range(len(split) // size)
    ]
    todo = [batch for batch in batches if not _is_counted(run, batch)]
    presentation = Presentation(
        weights, run.model.presentation(settings.knobs, settings.rule_constants), settings.sizes.sample_ms, run.seed,
        first_only=LEARNING_SAMPLES.of(settings.knobs) == "first",
    )  # fmt: skip
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


def _is_counted(run: CountingSession, batch: Batch) -> bool:
    folder, place = run.folder, (batch.split_name, batch.number)
    paths = [folder.counts(*place)] + ([folder.spikes(*place)] if batch.record else [])
    return all(folder.read_if_good(path, run.say) for path in paths)


def _count(
    run: CountingSession, presentation: Presentation, batches: list[Batch]
) -> Generator[tuple[Batch, Counted], None, None]:
    """Yield (batch, Counted) of every batch: in order from the run's own liquid, in any order from a cluster."""
    if run.cluster and batches:
        yield from run.cluster.count(run, presentation, batches)
        return
    yield from count_batches(run.liquid, presentation, batches)


def count_batches(
    liquid: Liquid, presentation: Presentation, batches: list[Batch]
) -> Generator[tuple[Batch, Counted], None, None]:
    """Yield (batch, Counted) of every batch in order; the rasters of the next batch are made meanwhile."""
    for batch, rasters in prefetch(lambda batch: presentation.rasters(batch.split, batch.places), batches):
        yield batch, presentation.count(liquid, rasters, batch.record)


def _write(folder: RunFolder, batch: Batch, result: Counted) -> None:
    """Write the files of one batch, its counts last."""
    name, number, split, places = batch.split_name, batch.number, batch.split, batch.places
    if batch.record:
        arrays = {
            SPIKES: result.spikes,
            LABELS: split.labels[places[batch.record]],
            SAMPLE_IDS: split.sample_ids[places[batch.record]],
        }
        folder.write(folder.spikes(name, number), arrays, {BATCH: number})
    arrays = {
        COUNTS: result.counts,
        LABELS: split.labels[places],
        SAMPLE_IDS: split.sample_ids[places],
        BATCH: np.int64(number),
    }
    folder.write(folder.counts(name, number), arrays)
