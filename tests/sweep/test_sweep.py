"""python -m nalsm.sweep: from a file to cells, to finished version folders, to a page of results."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from statistics import mean, stdev

import numpy as np
import psutil
import pytest
from click.testing import CliRunner
from small_runs import ROOT, assert_one_line_error, environment
from stored_runs import stored
from sweep_places import (
    PAPER,
    RANKS,
    SMALL,
    TESTS,
    add_ranks,
    contents,
    file_of,
    page_of,
    places_of,
    published_runs,
    sweep,
    sweep_command,
)

from nalsm.datasets import source_of
from nalsm.evaluation.paper import published_accuracy, published_cells
from nalsm.evaluation.paper import published_runs as paper_runs
from nalsm.network import Network, network_path
from nalsm.programs.sweep import main
from nalsm.runs.folder import RunFolder
from nalsm.support.errors import UserError
from nalsm.sweep.page import _runs
from nalsm.sweep.plan import read_sweep, require_no_conflicts
from nalsm.sweep.steps import require_draws, steps_of
from nalsm.sweep.store import read_store

KNOB = "astrocyte weight"


# ---- the file ------------------------------------------------------------------------------------


def test_cells_of_a_file(tmp_path):
    cells = read_sweep(file_of(tmp_path)).cells
    assert [(cell.version, cell.model, cell.network.number, cell.settings["seed"]) for cell in cells] == [
        (101, "NALSM", 11, 1), (201, "NALSM", 11, 1), (301, "LSM", 11, 1), (102, "NALSM", 12, 2), (202, "NALSM", 12, 2),
    ]  # fmt: skip
    assert [tuple(cell.knobs.values()) for cell in cells] == [(0.015,), (0.03,), (0.7,), (0.015,), (0.03,)]
    assert (cells[0].settings["cycles"], cells[0].settings["init_ms"]) == (4, 20)


def test_more_networks_change_no_cell(tmp_path):
    few, many = (read_sweep(file_of(tmp_path), networks=count).cells for count in (1, 10))
    assert [cell for cell in many if cell.network.number == 11] == list(few)
    assert len(many) == 2 * 10 + 1  # the second entry says that it wants one


BAD = {
    "no such model": ('model = "LSM"', 'model = "LSN"', "entry 2: model is 'LSN'"),
    "unknown key": ("cycles = 4", "cicles = 4", "cicles is not known"),
    "knob missing": ("intial_abs_w_sclr = 0.7", "", "entry 2: intial_abs_w_sclr is missing"),
    "knob too low": ("intial_abs_w_sclr = 0.7", "intial_abs_w_sclr = -1", "INTIAL_ABS_W_SCLR: read '-1'"),
    "not a number": ("[0.015, 0.03]", "[0.015, nan]", "ASTRO_W_SCALING: read 'nan'"),
    "no values": ("[0.015, 0.03]", "[]", "empty list"),
    "list of sizes": ("batch_size = 25", "batch_size = [25, 50]", "BATCH_SIZE: read '[25, 50]'"),
    "batch size": ("batch_size = 25", "batch_size = 7", "7 does not divide"),
    "no dims": ("dims = [4, 4, 4]", "dims = [4, 4]", "expected three sizes"),
    "flags of the sweep": ("cycles = 4", "version = 4", "version is not known"),
    "density too high": ("[0.015, 0.03]", "1\nastrocyte_density = [0.5, 2]", "--astrocyte-density: read '2'"),
    "no such samples": (
        "[0.015, 0.03]",
        "1\nlearning_samples = 'one'",
        "read 'one', expected all or first",
    ),
    "no such option": ("intial_abs_w_sclr = 0.7", "intial_abs_w_sclr = 1\nastrocyte_density = 1", "is not known here"),
    "not TOML": ("[networks]", "[networks", "is not TOML"),
    "versions overlap": ("first_version = 300", "first_version = 200", "version 201 is used twice"),
    "version too high": ("first_version = 300", "first_version = 1000000", "expected a whole number from 0 to 999999"),
    "networks overlap": ("count = 1 }", "count = 1, dims = [4, 4, 5] }", "network 11 is used twice"),
    "too few samples for kernel quality": (
        "intial_abs_w_sclr = 0.7",
        'intial_abs_w_sclr = 0.7\nmeasures = ["kernel_quality"]',
        "kernel_quality, but 25 test samples are too few",
    ),
    "no noisy test set": (
        'dataset = "MNIST"\nfirst_version = 300',
        'dataset = "Fashion-MNIST"\nfirst_version = 300\nmeasures = ["kernel_quality"]',
        "it needs a noisy test set, and there is none of Fashion-MNIST",
    ),
    "too short for a branching factor": (
        "intial_abs_w_sclr = 0.7",
        'intial_abs_w_sclr = 0.7\nmeasures = ["branching_factor"]',
        "branching_factor, but a presentation of 40 ms is too short for it: it takes 59 ms or more",
    ),
    "measures": ("networks = { count", 'measures = ["rank"]\nnetworks = { count', "measures has 'rank'"),
    "the same run twice": ("[0.015, 0.03]", "[0.015, 0.015]", "is the same run as version 101"),
    "no runs": ("[[runs]]", "[[rums]]", "rums is not known"),
}


@pytest.mark.parametrize("name", BAD)
def test_mistakes_in_a_file(tmp_path, name):
    before, after, words = BAD[name]
    assert before in SMALL
    path = file_of(tmp_path, SMALL.replace(before, after))
    with pytest.raises(UserError) as caught:
        require_no_conflicts([read_sweep(path)])
    assert str(path) in str(caught.value)
    assert words in str(caught.value)


def test_mistakes_on_the_command_line(tmp_path):
    assert_one_line_error(sweep(tmp_path), 2, "name the file of a sweep")
    assert_one_line_error(sweep(tmp_path, tmp_path / "no.toml"), 2, "no.toml: No such file")
    path = file_of(tmp_path)
    assert_one_line_error(sweep(tmp_path, path, path), 2, "version 101 is used twice")
    assert_one_line_error(sweep(tmp_path, path, "--results=nowhere/page.md"), 2, "--results: there is no folder")
    assert_one_line_error(sweep(tmp_path, path, "--results=page.json"), 2, "/page.json; the page is Markdown")
    assert not (tmp_path / "train_data").exists()


def test_the_files_have_the_cells_of_the_paper():
    """Every published setting on MNIST and Fashion-MNIST, the table's on N-MNIST; ten networks of the main cells."""
    paths = [path for path in sorted((ROOT / "sweeps").glob("*.toml")) if "data_file" not in path.read_text()]
    sweeps = [read_sweep(path) for path in paths]  # without those of own data
    require_no_conflicts(sweeps)
    cells = [cell for sweep in sweeps for cell in sweep.cells]
    planned = Counter(cell_of(cell, cell.network.n_liquid) for cell in cells if cell.has_own_seed)
    for key in published_cells():
        settings = {cell_of(run, key[2]) for run in paper_runs(*key)}
        there = settings & set(planned)
        assert there == settings if key[1] != "N-MNIST" else there or key[2] == 8000
    main = {"NALSM": (0.015,), "LSM+AP-STDP": (37, 23, 1), "LSM": (0.7,), "LSM+STDP": ("first",)}
    ten = {(model, tuple(value for _, value in knobs)) for (model, *_, knobs), count in planned.items() if count == 10}
    assert {*main.items(), ("LSM+STDP", ())} <= ten
    assert planned["NALSM", "Fashion-MNIST", 1000, (("astrocyte_weight", 0.015),)] == 10
    [mnist] = [sweep for sweep in sweeps if sweep.path.stem == "paper_mnist"]
    version = {(cell.model, cell.dataset, *cell.knobs.values()): cell.version for cell in reversed(mnist.cells)}
    assert sorted(version.values()) == [1001, 1101, 1201, 1301, 3001, 3101]

    seeds = Counter(cell_of(cell, 1000) for cell in cells if not cell.has_own_seed)
    figure = [paper_runs("NALSM", dataset, 1000, figure="Fig. 4") for dataset in ("MNIST", "N-MNIST")]
    assert set(seeds) == {cell_of(run, 1000) for runs in figure for run in runs}
    assert set(seeds.values()) == {9}  # three networks, three seeds


