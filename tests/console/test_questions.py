"""Any bytes as answers, any flags: one line and exit code 2, or what was asked for; never anything written elsewhere.

NALSM_EXAMPLES=5000 tries more. tests/campaigns/fuzz.py questions goes on where these end.
"""

import os
import subprocess
import sys

import fuzzed_programs
import pexpect
import pytest
from click.testing import CliRunner
from fuzzed_programs import COMMANDS, FLAGS, NASTY, PROGRAMS, WORK, ask, check, listing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_runs import made_run
from small_runs import RUNNERS, assert_one_line_error, command, environment, place_with_networks, run

from nalsm.console.progress import progress
from nalsm.console.questions import _ask_person

EXAMPLES = int(os.environ.get("NALSM_EXAMPLES", "80"))
tried = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
GOOD = ("-1", "8", "1", "20", "1", "0.015")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A checkout's folders: networks, and the finished version 7."""
    folder = tmp_path_factory.mktemp("asked")
    made_run(folder, 7)
    index = folder / "datasets" / "nmnist-packed" / "index.h5"  # recordings, as far as questions look
    index.parent.mkdir(parents=True)
    index.touch()
    return folder


VALUES = st.sampled_from(NASTY) | st.text(st.characters(exclude_characters="\0\n"), max_size=8) | st.integers().map(str)


@st.composite
def command_lines(draw):
    """A program, flags for it, and lines of answers that are good but for one or two."""
    name = draw(st.sampled_from(PROGRAMS))
    arguments = []
    for _ in range(draw(st.integers(0, 3))):
        flag, value = draw(st.sampled_from(FLAGS)), draw(VALUES)
        arguments.append(draw(st.sampled_from([f"{flag}={value}", flag, value])))
    if name == "datasets":
        arguments.insert(0, draw(st.sampled_from(COMMANDS)))
    lines = list(GOOD)
    for _ in range(draw(st.integers(0, 2))):
        lines[draw(st.integers(0, 5))] = draw(VALUES)
    return name, arguments, "\n".join(lines).encode("utf-8", "surrogateescape")


@tried
@given(line=command_lines())
def test_nasty_answers_and_flags(place, line):
    check(place, *line)


@tried
@given(name=st.sampled_from(PROGRAMS), answers=st.binary(max_size=300))
def test_any_bytes_on_standard_input(place, name, answers):
    check(place, name, [], answers)


@tried
@given(name=st.sampled_from(PROGRAMS), arguments=st.lists(st.text(max_size=30), max_size=4))
def test_any_arguments(place, name, arguments):
    check(place, name, arguments, "\n".join(GOOD).encode())


NUMBERS = ("1_0", "\u0667", "\uff17", "0x7", "7e0", "7.", "1" + "0" * 400, "9" * 5000, "../../7", "/etc/passwd", "7\0",
           "-7", "\u22127", "7 7", "7;", "", "1000000", "+", "7" + " " * 5000, "nan")  # fmt: skip


@pytest.mark.parametrize("number", range(len(NUMBERS)))
def test_numbers_that_are_none(place, number):
    """Of a version, a network, a batch size; asked and as flags, of programs of every kind."""
    text = NUMBERS[number]
    for name in ("train NALSM MNIST", "noise LSM N-MNIST", "accuracy", "kernel", "report", "show branching"):
        answers = f"-1\n{text}\n" if name.startswith(("train", "noise")) else f"{text}\n"
        code, err = check(place, name, [], answers.encode())
        assert (code, "VERSION: read" in err) == (2, True), (name, err)
        if "\0" not in text:
            assert "version: read" in check(place, name, [f"--version={text}"], b"-1\n")[1], name
    assert "NUMBER_TO_CREATE: read" in check(place, "generate", [], f"M\n{text}\n2\n2\n2".encode())[1]
    for place_of_answer, title in ((2, "NET_NUM_VAR"), (3, "BATCH_SIZE"), (4, "BATCHS_PER_BLOCK")):
        lines = [*GOOD[:place_of_answer], text, *GOOD[place_of_answer + 1 :]]
        assert f"Error: {title}: " in check(place, "train NALSM MNIST", [], "\n".join(lines).encode())[1]


def test_a_setting_of_too_many_digits(place):
    """Python itself refuses to read more than 4,300."""
    assert "--seed: read '999" in check(place, "train NALSM MNIST", ["--seed=" + "9" * 5000], b"")[1]


def test_answers_by_flag_are_checked_before_what_builds_on_them(place):
    _, out, err = ask(place, "train NALSM MNIST", ["--batch-size=7"], b"-1\n8\n1\n10\n0.015\n")
    assert "BATCH_SIZE: 7 does not divide" in err
    assert b"BATCHS_PER_BLOCK" not in out


def test_a_default_is_exact():
    """That of a resumed run has to be the run's own value."""
    with CliRunner().isolation(input="\n"):
        assert _ask_person("WEIGHT? [float]", float, 0.0123456789) == 0.0123456789


def test_plain_numbers_are_taken(place):
    for weight in ("0.015", "+.5", "5.", "-0.0", "1E-3", "007", " 2 "):
        assert WORK in check(place, "train NALSM MNIST", [], "\n".join([*GOOD[:5], weight]).encode())[1]


