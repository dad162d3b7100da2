"""The programs for own data, from their first question to measures, page, list and sweep."""

import re
import shlex
from dataclasses import replace

import pytest
from click.testing import CliRunner
from made_runs import made_run
from own_files import CLASSES, image_arrays, image_file, recording, recordings
from small_runs import RUNNERS
from stored_runs import stored_of

from nalsm.datasets import OWN, pack_events
from nalsm.evaluation import MEASURES, kernel_quality
from nalsm.models import MODELS
from nalsm.network import Network, network_path
from nalsm.programs.measures import _kernel_quality_questions, _present_noisy
from nalsm.programs.network import _n_inputs, network_command
from nalsm.programs.noise import noise_command
from nalsm.programs.train import training_command
from nalsm.report.sections import class_accuracy, raster
from nalsm.report.shown_run import ShownRun
from nalsm.runs.answer_checks import AnswerChecks
from nalsm.runs.noise_folder import open_noise
from nalsm.runs.record import open_record
from nalsm.support.errors import UserError
from nalsm.sweep.findings import run_of
from nalsm.sweep.plan import read_sweep, require_no_conflicts
from nalsm.sweep.steps import Places, is_trained, steps_of

FOLDERS = dict.fromkeys(("data_dir", "networks_dir", "output_dir"))  # none is given
TINY = ("--init-samples=20", "--cycles=4", "--seed=5", "--sample-ms=80", "--init-ms=10")


