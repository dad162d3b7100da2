"""Print the rows of docs/results.md for version folders: python benchmarks/results_row.py train_data/ver_1 ..."""

import json
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from nalsm.files import read_arrays  # noqa: E402
from nalsm.published import ACCURACIES  # noqa: E402


def row(folder):
    """Return a line of the table for a finished run."""
    version = folder.name.removeprefix("ver_")
    parameters = json.loads((folder / f"VER_{version}_params.json").read_text())
    run, seconds = parameters["identity"], json.loads((folder / f"VER_{version}_times.json").read_text())
    accuracies, _ = read_arrays(folder / "FILE_L_VAL_ACC_L.files")
    n_liquid = len(read_arrays(folder / "W_b_by_ITER.evaldata")[0]["W_best"])
    best = int(np.argmax(accuracies["ACUM_VAL_ACC_l"]))
    test, valid = (100 * accuracies[name][best] for name in ("ACUM_TST_ACC_l", "ACUM_VAL_ACC_l"))
    knobs = ", ".join(f"{v:g}" for k, v in run.items() if k.startswith("knob_")) or "-"
    stages = " / ".join(f"{seconds.get(stage, 0):.0f}" for stage in ("initialisation", "counting", "readout"))
    network = f"{run['network_number']} ({run['network_sha256'][:8]})"
    cells = (
        run["model"], run["dataset"], knobs, network, run["seed"], f"{run['batch_size']}", stages,
        f"**{test:.2f}**", f"{valid:.2f}", best + 1, ACCURACIES.get((run["model"], run["dataset"], n_liquid), "-"),
    )  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(row(Path(name).resolve()))
