"""report.py: what the page says and shows, of whole, unfinished and damaged runs; and that a browser draws it."""

import json
import re
import shlex
import shutil
import sys
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from made_runs import BATCH, MISTAKEN, made_network, made_record, made_run
from scipy.stats import binomtest
from small_runs import RUNNERS, assert_one_line_error, changed, folder_contents, run

from nalsm.evaluation import kernel_quality
from nalsm.evaluation.paper import published_accuracy
from nalsm.network import network_path
from nalsm.programs.report import report_command
from nalsm.report import comparison_pictures, pictures, write_comparison, write_report
from nalsm.report.comparison_pictures import Shown
from nalsm.report.sections import confusion_matrix, published_sentence
from nalsm.report.shown_run import ShownRun
from nalsm.runs.noise_folder import open_noise
from nalsm.support.errors import DamagedFile, UserError

PICTURES = {"accuracy", "confusion", "digit_accuracy", "spikes", "branching_factor", "weights", "rates", "times"}


def data(place, version=7):
    return ShownRun(place / "train_data", version, place / "networks")


def report(place, draw=None):
    """Write the report of run 7; return (Page, titles of what is missing)."""
    shown = data(place)
    path = shown.record.folder.report
    missing = write_report(shown, path, draw)
    return Page(path), missing


class Page(HTMLParser):
    """What a page holds: tags with attributes, and its text."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, text):
        self.text += f" {text}"

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def assert_self_contained(page):
    """No scripts, and no address of anything outside the file."""
    assert not page.all("script")
    for _, attributes in page.tags:
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            assert re.match(r"data:|#|train_data/ver_\d+/report.html$|$", attributes.get(name) or "")
    assert not re.search(r"url\(|@import", page.text)


@pytest.fixture
def quick():
    """What to draw figures with where only the page matters: drawing takes a second a page."""
    return lambda figure, name, alt: f'<svg role="img" aria-label="{alt}"></svg>'


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The report of a finished run: (folder of the run, page)."""
    place = tmp_path_factory.mktemp("written")
    folder = made_run(place)
    page, missing = report(place)
    assert missing == []
    return folder, page


def drawn(page):
    """The pictures of a page."""
    return [attributes for attributes in page.all("svg") if attributes.get("role") == "img"]


def test_pictures_are_in_the_page_and_beside_it(written):
    folder, page = written
    files = list(folder.path.glob("report_*"))
    assert {path.name for path in files} == {f"report_{name}.svg" for name in PICTURES}
    assert len(drawn(page)) == len(PICTURES)
    assert_self_contained(page)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    html = folder.report.read_text(encoding="utf-8")
    for path in files:
        text = path.read_text(encoding="utf-8")
        ElementTree.fromstring(text)
        begin, _, rest = text.partition("<style>")
        assert begin + rest.partition("</style>")[2].rstrip() in html  # the same picture, with colours of its own


def test_colours_follow_the_setting(written):
    """Pictures have no colour of their own but in images and in the dots on them: the page gives them all."""
    folder, _ = written
    html = folder.report.read_text(encoding="utf-8")
    assert "color-scheme:light dark" in html and "@media (prefers-color-scheme:dark)" in html
    variables = set(re.findall(r"--(\w+):#", html))
    for path in folder.path.glob("report_*"):
        style, _, picture = path.read_text(encoding="utf-8").partition("</style>")
        assert "prefers-color-scheme:dark" in style
        assert set(re.findall(r": (#[0-9a-f]{6})", picture)) <= {
            "#fdfdfd",
            "#020202",
            "#fee838",
        }  # dots on an image, end of its scale
        assert set(re.findall(r"var\(--(\w+)\)", picture)) <= variables


def test_page_is_for_everybody(written):
    _, page = written
    assert page.all("html") == [{"lang": "en"}]
    assert "Run 7: NALSM on MNIST" in page.text
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all("meta")
    assert len(page.all("h1")) == 1
    alts = [image["aria-label"] for image in drawn(page)]
    assert len(set(alts)) == len(PICTURES)
    assert all(len(alt) > 20 for alt in alts)
    assert len(page.all("figcaption")) == len(PICTURES)


