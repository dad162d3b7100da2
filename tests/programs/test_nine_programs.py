"""Every training program as a subprocess with piped answers, from its questions to its accuracy."""

import gzip
import json
import os
import re
import struct
import subprocess
import sys

import numpy as np
import pytest
from small_runs import ROOT, assert_one_line_error, command, environment, run

from nalsm.network import Network
from nalsm.storage.files import read_arrays

COMMON = ("GPU", "VERSION", "NET_NUM_VAR", "BATCH_SIZE", "BATCHS_PER_BLOCK")
NALSM = {"ASTRO_W_SCALING": "0.015"}
LSM = {"INTIAL_ABS_W_SCLR": "1.1"}
APSTDP = {"STDP_NEURON_RATE_THESHOLD": "10", "STDP_NEURON_RATE_RANGE": "2", "INTIAL_ABS_W_SCLR": "1"}
PROGRAMS = {
    "NALSM_RUN_MAIN_SIM_MNIST.py": ("NALSM", "MNIST", NALSM),
    "NALSM_RUN_MAIN_SIM_N_MNIST.py": ("NALSM", "simulated N-MNIST", NALSM),
    "NALSM_RUN_MAIN_SIM_F_MNIST.py": ("NALSM", "Fashion-MNIST", NALSM),
    "LSM_STDP_RUN_MAIN_SIM_MNIST.py": ("LSM+STDP", "MNIST", {}),
    "LSM_STDP_RUN_MAIN_SIM_N_MNIST.py": ("LSM+STDP", "simulated N-MNIST", {}),
    "LSM_RUN_MAIN_SIM_MNIST.py": ("LSM", "MNIST", LSM),
    "LSM_RUN_MAIN_SIM_N_MNIST.py": ("LSM", "simulated N-MNIST", LSM),
    "LSM_APSTDP_RUN_MAIN_SIM_MNIST.py": ("LSM+AP-STDP", "MNIST", APSTDP),
    "LSM_APSTDP_RUN_MAIN_SIM_N_MNIST.py": ("LSM+AP-STDP", "simulated N-MNIST", APSTDP),
}
TINY = (
    "--train-samples=40", "--valid-samples=10", "--test-samples=10", "--init-samples=20", "--sample-ms=60",
    "--cycles=3", "--seed=5",
)  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data folder with MNIST, its images with labels of Fashion-MNIST's kind, and simulated recordings."""
    folder = tmp_path_factory.mktemp("data")
    os.symlink(ROOT / "datasets" / "mnist.npz", folder / "mnist.npz")
    (folder / "fashion-mnist").mkdir()
    with np.load(folder / "mnist.npz") as mnist:
        for file, array in (
            ("train-images-idx3", mnist["x_train"]), ("train-labels-idx1", (np.arange(60_000) % 10).astype(np.uint8)),
            ("t10k-images-idx3", mnist["x_test"]), ("t10k-labels-idx1", (np.arange(10_000) % 10).astype(np.uint8)),
        ):  # fmt: skip
            header = struct.pack(f">I{array.ndim}I", 0x0800 + array.ndim, *array.shape)
            with gzip.open(folder / "fashion-mnist" / f"{file}-ubyte.gz", "wb", compresslevel=1) as out:
                out.write(header + array.tobytes())
    simulate = [sys.executable, "-m", "nalsm.datasets", "simulate-nmnist", "--count=84"]
    subprocess.run([*simulate, f"--data-dir={folder}"], check=True, capture_output=True, cwd=ROOT, env=environment())
    return folder


