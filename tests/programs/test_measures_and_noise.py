"""The programs that look at a trained run: figures, files, bad answers, interruptions."""

import json
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pexpect
import pytest
from filelock import FileLock
from small_runs import (
    ANSWERS,
    ROOT,
    RUNNERS,
    assert_one_line_error,
    changed,
    command,
    environment,
    folder_contents,
    place_with_networks,
    run,
    tuned,
)

from nalsm.evaluation import branching_factors, mean_rank
from nalsm.network import Network, network_path
from nalsm.storage.checksum import content_checksum
from nalsm.storage.files import read_arrays

NOISE = "NALSM_RUN_MAIN_SIM_MNIST_NOISE.py"
KERNEL = "compute_SP_AP_kernel_quality_measures.py"
NOISE_PROGRAMS = {
    f"{model}_RUN_MAIN_SIM_{data}_NOISE.py" for model in ("NALSM", "LSM_STDP", "LSM", "LSM_APSTDP")
    for data in ("MNIST", "N_MNIST", "OWN")
}  # fmt: skip
MEASURES = {"get_test_accuracy.py", "compute_branching_factor.py", "get_branching_factor.py", KERNEL}
NOISY_ANSWERS = ANSWERS[:5]
# Spikes are recorded of one batch in 10,000 samples: here of every second one.
RECORDING = tuned(recorded_samples="lambda batch, size: [0, 3, 24] if batch % 2 else []")
# A run that has all counts, and no readout.
STOPPING = """
import errno, os
replace = os.replace
def stop(source, target):
    if str(target).endswith(".evaldata"):
        raise OSError(errno.EIO, "stopped before the readout", str(target))
    replace(source, target)
os.replace = stop
"""


def measure(place, program, answers, *flags, code=""):
    """Run a program that looks at a run in `place`; return the completed process."""
    networks = () if program in ("get_test_accuracy.py", "get_branching_factor.py", KERNEL) else (
        f"--networks-dir={place}/networks",
    )  # fmt: skip
    arguments = [sys.executable, str(RUNNERS / program), f"--output-dir={place}/train_data", *networks, *flags]
    return run(changed(arguments, code) if code else arguments, answers)


def measured(*arguments, **options):
    """The same, for a program that has to work: what it printed."""
    done = measure(*arguments, **options)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def present_noisy(place, *flags, program=NOISE, answers=NOISY_ANSWERS, code=""):
    return measure(place, program, answers, *flags, code=code)


def folder_of(place):
    return place / "train_data" / "ver_7"


def noisy_files(place):
    return {name: c for name, c in folder_contents(folder_of(place)).items() if name.startswith("NOISE")}


def own_files(place):
    return {name: c for name, c in folder_contents(folder_of(place)).items() if not name.startswith("NOISE")}


