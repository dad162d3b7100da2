"""The programs as people and scripts use them: dialogue, pipe, flags, bad answers, bad situations."""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pexpect
import pytest
from small_runs import (
    ANSWERS,
    ROOT,
    RUNNERS,
    assert_one_line_error,
    changed,
    command,
    environment,
    folder_contents,
    run,
)

from nalsm.datasets import DATA_SOURCES
from nalsm.network import Network
from nalsm.storage.files import read_arrays

QUESTIONS = ["GPU", "VERSION", "NET_NUM_VAR", "BATCH_SIZE", "BATCHS_PER_BLOCK", "ASTRO_W_SCALING"]


@pytest.fixture(scope="module")
def mnist():
    source = DATA_SOURCES["MNIST"]
    return source.load(source.find(ROOT / "datasets"))


def test_scripted_run_from_another_folder(place, mnist):
    """A whole run through a pipe, GPU answered 0 on a machine without one, more lines than questions."""
    done = run(command(place), answers=("0", *ANSWERS[1:], "left over", "7"), cwd=place)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # nothing of TensorFlow's
    for question in QUESTIONS:
        assert re.search(rf"^{question}\? ", done.stdout, re.MULTILINE)
    assert "there is no GPU 0 on this machine: computing on the CPU" in done.stdout
    accuracy = float(re.search(r"test accuracy ([\d.]+) % at cycle \d", done.stdout)[1])
    folder = place / "train_data" / "ver_7"
    assert f"results: {folder}" in done.stdout

    names = {p.name for p in folder.iterdir()} - {".lock", "tensorboard"}
    spikes = {f"TRAIN_S_AGG_7_BATCH_{i}.spikes" for i in (1, 3, 5, 7)}  # at least one batch of each split
    spikes |= {f"{split}_7_SPIKES_BATCH_1.spikes" for split in ("VALIDATION", "TEST")}
    counts = {f"TRAIN_S_AGG_7_BATCH_{i}.datasagg" for i in range(8)}
    counts |= {f"{split}_7_S_AGG_BATCH_{i}.datasagg" for split in ("VALIDATION", "TEST") for i in range(2)}
    assert names == counts | spikes | {
        "VER_7_params.txt", "VER_7_params.json", "VER_7_times.json", "W_INI.wdata", "FILE_L_VAL_ACC_L.files",
        "W_b_by_ITER.evaldata",
    }  # fmt: skip
    network = Network.load(place / "networks" / "Network_1.h5")
    assert read_arrays(folder / "W_INI.wdata")[0]["W_INI"].shape == (network.n_synapses,)
    labels = {split: dict(zip(s.sample_ids, s.labels, strict=True)) for split, s in
              (("VALIDATION", mnist.valid), ("TEST", mnist.test))}  # fmt: skip
    for split, known in labels.items():
        arrays, _ = read_arrays(folder / f"{split}_7_S_AGG_BATCH_1.datasagg")
        assert arrays["olc_S_AGG_RES"].dtype == np.uint16
        assert arrays["olc_S_AGG_RES"].shape == (25, 64)
        assert arrays["olc_S_AGG_RES"].sum() > 1000
        assert [known[i] for i in arrays["sample_ids"]] == list(arrays["scalar_labels_in_batch_arr"])
        assert arrays["ITER"] == 1
    result, _ = read_arrays(folder / "FILE_L_VAL_ACC_L.files")
    best = np.argmax(result["ACUM_VAL_ACC_l"])
    assert len(result["ACUM_TST_ACC_l"]) == len(result["ACUM_TRAIN_ACC_l"]) == 6
    assert accuracy == pytest.approx(100 * result["ACUM_TST_ACC_l"][best], abs=0.006)
    assert result["train_files"][7] == b"TRAIN_S_AGG_7_BATCH_7.datasagg"
    weights, _ = read_arrays(folder / "W_b_by_ITER.evaldata")
    assert weights["W_best"].shape == (64, 10)
    assert np.abs(weights["W_last"]).max() > 0


