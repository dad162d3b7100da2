"""The bounds in pyproject.toml, the oldest versions that `make test-oldest` takes, and the locked ones agree."""

import re
import sys
from importlib.metadata import version

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from small_runs import ROOT

sys.path.insert(0, str(ROOT / "requirements"))
from oldest import EXTRAS as USED
from oldest import PROJECT, oldest_versions

LOCKED_PYTHON = "3.11"
BASE = [Requirement(line) for line in PROJECT["dependencies"]]
EXTRAS = PROJECT["optional-dependencies"]
TEST = [Requirement(line) for extra in USED for line in EXTRAS[extra] if not line.startswith("nalsm[")]
FOR_LOCK = [r for r in BASE if r.marker is None or r.marker.evaluate({"python_version": LOCKED_PYTHON})]


def locked():
    """Return the lines of the lock: {name: (version, number of hashes)}."""
    text = (ROOT / "requirements" / "locked.txt").read_text(encoding="utf-8")
    blocks = re.findall(r"^([\w.-]+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text, re.MULTILINE)
    lines = [line for line in text.splitlines() if not line.startswith(("#", "    --hash"))]
    assert len(lines) == len(blocks), "a line of the lock has no hash"
    return {canonicalize_name(name): (found, hashes.count("--hash")) for name, found, hashes in blocks}


def test_every_requirement_has_an_oldest_version():
    oldest = oldest_versions()
    assert {canonicalize_name(r.name) for r in [*BASE, *TEST]} == {canonicalize_name(name) for name in oldest}
    for requirement in [*BASE, *TEST]:
        assert requirement.specifier.contains(oldest[requirement.name]), requirement


@pytest.mark.parametrize("requirement", FOR_LOCK, ids=lambda requirement: requirement.name)
def test_the_lock_satisfies_the_bounds(requirement):
    found, n_hashes = locked()[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(found)
    assert n_hashes > 0


def test_the_lock_is_of_the_packages_that_results_were_made_with():
    """docs/results.md tells them."""
    told = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    for name in ("TensorFlow", "NumPy", "SciPy", "Numba", "h5py", "tonic"):
        shown = re.search(rf"\b{name} (\d[\d.]*\d)", told, re.IGNORECASE)
        assert shown, name
        assert locked()[name.lower()][0] == shown[1], name


def test_the_lock_is_complete():
    """It can be installed with --require-hashes: whatever is in it finds what it needs in it."""
    lock = locked()
    assert "setuptools" in lock  # builds this package, without a download of its own
    for name in ("keras", "llvmlite", "protobuf", "pillow"):  # of TensorFlow, Numba, TensorBoard, matplotlib
        assert name in lock
    assert not {"pytest", "ruff", "dask", "brian2"} & set(lock)  # no extras


@pytest.mark.parametrize("requirement", [*BASE, *TEST], ids=lambda requirement: requirement.name)
def test_what_is_installed_is_allowed(requirement):
    if requirement.marker is None or requirement.marker.evaluate():
        assert requirement.specifier.contains(version(requirement.name), prereleases=True)


def test_the_tests_that_docs_name_are_there():
    """docs/reliability.md puts a test beside each promise."""
    told = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", told))
    assert len(named) > 100
    assert named <= set(re.findall(r"^def (test_\w+)", code, re.MULTILINE))
    campaigns = set(re.findall(r"`(\w+\.py)`", told))
    assert campaigns <= {path.name for path in (ROOT / "tests" / "campaigns").iterdir()}
