"""Everything that a run's parameter file has, by plain names."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nalsm.report.run_data import RunData

Rows = list[tuple[str, Any]]

TITLES = {
    "model": "model",
    "dataset": "data",
    "dataset_sha256": "data, SHA-256",
    "network_number": "network",
    "network_sha256": "network, SHA-256",
    "seed": "seed",
    "batch_size": "samples in a batch",
    "train_samples": "training samples",
    "valid_samples": "validation samples",
    "test_samples": "test samples",
    "init_samples": "snapshots of the initialisation",
    "init_ms": "length of a snapshot, ms",
    "sample_ms": "length of a presentation, ms",
    "cycles": "cycles over the training samples",
    "keep_weights_every": "readouts kept: one of this many cycles (0: none)",
    "gpu": "GPU (-1: CPU)",
    "batches_per_block": "batches in a block",
    "packages": "versions",
}


def settings_shown(run: "RunData") -> list[tuple[str, Rows]]:
    """Return [(group, [(plain name, value)])] of all that was recorded of a run; groups without rows are left out."""
    details = {name: value for name, value in run.parameters.items() if name not in ("identity", "format", "sha256")}
    groups = {
        "What decides the result": [*run.knob_values, *_rows(run.identity)],
        "What does not decide it": _rows(details),
        **{_title(name).capitalize(): _rows(value) for name, value in details.items() if isinstance(value, dict)},
    }
    return [(group, rows) for group, rows in groups.items() if rows]


def _rows(values: Mapping[str, Any]) -> Rows:
    """Return the entries that are single values; knobs are shown apart."""
    return [(_title(name), value) for name, value in values.items()
            if not isinstance(value, dict | list)]  # fmt: skip


def _title(name: str) -> str:
    return TITLES.get(name, name.replace("_", " "))
