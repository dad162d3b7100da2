"""The data sets: each becomes a `Dataset` of three splits that turn samples into rasters."""

from nalsm.datasets.dataset import Dataset, Split
from nalsm.datasets.sources import (
    DATA_SOURCES,
    NETWORK_INPUTS,
    DataSource,
    Noise,
    is_known,
    is_simulated,
    program_name,
    source_of,
)

__all__ = [
    "DATA_SOURCES", "NETWORK_INPUTS", "DataSource", "Dataset", "Noise", "Split", "is_known", "is_simulated",
    "program_name", "source_of",
]  # fmt: skip