def test_page_says_what_is_seen_and_what_is_published(written):
    _, page = written
    for words in (
        "best at cycle 4 (80.00 %",
        "the test accuracy there, 90.00 %",
        "Published for NALSM on MNIST: 95.96 ± 0.13 %",
        "in brackets; training samples: 40 (50,000); validation samples: 20 (10,000); test samples: 40 (10,000); "
        "length of a presentation, ms: 100 (250); cycles over the training samples: 6 (5,000); snapshots",
        "39 are on the diagonal",
        "4 classified as 9, 1 times in 4",
        "worst: 4 (75.0 %)",
        "a 3, presented for 100 ms",
        "Published for NALSM on MNIST: 1.246 ± 0.023 (at astrocyte weight 0.015",
        "All started at ±3",
        "Initialisation with astrocyte-modulated STDP",
        "10 x 10 x 10",
        "322 s in total",
        "astrocyte weight 0.015",
        "samples in a batch 20",
        "Confusion matrix",
        "2026-01-01",
    ):
        assert words in page.text, words
    assert "Missing" not in page.text
    assert "imulated" not in page.text
    assert "not finished" not in page.text


def test_pages_have_plain_names_only(quick, tmp_path):
    """No identifiers of the code: settings, knobs and rules have English names."""
    knobs = {"threshold_hz": 37.0, "range_hz": 23.0, "initial_weight": 1.0}
    made_run(tmp_path, model="LSM+AP-STDP", knobs=knobs)
    one, _ = report(tmp_path, quick)
    write_comparison([data(tmp_path), data(tmp_path)], tmp_path / "both.html", quick)
    for page in (one, Page(tmp_path / "both.html")):
        words = re.sub(r"\S*/\S*|\S+\.\w+data\w*|[A-Z]+(_[A-Z]+)+", "", page.text)  # paths, published spellings
        assert re.findall(r"\w*[a-z]_\w*|APSTDP|AstrocyteSTDP", words) == []
        assert "activity threshold 37 Hz" in page.text


def test_confusion_matrix(tmp_path):
    made_run(tmp_path)
    matrix = np.diag(np.full(10, 4))
    matrix[MISTAKEN[0], MISTAKEN[0]] -= 1
    matrix[MISTAKEN] += 1
    np.testing.assert_array_equal(confusion_matrix(data(tmp_path)), matrix)


def test_counts_are_normalised_batch_by_batch(tmp_path):
    """A bias that matters in a batch whose inputs are small, and not where they are large."""
    folder = made_run(tmp_path)
    arrays, _ = folder.read(folder.counts("test", 1))
    arrays["olc_S_AGG_RES"][0, 500] = 5000  # makes this sample's own input 1, and those of its batch tiny
    folder.write(folder.counts("test", 1), arrays)
    arrays, _ = folder.read(folder.readout_weights)
    arrays["b_best"][2] = 0.5
    folder.write(folder.readout_weights, arrays)
    matrix = confusion_matrix(data(tmp_path))
    assert matrix.sum(axis=0)[2] == BATCH // 10 + BATCH  # the second batch is taken for 2 throughout
    assert matrix.sum() == 2 * BATCH


@pytest.mark.parametrize(
    ("stage", "shown", "words"),
    [
        ("started", set(), ("stands at: initialising", "initialisation is not complete", "not yet")),
        (
            "initialised",
            {"weights", "times"},
            ("stands at: counting 0 of 100", "counting is not complete (TEST_7_S_AGG_BATCH_0.datasagg"),
        ),
        ("counting", {"weights", "times"}, ("stands at: counting 20 of 100",)),
        (
            "training",
            PICTURES,
            ("stands at: cycle 5 of 6", "each of 5 cycles of 6 (the run is not finished)", "so far"),
        ),
    ],
)
def test_unfinished_run(quick, tmp_path, stage, shown, words):
    folder = made_run(tmp_path, 7, stage)
    leftover = folder.report_picture("accuracy")
    leftover.write_text("of the run that was in this folder before")
    page, missing = report(tmp_path, quick)
    assert "The run is not finished." in page.text
    for word in words:
        assert word in page.text
    assert {path.name for path in folder.path.glob("report_*")} == {f"report_{name}.svg" for name in shown}
    assert len(drawn(page)) == len(shown) == len(PICTURES) - len(missing)
    assert_self_contained(page)