def asked(command, answers, *flags):
    """The output of a program that was asked in this process; raises what it raises."""
    done = CliRunner().invoke(command, list(map(str, flags)), input="".join(f"{answer}\n" for answer in answers))
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with images (network 1) and recordings (network 2), and a finished run on each: versions 1 and 2."""
    place = tmp_path_factory.mktemp("own")
    image_file(place / "trees.npz")
    pack_events(place / "leaves", recordings(36), recordings(12), sensor_size=(6, 5, 2), duration_ms=80, quiet=True)
    (place / "networks").mkdir()
    for number, n_inputs in ((1, 20), (2, 60)):
        Network.generate((4, 4, 4), n_inputs, number).save(network_path(place / "networks", number))
    said = {}
    for version, file, more in ((1, "trees.npz", ()), (2, "leaves", ("--init-samples=0",))):
        answers = [place / file, -1, version, version, 4, 1, 0.015]
        said[version] = asked(training_command("NALSM", OWN, place), answers, *TINY, *more)
    return place, said


def test_questions_defaults_and_what_is_left_out(place):
    _, said = place
    questions = re.findall(r"^([A-Z_]+)\? ", said[1], re.MULTILINE)
    assert questions == [
        "DATA_FILE",
        "GPU",
        "VERSION",
        "NET_NUM_VAR",
        "BATCH_SIZE",
        "BATCHS_PER_BLOCK",
        "ASTRO_W_SCALING",
    ]
    assert "own data trees.npz: 20 inputs, 3 classes, samples: 50 to train, 10 to validate, 30 to test" in said[1]
    assert "--rates image" in said[1]
    assert "left out: 2 training, 2 validation and 2 test samples" in said[1]
    assert "own data leaves: 60 inputs, 3 classes, samples: 30 to train, 6 to validate, 12 to test" in said[2]
    assert "recordings of 80 time bins" in said[2]
    for text in said.values():
        assert re.search(r"test accuracy [\d.]+ % at cycle [1-4]", text)


def test_recordings_are_presented_for_their_duration(place):
    place, _ = place
    flags = ("--init-samples=0", "--cycles=1", "--seed=5")
    said = asked(training_command("LSM", OWN, place), [place / "leaves", -1, 9, 2, 4, 1, 1.1], *flags, "--init-ms=10")
    assert "for 80 ms (--sample-ms)" in said
    assert open_record(place / "train_data", 9).identity["sample_ms"] == 80
    with pytest.raises(UserError, match="--init-ms: a snapshot of own data leaves may last 77 ms at most"):
        asked(training_command("NALSM", OWN, place), [place / "leaves", -1, 10, 2, 4, 1, 1.1], "--init-ms=78")
    AnswerChecks("LSM", OWN, place).init_ms(78, {"data_file": place / "leaves"})  # it shows no snapshots


def test_refused_at_the_question(place):
    place, _ = place
    train = training_command("LSM+STDP", OWN, place)
    image_file(place / "no.npz", y_test=None)
    for answers, flags, words in (
        (["nowhere.npz"], (), r"DATA_FILE: there is no .*nowhere\.npz"),
        ([place / "no.npz"], (), "DATA_FILE: .* it lacks y_test"),
        ([""], (), "DATA_FILE: there is no data file, expected an"),
        ([], (), "DATA_FILE: the answers on standard input end before line 1, expected a path"),
        (["x" * 3_000, -1], (), "DATA_FILE: read 'x"),
        (
            [place / "trees.npz", -1, 3, 2, 4, 1],
            (),
            "NET_NUM_VAR: network 2 has 60 inputs, own data trees.npz needs 20; make one with .*, --data-file$",
        ),
        (
            [place / "trees.npz", -1, 3, 8, 4, 1],
            (),
            "make one with nalsm network, or generate_spatial_network.py, --data-file, next free",
        ),
        ([place / "trees.npz", -1, 3, 1, 11, 1], (), "11 is more than the 10 validation samples of own data trees"),
        ([place / "trees.npz", -1, 3, 1, 4, 5], (), "BATCHS_PER_BLOCK: 5 does not divide the 12 training batches"),
        ([place / "trees.npz", -1, 3, 1, 4, 1], ("--test-samples=32",), "--test-samples: own data trees.npz has 30"),
        ([place / "trees.npz", -1, 3, 1, 4, 1], ("--valid-samples=9",), "9 to validate, .* work: 3 and 9"),
        ([], ("--rates=loud",), "--rates: read 'loud', expected auto or image or probability"),
    ):
        if flags == ("--rates=loud",):
            done = CliRunner().invoke(train, list(flags))
            assert done.exit_code == 2
            assert "expected auto or image or probability" in done.output
            continue
        with pytest.raises(UserError, match=words):
            asked(train, answers, *flags)
    assert not (place / "train_data" / "ver_3").exists()


def test_the_suggested_batch_size_is_accepted(place):
    """The training samples alone are given: their number is divided, and there is a whole batch of the others."""
    place, _ = place
    checks = AnswerChecks("LSM+STDP", OWN, place)
    for train_samples, suggested in ((None, 10), (48, 8), (7, 7), (50, 10), (11, 1)):
        answers = dict.fromkeys(("valid_samples", "test_samples", "sample_ms", "networks_dir", "output_dir", "version"))
        answers |= {"data_file": place / "trees.npz", "rates": "auto", "network_number": 1, "overwrite": False}
        answers |= {"train_samples": train_samples}
        assert checks.usual_batch_size(answers) == suggested
        checks.batch_size(suggested, answers)


def test_close_values_of_a_knob_are_told_apart(place):
    place, _ = place
    [knob] = MODELS["NALSM"].knobs
    with pytest.raises(UserError, match=r"read 0\.0150000001, expected 0\.015: version 1"):
        AnswerChecks("NALSM", OWN, place).knob(
            knob, 0.0150000001, {"version": 1, "output_dir": None, "overwrite": False}
        )


def test_noise_measures_and_page(place):
    place, _ = place
    for version in (1, 2):
        said = asked(noise_command("NALSM", OWN, place), [-1, version, version, 4, 1], "--quiet")
        assert "samples of own data" in said
        record = open_record(place / "train_data", version)
        counts = {split: record.read_counts(split)[0] for split in ("train", "valid", "test")}
        assert all(array.any() for array in counts.values())
    with pytest.raises(UserError, match="expected a run of NALSM on MNIST; use NALSM_RUN_MAIN_SIM_OWN_NOISE"):
        asked(noise_command("NALSM", "MNIST", place), [-1, 1, 1, 4, 1])
    with pytest.raises(UserError, match=r"there is no .*gone\.npz"):
        asked(noise_command("NALSM", OWN, place), [-1, 1, 1, 4, 1], f"--data-file={place}/gone.npz", "--overwrite")
    shown = ShownRun(place / "train_data", 1, place / "networks")
    assert shown.cell == "NALSM on own data trees.npz"
    text, alt, _ = class_accuracy(shown)
    assert all(name in alt for name in CLASSES)
    assert "Share of each class's test samples" in text
    assert any(f"a {name}, presented for 80 ms" in raster(shown)[0] for name in CLASSES)


def test_a_noise_program_says_that_the_data_file_is_gone(place):
    place, _ = place
    (place / "trees.npz").rename(place / "moved.npz")
    with pytest.raises(UserError, match=r"trees\.npz, the data file of the run; put it back, or give --data-file"):
        asked(noise_command("NALSM", OWN, place), [-1, 1], "--overwrite")
    (place / "moved.npz").rename(place / "trees.npz")
    other = image_file(place / "other.npz", **image_arrays(seed=1))
    with pytest.raises(UserError, match=r"--data-file: own data other\.npz in .* is not the one that version 1"):
        asked(noise_command("NALSM", OWN, place), [-1, 1, 1, 4, 1], "--overwrite", f"--data-file={other}")
    shown = asked(noise_command("NALSM", OWN, place), [], "--help")
    assert "print the result and errors only" in shown  # what --quiet does


def test_measures_of_noisy_counts_that_are_not_complete(place):
    """They go on with the seed with which the noise program began."""
    place, _ = place
    asked(noise_command("NALSM", OWN, place), [-1, 1, 1, 4, 1], "--quiet", "--overwrite", "--seed=9")
    noisy = open_noise(open_record(place / "train_data", 1))
    noisy.all_counts()[0].unlink()
    _present_noisy(place, open_record(place / "train_data", 1), {**FOLDERS, "threads": 1, "quiet": True})
    assert noisy.is_finished() and noisy.identity["seed"] == 9
    weights = noisy.weights.rename(place / "weights")
    with pytest.raises(UserError, match="the run is not initialised"):
        asked(noise_command("NALSM", OWN, place), [-1, 1, 1, 4, 1], "--overwrite")
    weights.rename(noisy.weights)
    assert noisy.is_finished()  # nothing was deleted


def test_a_network_for_values_that_are_no_probabilities(tmp_path):
    """They need --rates image, which is asked for where they are shown."""
    bright = {name: image_arrays()[name].astype(float) for name in ("x_train", "x_test")}
    assert _n_inputs(str(image_file(tmp_path / "bright.npz", **bright))) == 20


def test_kernel_quality_takes_as_many_of_each_class_as_there_are(place):
    place, _ = place
    asked(noise_command("NALSM", OWN, place), [-1, 2, 2, 4, 1], "--quiet", "--overwrite")
    record = open_record(place / "train_data", 2)
    counted = {"SP": kernel_quality.test_counts(record), "AP": kernel_quality.noisy_counts(record)}
    per_class = kernel_quality.usual_per_class(record, counted["SP"][1])
    assert per_class == 4
    classes = record.source.classes
    found = {name: kernel_quality.ranks(*pair, per_class, draws=3, classes=classes) for name, pair in counted.items()}
    assert all(1 <= rank <= 12 for rank in found["SP"])
    with pytest.raises(UserError, match="class ash has 4 samples, a draw takes 5"):
        kernel_quality.ranks(*counted["SP"], 5, draws=3, classes=classes)
    with record.folder.locked():
        kernel_quality.write(record, found, per_class, 0)
    assert MEASURES["kernel_quality"].read_with(record)["per_class"] == 4  # own data have no published figure
    question = next(question for question in _kernel_quality_questions(place) if question.name == "dataset")
    answers = {"version": 2, "output_dir": None}
    question.check(question.parse("o"), answers)
    with pytest.raises(UserError, match=r"DATASET: read M \(MNIST\), but the run is .*own data leaves"):
        question.check("M", answers)


def test_kernel_quality_of_a_data_set_without_noise(tmp_path):
    made_run(tmp_path, 8, "started", dataset="Fashion-MNIST")
    with pytest.raises(UserError, match=r"VERSION: version 8, .*: Fashion-MNIST has no noisy test set"):
        _kernel_quality_questions(tmp_path)[1].check("M", {"version": 8, "output_dir": None})


@pytest.mark.parametrize(("answer", "flags", "n_inputs"), [
    ("7", (), 7), ("n", (), 2312), ("trees.npz", (), 20), (None, ("--inputs=9",), 9),
    (None, ("--data-file", "leaves"), 60),
])  # fmt: skip
def test_a_network_for_any_data(place, tmp_path, monkeypatch, answer, flags, n_inputs):
    place, _ = place
    monkeypatch.chdir(place)
    answers = [*([answer] if answer else []), 5, 2, 3, 4]
    asked(network_command(tmp_path), answers, *flags, "--seed=1")
    assert Network.load(tmp_path / "networks" / "Network_5.h5").n_inputs == n_inputs


@pytest.mark.parametrize(("answers", "flags", "words"), [
    (["0"], (), "read '0', expected M or N, a number of inputs"),
    (["trees.np"], (), "or the path of a data file"),
    ([""], (), "FOR: read '', expected M or N"),
    (["4000000", 5, 50, 50, 50], (), "125000 neurons with 4000000 inputs take about"),
    ([], ("--inputs=3", "--data-file=trees.npz"), "give one of --data-file, --inputs and --dataset"),
    ([], ("--data-file=networks",), r"FOR: .*networks: there is no about\.json"),
])  # fmt: skip
def test_a_network_is_refused(place, monkeypatch, answers, flags, words):
    place, _ = place
    monkeypatch.chdir(place)
    with pytest.raises(UserError, match=words):
        asked(network_command(place), answers, *flags)


SWEEP = """
[settings]
data_file = "trees.npz"
gpu = -1
batch_size = 4
batches_per_block = 1
init_samples = 20
init_ms = 10
sample_ms = 80
cycles = 4
seed = 5
measures = ["branching_factor", "kernel_quality"]
[networks]
dims = [4, 4, 4]
first = 1
count = 1
[[runs]]
model = "NALSM"
astro_w_scaling = 0.015
first_version = 0
[[runs]]
model = "LSM+STDP"
data_file = "leaves"
first_version = 700
networks = { first = 2 }
"""


def test_a_sweep(place):
    """Its cells name the file, its classes and sizes; one finds the run that is there."""
    place, _ = place
    file = place / "own.toml"
    file.write_text(SWEEP)
    sweep = read_sweep(file)
    require_no_conflicts([sweep])
    images, events = sweep.cells
    assert images.title == "version 1, NALSM on own data trees.npz, astrocyte weight 0.015, network 1, seed 5"
    assert (events.dataset, events.network.kind, events.settings["train_samples"]) == ("own data leaves", "60", 28)
    places = Places(RUNNERS.parent, place, place / "networks", place / "train_data")
    assert (is_trained(images, places), is_trained(events, places)) == (True, False)
    stored = stored_of(images, dataset_sha256=open_record(place / "train_data", 1).identity["dataset_sha256"])
    assert run_of(images, [stored]) == stored
    assert run_of(images, [replace(stored, rates="probability")]) is None
    assert run_of(images, [replace(stored, dataset_sha256="1")]) is None  # another file of this name
    steps = {step.name: step for step in steps_of(images, places)}
    assert steps["training"].program.name == "NALSM_RUN_MAIN_SIM_OWN.py"
    assert steps["training"].answers[:3] == (str(place / "trees.npz"), "-1", "1")
    assert not any("data-file" in flag for flag in steps["training"].flags)
    assert steps["kernel quality"].answers == ("1", "O")
    assert shlex.split(steps["network"].as_shell())[2:4] == ["20", "1"]
    for before, after, words in (
        ('"leaves"', '"twigs"', "entry 2: there is no .*twigs, expected an"),
        ('data_file = "leaves"', 'data_file = 7', "data_file is 7, expected the path of a data file"),
        ('data_file = "leaves"', 'dataset = "MNIST"', "data_file is 'trees.npz', expected the path .*, and no dataset"),
        ("batch_size = 4", "batch_size = 11", "entry 1: BATCH_SIZE: 11 is more than the 10 validation samples"),
    ):  # fmt: skip
        file.write_text(SWEEP.replace(before, after))
        with pytest.raises(UserError, match=words):
            read_sweep(file)
    file.write_text(SWEEP)
    image_file(place / "trees.npz", x_test=image_arrays()["x_test"][::-1])
    assert not is_trained(read_sweep(file).cells[0], places)  # the file has other images
    image_file(place / "trees.npz")
    assert is_trained(read_sweep(file).cells[0], places)


def test_the_ten_lines_of_the_guide(tmp_path, monkeypatch):
    """They run as they stand on a folder of CSV files; only the numbers of snapshots and cycles are smaller here."""
    for label in range(3):
        (tmp_path / "recordings" / CLASSES[label]).mkdir(parents=True)
        for number in range(15):
            events = recording(label, number, duration_us=290_000)
            lines = [f"{t},{x},{y},{int(p)}\n" for t, x, y, p in events.tolist()]
            (tmp_path / "recordings" / CLASSES[label] / f"{number}.csv").write_text("".join(lines))
    monkeypatch.chdir(tmp_path)
    guide = (RUNNERS.parent / "docs" / "own_data.md").read_text()
    python, shell = (re.search(rf"```{kind}\n(.*?)```", guide, re.DOTALL)[1] for kind in ("python", "sh"))
    assert len((python + shell).replace("\n\n", "\n").splitlines()) == 10
    exec(python, {})
    network, train = (shlex.split(line)[2:] for line in shell.splitlines())
    asked(network_command(tmp_path), (), *network)
    said = asked(training_command("NALSM", OWN, tmp_path), (), *train, "--init-samples=10", "--cycles=3")
    assert "own data packed: 2,312 inputs, 3 classes, samples: 30 to train, 6 to validate, 9 to test" in said
    assert "test accuracy" in said
