"""A run as the pages show it: its parts and its state, beside the published figures."""

from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nalsm.evaluation import MEASURES, Measure
from nalsm.evaluation.branching import branching_factors, factors_of
from nalsm.evaluation.paper import Published, is_reduced
from nalsm.runs.listing import read_status
from nalsm.runs.readouts import PUBLISHED, marked
from nalsm.runs.record import Missing, open_record
from nalsm.runs.recording import decisive
from nalsm.runs.trained_run import TrainedRun
from nalsm.support.constants import Value, as_text
from nalsm.support.errors import DamagedFile


class MeasureShown(NamedTuple):
    """A measure of a run: its values (None if it is not computed), these in words, and the published figures."""

    measure: Measure
    values: dict | None
    text: str
    published: str


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
        return f"{marked(self.record.model.name, self.record.readout)} on {self.record.dataset}"

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.record.source.classes

    @property
    def class_word(self) -> str:
        """What a class is called in sentences."""
        return self.record.source.class_word

    @property
    def knobs(self) -> str:
        """The knobs in words, with constants that are not the published ones; empty if there is neither."""
        return ", ".join([*self.record.model.describe_knobs(self.record.knobs), *as_text(self.constants)])

    @cached_property
    def constants(self) -> dict[str, Value]:
        """The constants of the network, as far as it is available, and of the run that are not the published ones."""
        try:
            return {**self.network.constants, **self.record.constants}
        except Missing:
            return self.record.constants

    @property
    def started(self) -> str:
        """Date and time of the run's first session."""
        return str(self.record.sessions[0].get("started", "at an unknown time"))[:16].replace("T", " ")

    @property
    def is_reduced(self) -> bool:
        """Whether it has fewer samples, snapshots, ms or cycles than the published runs."""
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
        """The published accuracy to compare with; None for another readout than the published one."""
        return self.published_of("accuracy", "test")

    def published_of(self, measure: str, value: str) -> Published | None:
        """Return the published figure of a measure to compare with, or None if the paper has none."""
        return self._published(MEASURES[measure]).get(value)

    def _published(self, measure: Measure) -> dict[str, Published]:
        other_readout = measure.name == "accuracy" and self.record.readout != PUBLISHED
        if not self.n_liquid or other_readout or decisive(self.constants):
            return {}
        cell = self.record.model.name, self.record.dataset, self.n_liquid
        figures = {name: measure.closest_published(name, *cell, self.record.knobs) for name in measure.published(*cell)}
        return {name: figure for name, figure in figures.items() if figure}

    def measured(self) -> list[MeasureShown]:
        """Return every measure of the table, computed or not."""
        found = []
        for measure in MEASURES.values():
            values, published = measure.read(self.record), self._published(measure)
            named = len(published) > 1
            texts = [f"{name} {figure}" if named else str(figure) for name, figure in published.items()]
            text = measure.text(values) if values else "not computed"
            found.append(MeasureShown(measure, values, text, ", ".join(texts) or "no figure"))
        return found

    def branching_factors(self, split: str, batch: int) -> np.ndarray:
        """Return the branching factor of each sample of a recorded batch: float64 [n], NaN if it has none.

        They are computed from the spikes if their file is missing or damaged.
        """
        try:
            kept = factors_of(self.record, split, batch)
        except DamagedFile:
            kept = None
        return branching_factors(self.network, self.recorded(split, batch).spikes) if kept is None else kept
