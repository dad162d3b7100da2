"""The command `nalsm`: its parts, and the wheel that brings it to a machine without a checkout."""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from small_runs import ROOT, assert_one_line_error, environment, run

NALSM = (sys.executable, "-m", "nalsm")
TINY = ("--train-samples=4", "--valid-samples=2", "--test-samples=2", "--init-samples=3", "--sample-ms=60",
        "--cycles=2", "--seed=5")  # fmt: skip


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The command of a wheel that is installed into an environment of its own, without network and checkout."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    (source / "datasets").mkdir()
    os.link(ROOT / "datasets" / "mnist.npz", source / "datasets" / "mnist.npz")
    shutil.copytree(ROOT / "nalsm", source / "nalsm", symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    build = "from setuptools import build_meta; print(build_meta.build_wheel('..'))"
    built = subprocess.run(
        [sys.executable, "-c", build], cwd=source, env=environment(), capture_output=True, text=True, check=True
    )
    wheel = place / built.stdout.splitlines()[-1]
    shutil.rmtree(source)

    venv.create(place / "env", symlinks=True)
    python = place / "env" / "bin" / "python"
    install = ["pip", f"--python={python}", "install", "--quiet", "--no-index", "--no-deps", str(wheel)]
    subprocess.run([sys.executable, "-m", *install], check=True, env=environment(), cwd=place)
    packages = next((place / "env" / "lib").glob("python*/site-packages"))
    others = [path for path in sys.path if Path(path).name == "site-packages"]
    (packages / "dependencies.pth").write_text("\n".join(others))
    take_compiled_code(packages / "nalsm")
    return place / "env" / "bin" / "nalsm"


def take_compiled_code(package):
    """Give an installed package the kernels that the checkout has compiled: compiling takes longer than the test.

    Numba keeps them in folders with a hash of where the source is, and looks at the time of the source. Where this is
    not so, the package compiles its own.
    """
    for path in package.rglob("*.py"):
        changed = (ROOT / "nalsm" / path.relative_to(package)).stat().st_mtime_ns
        os.utime(path, ns=(changed, changed))
    for kept in (ROOT / "nalsm" / "__pycache__").glob("numba-*/*_*"):
        name = kept.name.rsplit("_", 1)[0]
        source = package if name == "nalsm" else package / name
        there = f"{name}_{hashlib.sha1(str(source).encode()).hexdigest()}"
        shutil.copytree(kept, package / "__pycache__" / kept.parent.name / there)


def test_the_wheel_trains_in_an_empty_folder(installed, tmp_path):
    done = run([installed, "network", "--seed=1"], "M\n1\n3\n3\n3\n", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = run([installed, "train", "NALSM", "MNIST", *TINY], "-1\n3\n1\n2\n1\n0.015\n", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "train_data" / "ver_3" / "FILE_L_VAL_ACC_L.files").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["networks", "train_data"]


def test_help_lists_the_commands_in_groups():
    done = run([*NALSM, "--help"], "", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert run(NALSM, "", cwd=ROOT).stdout == done.stdout
    groups = [line.removesuffix(":") for line in done.stdout.splitlines() if line.endswith(":")]
    assert groups == ["Options", "Train", "Inspect", "Many runs", "Data sets"]
    for name in ("network", "train", "report", "runs", "sweep", "data"):
        assert f"\n  {name} " in done.stdout


def test_names_that_are_none():
    assert_one_line_error(run([*NALSM, "trian"], "", cwd=ROOT), 2, "COMMAND: read 'trian'", "train")
    assert_one_line_error(run([*NALSM, "train", "nlsm"], "", cwd=ROOT), 2, "MODEL: read 'nlsm'", "lsm-apstdp")
    assert_one_line_error(run([*NALSM, "train", "lsm", "m"], "", cwd=ROOT), 2, "DATA: read 'm'", "fashion-mnist")