def test_the_table_names_every_program():
    found = {p.name for p in (ROOT / "runners").glob("*_RUN_MAIN_SIM_*MNIST.py")}
    assert found == set(PROGRAMS)
    guide = (ROOT / "Readme_train_LSM_benchmarks.md").read_text()
    for name in PROGRAMS:
        assert name in guide


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(place, data, program):
    model, dataset, own = PROGRAMS[program]
    network = "2" if "N-MNIST" in dataset else "1"
    arguments = command(place, f"--data-dir={data}", program=program, small=TINY)
    done = run(arguments, ("-1", "3", network, "10", "2", *own.values()))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    asked = re.findall(r"^([A-Z_]+)\? ", done.stdout, re.MULTILINE)
    assert asked == [*COMMON, *own]
    assert f"{model} on {dataset}" in done.stdout
    assert re.search(r"test accuracy [\d.]+ % at cycle [123]", done.stdout)

    folder = place / "train_data" / "ver_3"
    recorded = json.loads((folder / "VER_3_params.json").read_text())["identity"]
    assert (recorded["model"], recorded["dataset"]) == (model, dataset)
    assert list(recorded["knobs"].values()) == [float(v) for v in own.values()]
    counts = read_arrays(folder / "TRAIN_S_AGG_3_BATCH_0.datasagg")[0]["olc_S_AGG_RES"]
    assert counts.sum() > 100
    weights, net = (
        read_arrays(folder / "W_INI.wdata")[0]["W_INI"],
        Network.load(place / "networks" / f"Network_{network}.h5"),
    )
    start = net.sign * np.float32(own.get("INTIAL_ABS_W_SCLR", 3.0))
    assert np.array_equal(weights, start) == (model == "LSM")


def test_network_for_the_other_data_set(place, data):
    program = "LSM_RUN_MAIN_SIM_N_MNIST.py"
    arguments = command(place, f"--data-dir={data}", program=program, small=TINY)
    assert_one_line_error(run(arguments, ("-1", "3", "1", "10", "2", "1.1")), 2, "NET_NUM_VAR", "784", "2312")


def test_more_samples_than_a_small_set_has(place, data):
    arguments = command(place, f"--data-dir={data}", program="LSM_RUN_MAIN_SIM_N_MNIST.py", small=())
    done = run(arguments, ("-1", "3", "2", "10", "2", "1.1"))
    assert_one_line_error(done, 2, "--train-samples", "simulated N-MNIST")
    flags = done.stderr.split("these work: ")[1].split()
    done = run([*arguments, *flags, "--cycles=1", "--sample-ms=60", "--dry-run"], ("-1", "3", "2", "1.1"))
    assert done.returncode == 0, done.stderr
    assert not (place / "train_data").exists()


def test_recordings_are_looked_for_before_the_first_question(place, tmp_path):
    arguments = command(place, f"--data-dir={tmp_path}", program="NALSM_RUN_MAIN_SIM_N_MNIST.py", small=TINY)
    done = run(arguments, ("-1", "3"))
    assert_one_line_error(done, 2, "N-MNIST: neither")
    assert "?" not in done.stdout


def test_a_dry_run_packs_nothing(place, tmp_path):
    recording = tmp_path / "NMNIST" / "Train" / "0" / "00001.bin"
    recording.parent.mkdir(parents=True)
    recording.touch()
    (tmp_path / "NMNIST" / "Test").mkdir()
    before = sorted(tmp_path.rglob("*"))
    flags, program = [f"--data-dir={tmp_path}", "--dry-run"], "LSM_RUN_MAIN_SIM_N_MNIST.py"
    done = run(command(place, *flags, program=program, small=TINY), ("-1", "3", "2", "10", "2", "1.1"))
    assert_one_line_error(done, 2, "--dry-run", str(tmp_path / "NMNIST"), f"pack-nmnist --data-dir {tmp_path}")
    assert sorted(tmp_path.rglob("*")) == before


def test_missing_recordings(place, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    arguments = command(place, f"--data-dir={empty}", program="LSM_RUN_MAIN_SIM_N_MNIST.py", small=TINY)
    done = run(arguments, ("-1", "3", "2", "10", "2", "1.1"))
    assert_one_line_error(done, 2, "N-MNIST", str(empty), "download-nmnist", "simulate-nmnist")


def test_images_of_another_folder(place, tmp_path):
    """A folder of data sets without MNIST: the package brings its own."""
    arguments = command(place, f"--data-dir={tmp_path}", program="LSM_RUN_MAIN_SIM_MNIST.py", small=TINY)
    assert run(arguments, ("-1", "3", "1", "10", "2", "0.7")).returncode == 0


@pytest.mark.parametrize("answer", ["-0.1", "3.5", "nan"])
def test_starting_weight_out_of_bounds(place, answer):
    """A plastic weight has to start within the bounds it is kept in."""
    arguments = command(place, program="LSM_APSTDP_RUN_MAIN_SIM_MNIST.py")
    done = run(arguments, ("-1", "3", "1", "25", "4", "37", "23", answer))
    assert_one_line_error(done, 2, "INTIAL_ABS_W_SCLR", f"'{answer}'", "0 to 3")
