"""Compiled code is kept on disk, but never outlives a change of the equations it was made from."""

import shutil
import subprocess
import sys

from small_runs import ROOT, environment

PROGRAM = """
import hashlib, sys
import numpy as np
sys.path.insert(0, ".")
import nalsm
from nalsm.liquid import event_kernels
from nalsm.support.compiling import _cache_folder
raster = np.zeros((9, 8), np.uint8)
raster[0] = raster[3] = 1  # one spike each, unless the refractory time is long
assert nalsm.__file__.startswith(sys.argv[1]), nalsm.__file__
print(event_kernels.schedule_input_spikes(raster).start[-1], len(list(_cache_folder().rglob("*.nbc"))))
"""


def test_changed_constants_are_noticed(tmp_path):
    shutil.copytree(ROOT / "nalsm", tmp_path / "nalsm", ignore=shutil.ignore_patterns("__pycache__"))

    def run():
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(tmp_path)],
            capture_output=True, text=True, check=False, cwd=tmp_path, env=environment(),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    assert run() == ["16", "1"]
    assert run() == ["16", "1"]  # from the disk
    constants = tmp_path / "nalsm" / "liquid" / "neuron.py"
    constants.write_text(constants.read_text().replace("MIN_INTERVAL_MS = 3", "MIN_INTERVAL_MS = 12"))
    assert run()[0] == "8"
