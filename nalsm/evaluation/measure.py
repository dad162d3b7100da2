"""What the table of measures knows of each measure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nalsm.evaluation.paper import Published
from nalsm.runs.folder import RunFolder

Values = dict[str, Any]


@dataclass(frozen=True)
class Measure:
    """One measure on a trained run. Folders are open: their identity has been read.

    name : identifier, in sweep files and in the results store
    title : on pages and in messages
    formula : in one line
    files : the files that it reads its values from
    read : values by name, together with the parameters that they were computed with; None if the measure is not
        computed, or not of all that it needs
    published : (model, data set, liquid neurons, knobs) -> published figures, by the names that `read` gives
    text : values of `read` in words
    parameters : those of the published figures, by name
    picture : function in `nalsm.report.pictures` that shows it; empty if none does
    """

    name: str
    title: str
    formula: str
    files: Callable[[RunFolder], list[Path]]
    read: Callable[[RunFolder], Values | None]
    published: Callable[[str, str, int, Mapping[str, float]], dict[str, Published]]
    text: Callable[[Values], str]
    parameters: Mapping[str, int] = field(default_factory=dict)
    picture: str = ""

    def is_done(self, folder: RunFolder, parameters: Mapping[str, int] | None = None) -> bool:
        """Tell whether the values were computed with these parameters; None: with those of the published figures."""
        return self.read_with(folder, parameters) is not None

    def read_with(self, folder: RunFolder, parameters: Mapping[str, int] | None = None) -> Values | None:
        """Return what `read` returns, or None if it was computed with other parameters; see `is_done`."""
        values = self.read(folder)
        wanted = self.parameters if parameters is None else parameters
        return values if values and all(values.get(name) == value for name, value in wanted.items()) else None
