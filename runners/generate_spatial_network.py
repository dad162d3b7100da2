"""Generate the network of a liquid: asks for its number and size; --help lists the settings."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from nalsm.programs import generate_network  # noqa: E402

generate_network(ROOT)