def flip(path):
    image = bytearray(path.read_bytes())
    image[len(image) // 2] ^= 4
    path.write_bytes(image)


@pytest.fixture(scope="module")
def noisy_place(_finished, tmp_path_factory):
    """A place with the finished run and its noisy test set; to look at, not to change."""
    place = tmp_path_factory.mktemp("noisy") / "own"
    shutil.copytree(_finished, place)
    done = present_noisy(place, "--threads=1")
    assert done.returncode == 0, done.stderr
    assert re.search(r"noisy counts: 50 samples of MNIST in ", done.stdout)
    return place


@pytest.fixture
def own_noisy_place(noisy_place, tmp_path):
    shutil.copytree(noisy_place, tmp_path / "noisy")
    return tmp_path / "noisy"


def test_programs_are_there_and_documented():
    assert {path.name for path in RUNNERS.glob("*_NOISE.py")} == NOISE_PROGRAMS
    guide = (ROOT / "Readme_train_LSM_benchmarks.md").read_text()
    for name in NOISE_PROGRAMS | MEASURES:
        assert (RUNNERS / name).is_file()
        assert name in guide


@pytest.mark.parametrize("program", sorted(NOISE_PROGRAMS | MEASURES))
def test_questions_and_versions_that_are_not_there(tmp_path, program):
    """The questions in order; nothing heavy before them; a version without a run."""
    code = """
import atexit, sys
heavy = ("tensorflow", "numba", "tonic", "scipy", "h5py")
atexit.register(lambda: print([name for name in heavy if name in sys.modules]))
"""
    answers = ("-1", "7") if program in NOISE_PROGRAMS else ("7",)
    done = measure(tmp_path, program, answers, code=code)
    assert_one_line_error(done, 2, "VERSION: there is no run in", str(tmp_path / "train_data" / "ver_7"))
    assert done.stdout.splitlines()[-1] == "[]"
    assert not (tmp_path / "train_data").exists()
    done = measure(tmp_path, program, (*answers[:-1], "seven"))
    assert_one_line_error(done, 2, "VERSION", "'seven'")


def test_version_folders_that_are_no_runs(place):
    folder_of(place).mkdir(parents=True)
    (folder_of(place) / "thesis.txt").write_text("mine")
    assert_one_line_error(measure(place, "get_test_accuracy.py", ("7",)), 2, "there is no run", "VER_7_params.json")
    (folder_of(place) / "VER_7_params.json").write_text("{")
    assert_one_line_error(measure(place, "get_test_accuracy.py", ("7",)), 1, "VER_7_params.json", "damaged")
    assert_one_line_error(present_noisy(place), 1, "VER_7_params.json", "damaged")


# ---- accuracy -------------------------------------------------------------------------------------


def test_accuracy_of_a_run(finished_place):
    text = measured(finished_place, "get_test_accuracy.py", ("7",))
    arrays, _ = read_arrays(folder_of(finished_place) / "FILE_L_VAL_ACC_L.files")
    best = np.argmax(arrays["ACUM_VAL_ACC_l"])
    shown = [100 * arrays[f"ACUM_{split}_ACC_l"][best] for split in ("VAL", "TST", "TRAIN")]
    assert text.splitlines()[-1] == f"ACCURACY: {arrays['ACUM_TST_ACC_l'][best]}"
    assert text.splitlines()[-2] == (
        f"version 7, NALSM on MNIST: cycle {best + 1} of 6, validation accuracy {shown[0]:.2f} %, test accuracy "
        f"{shown[1]:.2f} %, training accuracy {shown[2]:.2f} %"
    )
    quiet = measured(finished_place, "get_test_accuracy.py", "", "--version=7", "--quiet")
    assert quiet.splitlines() == text.splitlines()[-2:]
    flip(folder_of(finished_place) / "FILE_L_VAL_ACC_L.files")
    assert_one_line_error(measure(finished_place, "get_test_accuracy.py", "7\n"), 1, "FILE_L_VAL_ACC_L", "damaged")
    (folder_of(finished_place) / "FILE_L_VAL_ACC_L.files").unlink()
    done = measure(finished_place, "get_test_accuracy.py", ("7",))
    assert_one_line_error(done, 2, "unfinished", "NALSM_RUN_MAIN_SIM_MNIST.py")


# ---- branching factor -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded_place(tmp_path_factory):
    """A run with recorded spikes."""
    place = place_with_networks(tmp_path_factory.mktemp("recorded"))
    done = run(changed(command(place, "--sample-ms=90"), RECORDING + STOPPING))
    assert_one_line_error(done, 1, "stopped before the readout")
    return place


def test_branching_factors_of_a_run(recorded_place):
    place, folder = recorded_place, folder_of(recorded_place)
    compute, show = "compute_branching_factor.py", "get_branching_factor.py"
    done = measure(place, show, ("7",), code=RECORDING)
    assert_one_line_error(done, 2, "no branching factors", "compute_branching_factor.py")
    before = folder_contents(folder)
    text = measured(place, compute, ("7",), code=RECORDING)
    assert folder_contents(folder).items() >= before.items()

    spikes_files = sorted(folder.glob("*.spikes"))
    assert len(spikes_files) == 6  # batches 1 of the validation and test set; 1, 3, 5, 7 of the training set
    network = Network.load(place / "networks" / "Network_1.h5")
    of_samples = {}
    for path in spikes_files:
        columns = read_arrays(path)[0]["spike_rec_per_batch"]
        spikes = np.zeros((3, 90, network.n_neurons), bool)
        spikes[tuple(columns.T)] = True
        expected = branching_factors(network, spikes)
        arrays, _ = read_arrays(path.with_name(f"{path.name}.bf"))
        np.testing.assert_array_equal(arrays["per_sample"], expected)
        assert arrays["branching_factor"] == np.nanmean(expected) > 0
        assert arrays["per_neuron"].shape == (3, 64)
        np.testing.assert_array_equal(arrays["sample_ids"], read_arrays(path)[0]["sample_ids"])
        of_samples[path.name] = expected
        assert f"{path.name}: {np.nanmean(expected):.4f}, 3 samples" in text
    *_, last, reference = text.splitlines()
    assert float(reference.removeprefix("BRANCHING FACTOR: ")) == np.nanmean(list(of_samples.values()))
    assert f"branching factor {np.nanmean(list(of_samples.values())):.4f}, mean over 18 samples" in last
    assert f"test {np.nanmean(of_samples['TEST_7_SPIKES_BATCH_1.spikes']):.4f}" in last
    assert measured(place, show, "", "--version=7", "--quiet", code=RECORDING) == f"{last}\n{reference}\n"

    # again: only what is damaged or missing is computed
    after = folder_contents(folder)
    damaged, missing = (folder / f"{path.name}.bf" for path in spikes_files[:2])
    times = {path: path.stat().st_mtime_ns for path in folder.glob("*.bf")}
    flip(damaged)
    missing.unlink()
    assert_one_line_error(measure(place, show, ("7",), code=RECORDING), 1, damaged.name, "damaged")
    text = measured(place, compute, ("7",), code=RECORDING)
    assert f"{damaged} is damaged" in text
    assert folder_contents(folder) == after
    rewritten = {path for path in times if path.stat().st_mtime_ns != times[path]}
    assert rewritten == {damaged, missing}


def test_branching_factors_of_what_is_there(recorded_place, tmp_path):
    place = tmp_path / "own"
    shutil.copytree(recorded_place, place)
    for path in folder_of(place).glob("*.bf"):
        path.unlink()
    (folder_of(place) / "TEST_7_SPIKES_BATCH_1.spikes").unlink()
    compute = "compute_branching_factor.py"
    with FileLock(folder_of(place) / ".lock"):
        assert_one_line_error(measure(place, compute, ("7",), code=RECORDING), 2, "another process")
    text = measured(place, compute, ("7",), code=RECORDING)
    assert "TEST_7_SPIKES_BATCH_1.spikes is missing: skipped" in text
    assert "TEST_7_SPIKES_BATCH_1.spikes: not computed" in text
    assert "mean over 15 samples" in text
    flip(folder_of(place) / "VALIDATION_7_SPIKES_BATCH_1.spikes")
    (folder_of(place) / "VALIDATION_7_SPIKES_BATCH_1.spikes.bf").unlink()
    done = measure(place, compute, ("7",), code=RECORDING)
    assert_one_line_error(done, 1, "VALIDATION_7_SPIKES_BATCH_1.spikes is damaged")
    Network.generate((4, 4, 4), 784, seed=9).save(network_path(place / "networks", 1))
    done = measure(place, compute, ("7",), code=RECORDING)
    assert_one_line_error(done, 2, "Network_1.h5", "not the network that version 7 was trained with")
    network_path(place / "networks", 1).unlink()
    assert_one_line_error(measure(place, compute, ("7",), code=RECORDING), 2, "--networks-dir", "Network_1.h5")
    for path in folder_of(place).glob("*.spikes*"):
        path.unlink()
    shutil.copytree(recorded_place / "networks", place / "networks", dirs_exist_ok=True)
    assert_one_line_error(measure(place, compute, ("7",), code=RECORDING), 2, "no recorded spikes yet")


def test_a_run_without_recorded_spikes(finished_place):
    """Small runs of earlier versions kept none."""
    for path in folder_of(finished_place).glob("*.spikes"):
        path.unlink()
    for program in ("compute_branching_factor.py", "get_branching_factor.py"):
        done = measure(finished_place, program, ("7",))
        assert_one_line_error(done, 2, "VERSION", "keeps no spikes", "earlier version", "10,000")


# ---- noisy test sets ------------------------------------------------------------------------------


def test_noisy_counts(noisy_place):
    """Other counts for the same samples in the same order; the run's own files stay."""
    folder = folder_of(noisy_place)
    for batch in range(2):
        clean, _ = read_arrays(folder / f"TEST_7_S_AGG_BATCH_{batch}.datasagg")
        noisy, _ = read_arrays(folder / f"NOISE_125_TEST_7_S_AGG_BATCH_{batch}.datasagg")
        assert noisy["olc_S_AGG_RES"].shape == (25, 64)
        assert noisy["olc_S_AGG_RES"].dtype == np.uint16
        assert noisy["olc_S_AGG_RES"].sum() > 1000
        assert np.any(noisy["olc_S_AGG_RES"] != clean["olc_S_AGG_RES"], axis=1).all()
        for name in ("scalar_labels_in_batch_arr", "sample_ids", "ITER"):
            np.testing.assert_array_equal(noisy[name], clean[name])
    identity = json.loads((folder / "NOISE_125_VER_7_params.json").read_text())["identity"]
    assert (identity["noise"], identity["seed"], identity["engine"]) == ("NOISE_125", 5, "event")
    assert "NOISE_125" in (folder / "NOISE_125_VER_7_params.txt").read_text()


def test_noisy_counts_from_the_definition(noisy_place):
    """Weights, noise on the whole test array, rule: the counts of a batch computed step by step."""
    from nalsm.datasets import DATA_SOURCES
    from nalsm.datasets.noise import noisy_images
    from nalsm.encoding import poisson_rasters, rates_from_images
    from nalsm.liquid import open_liquid
    from nalsm.rules import AstrocyteSTDP

    folder, path = folder_of(noisy_place), ROOT / "datasets" / "mnist.npz"
    noisy, _ = read_arrays(folder / "NOISE_125_TEST_7_S_AGG_BATCH_1.datasagg")
    with np.load(path) as file:
        rates = rates_from_images(noisy_images(file["x_test"], np.arange(60_000, 70_000), seed=5, strength=125.0))
    ids = noisy["sample_ids"]
    test = DATA_SOURCES["MNIST"].load(path).test
    np.testing.assert_array_equal(test.labels[ids - 60_000], noisy["scalar_labels_in_batch_arr"])
    rasters = poisson_rasters(rates[ids - 60_000], 60, 5, ids, purpose="noisy presentation")
    liquid = open_liquid(Network.load(noisy_place / "networks" / "Network_1.h5"))
    weights = read_arrays(folder / "W_INI.wdata")[0]["W_INI"]
    counts = liquid.present(rasters, weights, AstrocyteSTDP(astrocyte_weight=0.015, decay=0.99)).counts
    np.testing.assert_array_equal(counts, noisy["olc_S_AGG_RES"])


def test_noise_run_that_was_killed_goes_on(finished_place, noisy_place):
    """SIGKILL before the second file is in place; then the same answers, another number of threads, the same bits."""
    place, before = finished_place, folder_contents(folder_of(finished_place))
    code = """
import os, signal
replace = os.replace
def dying(source, target):
    if str(target).endswith("BATCH_1.datasagg"):
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)
os.replace = dying
"""
    assert present_noisy(place, code=code).returncode == -signal.SIGKILL
    names = {path.name for path in folder_of(place).glob("*NOISE_125_TEST*")}
    assert "NOISE_125_TEST_7_S_AGG_BATCH_0.datasagg" in names
    assert "NOISE_125_TEST_7_S_AGG_BATCH_1.datasagg" not in names
    assert any(name.endswith(".part") for name in names)
    kernel = measure(place, KERNEL, ("7", "M"))
    assert_one_line_error(kernel, 2, "NOISE_125_TEST_7_S_AGG_BATCH_1.datasagg", NOISE)
    done = present_noisy(place, "--threads=2")
    assert done.returncode == 0, done.stderr
    assert "going on with noisy test set of version 7" in done.stdout
    assert noisy_files(place) == noisy_files(noisy_place)
    assert own_files(place) == before
    assert not list(folder_of(place).glob(".*.part"))


def test_finished_and_damaged_noisy_counts(own_noisy_place):
    place, folder = own_noisy_place, folder_of(own_noisy_place)
    before, own = noisy_files(place), own_files(place)
    done = present_noisy(place)
    assert_one_line_error(done, 2, "VERSION", "finished noisy test set", "--overwrite")
    assert "NET_NUM_VAR" not in done.stdout  # at once
    damaged = folder / "NOISE_125_TEST_7_S_AGG_BATCH_0.datasagg"
    flip(damaged)
    assert_one_line_error(measure(place, KERNEL, ("7", "M")), 1, damaged.name, "damaged", NOISE)
    assert_one_line_error(present_noisy(place, "--seed=6"), 2, "seed 5 there, 6 here", "--overwrite")
    with FileLock(folder / ".lock"):
        assert_one_line_error(present_noisy(place), 2, "another process", str(folder))
    done = present_noisy(place)
    assert done.returncode == 0, done.stderr
    assert f"{damaged} is damaged" in done.stdout
    assert noisy_files(place) == before

    done = present_noisy(place, "--overwrite", "--seed=6")
    assert done.returncode == 0, done.stderr
    assert noisy_files(place) != before
    assert own_files(place) == own


@pytest.mark.parametrize(
    ("number", "answer", "words"),
    [
        (2, "2", ("NET_NUM_VAR", "read 2", "expected 1")),
        (3, "10", ("BATCH_SIZE", "read 10", "expected 25")),
        (4, "2", ("BATCHS_PER_BLOCK", "read 2", "expected 4")),
    ],
)
def test_answers_that_contradict_the_run(finished_place, number, answer, words):
    answers = list(NOISY_ANSWERS)
    answers[number] = answer
    done = present_noisy(finished_place, answers=answers)
    assert_one_line_error(done, 2, *words, "VER_7_params.json")
    assert not list(folder_of(finished_place).glob("NOISE*"))


def test_programs_of_other_runs(finished_place):
    place = finished_place
    for program, words in (
        ("LSM_RUN_MAIN_SIM_MNIST_NOISE.py", "LSM on MNIST"),
        ("NALSM_RUN_MAIN_SIM_N_MNIST_NOISE.py", "NALSM on N-MNIST"),
    ):
        done = present_noisy(place, program=program)
        assert_one_line_error(done, 2, "VERSION", "version 7, NALSM on MNIST", words, f"use {NOISE}")
    assert_one_line_error(measure(place, KERNEL, ("7", "N")), 2, "DATASET", "N-MNIST", "NALSM on MNIST")
    assert_one_line_error(measure(place, KERNEL, ("7", "F")), 2, "DATASET", "'F'", "M or N")


def test_noise_needs_the_weights_and_network_of_the_run(finished_place):
    place, folder = finished_place, folder_of(finished_place)
    weights = folder / "W_INI.wdata"
    whole = weights.read_bytes()
    flip(weights)
    assert_one_line_error(present_noisy(place), 1, str(weights), "damaged", "training program")
    weights.unlink()
    assert_one_line_error(present_noisy(place), 2, str(weights), "not initialised")
    weights.write_bytes(whole)
    Network.generate((4, 4, 4), 784, seed=9).save(network_path(place / "networks", 1))
    assert_one_line_error(present_noisy(place), 2, "NET_NUM_VAR", "network 1", "SHA-256")
    assert not list(folder.glob("NOISE*"))


def test_simulated_recordings(place, tmp_path):
    """LSM on simulated N-MNIST: an unfinished run is enough, its weight is asked, the figures say simulated."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "mnist.npz").symlink_to(ROOT / "datasets" / "mnist.npz")
    simulate = [sys.executable, "-m", "nalsm.datasets", "simulate-nmnist", "--count=84"]
    subprocess.run([*simulate, f"--data-dir={data}"], check=True, capture_output=True, cwd=ROOT, env=environment())
    tiny = ("--train-samples=40", "--valid-samples=10", "--test-samples=12", "--sample-ms=60", "--cycles=2",
            "--seed=5", f"--data-dir={data}")  # fmt: skip
    train = changed(command(place, program="LSM_RUN_MAIN_SIM_N_MNIST.py", small=tiny), STOPPING)
    assert_one_line_error(run(train, ("-1", "7", "2", "2", "2", "1.1")), 1, "stopped before the readout")

    program, flag = "LSM_RUN_MAIN_SIM_N_MNIST_NOISE.py", f"--data-dir={data}"
    done = present_noisy(place, flag, program=program, answers=("-1", "7", "2", "2", "2", "1.2"))
    assert_one_line_error(done, 2, "INTIAL_ABS_W_SCLR", "1.2", "1.1")
    done = present_noisy(place, flag, program=program, answers=("-1", "7", "2", "2", "2", "1.1"))
    assert done.returncode == 0, done.stderr
    assert "LSM on simulated N-MNIST" in done.stdout
    assert "noisy counts: 12 samples of simulated N-MNIST" in done.stdout
    noisy, clean = (counts_of(place, name, 6)[0] for name in ("NOISE_10_TEST_7_S_AGG", "TEST_7_S_AGG"))
    assert np.any(noisy != clean, axis=1).mean() > 0.5  # but for samples that are hardly moved
    done = measure(place, KERNEL, ("7", "n"), "--per-class=1")
    assert "version 7, LSM on simulated N-MNIST: 1000 draws" in done.stdout
    assert_one_line_error(done, 2, "has 0 samples")  # of the first twelve


def test_what_the_run_says_is_not_asked(finished_place, noisy_place):
    """On a terminal VERSION alone; in a pipe the answers that are there are compared, and the others are not missed."""
    program = [sys.executable, str(RUNNERS / NOISE), f"--output-dir={finished_place}/train_data"]
    child = pexpect.spawn(program[0], [*program[1:], f"--networks-dir={finished_place}/networks"], timeout=120,
                          env=environment(), encoding="utf-8")  # fmt: skip
    child.expect_exact("VERSION? [int]: ")
    assert "GPU" not in child.before
    child.sendline("7")
    child.expect_exact("noisy counts: 50 samples of MNIST")
    assert "?" not in child.before
    child.expect(pexpect.EOF)
    assert noisy_files(finished_place) == noisy_files(noisy_place)
    assert_one_line_error(present_noisy(finished_place, answers=("-1", "7")), 2, "finished noisy test set")
    assert_one_line_error(present_noisy(finished_place, "--overwrite", answers=("-1", "7", "")), 2, "NET_NUM_VAR", "''")
    measured(finished_place, KERNEL, "7\n", "--per-class=1", "--draws=2")
    assert_one_line_error(measure(finished_place, KERNEL, "7\n\n"), 2, "DATASET", "''", "M or N")


def test_all_measures_of_a_run(finished_place):
    """In order, and what is done is not done again; kernel quality says which --per-class works before the noise."""
    place, folder = finished_place, folder_of(finished_place)
    command = [sys.executable, "-m", "nalsm", "measure", "--version=7", f"--output-dir={place}/train_data",
               f"--networks-dir={place}/networks", "--draws=10"]  # fmt: skip
    done = run(command, "", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    works = re.search(r"kernel quality: skipped, class \d has (\d+) samples, .*; --per-class (\d+) works", done.stdout)
    assert works[1] == works[2]
    assert not list(folder.glob("NOISE*"))
    heads = re.findall("^(kernel quality|BRANCHING FACTOR|ACCURACY)\\b", done.stdout, re.MULTILINE)
    assert heads == ["kernel quality", "BRANCHING FACTOR", "ACCURACY"]
    done = run([*command, f"--per-class={works[1]}"], "", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert re.findall("^(SP|AP|ACCURACY): ", done.stdout, re.MULTILINE) == ["SP", "AP", "ACCURACY"]
    assert "branching factor: computed before: " in done.stdout
    before = folder_contents(folder)
    again = run([*command, f"--per-class={works[1]}", "--quiet"], "", cwd=ROOT)
    assert again.stdout == "\n".join(done.stdout.splitlines()[-2:]) + "\n"
    assert folder_contents(folder) == before


# ---- kernel quality -------------------------------------------------------------------------------


def counts_of(place, name, n_batches=2):
    arrays = [read_arrays(folder_of(place) / f"{name}_BATCH_{k}.datasagg")[0] for k in range(n_batches)]
    return [np.concatenate([a[key] for a in arrays]) for key in ("olc_S_AGG_RES", "scalar_labels_in_batch_arr")]


def test_kernel_quality_of_a_run(noisy_place):
    flags = ("--per-class=2", "--draws=40", "--seed=3")
    before = folder_contents(folder_of(noisy_place))
    text = measured(noisy_place, KERNEL, ("7", "m"), *flags, "--threads=1")
    sp, ap = (mean_rank(*counts_of(noisy_place, f"{name}TEST_7_S_AGG"), 2, 40, 3) for name in ("", "NOISE_125_"))
    last = text.splitlines()[-3]
    assert text.splitlines()[-2:] == [f"SP: {sp}", f"AP: {ap}"]
    assert re.search(
        rf"version 7, NALSM on MNIST: SP {sp:.2f} \+- [\d.]+ \(test counts\), AP {ap:.2f} \+- [\d.]+ ", last
    )
    quiet = measured(noisy_place, KERNEL, "", "--version=7", "--dataset=M", "--quiet", "--threads=3", *flags)
    assert quiet.splitlines() == text.splitlines()[-3:]
    assert last.endswith("mean rank and its standard error over 40 draws of 2 samples of each class, seed 3")
    after = folder_contents(folder_of(noisy_place))
    kept, attributes = read_arrays(folder_of(noisy_place) / "KERNEL_QUALITY_7.evaldata")
    assert [attributes[name] for name in ("draws", "per_class", "seed")] == [40, 2, 3]
    assert (kept["SP"].mean(), kept["AP"].mean()) == (sp, ap)
    del after["KERNEL_QUALITY_7.evaldata"]
    assert after == before
    done = measure(noisy_place, KERNEL, ("7", "M"))
    assert_one_line_error(done, 2, "a draw takes 100 of each class", "--per-class")


def test_kernel_quality_without_counts(finished_place, noisy_place):
    """No noisy counts, those of another run, no test counts: each error says what to start."""
    done = measure(finished_place, KERNEL, ("7", "M"))
    assert_one_line_error(done, 2, "NOISE_125_VER_7_params.json", f"start {NOISE} first")
    for path in folder_of(noisy_place).glob("NOISE*"):
        shutil.copy(path, folder_of(finished_place))
    parameters = folder_of(finished_place) / "NOISE_125_VER_7_params.json"
    other = json.loads(parameters.read_text())
    del other["sha256"]
    other["identity"]["run"] = "0" * 64
    parameters.write_text(json.dumps({**other, "sha256": content_checksum({}, other)}))
    assert_one_line_error(measure(finished_place, KERNEL, ("7", "M")), 2, f"start {NOISE} first")
    (folder_of(finished_place) / "TEST_7_S_AGG_BATCH_1.datasagg").unlink()
    done = measure(finished_place, KERNEL, ("7", "M"))
    assert_one_line_error(done, 2, "TEST_7_S_AGG_BATCH_1.datasagg", "unfinished", "NALSM_RUN_MAIN_SIM_MNIST.py")
