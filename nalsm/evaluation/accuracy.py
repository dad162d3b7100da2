"""Test accuracy of a run: that of the first cycle with the highest validation accuracy.

Source: Ivanov and Michmizos, NeurIPS 2021.
"""

from typing import NamedTuple

import numpy as np

from nalsm.evaluation.measure import Measure
from nalsm.evaluation.paper import closest_figure, published_accuracy
from nalsm.runs.folder import RunFolder
from nalsm.runs.names import ACCURACY_NAMES
from nalsm.runs.record import runner
from nalsm.support.errors import DamagedFile, UserError


class RunAccuracy(NamedTuple):
    """Accuracies (fractions) at `cycle` (from 1), the first with the best validation accuracy, of `cycles`."""

    cycle: int
    cycles: int
    valid: float
    test: float
    train: float


def accuracy_of(folder: RunFolder) -> RunAccuracy:
    """Return the accuracies of an open run. Raises UserError if it is unfinished, DamagedFile for a damaged file."""
    try:
        arrays, _ = folder.read(folder.accuracies)
    except FileNotFoundError:
        raise UserError(
            f"VERSION: {folder.path} has no {folder.accuracies.name} yet: the run is unfinished; give {runner(folder)} "
            "the same answers to resume it"
        ) from None
    except DamagedFile as error:
        raise DamagedFile(f"{error}; remove it and give {runner(folder)} the same answers to recompute it") from None
    valid, test, train = (arrays[ACCURACY_NAMES[split]] for split in ("valid", "test", "train"))
    best = int(np.argmax(valid))  # the first of equals
    return RunAccuracy(best + 1, len(valid), float(valid[best]), float(test[best]), float(train[best]))


def _read(folder):
    try:
        return accuracy_of(folder)._asdict()
    except (UserError, DamagedFile):
        return None


def _published(model, dataset, n_liquid, knobs):
    figure = closest_figure(published_accuracy, model, dataset, n_liquid, knobs)
    return {"test": figure} if figure else {}


MEASURE = Measure(
    name="accuracy",
    title="test accuracy",
    formula="test(c) at the first cycle c with valid(c) = max valid",
    files=lambda folder: [folder.accuracies],
    read=_read,
    published=_published,
    text=lambda values: f"{100 * values['test']:.2f} %",
    picture="accuracy",
)
