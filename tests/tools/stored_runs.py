"""Records of the results store, made without a run."""

from nalsm.evaluation.paper import FULL
from nalsm.sweep.plan import Cell
from nalsm.sweep.store import StoredRun


def stored(neurons=1000, number=1, test=95.0, valid=90.0, sizes=None, **values):
    """A record of a full NALSM run on MNIST. neurons : of the liquid; number : seed and name of its network;
    test, valid : percent; sizes : those that are not the published ones."""
    defaults = {
        "key": "k", "version": 1, "model": "NALSM", "dataset": "MNIST", "dataset_sha256": "0",
        "knobs": {"astrocyte_weight": 0.015}, "seed": number, "engine": "event", "cycle": 1, "measures": {},
        "seconds": {}, "peak_memory_bytes": None, "machine": "", "threads": 1, "versions": {}, "started": "",
        "digest": "d", "sizes": {**FULL, "batch_size": 250, **(sizes or {})},
        "accuracies": {"valid": valid / 100, "test": test / 100},
        "network": {
            "number": number, "sha256": str(number), "dims": [10, 10, neurons // 100], "neurons": neurons,
            "inputs": 784, "seed": number,
        },
    }  # fmt: skip
    return StoredRun(**{**defaults, **values})


def stored_of(cell: Cell, **values):
    """A record of the run of a cell; values : those that differ."""
    network = cell.network
    about = {
        "number": network.number, "sha256": str(network.number), "dims": list(network.dims),
        "neurons": network.n_liquid, "inputs": cell.source.n_inputs, "seed": network.seed,
        **({"constants": dict(network.constants)} if network.constants else {}),
    }  # fmt: skip
    names = [name for name in (*FULL, "batch_size") if name in cell.settings]
    own = {
        "version": cell.version, "key": str(cell.version), "model": cell.model, "dataset": cell.dataset,
        "dataset_sha256": cell.source.own_fingerprint or "0", "knobs": cell.knobs, "network": about,
        "seed": cell.settings["seed"], "sizes": {name: cell.settings[name] for name in names},
        "constants": cell.constants_of("the training programs") or None, "readout": cell.readout,
        "rates": cell.settings.get("rates"),
    }  # fmt: skip
    return stored(**{**own, **values})
