"""Compiled code is kept on disk, but never outlives a change of the sources that it was made from."""

import os
import shutil
import subprocess
import sys

import pytest
from small_runs import environment

from nalsm.support.compiling import PACKAGE, cache_key, imported_files, remove_unused

KERNELS = sorted(
    path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if "\n@compiled" in path.read_text()
)
NEEDED = {"liquid/event_kernels.py": {"rules.py", "liquid/neuron.py"}, "datasets/simulated_nmnist.py": {"encoding.py"}}

PROGRAM = """
import sys
import numpy as np
sys.path.insert(0, ".")
import nalsm
from nalsm.liquid import event_kernels, neuron
from nalsm.support.compiling import PACKAGE
raster = np.zeros((9, 8), np.uint8)
raster[0] = raster[3] = 1  # one spike each, unless the refractory time is long
assert nalsm.__file__.startswith(sys.argv[1]), nalsm.__file__
spikes = event_kernels.schedule_input_spikes(raster, neuron.numbers_of(neuron.PUBLISHED)).start[-1]
folders = PACKAGE.glob("__pycache__/numba-event_kernels-*")
print(spikes, *(len(list(folder.rglob("*.schedule_input_spikes*.nbc"))) for folder in folders))
"""


@pytest.fixture
def package(tmp_path):
    """A copy of the package, to be changed."""
    shutil.copytree(PACKAGE, tmp_path / "nalsm", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "nalsm"


def test_changed_sources_are_noticed(package):
    def run():
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(package.parent)],
            capture_output=True, text=True, check=False, cwd=package.parent, env=environment(),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    assert run() == ["16", "1"]
    assert run() == ["16", "1"]  # from the disk
    kernels = package / "liquid" / "event_kernels.py"
    kernels.write_text(kernels.read_text().replace("neuron.interval_ms", "12"))
    assert run() == ["8", "1", "1"]


@pytest.mark.parametrize("kernels", KERNELS)
def test_the_key_follows_the_imports(kernels, package):
    """A change of the file itself or of any file that it imports changes the key; a change of another file does not."""
    path = package / kernels
    key = cache_key(path, package)
    assert cache_key(PACKAGE / kernels) == key, "the place of the package does not matter"
    imported = {file.relative_to(package).as_posix() for file in imported_files(path, package)}
    assert {kernels, "support/compiling.py", *NEEDED.get(kernels, ())} <= imported
    assert {"liquid/event_kernels.py", "readout/kernels.py"} <= set(KERNELS)
    for file in package.rglob("*.py"):
        text = file.read_bytes()
        file.write_bytes(text + b"# changed\n")
        name = file.relative_to(package).as_posix()
        assert (cache_key(path, package) != key) == (name in imported), name
        file.write_bytes(text)
    assert "network.py" not in imported


def test_the_key_follows_every_kind_of_import(tmp_path):
    """Absolute and relative imports of modules and names, also inside functions and through other files."""
    package = tmp_path / "nalsm"
    files = {
        "__init__.py": "",
        "kernels.py": "import numpy\nimport nalsm.a\nfrom nalsm import b\nfrom nalsm.c.d import x\nfrom .e import f",
        "a.py": "def late():\n    from nalsm.c import g",
        "b.py": "", "c/__init__.py": "", "c/d.py": "from . import h", "c/g.py": "", "c/h.py": "from ..i import x",
        "e.py": "", "i.py": "import nalsm.kernels", "f.py": "", "g.py": "", "numpy.py": "", "support/compiling.py": "",
    }  # fmt: skip
    for name, text in files.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    found = {file.relative_to(package).as_posix() for file in imported_files(package / "kernels.py", package)}
    assert found == set(files) - {"f.py", "g.py", "numpy.py"}


def test_unused_folders_are_removed(tmp_path):
    old, new, other = (tmp_path / name for name in ("numba-kernels-1", "numba-kernels-2", "other"))
    for folder in (old, new, other):
        folder.mkdir()
        (folder / "code.nbc").touch()
    for folder in (old, other):
        os.utime(folder, (0, 0))
    remove_unused(tmp_path, seconds=60)
    assert sorted(tmp_path.iterdir()) == [new, other]