def cell_of(run, n_liquid):
    return run.model, run.dataset, n_liquid, tuple(run.knobs.items())


def test_options_and_seeds_of_a_file(tmp_path):
    """An option may be a list; at its default it is as if it were left out. A seed may be one: a run for each."""
    text = SMALL.replace("[0.015, 0.03]", "0.015\nastrocyte_density = [0.25, 1.0]\nseed = [7, 8]")
    text = text.replace("intial_abs_w_sclr = 0.7", 'learning_samples = "First"').replace('"LSM"', '"LSM+STDP"')
    cells = read_sweep(file_of(tmp_path, text), networks=1).cells
    dense, plain = {"astrocyte_weight": 0.015, "astrocyte_density": 0.25}, {"astrocyte_weight": 0.015}
    assert [(cell.version, cell.knobs, cell.settings["seed"], cell.has_own_seed) for cell in cells] == [
        (101, dense, 7, False), (201, dense, 8, False), (301, plain, 7, False), (401, plain, 8, False),
        (301, {"learning_samples": "first"}, 1, True),
    ]  # fmt: skip
    training = [steps_of(cell, places_of(tmp_path))[1] for cell in cells]
    flags = [[flag for flag in step.flags if flag.startswith(("--astro", "--learn", "--seed"))] for step in training]
    assert flags == [["--seed=7", "--astrocyte-density=0.25"], ["--seed=8", "--astrocyte-density=0.25"], ["--seed=7"],
                     ["--seed=8"], ["--seed=1", "--learning-samples=first"]]  # fmt: skip
    assert [step.answers[-1] for step in training] == ["0.015"] * 4 + ["4"]  # options are not asked for
    assert cells[1].title.endswith("astrocyte density 0.25, network 11, seed 8")


