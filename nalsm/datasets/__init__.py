"""The data sets: each becomes a `Dataset` of three splits that turn samples into rasters."""

from nalsm.datasets.dataset import OWN, Dataset, Split
from nalsm.datasets.own_events import pack_events
from nalsm.datasets.sources import (
    DATA_SOURCES,
    NETWORK_INPUTS,
    DataSource,
    Noise,
    find_source,
    inputs_of,
    is_known,
    is_own,
    is_simulated,
    own_source,
    program_name,
    source_of,
)

__all__ = [
    "DATA_SOURCES", "NETWORK_INPUTS", "OWN", "DataSource", "Dataset", "Noise", "Split", "find_source", "inputs_of",
    "is_known", "is_own", "is_simulated", "own_source", "pack_events", "program_name", "source_of",
]  # fmt: skip