def test_text_of_others_is_escaped(quick, tmp_path):
    details = {
        "command": "<script>alert(1)</script>", "machine": "<b>&amp;</b>", "packages": {"<i>": '"x"'},
        "started": '<img src="x">',
    }  # fmt: skip
    made_run(tmp_path, details=details)
    one, _ = report(tmp_path, quick)
    write_comparison([data(tmp_path), data(tmp_path)], tmp_path / "both.html", quick)
    for page in (one, Page(tmp_path / "both.html")):
        assert_self_contained(page)
        assert '<img src="x">' in page.text
        assert not page.all("b")
    assert "<script>alert(1)</script>" in one.text
    assert "<b>&amp;</b>" in one.text


def test_simulated_data_are_named_so(quick, tmp_path):
    made_run(tmp_path, network=made_network(2312), dataset="simulated N-MNIST")
    one, _ = report(tmp_path, quick)
    write_comparison([data(tmp_path), data(tmp_path)], tmp_path / "both.html", quick)
    for page in (one, Page(tmp_path / "both.html")):
        assert "Simulated data." in page.text
        assert "They are not N-MNIST" in page.text
        assert "95.90" not in page.text
        assert "no figure" in page.text


def test_classes_of_fashion_mnist(quick, tmp_path):
    folder = made_run(tmp_path, dataset="Fashion-MNIST")
    page, _ = report(tmp_path, quick)
    assert "coat classified as ankle boot" in page.text
    assert "83.05 ± 0.21" in page.text
    assert folder.report_picture("class_accuracy").exists()


def test_model_without_initialisation(quick, tmp_path):
    made_run(tmp_path, model="LSM")
    page, missing = report(tmp_path, quick)
    assert not missing
    assert "This model has no initialisation" in page.text


def test_branching_factors_that_were_computed_are_used(quick, tmp_path):
    folder = made_run(tmp_path)
    folder.write(folder.branching_factors("test", 1), {"per_sample": np.array([7.0, np.nan, 8.0])})
    text = report(tmp_path, quick)[0].text
    assert "in the 2 recorded samples that have a factor. " in text
    assert "the mean here is 7.50" in text


def test_network_that_is_not_there_or_another(quick, tmp_path):
    made_run(tmp_path)
    path = network_path(tmp_path / "networks", 1)
    path.unlink()
    page, missing = report(tmp_path, quick)
    assert f"--networks-dir: there is no {path}, the network of version 7" in page.text
    made_network(n_inputs=700).save(path)
    page, again = report(tmp_path, quick)
    assert again == missing
    assert f"--networks-dir: {path} is not the network that version 7 was trained with" in page.text
    assert "Published for NALSM on MNIST" in page.text  # the readout tells the number of neurons
    assert len(drawn(page)) == len(PICTURES) - len(missing) == 4


@pytest.mark.parametrize(
    ("name", "titles"),
    [
        ("TEST_7_S_AGG_BATCH_1.datasagg", 3),
        ("TEST_7_SPIKES_BATCH_1.spikes", 2),
        ("W_INI.wdata", 1),
        ("FILE_L_VAL_ACC_L.files", 1),
    ],
)
def test_damaged_file(quick, tmp_path, name, titles):
    folder = made_run(tmp_path)
    path = folder.path / name
    path.write_bytes(path.read_bytes()[:-1])
    page, missing = report(tmp_path, quick)
    assert len(missing) == titles
    assert f"{name} is damaged" in page.text
    assert "The run is not finished" not in page.text


def test_folder_that_holds_no_run(tmp_path):
    (tmp_path / "train_data" / "ver_7").mkdir(parents=True)
    with pytest.raises(UserError, match=r"there is no run in .*ver_7"):
        data(tmp_path)


@pytest.mark.parametrize(("name", "value"), [("batch_size", 0), ("sample_ms", "250"), ("cycles", None), ("seed", 1.5)])
def test_parameters_that_are_no_runs(tmp_path, name, value):
    made_run(tmp_path, 7, "started", **{name: value})
    with pytest.raises(
        DamagedFile, match=rf"VER_7_params\.json contains other parameters than those of a run \({name}\)"
    ):
        data(tmp_path)


def test_report_is_no_result(quick, tmp_path):
    """A folder with a report is the same run as before, and a report can be written again."""
    folder = made_run(tmp_path, 7, "training")
    before = folder_contents(folder.path)
    for _ in range(2):
        report(tmp_path, quick)
    assert folder_contents(folder.path) == before
    with folder.locked():
        folder.start(folder.identity, {})
    assert not list(folder.path.glob(".*.part"))
    with folder.locked(overwrite=True):
        assert [path.name for path in folder.path.iterdir()] == [".lock"]