def test_threads_reach_each_program_that_has_them(tmp_path):
    text = SMALL.replace("[settings]", "[settings]\nthreads = 3")
    cell = read_sweep(file_of(tmp_path, text), networks=1).cells[0]
    cell = replace(cell, measures=["branching_factor", "kernel_quality"])
    limited = [step.name for step in steps_of(cell, places_of(tmp_path)) if "--threads=3" in step.flags]
    assert limited == ["training", "noisy test set", "kernel quality"]


def test_draws_that_a_subset_cannot_have(tmp_path):
    """A thousand random test samples have fewer than 100 of some class; it is known before anything runs."""
    text = SMALL.replace("test_samples = 25", "test_samples = 1000").replace("sample_ms = 40", "")
    text = text.replace("intial_abs_w_sclr = 0.7", 'intial_abs_w_sclr = 0.7\nmeasures = ["kernel_quality"]')
    cells = read_sweep(file_of(tmp_path, text)).cells
    source = source_of("MNIST")
    labels = source.load(source.find(ROOT / "datasets")).reduced(100, 25, 1000, seed=1).test.labels
    rarest, fewest = min(Counter(labels.tolist()).items(), key=lambda item: item[1])
    with pytest.raises(UserError, match=f"version 301.*only {fewest} of its 1000 test samples are of class {rarest}"):
        require_draws(cells, ROOT / "datasets")


# ---- running -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A place with the finished cells of one entry, two networks; what the sweep said."""
    place = tmp_path_factory.mktemp("swept")
    done = sweep(place, file_of(place), f"--results={place}/page.md")
    assert done.returncode == 0, done.stderr
    return place, done.stdout


def test_stored_runs_are_not_run_again(swept, tmp_path):
    """Version folders may be gone: what is in the store is not run again."""
    place, _ = swept
    text = (place / "page.json").read_text()
    (tmp_path / "page.json").write_text(text)
    done = sweep(tmp_path, file_of(tmp_path), f"--results={tmp_path}/page.md")
    assert done.returncode == 0, done.stderr
    assert f"5 of 5 cells are in {tmp_path}/page.json and are not run again" in done.stdout
    assert "5 of 5 cells are done, 5 of them were done before" in done.stdout
    assert not (tmp_path / "train_data").exists()
    flags = sweep_command(tmp_path, tmp_path / "sweep.toml", "--list", f"--results={tmp_path}/page.md")[3:]
    assert CliRunner().invoke(main, flags, catch_exceptions=False).output.count(": done\n") == 5
    assert (tmp_path / "page.json").read_text() == text
    assert (tmp_path / "page.md").read_text() == (place / "page.md").read_text()


