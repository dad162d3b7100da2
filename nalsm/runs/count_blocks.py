"""The counts of a run as blocks for the readout, in memory or, beyond a budget, in a temporary file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from nalsm.readout import CountBlock
from nalsm.runs.names import COUNTS, LABELS, SPLITS
from nalsm.support.errors import DamagedFile, MachineError
from nalsm.support.prefetching import prefetch
from nalsm.support.resources import memory_bytes

if TYPE_CHECKING:
    from nalsm.runs.session import Session

_BLOCK_BYTES = 12_500_000  # in smaller blocks, threads would wait for each other at their ends for too large a share
MEMORY_SHARE = 1 / 3  # of the machine's memory that counts may fill unless the settings say how much


class CountBlocks:
    """The count blocks of one split, in order.

    Blocks stay in memory as long as they fit the budget (bytes). The counts of all others are in an uncompressed
    temporary file in `folder`, which has no name and disappears with the process. They are read ahead of their use.
    """

    def __init__(self, blocks: Iterable[CountBlock], budget: float, folder: str | Path) -> None:
        self._blocks: list[CountBlock | _Spilled] = []
        self._spill: BinaryIO | None = None
        self.nbytes_kept = 0
        self.n_samples = 0
        for block in blocks:
            self.n_samples += block.n_samples
            if self.nbytes_kept + block.nbytes <= budget:
                self.nbytes_kept += block.nbytes
                self._blocks.append(block)
            else:
                self._blocks.append(self._write(block, folder))

    def _write(self, block, folder):
        try:
            self._spill = self._spill or tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - open as long as the blocks are
            return _Spilled.write(self._spill, block)
        except OSError as error:
            error.filename = f"{folder}, temporary file of the counts"  # it has no name
            raise

    def __iter__(self) -> Iterator[CountBlock]:
        return (block for group in self.groups() for block in group)

    def groups(self) -> Iterator[list[CountBlock]]:
        """Yield all blocks in order, together those that may be in memory together: all, or one after another."""
        if self._spill is None:
            yield [self._fetch(block) for block in self._blocks]
        else:
            yield from ([block] for _, block in prefetch(self._fetch, self._blocks))

    def _fetch(self, block: CountBlock | _Spilled) -> CountBlock:
        return block.read(self._spill) if isinstance(block, _Spilled) else block


@dataclass(frozen=True)
class _Spilled:
    """A CountBlock whose counts are in a file, from `offset` on."""

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype
    factors: np.ndarray
    labels: np.ndarray | None

    @classmethod
    def write(cls, file, block):
        counts = block.counts
        offset = file.seek(0, os.SEEK_END)
        image = memoryview(counts).cast("B")
        while image:
            image = image[file.write(image) :]
        return cls(offset, counts.shape, counts.dtype, block.factors, block.labels)

    def read(self, file):
        counts = np.empty(self.shape, self.dtype)
        image = memoryview(counts).cast("B")
        offset = self.offset
        while image:
            n = os.preadv(file.fileno(), [image], offset)
            if n == 0:
                raise MachineError("the temporary file of the counts has become shorter; start again")
            image, offset = image[n:], offset + n
        return CountBlock(counts, self.factors, self.labels)


def open_count_blocks(run: Session) -> dict[str, CountBlocks]:
    """Return the count blocks of a run whose counts are complete, by split.

    Raises FileNotFoundError for a missing count file, and DamagedFile for a damaged one or one of other shapes.
    """
    left = run.settings.machine.memory_budget
    left = memory_bytes() * MEMORY_SHARE if left is None else left * 1e9
    blocks = {}
    for split in SPLITS:
        blocks[split] = CountBlocks(_read_blocks(run, split), left, run.folder.path)
        left -= blocks[split].nbytes_kept
    return blocks


def _read_blocks(run, split):
    """Yield the counts of a split from its files, BATCHS_PER_BLOCK batches at a time, or as many as fill a block."""
    sizes = run.settings.sizes
    n_batches = sizes.of_splits[split] // sizes.batch_size
    n_together = max(sizes.batches_per_block, _BLOCK_BYTES // (sizes.batch_size * run.network.n_liquid))
    for first in range(0, n_batches, n_together):
        batches = range(first, min(first + n_together, n_batches))
        counts, labels = zip(*(_read_counts(run, run.folder.counts(split, batch)) for batch in batches), strict=True)
        yield CountBlock.pack(np.stack(counts), np.stack(labels))


def _read_counts(run, path):
    """Return (counts, labels) of a count file; raises DamagedFile for other shapes or types."""
    arrays, _ = run.folder.read(path)
    counts, labels = arrays.get(COUNTS), arrays.get(LABELS)
    size = run.settings.sizes.batch_size
    if np.shape(counts) != (size, run.network.n_liquid) or np.shape(labels) != (size,) or counts.dtype != np.uint16:
        raise DamagedFile(f"{path} does not hold the counts of {size} samples and {run.network.n_liquid} neurons")
    return counts, labels
