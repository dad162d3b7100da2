"""Measures on a trained run: test accuracy, branching factor, kernel quality, noisy inputs.

docs/evaluating.md has their formulas, their sources, and the published figures.
"""

from nalsm.evaluation.branching import branching_factor, branching_factors, neuron_branching_factors
from nalsm.evaluation.kernel_quality import mean_rank

__all__ = ["branching_factor", "branching_factors", "mean_rank", "neuron_branching_factors"]