def test_a_sweep_is_ordinary_runs(swept, tmp_path):
    """Every cell is there, and what --as-script prints makes the same contents in a shell."""
    place, said = swept
    assert "5 of 5 cells are done, 0 of them were done before" in said
    assert sorted(contents(place)) == ["ver_101", "ver_102", "ver_201", "ver_202", "ver_301"]
    printed = sweep(tmp_path, file_of(tmp_path), "--as-script", "--networks=1")
    assert printed.returncode == 0 and not (tmp_path / "train_data").exists()
    python = f'python() {{ {shlex.quote(sys.executable)} "$@"; }}\n'
    lines = printed.stdout.split("# version 301")[0]  # the first two cells are enough
    done = subprocess.run(["sh", "-e"], input=python + lines, text=True, capture_output=True, check=False,
                          env=environment(), timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stderr
    mine, theirs = contents(tmp_path), contents(place)
    assert mine == {name: theirs[name] for name in ("ver_101", "ver_201")}


def test_what_is_finished_is_left_alone(swept):
    place, _ = swept
    before = {path: path.stat().st_mtime_ns for path in (place / "train_data").rglob("*") if path.is_file()}
    done = sweep(place, place / "sweep.toml")
    assert done.returncode == 0 and "5 of 5 cells are done, 5 of them were done before" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in before} == before
    listed = sweep(place, place / "sweep.toml", "--list", "--networks=3")
    assert listed.stdout.count(": done") == 5
    assert listed.stdout.count(": lacks network, training") == 2
    listed = sweep(place, place / "sweep.toml", "--list", "--only=301", "--only=102")
    assert [line.split(",")[0] for line in listed.stdout.splitlines()] == ["version 301", "version 102"]
    assert_one_line_error(sweep(place, place / "sweep.toml", "--only=103"), 2, "--only: read 103")


def test_the_page_of_a_sweep(swept):
    place, said = swept
    page = (place / "page.md").read_text()
    assert f"results: {place}/page.md (5 of 5 cells are done)\n" in said
    assert "5 of 5 cells are done" in page and "## Not finished" not in page
    assert "## NALSM on MNIST (reduced), 64 neurons: astrocyte weight" in page
    picture = next((place / "page").glob("*.svg"))
    assert f"](page/{picture.name})" in page
    drawn = picture.read_text()
    assert ">0.015<" in drawn  # values of the knob, not rounded
    assert drawn.startswith("<svg") and "branching factor" not in drawn  # none was computed: no panel for it
    assert "95 % by test samples" in drawn
    assert "### MNIST (reduced)" in page and "| LSM | weight 0.7 | 64 | 1 of 1 |" in page
    assert all("(reduced)" in line for line in page.splitlines() if line.startswith("| 1") or line.startswith("| 3"))
    assert "](evaluating.md)" not in page and "docs/performance.md" in page  # it lies outside the checkout


def test_no_run_on_own_data_is_reduced():
    """Nothing is published of them."""
    few = stored(dataset="own data trees.npz", sizes={"train_samples": 100, "sample_ms": 80})
    lines = "".join(_runs([few, stored(sizes={"train_samples": 100})], ROOT / "page.md"))
    assert "| own data trees.npz |" in lines and "| MNIST (reduced) |" in lines


def test_links_of_a_page_in_the_checkout(swept):
    store = list(read_store(swept[0] / "page.json").values())
    assert "[performance.md](../performance.md)" in "".join(_runs(store, ROOT / "docs" / "a" / "page.md"))
    assert "[performance.md](performance.md)" in "".join(_runs(store, ROOT / "docs" / "page.md"))