def test_dialogue_on_a_terminal(place):
    """A person at a terminal: bad answers are explained and asked again, a bar shows the progress."""
    program, *arguments = command(place)
    child = pexpect.spawn(
        program, arguments, encoding="utf-8", timeout=240, cwd=str(place), env=environment(), dimensions=(24, 200)
    )
    log = child.logfile_read = __import__("io").StringIO()
    for question, bad, complaint, good in (
        ("GPU? (its index, -1: the CPU) [-1]: ", "one", "expected a whole number of -1 or more", ""),
        ("VERSION? [int] [1]: ", "../7", "expected a whole number from 0 to 999999", "7"),
        (
            "NET_NUM_VAR? [int] [1]: ",
            "3",
            "there are 1, 2; make one with nalsm network, or generate_spatial_network.py",
            "2",
        ),
        ("NET_NUM_VAR? [int] [1]: ", "2", "network 2 has 2312 inputs, MNIST needs 784", ""),
        ("BATCH_SIZE? [int](250 for 1000 neurons, 50 for 8000) [50]: ", "30", "nearest that work: 25 and 50", "25"),
        ("BATCHS_PER_BLOCK? [int](10 for 1000 neurons, 50 for 8000) [8]: ", "3", "nearest that work: 2 and 4", ""),
        ("ASTRO_W_SCALING? [float] (useful: 0.002 to 0.2) [0.015]: ", "0,02", "decimal point, not a comma: 0.02", ""),
    ):
        child.expect_exact(question)
        child.sendline(bad)
        child.expect_exact(complaint)
        child.expect_exact(question)
        child.sendline(good)
    child.expect_exact("counting: ")
    child.expect_exact("samples/s")
    child.expect(r"test accuracy [\d.]+ %")
    child.expect_exact("results: ")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0, log.getvalue()
    assert "Traceback" not in log.getvalue()
    assert "tensorflow" not in log.getvalue().lower()
    assert "left" in log.getvalue()


def test_gpu_as_the_reference_takes_it(place):
    """An empty line in a pipe is no GPU, of several the first is used; a line says so."""
    for answer, said in (("", "an empty answer is taken as -1"), ("0,1", "GPU: 0 is used, the first of 0,1")):
        done = run(command(place), (answer, "x"))
        assert_one_line_error(done, 2, "VERSION: read 'x'")
        assert said in done.stdout
    assert_one_line_error(run(command(place), ("0,", "7")), 2, "GPU: read '0,'")
    assert "GPU: 3 is used" in run(command(place, "--gpu=3,1"), "").stdout


def test_plain_spelling_of_flags(place):
    flags = ("--gpu=-1", "--version=7", "--network=1", "--batch-size=25", "--batches-per-block=4")
    done = run(command(place, *flags, "--astrocyte-weight=0.02", "--dry-run"), "")
    assert done.returncode == 0, done.stderr
    program = "LSM_APSTDP_RUN_MAIN_SIM_MNIST.py"
    own = ("--threshold-hz=37", "--range-hz=23", "--initial-weight=9")
    done = run(command(place, *flags, *own, program=program), "")
    assert_one_line_error(done, 2, "--initial-weight" if "--initial" in done.stderr else "--intial-abs-w-sclr", "'9'")


def test_dry_run(place):
    """The stages with their seconds, memory and disk; nothing is written, and what cannot work is refused."""
    done = run(command(place, "--dry-run"))
    assert done.returncode == 0, done.stderr
    stages = re.findall(r"^(\w+): ([\d,]+) .* about \d+ s$", done.stdout, re.MULTILINE)
    assert stages == [("initialisation", "40"), ("counting", "300"), ("readout", "6")]
    assert re.search(r"together about \d+ s .* memory about [\d.]+ GB, disk about \d+ MB", done.stdout)
    assert not (place / "train_data").exists()


def test_what_to_type_next(finished_place):
    """After training, three lines that work as they are."""
    result = finished_place / "train_data" / "ver_7" / "FILE_L_VAL_ACC_L.files"
    result.unlink()
    done = run(command(finished_place))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()[-3:]
    names = [re.search(r"nalsm (report|measure|runs)", line)[1] for line in lines]
    assert names == ["report", "measure", "runs"]
    flags = lines[2].split(" runs ")[1].split("  ")[0].split()
    listed = run([sys.executable, "-m", "nalsm", "runs", *flags], "", cwd=ROOT)
    assert "NALSM" in listed.stdout, listed
    assert "--version 7" in lines[0]
    assert f"--networks-dir {finished_place}/networks" in lines[1]


def test_leaving_the_dialogue(place):
    program, *arguments = command(place)
    for key in ("\x03", "\x04"):  # Ctrl-C, Ctrl-D
        child = pexpect.spawn(program, arguments, encoding="utf-8", timeout=60, env=environment())
        child.expect_exact("GPU? ")
        child.send(key)
        rest = child.read()
        child.close()
        assert child.exitstatus == 130
        assert "Traceback" not in rest
        assert rest.splitlines()[-1].startswith("Error: stopped")
        assert "resume" not in rest  # nothing was written that could be
        assert not (place / "train_data").exists()


