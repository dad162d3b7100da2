"""A run as the pages show it: its parts and its state, beside the published figures."""

from functools import cached_property
from pathlib import Path

import numpy as np

from nalsm.evaluation import MEASURES
from nalsm.evaluation.branching import branching_factors, factors_of
from nalsm.evaluation.paper import Published, is_reduced
from nalsm.runs.listing import read_status
from nalsm.runs.record import Missing, open_record
from nalsm.runs.trained_run import TrainedRun
from nalsm.support.errors import DamagedFile


class ShownRun(TrainedRun):
    """A TrainedRun with what a page needs beyond it.

    status : its `nalsm.runs.listing.RunStatus`
    Raises UserError if there is no run, DamagedFile if its parameters are damaged.
    """

    def __init__(self, output_dir: Path, version: int, networks_dir: Path) -> None:
        super().__init__(open_record(output_dir, version), networks_dir)
        self.status = read_status(output_dir, version)

    @property
    def identity(self) -> dict:
        """What decides the results."""
        return self.record.identity

    @property
    def cell(self) -> str:
        """Model and data set, as in "NALSM on MNIST"."""
        return f"{self.record.model.name} on {self.record.dataset}"

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.record.source.classes

    @property
    def class_word(self) -> str:
        """What a class is called in sentences."""
        return self.record.source.class_word

    @property
    def knob_values(self) -> list[tuple[str, str]]:
        """Return (name with published spelling and unit, value) of each knob, in the order of the questions."""
        return [(knob.heading, knob.text(value)) for knob, value in self.record.model.values(self.record.knobs)]

    @property
    def is_reduced(self) -> bool:
        """Whether it used fewer samples, snapshots or cycles than the published runs."""
        return is_reduced(self.identity)

    @cached_property
    def n_liquid(self) -> int | None:
        """Number of liquid neurons; None if neither network nor readout is available."""
        for read in (lambda: self.network.n_liquid, lambda: len(self.readout_parameters[0])):
            try:
                return read()
            except Missing:
                pass
        return None

    @property
    def published(self) -> Published | None:
        """The published accuracy to compare with."""
        return self.published_of("accuracy", "test")

    def published_of(self, measure: str, value: str) -> Published | None:
        """Return the published figure of a measure to compare with, or None if the paper has none."""
        if not self.n_liquid:
            return None
        record = self.record
        return MEASURES[measure].closest_published(
            value, record.model.name, record.dataset, self.n_liquid, record.knobs
        )

    def branching_factors(self, split: str, batch: int) -> np.ndarray:
        """Return the branching factor of each sample of a recorded batch: float64 [n], NaN if it has none.

        They are computed from the spikes if their file is missing or damaged.
        """
        try:
            kept = factors_of(self.record, split, batch)
        except DamagedFile:
            kept = None
        return branching_factors(self.network, self.recorded(split, batch).spikes) if kept is None else kept