def test_a_failing_cell_does_not_stop_the_others(tmp_path):
    """One version folder holds something else: the rest is made, and the page says what failed and why."""
    text = SMALL.replace("count = 2", "count = 1").replace("[0.015, 0.03]", "0.015")
    taken = tmp_path / "train_data" / "ver_101"
    taken.mkdir(parents=True)
    (taken / "thesis.txt").write_text("mine")
    done = sweep(tmp_path, file_of(tmp_path, text), f"--results={tmp_path}/page.md", "--quiet")
    assert_one_line_error(done, 1, "1 of 2 cells failed")
    title = f"version 101, NALSM on MNIST, {KNOB} 0.015, network 11: training ended with 2: "
    assert f"failed: {title}" in done.stdout
    assert "(1 of 2 cells are done)" in done.stdout and "GPU?" not in done.stdout
    assert (taken / "thesis.txt").read_text() == "mine" and len(list(taken.iterdir())) <= 2  # and the lock
    page = (tmp_path / "page.md").read_text()
    assert f"- **failed**: {title}VERSION: " in page and "1 of 2 cells are done" in page
    assert RunFolder(tmp_path / "train_data", 301).is_finished()


def test_cells_on_a_cluster(swept, tmp_path):
    """Two worker processes, one folder taken: the other cells are those of a sweep without a cluster."""
    pytest.importorskip("distributed")
    taken = tmp_path / "train_data" / "ver_201"
    taken.mkdir(parents=True)
    (taken / "thesis.txt").write_text("mine")
    done = sweep(tmp_path, file_of(tmp_path), "--cluster=local:2")
    assert_one_line_error(done, 1, "1 of 5 cells failed")
    assert "4 of 5 cells are done, 0 of them were done before" in done.stdout
    assert "GPU?" not in done.stdout  # no training program was started here: what it asks stays with the workers
    assert f"failed: version 201, NALSM on MNIST, {KNOB} 0.03, network 11: training ended with 2: " in done.stdout
    shutil.rmtree(taken)
    assert contents(tmp_path) == {name: files for name, files in contents(swept[0]).items() if name != "ver_201"}
    again = sweep(tmp_path, file_of(tmp_path), "--cluster=local:2", "--only=301", "--only=102")
    assert again.returncode == 0 and "2 of 2 cells are done, 2 of them were done before" in again.stdout
    assert_one_line_error(sweep(tmp_path, tmp_path / "sweep.toml", "--cluster=here"), 2, "--cluster: read 'here'")


def test_a_worker_killed_in_a_cell(swept, tmp_path):
    """SIGKILL to the worker of a cell: its program stops, and another worker finishes the cell with the same bits."""
    pytest.importorskip("distributed")
    arguments = sweep_command(tmp_path, file_of(tmp_path), "--cluster=local:2", "--networks=1")
    process = subprocess.Popen(arguments, cwd=ROOT, env=environment(), text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)  # fmt: skip
    folder, until = tmp_path / "train_data" / "ver_201", time.monotonic() + 120
    while not (folder / "VER_201_params.json").exists() and time.monotonic() < until:
        time.sleep(0.002)
    program = next(p for p in psutil.Process(process.pid).children(recursive=True) if "--output-dir" in str(p.cmdline())
                   and p.pid == _holder(folder))  # fmt: skip
    worker = program.parent()
    worker.kill()
    out, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    # A cell whose result was lost with its worker is submitted again and found done.
    assert re.search(r"3 of 3 cells are done, [01] of them were done before", out)
    assert contents(tmp_path) == {name: contents(swept[0])[name] for name in ("ver_101", "ver_201", "ver_301")}
    with suppress(psutil.NoSuchProcess):  # it may wait for init to take note of its end
        assert program.status() == psutil.STATUS_ZOMBIE


