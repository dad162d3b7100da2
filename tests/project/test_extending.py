"""docs/extending.md: its four examples run as they are printed, from a folder of the user's."""

import importlib
import re
import sys
from dataclasses import dataclass, make_dataclass

import numpy as np
import pytest
from small_runs import ROOT, SMALL, run
from sweep_places import file_of

from nalsm.constants import is_used
from nalsm.datasets import DATA_SOURCES
from nalsm.evaluation import MEASURES
from nalsm.liquid import open_liquid
from nalsm.models import MODELS
from nalsm.network import Network, network_path
from nalsm.report.shown_run import ShownRun
from nalsm.rules import PUBLISHED, AstrocyteSTDP, Rates, Rule, RuleConstants, numbers_of
from nalsm.runs.record import open_record
from nalsm.support.errors import DamagedFile
from nalsm.sweep.page import write_page
from nalsm.sweep.plan import read_sweep
from nalsm.sweep.steps import measures_of
from nalsm.sweep.store import stored_run

PAGE = (ROOT / "docs" / "extending.md").read_text()
EXTENSIONS = ("homeostatic", "digits", "participation")


def files():
    """{path: text} of the code blocks; the first line of each names its file."""
    found = {}
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        name, text = re.fullmatch(r"# (\S+?)(?:, continued)?\n(.*)", block, re.DOTALL).groups()
        found[name] = found.get(name, "") + text
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the files, and a network of 64 inputs."""
    place = tmp_path_factory.mktemp("extending")
    (place / "networks").mkdir()
    Network.generate((4, 4, 4), 64, seed=1).save(network_path(place / "networks", 1))
    for name, text in {**files(), "runners/checkout.py": (ROOT / "runners" / "checkout.py").read_text()}.items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(text)
    return place


@pytest.fixture
def modules(place, monkeypatch):
    """The user's modules by name; what they add to the tables is gone afterwards."""
    monkeypatch.syspath_prepend(place / "mine")
    before = [(table, dict(table)) for table in (MODELS, DATA_SOURCES, MEASURES)]
    yield {name: importlib.import_module(name) for name in (*EXTENSIONS, "dense_homeostatic")}
    for table, entries in before:
        table.clear()
        table.update(entries)
    for name in (*EXTENSIONS, "dense_homeostatic"):
        del sys.modules[name]


def extended(place):
    return {"PYTHONPATH": f"{place / 'mine'}:{ROOT}", "NALSM_EXTENSIONS": " ".join(EXTENSIONS)}


@pytest.fixture(scope="module")
def trained(place):
    """The place after `nalsm train lsm-hstdp digits`."""
    sizes = ("--train-samples=200", *SMALL[1:])
    folders = (f"--networks-dir={place}/networks", f"--output-dir={place}/train_data")
    arguments = [sys.executable, "-m", "nalsm", "train", "lsm-hstdp", "digits", *sizes, *folders]
    done = run(arguments, ("-1", "7", "1", "25", "4", "30"), env=extended(place))
    assert done.returncode == 0, done.stderr
    return place


def busy(n_inputs=60):
    network = Network.generate((4, 4, 4), n_inputs, seed=3)
    rasters = (np.random.default_rng(3).random((3, 80, n_inputs)) < 0.2).astype(np.uint8)
    return network, rasters, np.float32(2.5) * network.sign


@pytest.mark.parametrize("engine", ["event", "tensorflow"])
def test_the_rule_in_both_engines_and_the_reference(modules, engine):
    network, rasters, weights = busy()
    rule = modules["homeostatic"].HomeostaticSTDP(learning_rate=0.9, target_hz=1.7)
    dense, liquid = modules["dense_homeostatic"].DenseHomeostatic(network), open_liquid(network, engine)
    expected = dense.present(rasters, weights, rule)
    assert dense.closest > 1e-4
    presented = liquid.present(rasters, weights, rule, record=True)
    np.testing.assert_array_equal(presented.spikes, expected.spikes)
    np.testing.assert_allclose(presented.weights, expected.weights, rtol=0, atol=2e-5)
    assert expected.counts.sum() > 200


def test_the_rule_in_an_initialisation(modules):
    network, rasters, weights = busy()
    rule = modules["homeostatic"].HomeostaticSTDP(learning_rate=0.9, target_hz=1.7)
    dense, liquid = modules["dense_homeostatic"].DenseHomeostatic(network), open_liquid(network, "event")
    start = liquid.initial_state(weights=weights)
    expected = dense.initialise(rasters, weights, start.traces, start.calcium, rule)
    state, _ = liquid.initialise(rasters, start, rule)
    np.testing.assert_allclose(state.weights, expected.weights[-1], rtol=0, atol=2e-5)
    np.testing.assert_allclose(state.calcium, expected.calcium, rtol=0, atol=1e-4)
    other = liquid.initialise(rasters, start, modules["homeostatic"].HomeostaticSTDP(0.9, target_hz=3.4))[0]
    assert np.abs(state.weights - other.weights).max() > 0.1


@dataclass(frozen=True)
class OtherAstrocyte(Rule):
    """AstrocyteSTDP with its equation written anew, in parameters of its own."""

    title = "another astrocyte"
    has_astrocyte = True
    learning_rate: float = PUBLISHED.potentiation_rate
    drive: float = 0.3
    loss: float = 0.98

    @staticmethod
    def rates(numbers, rates, liquid_spikes, input_spikes):
        goal = numbers.own_1 * (liquid_spikes - input_spikes) + rates.bias
        depression = rates.depression + (goal - rates.depression) / numbers.astrocyte_tau_ms
        loss = numbers.own_2
        return Rates(rates.potentiation * loss, depression * loss, rates.astrocyte_weight, rates.bias), depression


