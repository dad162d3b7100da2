"""Measures on a trained run: test accuracy, branching factor, kernel quality; the paper's figures.

docs/evaluating.md has their formulas, their sources and the published figures.
"""

from nalsm.evaluation.branching import branching_factor, branching_factors, neuron_branching_factors
from nalsm.evaluation.kernel_quality import mean_rank
from nalsm.evaluation.measure import Measure
from nalsm.evaluation.measures import MEASURES

__all__ = [
    "MEASURES", "Measure", "branching_factor", "branching_factors", "mean_rank", "neuron_branching_factors",
]  # fmt: skip
