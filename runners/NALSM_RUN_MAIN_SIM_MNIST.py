"""Train NALSM on MNIST: asks for the run's settings; --help lists them."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from nalsm.programs import train  # noqa: E402

train("NALSM", "MNIST", ROOT)
