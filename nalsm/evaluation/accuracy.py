"""Test accuracy of a run: that of the first cycle with the highest validation accuracy.

Source: Ivanov and Michmizos, NeurIPS 2021.
"""

import numpy as np

from nalsm.runs.folder import ACCURACY_NAMES
from nalsm.runs.readout_training import Result
from nalsm.runs.record import runner
from nalsm.support.errors import DamagedFile, UserError


def test_accuracy(folder):
    """Return (Result, number of cycles) of an open run.

    folder : RunFolder. Raises UserError where the run is unfinished, DamagedFile where the file is damaged.
    """
    try:
        arrays, _ = folder.read(folder.accuracies)
    except FileNotFoundError:
        raise UserError(
            f"VERSION: {folder.path} has no {folder.accuracies.name} yet: the run is unfinished; {runner(folder)} with "
            "the same answers goes on with it"
        ) from None
    except DamagedFile as error:
        raise DamagedFile(f"{error}; remove it, and {runner(folder)} with the same answers makes it again") from None
    valid, test, train = (arrays[ACCURACY_NAMES[split]] for split in ("valid", "test", "train"))
    best = int(np.argmax(valid))  # the first of equals
    return Result(best + 1, float(valid[best]), float(test[best]), float(train[best])), len(valid)
