"""The command `nalsm`: its parts, and the wheel that brings it to a machine without a checkout."""

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
    return place / "env" / "bin" / "nalsm"


def test_the_wheel_trains_in_an_empty_folder(installed, tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")  # compiling anew takes longer than this run without
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