def _holder(folder):
    """Return the process that has the lock of a version folder open."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if any(file.path == str(folder / ".lock") for file in process.open_files()):
                return process.pid
    return None


def test_a_network_of_that_number_that_is_another(tmp_path):
    (tmp_path / "networks").mkdir()
    Network.generate((4, 4, 4), 784, seed=9).save(network_path(tmp_path / "networks", 11))
    done = sweep(tmp_path, file_of(tmp_path, SMALL.replace("count = 2", "count = 1")))
    assert_one_line_error(done, 1, "3 of 3 cells failed")
    assert "Network_11.h5 is another network than the sweep's (4 x 4 x 4, 784 inputs, seed 1)" in done.stdout
    assert not (tmp_path / "train_data").exists()
    listed = sweep(tmp_path, tmp_path / "sweep.toml", "--list", "--networks=1", "--only=101")
    assert_one_line_error(listed, 1, "1 of 1 cells failed")


def test_a_file_whose_data_are_not_there(tmp_path):
    """It is skipped with a line, and the page says so; without `only_with_data` its cells fail."""
    text = SMALL.replace('dataset = "MNIST"', 'dataset = "N-MNIST"')
    path = file_of(tmp_path, "only_with_data = true\n" + text)
    flags = (f"--data-dir={tmp_path}", "--list", f"--results={tmp_path}/page.md")
    done = sweep(tmp_path, path, *flags)
    assert done.returncode == 0 and f"{path} is skipped: N-MNIST: neither" in done.stdout
    assert "- Two small models (`sweep.toml`): its recordings are not available" in (tmp_path / "page.md").read_text()
    failed = sweep(tmp_path, file_of(tmp_path, text), f"--data-dir={tmp_path}", "--only=301")
    assert_one_line_error(failed, 1, "1 of 1 cells failed")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_stopped_and_gone_on_with(swept, tmp_path, number):
    """The program at work ends with the sweep, finished runs are stored, the same command makes the same contents."""
    command = sweep_command(tmp_path, file_of(tmp_path), "--networks=1", f"--results={tmp_path}/page.md")
    process = subprocess.Popen(command, cwd=ROOT, env=environment(), text=True, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)  # fmt: skip
    folder = tmp_path / "train_data" / "ver_201"
    until = time.monotonic() + 120
    while not (folder / "W_INI.wdata").exists() and time.monotonic() < until:
        time.sleep(0.002)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert len(errors.splitlines()) == 1 and f"stopped by {number.name}" in errors
    at_work = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, text=True, check=False).stdout.split()
    assert [pid for pid in at_work if int(pid) != os.getpid()] == []
    assert [run.version for run in read_store(tmp_path / "page.json").values()] == [101]
    assert subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, check=False).returncode == 0
    theirs = contents(swept[0])
    assert contents(tmp_path) == {name: theirs[name] for name in ("ver_101", "ver_201", "ver_301")}


# ---- measures and the page -----------------------------------------------------------------------


@pytest.fixture
def published_place(tmp_path):
    return published_runs(tmp_path)


def row_of(page, section, first):
    table = page.split(f"## {section}")[1].split("\n## ")[0]
    line = next(line for line in table.splitlines() if line.startswith(f"| {first}"))
    return [cell.strip(" *") for cell in line.strip("|").split("|")]


def test_figures_of_the_page(published_place):
    for version in RANKS:
        add_ranks(published_place, version)
    page, missing = page_of(published_place)
    assert [cell.version for cell in missing] == [13]
    middle, deviation = mean(TESTS.values()), stdev(TESTS.values())
    published = published_accuracy("NALSM", "MNIST", 1000)
    assert row_of(page, "Accuracy\n", "NALSM") == [
        "NALSM", "astrocyte weight 0.015", "1000", "2 of 3", f"{middle:.2f}", f"{deviation:.2f}", "95.5 to 96.2",
        "95.96 ± 0.13", "10",
        f"{middle - published.mean:+.2f} ({(middle - published.mean) / published.deviation:+.1f} s.d.)", "-", "-", "-",
    ]  # fmt: skip
    assert "\n1 of 1 rows with several published runs have a mean within one published" in page
    assert "In 0 of the 0 rows with a test" in page and "Outside:" not in page
    assert row_of(page, "Branching factor\n", "MNIST")[4:] == [
        "2", "1.375", "0.177", "1.246 ± 0.023", "10", "+0.129 (+5.5 s.d.)", "-", "-", "-",
    ]  # fmt: skip
    assert row_of(page, "SP, mean rank", "MNIST")[4:9] == ["2", "990.50", "0.71", "994.22 ± 0.18", "10"]
    assert row_of(page, "AP, mean rank", "MNIST")[4:9] == ["2", "982.50", "3.54", "986.44 ± 2.85", "10"]
    assert "- NALSM on MNIST, astrocyte weight 0.015, 1,000 neurons: version 13\n" in page
    assert row_of(page, "Every run", "11")[-4:] == ["2", "20", "300", "0.60"]  # seconds of the stages, GB
    assert "wall-clock times, together 11 min, also" in page  # of two runs


def test_a_run_with_an_option_has_a_row_of_its_own(tmp_path):
    """The published LSM+STDP runs let the first sample of a batch learn: they stand beside runs that do the same."""
    text = PAPER.replace("NALSM", "LSM+STDP").replace("astro_w_scaling = 0.015", 'learning_samples = "first"')
    every = text.split("[[runs]]")[1].replace('learning_samples = "first"', "").replace("10", "20")
    place = published_runs(tmp_path, model="LSM+STDP", knobs={"learning_samples": "first"})
    page, missing = page_of(place, f"{text}\n[[runs]]{every}")
    assert row_of(page, "Accuracy", "LSM+STDP")[1:9] == [
        "learning samples first", "1000", "2 of 3", "95.88", "0.53", "95.5 to 96.2", "89.47 ± 0.45", "10",
    ]  # fmt: skip
    published = published_accuracy("LSM+STDP", "MNIST", 1000)
    distance = (mean(TESTS.values()) - published.mean) / published.deviation
    outside = f"LSM+STDP, learning samples first, 1000 neurons, MNIST ({distance:+.1f} s.d., networks: 2 of 3)"
    assert "\n0 of 1 rows with several published runs have" in page and f"\nOutside:\n\n- {outside}\n" in page
    assert row_of(page, "Every run", "11")[3] == "learning samples first"
    assert [cell.version for cell in missing] == [11, 21, 12, 22, 13, 23]
    assert "- LSM+STDP on MNIST, 1,000 neurons: versions 21 to 23\n" in page
    assert "- LSM+STDP on MNIST, learning samples first, 1,000 neurons: version 13\n" in page
    assert "first, 1,000 neurons, without kernel quality: versions 11 to 12\n" in page
    assert "0 of 6 cells are done" in page


def test_reduced_runs_are_not_compared(tmp_path):
    """With one cycle less there is no published figure beside the accuracy."""
    place, text = published_runs(tmp_path, cycles=4_999), PAPER.replace("[settings]", "[settings]\ncycles = 4999")
    page, _ = page_of(place, text)
    assert "### MNIST (reduced)" in page and "published standard deviation" not in page
    assert row_of(page, "Accuracy", "NALSM")[-6:] == ["-"] * 6
    assert row_of(page, "Branching factor\n", "MNIST")[7:] == ["-"] * 6


def test_another_run_in_the_folder_is_no_result(published_place):
    """A run with other settings than the cell's, or whose parameters were changed, is not tabled."""
    other = PAPER.replace("[settings]", "[settings]\ncycles = 4999")
    assert len(page_of(published_place, other)[1]) == 3
    path = RunFolder(published_place / "train_data", 11).parameters_json
    path.write_text(path.read_text().replace('"cycles": 5000', '"cycles": 4999'))
    assert len(page_of(published_place, other)[1]) == 3
    assert not read_store(published_place / "page.json")


def test_measures_are_made_when_they_lack(published_place):
    cell = read_sweep(file_of(published_place, PAPER)).cells[0]

    def lacking():
        steps = steps_of(cell, places_of(published_place))
        return [step.name for step in steps if step.name != "network" and not step.is_done()]

    assert lacking() == ["noisy test set", "kernel quality"]
    noisy = add_ranks(published_place, 11)
    assert lacking() == ["noisy test set"]  # its counts were not written
    noisy.write(noisy.counts("test", 0), {"olc_S_AGG_RES": np.zeros((2, 2))})
    assert lacking() == []
    noisy.parameters_json.unlink()
    noisy.start({**noisy.identity, "seed": 99}, {})
    assert "kernel quality" in lacking()  # of another noisy test set
    factors = RunFolder(published_place / "train_data", 11).branching_factors("test", 0)
    factors.write_bytes(factors.read_bytes()[:-1])
    assert "branching factor" in lacking()
