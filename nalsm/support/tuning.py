"""Intervals, sizes of work and hooks that decide no accuracy, in one place. Tests change them instead of patching."""

from collections.abc import Callable
from dataclasses import dataclass


def _nothing() -> None:
    """Do nothing."""


@dataclass
class Tuning:
    """Nothing here changes a bit of any weight, count or accuracy.

    seconds_between_checkpoints : checkpoints of initialisation and readout training
    seconds_between_lines : lines of progress where standard output is no terminal
    seconds_between_looks : at the workers of a cluster, at a parent process, at a folder's lock
    seconds_for_workers : until the first worker of a cluster is there, and without any in between
    seconds_to_answer : for the scheduler of a cluster
    seconds_to_take : a result from its worker, before looking whether a worker is left
    snapshots_at_a_time : snapshots of initialisation whose rasters are drawn and run in one call
    recordings_in_a_part : recordings that are packed between two notes of how far packing is
    recorded_samples : (batch number, batch size) -> the samples of that batch whose spikes are kept, in place of
        `nalsm.runs`' own choice
    before_work : called when all answers of a program are good and its work begins
    free_memory_bytes : free memory of the device that computes; None: ask the system
    whole_batches : the TensorFlow engine runs all samples of a batch side by side; None: only on a GPU (for tests of
        the memory it needs; recorded weights may differ in their last bits)
    seconds_between_log_writes : writes of the log for TensorBoard
    kept_bytes_per_part : kept readouts that share a file while the readout trains (one at least)
    """

    seconds_between_checkpoints: float = 20.0
    seconds_between_lines: float = 10.0
    seconds_between_looks: float = 1.0
    seconds_for_workers: float = 60.0
    seconds_to_answer: float = 10.0
    seconds_to_take: float = 30.0
    snapshots_at_a_time: int = 250
    free_memory_bytes: int | None = None
    whole_batches: bool | None = None
    recordings_in_a_part: int = 1_000
    recorded_samples: Callable[[int, int], list[int]] | None = None
    before_work: Callable[[], None] = _nothing
    seconds_between_log_writes: float = 5.0
    kept_bytes_per_part: int = 4_000_000


TUNING = Tuning()
