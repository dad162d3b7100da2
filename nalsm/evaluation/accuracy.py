"""Test accuracy of a run: that of the first cycle with the highest validation accuracy.

Source: Ivanov and Michmizos, NeurIPS 2021.
"""

from typing import NamedTuple

from nalsm.evaluation.measure import Measure
from nalsm.evaluation.paper import Published, published_accuracy
from nalsm.models import Knobs
from nalsm.runs.names import ACCURACY_NAMES
from nalsm.runs.record import RunRecord, best_cycle
from nalsm.support.errors import DamagedFile, UserError


class RunAccuracy(NamedTuple):
    """Accuracies (fractions) at `cycle` (from 1), the first with the best validation accuracy, of `cycles`."""

    cycle: int
    cycles: int
    valid: float
    test: float
    train: float


def accuracy_of(run: RunRecord) -> RunAccuracy:
    """Return the accuracies of a run. Raises UserError if it is unfinished, DamagedFile for a damaged file."""
    folder = run.folder
    try:
        arrays, _ = folder.read(folder.accuracies)
    except FileNotFoundError:
        raise UserError(
            f"VERSION: {folder.path} has no {folder.accuracies.name} yet: the run is unfinished; give {run.program} "
            "the same answers to resume it"
        ) from None
    except DamagedFile as error:
        raise DamagedFile(f"{error}; remove it and give {run.program} the same answers to recompute it") from None
    valid, test, train = (arrays[ACCURACY_NAMES[split]] for split in ("valid", "test", "train"))
    cycle = best_cycle(valid)
    best = cycle - 1
    return RunAccuracy(cycle, len(valid), float(valid[best]), float(test[best]), float(train[best]))


def _read(run: RunRecord) -> dict | None:
    try:
        return accuracy_of(run)._asdict()
    except (UserError, DamagedFile):
        return None


def _published(model: str, dataset: str, n_liquid: int, knobs: Knobs | None = None) -> dict[str, Published]:
    figure = published_accuracy(model, dataset, n_liquid, knobs)
    return {"test": figure} if figure else {}


MEASURE = Measure(
    name="accuracy",
    title="test accuracy",
    formula="test(c) at the first cycle c with valid(c) = max valid",
    files=lambda run: [run.folder.accuracies],
    read=_read,
    published=_published,
    text=lambda values: f"{100 * values['test']:.2f} %",
    picture="accuracy",
)
