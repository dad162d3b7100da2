"""What the table of measures knows of each measure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nalsm.datasets import DataSource, is_own
from nalsm.evaluation.paper import Published, closest_figure
from nalsm.models import Knobs
from nalsm.runs.record import RunRecord

Values = dict[str, Any]


@dataclass(frozen=True)
class Measure:
    """One measure on a trained run.

    name : identifier, in sweep files and in the results store
    title : on pages and in messages
    formula : in one line
    files : the files that it reads its values from
    read : values by name, together with the parameters that they were computed with; None if the measure is not
        computed, or not of all that it needs
    published : (model, data set, liquid neurons, knobs) -> published figures at these knobs, by the names that `read`
        gives; knobs None: those of the paper's table
    text : values of `read` in words
    parameters : those of the published figures, by name; values that `read` gives without one of them have it
    picture : function in `nalsm.report.pictures` that shows it; empty if none does
    impossible : (settings of a run by name, data set) -> why no run with these settings can have it; "" if one can
    column, cell : heading of its column in the list of runs, and values of `read` for it; empty: it has no column
    """

    name: str
    title: str
    formula: str
    files: Callable[[RunRecord], list[Path]]
    read: Callable[[RunRecord], Values | None]
    published: Callable[..., dict[str, Published]]
    text: Callable[[Values], str]
    parameters: Mapping[str, float] = field(default_factory=dict)
    picture: str = ""
    impossible: Callable[[Mapping[str, Any], DataSource], str] = lambda _settings, _source: ""
    column: str = ""
    cell: Callable[[Values], str] = str

    def is_done(self, run: RunRecord, parameters: Mapping[str, float] | None = None) -> bool:
        """Tell whether the values were computed with these parameters.

        None: with those of the published figures. There are none of own data, where all parameters are good.
        """
        return self.read_with(run, parameters) is not None

    def read_with(self, run: RunRecord, parameters: Mapping[str, float] | None = None) -> Values | None:
        """Return what `read` returns, or None if it was computed with other parameters; see `is_done`."""
        values = self.read(run)
        return values if values and self.agrees(values, run.dataset, parameters) else None

    def agrees(self, values: Values, dataset: str, parameters: Mapping[str, float] | None = None) -> bool:
        """Tell whether values of `read` were computed with these parameters; see `is_done`.

        dataset : as the run recorded it
        """
        published = {} if is_own(dataset) else self.parameters
        wanted = published if parameters is None else parameters
        return all(values.get(name, self.parameters.get(name)) == value for name, value in wanted.items())

    def closest_published(self, value: str, model: str, dataset: str, n_liquid: int, knobs: Knobs) -> Published | None:
        """Return the published figure of one of the values, by `closest_figure`, or None if the paper has none."""
        return closest_figure(lambda *cell: self.published(*cell).get(value), model, dataset, n_liquid, knobs)