@pytest.mark.parametrize(
    ("number", "answer", "words"),
    [
        (0, "one", ("GPU", "'one'", "whole number")),
        (0, "-2", ("GPU", "'-2'")),
        (1, "-1", ("VERSION", "'-1'", "0 to 999999")),
        (1, "../../etc", ("VERSION", "'../../etc'")),
        (1, "99999999999999999999", ("VERSION", "expected")),
        (1, "7.5", ("VERSION", "'7.5'")),
        (1, "7\x00", ("VERSION", "\\x00")),
        (2, "9", ("NET_NUM_VAR", "Network_9.h5", "generate_spatial_network.py")),
        (2, "2", ("NET_NUM_VAR", "2312", "784")),
        (3, "0", ("BATCH_SIZE", "'0'")),
        (3, "30", ("BATCH_SIZE", "25 and 50")),
        (4, "3", ("BATCHS_PER_BLOCK", "2 and 4")),
        (5, "inf", ("ASTRO_W_SCALING", "'inf'")),
        (5, "1e99", ("ASTRO_W_SCALING", "1e99")),
        (5, "x" * 100_000, ("ASTRO_W_SCALING", "xxx")),
    ],
)
def test_bad_answer_in_a_pipe(place, number, answer, words):
    """One line, exit code 2, nothing written, and no later line is taken for an answer."""
    answers = list(ANSWERS)
    answers[number] = answer
    done = run(command(place), answers)
    assert_one_line_error(done, 2, *words)
    assert not (place / "train_data").exists()
    if number != 2 or answer == "9":  # (which kind a network is shows later)
        asked = [question for question in QUESTIONS if f"{question}? " in done.stdout]
        assert asked == QUESTIONS[: number + 1]


@pytest.mark.parametrize("number", range(6))
def test_answers_that_end_early(place, number):
    done = run(command(place), ANSWERS[:number])
    assert_one_line_error(done, 2, QUESTIONS[number], "end")
    assert not (place / "train_data").exists()


def test_any_bytes_as_answers(place):
    done = subprocess.run(command(place), input=b"-1\n\xff\xfe\x80\n", capture_output=True, check=False, timeout=60)
    assert done.returncode == 2
    assert b"VERSION" in done.stderr
    assert b"Traceback" not in done.stderr


def test_without_standard_input(place):
    done = subprocess.run(
        f"exec {' '.join(command(place))} <&-", shell=True, capture_output=True, text=True, check=False, timeout=60
    )
    assert_one_line_error(done, 2, "GPU")


def test_flags_are_not_asked(place):
    flags = ("--gpu=-1", "--version=7", "--net-num-var=1", "--batch-size=25", "--batchs-per-block=4")
    done = run(command(place, *flags), ["oops"])
    assert_one_line_error(done, 2, "ASTRO_W_SCALING", "'oops'")
    assert "GPU?" not in done.stdout
    assert_one_line_error(run(command(place, *flags, "--astro-w-scaling=x"), ""), 2, "--astro-w-scaling", "'x'")
    assert_one_line_error(run(command(place, *flags, "--nonsense"), ""), 2, "--nonsense")
    assert_one_line_error(run(command(place, *flags, "--cycles=0"), ""), 2, "--cycles", "'0'")
    assert_one_line_error(run(command(place, *flags, "--train-samples=50001"), ""), 2, "--train-samples", "50000")


def test_help_lists_every_flag(place):
    done = run([sys.executable, str(RUNNERS / "NALSM_RUN_MAIN_SIM_MNIST.py"), "--help"], "")
    assert done.returncode == 0
    flags = """--gpu --version --net-num-var --batch-size --batchs-per-block --astro-w-scaling --train-samples
        --valid-samples --test-samples --init-samples --init-ms --sample-ms --cycles --seed --engine --threads --cluster
        --data-dir --networks-dir --output-dir --keep-weights-every --memory-budget
        --overwrite --quiet"""
    for flag in flags.split():
        assert flag in done.stdout


def test_nothing_heavy_before_the_questions(place):
    """The first question must not wait for the libraries that do the work."""
    code = """
import atexit, sys
heavy = ("tensorflow", "numba", "tonic", "scipy", "h5py")
atexit.register(lambda: print([name for name in heavy if name in sys.modules]))
"""
    done = run(changed(command(place), code), ["x"])
    assert_one_line_error(done, 2, "GPU")
    assert done.stdout.splitlines()[-1] == "[]", done


