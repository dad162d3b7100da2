"""Where the programs of this folder work: in the checkout they lie in, whatever the current folder is."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # this checkout's package, installed or not