def test_comparison(tmp_path):
    made_run(tmp_path, 7)
    record = made_record(tmp_path, 8, "training", model="LSM+AP-STDP")
    open_noise(record).start({"run": record.folder.run_hash, "batch_size": 20, "test_samples": 40}, {})
    kernel_quality.write(record, {"SP": np.full(20, 990), "AP": np.full(20, 980)}, per_class=100, seed=0)
    made_run(tmp_path, 9, "started", model="LSM+STDP")
    path = tmp_path / "all.html"
    write_comparison([data(tmp_path, version) for version in (8, 7, 9)], path)
    page = Page(path)
    assert_self_contained(page)
    assert "Runs 8, 7, 9 side by side" in page.text
    table = page.text[page.text.index("run model data") :]
    for words in (
        "8 LSM+AP-STDP MNIST", "7 NALSM MNIST astrocyte weight 0.015 finished, reduced 90.00 %",
        "9 LSM+STDP MNIST none initialising, reduced not yet", "cycle 5 of 6, reduced 90.00 %",
        "SP 990.00, AP 980.00 (20 draws of 100 samples of each class, seed 0)",
    ):  # fmt: skip
        assert words in table, words
    for model in ("NALSM", "LSM+AP-STDP"):
        assert f"{published_accuracy(model, 'MNIST', 1000)} %" in table
    assert "Not finished: 8, 9" in page.text
    alt = drawn(page)[0]["aria-label"]
    assert alt == (
        "8: LSM+AP-STDP, MNIST (reduced): 90.00 %; 7: NALSM, MNIST (reduced): 90.00 %; "
        "9: LSM+STDP, MNIST (reduced): no accuracy yet"
    )


def test_runs_of_one_setting_share_a_place(quick, tmp_path):
    """Networks and seeds of a setting are one row, with their mean and range; other knobs are another row."""
    made_run(tmp_path, 1)
    folder = made_run(tmp_path, 2, seed=6)
    arrays, _ = folder.read(folder.accuracies)
    folder.write(folder.accuracies, {**arrays, "ACUM_TST_ACC_l": arrays["ACUM_TST_ACC_l"] - 0.1})
    made_run(tmp_path, 3, knobs={"astrocyte_weight": 0.1})
    runs = [data(tmp_path, version) for version in (1, 2, 3)]
    for shown, constants in zip(runs, ({}, {}, {"branching_window_ms": 8}), strict=True):
        folder = shown.record.folder
        folder.write(folder.branching_factors("test", 1), {"per_sample": np.array([1.2])}, constants)
    write_comparison(runs, tmp_path / "page.html", quick)
    labels = [picture["aria-label"] for picture in drawn(Page(tmp_path / "page.html"))]
    assert labels[2] == "Test accuracy against branching factor of 2 runs", "the third one is another measure"
    assert labels[0] == (
        "NALSM, 2 runs, MNIST (reduced), astrocyte weight 0.015: 85.00 % (80.00 to 90.00 %); "
        "3: NALSM, MNIST (reduced), astrocyte weight 0.1: 90.00 %"
    )


