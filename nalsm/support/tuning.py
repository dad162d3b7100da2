"""Intervals and sizes of work that no result depends on, in one place. Tests make them small."""

from dataclasses import dataclass


@dataclass
class Tuning:
    """Nothing here changes a bit of any result.

    seconds_between_checkpoints : of initialisation and readout training
    recordings_in_a_part : of packing, which is resumed at the first part that is missing
    snapshots_at_a_time : of initialisation, rasters made and run in one call
    """

    seconds_between_checkpoints: float = 20.0
    snapshots_at_a_time: int = 250
    recordings_in_a_part: int = 1_000


TUNING = Tuning()