def test_damaged_data(place, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    whole = (ROOT / "datasets" / "mnist.npz").read_bytes()
    (data / "mnist.npz").write_bytes(whole[: len(whole) // 2])
    assert_one_line_error(run(command(place, f"--data-dir={data}")), 1, str(data / "mnist.npz"))
    assert not (place / "train_data").exists()


def test_damaged_network(place):
    path = place / "networks" / "Network_1.h5"
    image = bytearray(path.read_bytes())
    image[len(image) // 2] ^= 1
    path.write_bytes(image)
    assert_one_line_error(run(command(place)), 1, str(path), "damaged")
    assert not (place / "train_data").exists()


def test_taken_version_folders(finished_place):
    """Finished, another run's, and foreign folders are refused and left as they are; --overwrite replaces."""
    place = finished_place
    folder = place / "train_data" / "ver_7"
    before = folder_contents(folder)
    for answers in (ANSWERS, (*ANSWERS[:-1], "0.02")):
        done = run(command(place), answers)
        assert_one_line_error(done, 2, "VERSION", "finished", "--overwrite")
        assert "NET_NUM_VAR? " not in done.stdout  # at once
    assert folder_contents(folder) == before

    result = folder / "FILE_L_VAL_ACC_L.files"
    result.rename(place / "result")  # an unfinished run
    done = run(command(place), (*ANSWERS[:-1], "0.02"))
    assert_one_line_error(done, 2, "ASTRO_W_SCALING: read 0.02, expected 0.015: version 7 began with it")
    done = run(command(place), (*ANSWERS[:3], "50", "4", "0.015"))
    assert_one_line_error(done, 2, "BATCH_SIZE: read 50, expected 25: version 7 began with it")
    assert "BATCHS_PER_BLOCK" not in done.stdout  # at once
    assert_one_line_error(run(command(place, program="LSM_RUN_MAIN_SIM_MNIST.py")), 2, "VERSION", "model NALSM there")
    assert_one_line_error(run(command(place, "--seed=6")), 2, "VERSION", "seed 5 there, 6 here")
    (place / "result").rename(result)
    assert folder_contents(folder) == before

    done = run(command(place, "--overwrite", "--seed=6"))
    assert done.returncode == 0, done.stderr
    assert folder_contents(folder) != before

    foreign = place / "train_data" / "ver_8"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("mine")
    assert_one_line_error(run(command(place), ("-1", "8", *ANSWERS[2:])), 2, "VERSION", "thesis.txt")
    assert (foreign / "thesis.txt").read_text() == "mine"


def test_no_room_on_the_disk(place):
    """The size a run needs is looked at before anything is written."""
    code = """
import collections, shutil
shutil.disk_usage = lambda path: collections.namedtuple("Usage", "total used free")(10**9, 10**9, 1000)
"""
    done = run(changed(command(place), code))
    assert_one_line_error(done, 2, "MB", "--output-dir")
    assert not (place / "train_data").exists()


def test_folder_that_cannot_be_made(place):
    """A file lies where the version folders should: one line, and the file stays."""
    (place / "train_data").write_text("mine")
    assert_one_line_error(run(command(place)), 1, str(place / "train_data"))
    assert (place / "train_data").read_text() == "mine"


def test_folders_of_the_checkout_are_the_default(tmp_path):
    """A copied checkout works on its own datasets/, networks/ and train_data/, whatever the current folder is."""
    copy, program = tmp_path / "copy", "NALSM_RUN_MAIN_SIM_MNIST.py"
    for name in ("nalsm", "runners"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "pyproject.toml").touch()
    (copy / "datasets").mkdir()
    (copy / "datasets" / "mnist.npz").write_bytes(b"cut")
    network = [sys.executable, str(copy / "runners" / "generate_spatial_network.py"), "--quiet"]
    assert run(network, "M\n1\n4\n4\n4\n", cwd="/").returncode == 0
    assert (copy / "networks" / "Network_1.h5").is_file()
    train = [sys.executable, program, "--quiet"]
    assert_one_line_error(run(train, ANSWERS, cwd=copy / "runners"), 1, str(copy / "datasets" / "mnist.npz"))
    (copy / "datasets" / "mnist.npz").unlink()
    os.link(ROOT / "datasets" / "mnist.npz", copy / "datasets" / "mnist.npz")
    (copy / "train_data" / "ver_7").mkdir(parents=True)
    (copy / "train_data" / "ver_7" / "notes.txt").write_text("mine")
    assert_one_line_error(run(train, ANSWERS, cwd=copy / "runners"), 2, str(copy / "train_data" / "ver_7"))
