"""Everything that the parameter file of a run contains, by plain names."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nalsm.runs.names import OWN_DATA
from nalsm.runs.questions import questions_for
from nalsm.runs.record import Missing
from nalsm.support.constants import as_text

if TYPE_CHECKING:
    from nalsm.report.shown_run import ShownRun

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


def settings_shown(run: "ShownRun") -> list[tuple[str, Rows]]:
    """Return [(group, [(plain name, value)])] of all that was recorded of a run, without empty groups.

    A run that was resumed with other versions or threads has a group for each.
    """
    sessions = run.record.sessions
    groups = [
        ("What decides the result", [("knobs", run.knobs), *_rows(run.identity)]),
        ("What does not decide it", _rows(run.record.details)),
    ]
    for number, session in enumerate(sessions, 1):
        part = f", part {number} of the run" if len(sessions) > 1 else ""
        groups += [
            (f"Program and machine{part}", _rows(session)),
            (f"Versions{part}", _rows(session.get("packages") or {})),
        ]
    return [(group, rows) for group, rows in groups if rows]


def _rows(values: Mapping[str, Any]) -> Rows:
    """Return the entries that are single values; knobs are shown apart."""
    return [(_title(name), value) for name, value in values.items()
            if not isinstance(value, dict | list) and name not in ("format", "sha256")]  # fmt: skip


def _title(name: str) -> str:
    return TITLES.get(name, name.replace("_", " "))


def commands(run: "ShownRun") -> list[str]:
    """Return the lines for a shell that make the run's network, if that is known, and the run."""
    record = run.record
    data = record.details.get(OWN_DATA) or {}
    decisive = {**record.identity, **record.knobs, "data_file": data.get("file"), "rates": data.get("rates")}
    values = {**record.details, **record.sessions[-1], **decisive, "version": record.version}
    flags = [
        f"{question.flag}={values[question.name]}"
        for question in questions_for(record.model.name, record.source.family, root=Path())
        if values.get(question.name) not in (None, question.default) and (question.prompt or question.name in decisive)
    ]
    flags += [f"--set={text}" for text in as_text(record.constants)]
    lines = [["python", f"runners/{record.program}", *flags]]
    try:
        network = run.network
    except Missing:
        network = None
    if network and network.dims and network.seed is not None:
        sizes = [f"--dim{k}={size}" for k, size in enumerate(network.dims, 1)]
        kind, number = record.source.network_kind, record.network_number
        own = [f"--set={text}" for text in as_text(network.constants)]
        lines.insert(0, ["python", "runners/generate_spatial_network.py", f"--dataset={kind}", f"--number={number}",
                         *sizes, f"--seed={network.seed}", *own])  # fmt: skip
    return [shlex.join(line) for line in lines]