def test_own_rates():
    network, rasters, weights = busy()
    liquid = open_liquid(network, "event")
    own = liquid.present(rasters, weights, OtherAstrocyte(loss=1.0), record=True)
    known = liquid.present(rasters, weights, AstrocyteSTDP(astrocyte_weight=0.3, decay=1.0), record=True)
    np.testing.assert_array_equal(own.spikes, known.spikes)
    np.testing.assert_array_equal(own.astrocyte, known.astrocyte)
    np.testing.assert_array_equal(own.weights, known.weights)
    assert not np.array_equal(own.astrocyte, liquid.present(rasters, weights, OtherAstrocyte(), record=True).astrocyte)


def test_four_parameters_of_its_own():
    def rule_with(names):
        fields = [(name, float) for name in names]
        return make_dataclass("Own", fields, bases=(Rule,), frozen=True, namespace={"title": "own"})

    assert numbers_of(rule_with("abcd")(1, 2, 3, 4))[-4:] == (1, 2, 3, 4)
    with pytest.raises(TypeError, match="own has the parameters a, b, c, d, e; a rule can have 4"):
        numbers_of(rule_with("abcde")(1, 2, 3, 4, 5))


def test_model_data_set_and_measure_in_the_programs(trained):
    env, output = extended(trained), f"--output-dir={trained}/train_data"
    listed = run([sys.executable, "-m", "nalsm.runs", output, "--csv"], env=env)
    assert all(word in listed.stdout for word in ("LSM+HSTDP", "digits", "dimensions")), listed
    helped = run([sys.executable, trained / "runners" / "LSM_HSTDP_RUN_MAIN_SIM_MNIST.py", "--help"], env=env)
    assert "--target-rate" in helped.stdout, helped
    folders = ("--version=7", f"--networks-dir={trained}/networks", output)
    measured = run([sys.executable, "-m", "nalsm", "measure", *folders], env=env)
    assert re.search(r"^participation ratio: [\d.]+ dimensions$", measured.stdout, re.MULTILINE), measured


def test_a_run_without_its_module_says_what_is_missing(trained):
    with pytest.raises(DamagedFile, match=r"model 'LSM\+HSTDP'; if it is one of yours, .* NALSM_EXTENSIONS"):
        open_record(trained / "train_data", 7)


def test_constants_of_an_own_model(modules):
    model, source = MODELS["LSM+HSTDP"], DATA_SOURCES["digits"]
    assert is_used("calcium_tau_ms", model, source)
    assert not is_used("astrocyte_tau_ms", model, source)
    rule = model.initialisation({"target_hz": 30.0}, RuleConstants(potentiation_rate=0.3))
    assert (rule.learning_rate, rule.target_hz) == (0.3, 30.0)


def test_measure_in_report_and_sweep(trained, modules):
    record = open_record(trained / "train_data", 7)
    counts = record.read_counts("test")[0]
    eigenvalues = np.linalg.eigvalsh(np.cov(counts, rowvar=False))
    dimensions = eigenvalues.sum() ** 2 / (eigenvalues**2).sum()
    assert 1 < dimensions < 64
    plan = read_sweep(file_of(trained, SWEEP))
    assert plan.cells[0].measures == ("participation_ratio",)
    measures = measures_of(record, plan.cells[0])
    assert measures["participation_ratio"]["dimensions"] == pytest.approx(dimensions, abs=1e-3)
    shown = ShownRun(trained / "train_data", 7, trained / "networks")
    assert f"{dimensions:.1f} dimensions" in [measure.text for measure in shown.measured()]
    write_page([plan], [stored_run(shown, measures)], trained / "page.md")
    assert f"| participation ratio | dimensions | 1 | **{dimensions:.3f}** |" in (trained / "page.md").read_text()


SWEEP = """
[[runs]]
model = "LSM+HSTDP"
dataset = "digits"
first_version = 6
target_rate = 30
networks = { dims = [4, 4, 4], first = 1, count = 1 }
measures = ["participation_ratio"]
gpu = -1
batch_size = 25
batchs_per_block = 4
train_samples = 200
valid_samples = 50
test_samples = 50
init_samples = 40
sample_ms = 60
cycles = 6
seed = 5
"""


def test_the_counted_lines():
    """The table says how many lines each example takes."""
    found = files()
    parts = re.findall(r"^```python\n# mine/homeostatic.py.*?\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    rule, model = map(lines, parts)
    dense, runner = lines(found["mine/dense_homeostatic.py"]), lines(found["runners/LSM_HSTDP_RUN_MAIN_SIM_MNIST.py"])
    assert f"| [rule](#a-rule) | {rule}, and {dense} in the dense reference |" in PAGE
    assert f"| [model](#a-model) | {model}, and {runner} for its runner |" in PAGE
    assert f"| [data set](#a-data-set) | {lines(found['mine/digits.py'])} |" in PAGE
    assert f"| [measure](#a-measure) | {lines(found['mine/participation.py'])} |" in PAGE


def lines(text):
    """Lines without empty ones and docstrings."""
    return sum(bool(line.strip()) and not line.strip().startswith('"""') for line in text.splitlines())


def test_an_extension_that_is_missing():
    done = run([sys.executable, "-m", "nalsm.runs"], env={"NALSM_EXTENSIONS": "nowhere"})
    assert done.returncode == 2
    assert done.stderr.startswith("Error: NALSM_EXTENSIONS: nowhere cannot be imported")
    assert done.stderr.count("\n") == 1
