"""The last stage of a run with the ridge readout (`nalsm.readout.ridge`) in place of the published one.

The result files have one entry for each strength of the penalty where those of a trained readout have one for each
cycle; the strength is chosen as the cycle is, by validation accuracy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nalsm.readout import CountBlock, Readout
from nalsm.readout.ridge import RidgeRegression
from nalsm.runs.count_blocks import open_count_blocks
from nalsm.runs.history import History, KeptReadouts, Result
from nalsm.runs.names import SPLITS
from nalsm.runs.readout_training import write_results
from nalsm.runs.readouts import STRENGTHS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nalsm.runs.session import Session


def train_ridge(run: Session) -> Result:
    """Fit and evaluate the readout of a Session whose counts are complete; write and return the results."""
    history = fit_ridge(open_count_blocks(run), run.network.n_liquid, len(run.settings.source.classes))
    write_results(run, history, KeptReadouts(run.folder, 0), {"strengths": np.array(STRENGTHS)})
    return history.result()


def fit_ridge(blocks: Mapping[str, Iterable[CountBlock]], n_liquid: int, n_classes: int) -> History:
    """Return the accuracies of each strength and the best readout, of the blocks of each split."""
    regression = RidgeRegression(n_liquid, n_classes).add(blocks["train"])
    history = History(len(STRENGTHS))
    for strength in STRENGTHS:
        weights, biases = regression.solve(strength)
        readout = Readout.from_parameters(weights, biases)
        accuracies = {split: _accuracy(readout, blocks[split]) for split in SPLITS}
        history.add(accuracies, weights, biases)
    return history


def _accuracy(readout: Readout, blocks: Iterable[CountBlock]) -> float:
    correct, total = np.sum([(readout.count_correct(block), block.n_samples) for block in blocks], axis=0)
    return float(correct / total)