def test_settings_that_differ_in_sizes_alone(quick, tmp_path):
    for version in range(1, 5):
        made_run(tmp_path, version, seed=version, init_samples=50 + version // 3)
    write_comparison([data(tmp_path, version) for version in range(1, 5)], tmp_path / "page.html", quick)
    shown = drawn(Page(tmp_path / "page.html"))[0]["aria-label"]
    assert shown == (
        "NALSM, 2 runs, MNIST (reduced), versions 1 to 2: 90.00 % (90.00 to 90.00 %); "
        "NALSM, 2 runs, MNIST (reduced), versions 3 to 4: 90.00 % (90.00 to 90.00 %)"
    )


def test_comparison_links_reports(quick, tmp_path):
    made_run(tmp_path, 7)
    made_run(tmp_path, 8)
    report(tmp_path, quick)
    (tmp_path / "pages").mkdir()
    write_comparison([data(tmp_path, version) for version in (7, 8)], tmp_path / "pages" / "page.html", quick)
    links = [link["href"] for link in Page(tmp_path / "pages" / "page.html").all("a")]
    assert [link for link in links if link[0] != "#"] == ["../train_data/ver_7/report.html"]


@pytest.mark.parametrize(("cycles", "scale"), [((100, 499), "linear"), ((100, 501), "log")])
def test_axes_of_curves(cycles, scale):
    rows = [Shown("x", [99.0], curves=[np.linspace(0.5, 1, number)]) for number in cycles]
    axes = comparison_pictures.learning_curves(rows).axes[0]
    assert axes.get_xscale() == scale
    assert axes.get_ylim()[1] == 100
    assert comparison_pictures.accuracies([Shown("x", [99.9])]).axes[1].get_xlim()[1] == 100


def test_why_there_is_no_published_figure():
    """Another constant is a reason too."""
    run = SimpleNamespace(record=SimpleNamespace(is_simulated=False), published=None, cell="NALSM on MNIST")
    assert "NALSM on MNIST with this network size and these constants." in published_sentence(run)


@pytest.mark.filterwarnings("error")
def test_weights_of_zero():
    assert pictures.weights({"E->E": np.zeros(3), "input": np.zeros(0)}, 0.0, 0.0).axes[1].get_xlim()[1] > 0


def test_settings_of_one_name_are_told_apart():
    """As a comparison does that shows the best ones only."""
    rows = [Shown("NALSM, 2 runs", [], curves=[np.full(3, k)]) for k in range(2)]
    assert [row in rows[1:] for row in rows] == [False, True]


def test_histogram_of_branching_factors():
    factors = {"test": np.array([1.0, 1.2, np.nan]), "train": np.array([1.2] * 5)}
    axes = pictures.branching(factors, 1.24).axes[0]
    assert axes.get_xlabel() == "branching factor"
    last = axes.patches[-1].get_data()  # the splits are stacked: the last one ends at the sums
    assert (last.values.sum(), last.baseline.sum()) == (7, 2)


def test_intervals_of_classes():
    matrix = np.diag([9, 20])
    matrix[0, 1] = 1
    axes = pictures.class_accuracy(matrix, ("a", "b"), "digit").axes[0]
    bars = [line.get_xdata() for line in axes.lines if list(line.get_ydata()) in ([0, 0], [1, 1])]
    for bar, (right, n) in zip(bars, ((9, 10), (20, 20)), strict=True):
        wilson = binomtest(right, n).proportion_ci(method="wilson")
        np.testing.assert_allclose(bar, [100 * wilson.low, 100 * wilson.high], rtol=1e-6)
    assert axes.get_xlim()[1] == 100


def test_report_says_where_the_published_best_is(written):
    _, page = written
    assert "most accurate at 1.32 (astrocyte weight 0.0075)" in page.text
    assert "this run is reduced" in page.text
    assert "Run started 2026-01-01" in page.text


def test_command_repeats_the_run(written):
    """The command that the page shows gives every setting that decides the run."""
    _, page = written
    line = re.search(r"python (runners/NALSM_RUN_MAIN_SIM_MNIST.py --.*?) All settings", page.text)[1]
    program, *flags = shlex.split(line)
    assert (RUNNERS.parent / program).is_file()
    given = dict(flag.removeprefix("--").split("=") for flag in flags)
    wanted = {"version": "7", "seed": "5", "astro-w-scaling": "0.015", "train-samples": "40", "cycles": "6",
              "net-num-var": "1", "batch-size": "20", "init-samples": "50", "engine": "event"}  # fmt: skip
    assert wanted.items() <= given.items()
    assert "generate_spatial_network.py --dataset=M --number=1 --dim1=10" in page.text


# ---- the program ---------------------------------------------------------------------------------


def program(place, *arguments):
    folders = (f"--networks-dir={place}/networks", f"--output-dir={place}/train_data")
    return [sys.executable, str(RUNNERS / "report.py"), *folders, *map(str, arguments)]


def test_program_on_a_real_run(finished_place):
    folder = finished_place / "train_data" / "ver_7"
    before = folder_contents(folder)
    done = run(program(finished_place, 7), "")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert f"report: {folder / 'report.html'}" in done.stdout
    page = Page(folder / "report.html")
    assert "complete" in done.stdout
    assert len(drawn(page)) == 8
    assert folder_contents(folder) == before

    shown = data(finished_place)
    matrix = confusion_matrix(shown)
    assert np.trace(matrix) / matrix.sum() == pytest.approx(shown.accuracies["test"][shown.best_cycle - 1])


def test_program_compares(tmp_path):
    for version in (7, 8):
        made_run(tmp_path, version, "started")  # whose pages have few pictures
    (tmp_path / "train_data" / "ver_9").mkdir()
    output = tmp_path / "train_data"
    done = run(program(tmp_path, 8, 7), "")
    assert (done.returncode, done.stdout) == (0, f"comparison: {output}/comparison_8_7.html\n"), done.stderr
    done = run(program(tmp_path, "--compare", "all", f"--output={tmp_path}/x.html"), "")
    reports = [output / f"ver_{version}" / "report.html" for version in (7, 8)]
    lines = [*(f"report: {path}" for path in reports), f"comparison: {tmp_path}/x.html"]
    assert done.stdout.splitlines() == lines, done.stderr
    page = Page(tmp_path / "x.html")
    assert "Runs 7, 8" in page.text
    assert {path.as_posix() for path in reports} <= {str(tmp_path / link["href"]) for link in page.all("a")}


def test_program_refuses(tmp_path):
    made_run(tmp_path)
    (tmp_path / "train_data" / "ver_9").mkdir()
    absent = str(tmp_path / "train_data" / "ver_8")
    assert_one_line_error(run(program(tmp_path), ["8"]), 2, "VERSION", absent, "nalsm.runs")
    assert_one_line_error(run(program(tmp_path, "--version=seven"), ""), 2, "--version", "'seven'")
    assert_one_line_error(run(program(tmp_path), ["9"]), 2, "ver_9", "there is no run in")
    assert_one_line_error(run(program(tmp_path, "--compare", 7), ""), 2, "--compare")
    assert_one_line_error(run(program(tmp_path, 7, 8), ""), 2, absent)
    assert_one_line_error(run(program(tmp_path, 7, "all"), ""), 2, "'all'")
    with pytest.raises(UserError, match="VERSION: read 7 and --version 8; give one of them"):
        report_command(tmp_path).main(["7", "9", "--version=8"], standalone_mode=False)
    elsewhere = f"{tmp_path}/no/x.html"
    assert_one_line_error(run(program(tmp_path, "--version=7", "--output", elsewhere), ""), 2, "--output", elsewhere)


def test_nothing_heavy_before_the_question(tmp_path):
    code = """
import atexit, sys
heavy = ("tensorflow", "numba", "scipy", "h5py", "matplotlib", "jinja2")
atexit.register(lambda: print([name for name in heavy if name in sys.modules]))
"""
    done = run(changed(program(tmp_path), code), ["x"])
    assert_one_line_error(done, 2, "VERSION")
    assert done.stdout.splitlines()[-1] == "[]", done


# ---- in a browser --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("there is no chromium with its driver (Debian: apt-get install chromium chromium-driver)")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver))
    yield driver
    driver.quit()


def requests_of(browser):
    """The addresses the pages have asked for since the last call, and what the browser complained about."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    return asked, [entry["message"] for entry in browser.get_log("browser")]


@pytest.mark.parametrize("width", [360, 1200])
def test_browser_draws_the_page(written, browser, width):
    folder, _ = written
    address = folder.report.as_uri()
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    requests_of(browser)
    browser.get(address)
    assert browser.title == "Run 7: NALSM on MNIST"
    sizes = "return [...document.querySelectorAll('figure svg')].map(s => s.getBoundingClientRect().width)"
    shown = browser.execute_script(sizes)
    assert len(shown) == len(PICTURES)
    assert all(width * 0.5 < each <= width for each in shown)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width  # nothing sticks out
    colours = []
    for scheme in ("light", "dark"):
        feature = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", feature)
        colour = "getComputedStyle(document.querySelector('{}')).{}"
        paper, text = colour.format("body", "backgroundColor"), colour.format("figure svg text", "fill")
        colours.append(browser.execute_script(f"return [{paper}, {text}]"))
    assert colours[0] != colours[1]
    assert all(len(set(pair)) == 2 for pair in colours)
    asked, complaints = requests_of(browser)
    assert asked[0] == address
    assert all(url.startswith("data:image/") for url in asked[1:])
    assert complaints == []


def test_browser_test_sees_requests(tmp_path, browser):
    """The test above would notice a picture that is loaded from elsewhere, and one that cannot be drawn."""
    path = tmp_path / "page.html"
    path.write_text('<title>x</title><img src="http://127.0.0.1:9/x.png">')
    requests_of(browser)
    browser.get(path.as_uri())
    assert "http://127.0.0.1:9/x.png" in requests_of(browser)[0]
    assert browser.execute_script("return document.images[0].naturalWidth") == 0