def test_the_rest_of_a_long_line_answers_nothing(place):
    """The first 1,000 characters make a number: what follows must not be read as the next answer."""
    for length in (999, 1_000, 1_001, 5_000, 100_000):
        answers = "\n".join(["-1", "8", "1", "20", "1", "37." + "0" * length, "1", "1"]).encode()
        code, _, err = ask(place, "train LSM+AP-STDP MNIST", [], answers)
        assert (code, "STDP_NEURON_RATE_THESHOLD: read" in err) == (2, True)


@pytest.mark.parametrize("flag", ["--data-dir", "--networks-dir", "--output-dir"])
def test_folders_that_can_be_none(place, flag):
    for folder, said in (
        ("~nobody-here/x", "no such home"),
        ("\udcff", "UTF-8"),
        ("a\0b", "UTF-8"),
        ("x" * 5000, "shorter"),
    ):
        assert said in check(place, "train NALSM MNIST", [f"{flag}={folder}"], "\n".join(GOOD).encode())[1]
    assert "no such home" in check(place, "runs", ["--output-dir=~nobody-here"], b"")[1]
    assert "empty" in check(place, "datasets", ["pack-nmnist", "--data-dir="], b"")[1]
    assert "UTF-8" in check(place, "report", ["--output=\udcff", "--version=7"], b"")[1]


def test_home_is_the_same_for_checks_and_work(tmp_path, monkeypatch):
    """A network in ~ was once looked for in a folder named ~, and so overwritten."""
    monkeypatch.setenv("HOME", str(tmp_path))
    made_run(tmp_path, 7)
    refused = check(tmp_path, "generate", ["--networks-dir=~/networks"], b"M\n1\n2\n2\n2\n")[1]
    assert "Network_1.h5 exists already" in refused


def test_more_than_the_machine_has(place):
    """A batch, or snapshots, that no memory could hold is refused before anything is written."""
    for flags, title in (
        (["--sample-ms=10000"], "BATCH_SIZE: 10000 rasters"),
        (["--init-ms=298"], "a snapshot of N-MNIST may last 297 ms"),
    ):  # fmt: skip
        lines = ["-1", "8", "1", "10000", "1"]
        assert title in check(place, "train LSM+STDP N-MNIST", flags, "\n".join(lines).encode())[1]


# ---- real processes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "flags", "answers"),
    [
        ("NALSM_RUN_MAIN_SIM_MNIST.py", (), b"-1\n" + b"9" * 10_000),
        ("LSM_RUN_MAIN_SIM_N_MNIST_NOISE.py", (b"--version=\xff",), b"\xff\n"),
        ("get_test_accuracy.py", (b"--output-dir=\xff",), b"7\n"),
        ("report.py", ("--compare", "../../1"), b""),
        ("generate_spatial_network.py", ("--dim1=1e3",), b"M\n-1\n"),
        ("compute_SP_AP_kernel_quality_measures.py", (), b"\0\n"),
    ],
)
def test_real_programs(program, flags, answers, tmp_path):
    before = listing(RUNNERS.parent / "train_data"), listing(tmp_path)
    done = subprocess.run(
        [sys.executable, str(RUNNERS / program), *flags], input=answers, capture_output=True, timeout=60, check=False,
        cwd=tmp_path, env=environment(),
    )  # fmt: skip
    assert done.returncode == 2, done
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(b"Error: ")
    assert (listing(RUNNERS.parent / "train_data"), listing(tmp_path)) == before


def test_a_run_writes_into_its_version_folder_only(finished_place, tmp_path):
    """Beside it only folders are made, on the way to it."""
    (tmp_path / "before").mkdir()
    before = {path.name for path in place_with_networks(tmp_path / "before").rglob("*")}
    folder = finished_place / "train_data" / "ver_7"
    new = {path for path in finished_place.rglob("*") if path.name not in before and folder not in path.parents}
    assert new == {folder.parent, folder}


@pytest.mark.parametrize("redirected", [">&-", "2>&-", ">&- 2>&-", ">/dev/full", "</dev/null >&-"])
def test_closed_and_full_outputs(redirected, tmp_path):
    done = subprocess.run(
        f"printf 'x\\n' | exec {' '.join(command(tmp_path))} {redirected}", shell=True, capture_output=True, text=True,
        timeout=60, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == (1 if "full" in redirected else 2), done
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 1


def test_any_keys_on_a_terminal(place):
    """Escape sequences, bytes that are no text, very long lines: explained and asked again; end of input ends it."""
    program, *arguments = command(place, program="get_test_accuracy.py", small=(f"--output-dir={place}/train_data",))
    arguments = [argument for argument in arguments if "networks" not in argument]
    child = pexpect.spawn(program, arguments, timeout=60, env=environment())
    for keys in (b"\xff\xfe", b"\x1b[A\x1b[2J", "\u0667".encode(), b"1_0", b"9" * 500, b"../../7", b"''", b"$(id)"):
        child.expect_exact(b"VERSION? [int]: ")
        child.send(keys + b"\r")
    child.expect_exact(b"VERSION? [int]: ")
    child.send(b"\x04")
    rest = child.read()
    child.close()
    assert child.exitstatus == 130, rest
    assert b"Traceback" not in rest


def test_the_table_of_programs_is_whole():
    """Every runner's program is among those that are asked."""
    assert len([path for path in RUNNERS.glob("*.py") if path.name != "checkout.py"]) == len(PROGRAMS) - 2
    assert_one_line_error(run([sys.executable, "-m", "nalsm.runs", "--output-dir", "~nobody-here"], ""), 2, "home")
    assert fuzzed_programs.WORK


def test_progress_without_standard_output(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with progress(2, "label", "things") as bar:
        bar.update(2)
