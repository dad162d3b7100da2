"""One run, from its settings to its accuracy, and everything it leaves in its version folder."""

from nalsm.runs.record import Missing
from nalsm.runs.trained_run import TrainedRun, load_run

__all__ = ["Missing", "TrainedRun", "load_run"]
