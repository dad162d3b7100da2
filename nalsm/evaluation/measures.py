"""The table of measures. A new measure is a file with its formula and its `Measure`, and a line here."""

from nalsm.evaluation import accuracy, branching, kernel_quality
from nalsm.evaluation.measure import Measure

MEASURES: dict[str, Measure] = {
    measure.name: measure for measure in (accuracy.MEASURE, branching.MEASURE, kernel_quality.MEASURE)
}
