"""Extreme numbers: refused with a reason, or a run that ends with finite numbers."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nalsm.console.questions import Question
from nalsm.datasets import DATA_SOURCES, Dataset
from nalsm.datasets.images import ImageSplit
from nalsm.encoding import image_scale, poisson_rasters, rates_from_images
from nalsm.liquid import open_liquid
from nalsm.models import MODELS
from nalsm.network import Network, network_path
from nalsm.readout import Readout, sample_factors
from nalsm.rules import APSTDP, LARGEST, PUBLISHED, STDP, AstrocyteSTDP, Static
from nalsm.runs.folder import RunFolder
from nalsm.runs.questions import questions_for
from nalsm.runs.settings import Settings
from nalsm.runs.training import TrainingRun
from nalsm.storage.files import read_arrays
from nalsm.support.errors import DamagedFile

EXAMPLES = int(os.environ.get("NALSM_EXAMPLES", "25"))
REFUSED = ("nan", "inf", "-inf", "1e30", "-1e30", "1e308", "1e999", "1000001", "-1000001")
TINIEST = 1e-45  # the smallest float32 above 0


# ---- refused at the prompt ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "prompt"), [(model.name, knob.prompt) for model in MODELS.values() for knob in model.knobs]
)
def test_knobs_refuse_what_could_overflow(model, prompt):
    from nalsm.support.errors import UserError

    questions = {question.title: question for question in questions_for(model, "MNIST", Path())}
    knob = questions[prompt]
    negative = () if knob.low < 0 else ("-1", "-1e-45")
    for text in (*REFUSED, *negative):
        with pytest.raises(UserError, match=f"{prompt}: read .*, expected a number from"):
            knob.parse(text)
    for text in ("0", "-0.0", "1e-45", "1e-320", "1", str(min(knob.high, LARGEST))):
        assert knob.parse(text) == float(text)


@pytest.mark.parametrize(
    ("name", "refused", "taken"),
    [
        ("train_samples", ("0", "-1", "50001"), ("1", "50000")), ("batch_size", ("0", "-1", "1.0"), ("1",)),
        ("cycles", ("0",), ("1", "10000000")), ("sample_ms", ("0", "10001"), ("1", "10000")),
        ("init_ms", ("0", "10001"), ("1", "10000")), ("init_samples", ("-1",), ("0",)),
        ("memory_budget", ("nan", "-1", "1e7"), ("0", "1e6")), ("seed", ("-1", str(2**63)), ("0", str(2**63 - 1))),
        ("threads", ("-1", "1025"), ("0", "1024")), ("valid_samples", ("0", "10001"), ("1",)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_ends_of_whole_numbers(name, refused, taken):
    from nalsm.support.errors import UserError

    question: Question = next(q for q in questions_for("NALSM", "MNIST", Path()) if q.name == name)
    for text in refused:
        with pytest.raises(UserError):
            question.parse(text)
    for text in taken:
        assert float(question.parse(text)) == float(text)


@pytest.mark.parametrize("value", [1.1e6, 1e30, 1e308, float("nan"), float("inf")])
def test_rules_and_weights_refuse_the_same(value):
    for make in (
        lambda: AstrocyteSTDP(astrocyte_weight=value), lambda: AstrocyteSTDP(astrocyte_weight=-value),
        lambda: APSTDP(threshold_hz=value), lambda: APSTDP(range_hz=value), lambda: STDP(learning_rate=value),
        lambda: _liquid().initial_state(absolute_weight=value),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"finite|number|lie in"):
            make()


def test_counts_cannot_overflow():
    """A neuron spikes in every third step at most: longer rasters than uint16 can count are refused."""
    network = Network([1, 2], [0, 0], [1, 1], 1, 0, 2)
    liquid = open_liquid(network, "event", threads=1)
    assert liquid.most_steps == 3 * 65_535
    with pytest.raises(ValueError, match="may overflow"):
        liquid.present(np.ones((1, liquid.most_steps + 1, 2), np.uint8), np.full(2, 100, np.float32), Static())
    counts = liquid.present(np.ones((1, 9000, 2), np.uint8), np.full(2, 1e6, np.float32), Static()).counts
    assert counts.item() == 3000


# ---- whole runs -----------------------------------------------------------------------------------

SIZES = {"train": 20, "valid": 10, "test": 10}


def black(split, n):
    return np.zeros((n, 28, 28), np.uint8)


def some_black(split, n):
    images = _images(n)
    images[:: 3 if split == "train" else 2] = 0
    return images


def one_pixel(split, n):
    images = black(split, n)
    images[:, 14, 14] = 1
    return images


def ordinary(split, n):
    return _images(n)


def _images(n):
    images = np.random.default_rng(n).integers(0, 256, (n, 28, 28)).astype(np.uint8)
    images[:, :, 20:] = 0
    return images


def dataset(make):
    first, splits = 0, {}
    for name, n in SIZES.items():
        labels = np.arange(n, dtype=np.uint8) % 10
        images = make(name, n)
        splits[name] = ImageSplit(images, image_scale(images), labels, np.arange(first, first + n))
        first += n
    return Dataset("made up", 784, **splits, fingerprint=make.__name__)


@cache
def _network():
    return Network.generate((3, 3, 3), 784, seed=1)


@cache
def _liquid():
    return open_liquid(Network.generate((2, 2, 3), 20, seed=2), "event", threads=1)


def run(place, monkeypatch, model, knobs, make=ordinary, **changes):
    """Make a run in this process; return (Result, all arrays of its files by file)."""
    data = dataset(make)
    made_up = replace(DATA_SOURCES["MNIST"], finder=lambda folder: folder, loader=lambda *_: data)
    monkeypatch.setitem(DATA_SOURCES, "MNIST", made_up)
    (place / "networks").mkdir(exist_ok=True)
    _network().save(network_path(place / "networks", 1))
    values = {
        "gpu": -1, "version": 1, "network_number": 1, "batch_size": 5, "batches_per_block": 2, "init_samples": 6,
        "init_ms": 20, "sample_ms": 60, "cycles": 3, "seed": 1, "engine": "event", "threads": 1, "data_dir": place,
        "networks_dir": place / "networks", "output_dir": place / "train_data", "keep_weights_every": 1,
        "memory_budget": None, "overwrite": True, "quiet": True, "model": model, "dataset": "MNIST", "knobs": knobs,
        **{f"{split}_samples": n for split, n in SIZES.items()}, **changes,
    }  # fmt: skip
    settings = Settings.from_values(values)
    result = TrainingRun(settings).run()
    folder = place / "train_data" / "ver_1"
    return result, {path.name: read_arrays(path)[0] for path in folder.glob("*.*data*")} | {
        "result": read_arrays(folder / "FILE_L_VAL_ACC_L.files")[0]
    }


def assert_finite(result, found, steps=60, cycles=3):
    assert 1 <= result.cycle <= cycles
    assert all(0 <= value <= 1 for value in (result.valid, result.test, result.train))
    for name, arrays in found.items():
        for key, array in arrays.items():
            if np.asarray(array).dtype.kind == "f":
                assert np.all(np.isfinite(array)), (name, key)
            if key == "olc_S_AGG_RES":
                assert array.max(initial=0) <= -(-steps // 3)


KNOBS = [
    *(("NALSM", {"astrocyte_weight": value}) for value in (0.0, -0.0, 1.0, -1.0, TINIEST, 1e-320, LARGEST, -LARGEST)),
    *(("LSM", {"initial_weight": value}) for value in (0.0, -0.0, TINIEST, 1e-320, 3.0, LARGEST)),
    *(("LSM+AP-STDP", {"threshold_hz": threshold, "range_hz": width, "initial_weight": weight})
      for threshold, width, weight in ((0, 0, 0), (-LARGEST, LARGEST, 3), (LARGEST, LARGEST, 3), (5, 50, 1), (-3, 2, 1),
                                       (1e-320, 1e-320, 1e-320), (0, LARGEST, -0.0), (37, 0, 1))),
    ("LSM+STDP", {}),
]  # fmt: skip


@pytest.mark.parametrize(("model", "knobs"), KNOBS)
def test_extreme_knobs(model, knobs, tmp_path, monkeypatch):
    result, found = run(tmp_path, monkeypatch, model, knobs)
    assert_finite(result, found)
    weights = found["W_INI.wdata"]["W_INI"]
    if model != "LSM":
        assert np.abs(weights).max() <= PUBLISHED.weight_bound
    if model == "LSM" and abs(knobs["initial_weight"]) < 1e-40:
        assert not any(arrays["olc_S_AGG_RES"].any() for arrays in found.values() if "olc_S_AGG_RES" in arrays)


@pytest.mark.parametrize("make", [black, some_black, one_pixel])
@pytest.mark.parametrize("model", ["NALSM", "LSM"])
def test_samples_without_spikes(make, model, tmp_path, monkeypatch):
    knobs = {"astrocyte_weight": 0.015} if model == "NALSM" else {"initial_weight": 0.7}
    result, found = run(tmp_path, monkeypatch, model, knobs, make)
    assert_finite(result, found)
    if make is black:
        assert not any(arrays["olc_S_AGG_RES"].any() for arrays in found.values() if "olc_S_AGG_RES" in arrays)
        assert result.test == 0.1  # one class for all


@pytest.mark.parametrize(
    "changes",
    [
        {"sample_ms": 1}, {"sample_ms": 2}, {"sample_ms": 10_000, "batch_size": 1}, {"init_ms": 1}, {"init_samples": 0},
        {"init_ms": 10_000, "init_samples": 1}, {"cycles": 1}, {"batch_size": 1, "batches_per_block": 1},
        {"batch_size": 10, "batches_per_block": 2}, {"memory_budget": 0.0}, {"seed": 2**63 - 1}, {"seed": 0},
    ],
    ids=",".join,
)  # fmt: skip
def test_ends_of_settings(changes, tmp_path, monkeypatch):
    if changes.get("sample_ms") == 10_000:  # 40 samples of 10 s would take a while
        monkeypatch.setitem(SIZES, "train", 2)
        monkeypatch.setitem(SIZES, "valid", 1)
        monkeypatch.setitem(SIZES, "test", 1)
        changes = {**changes, "batches_per_block": 1}
    result, found = run(tmp_path, monkeypatch, "NALSM", {"astrocyte_weight": 0.015}, **changes)
    assert_finite(result, found, changes.get("sample_ms", 60), changes.get("cycles", 3))


def test_the_tensorflow_engine_at_the_ends():
    """The largest knob and a silent sample on the compiled program: finite, and the event-driven engine's counts."""
    network = Network.generate((2, 2, 3), 20, seed=2)
    rasters = (np.random.default_rng(1).random((3, 20, 20)) < 0.3).astype(np.uint8)
    rasters[1] = 0
    weights = (3 * network.sign).astype(np.float32)
    for rule in (AstrocyteSTDP(astrocyte_weight=LARGEST), AstrocyteSTDP(astrocyte_weight=-LARGEST)):
        event, compiled = (
            open_liquid(network, engine, threads=1).present(rasters, weights, rule, record=True)
            for engine in ("event", "tensorflow")
        )
        assert np.array_equal(event.counts, compiled.counts)
        assert np.all(np.isfinite(compiled.weights))
        assert np.all(np.isfinite(compiled.astrocyte))
        assert not compiled.counts[1].any()


def test_counts_of_another_size_never_reach_the_kernels(tmp_path, monkeypatch):
    """They go through as many neurons as the network has, whatever the file holds: a narrower one would be left."""
    knobs = {"initial_weight": 0.7}
    run(tmp_path, monkeypatch, "LSM", knobs)
    folder = RunFolder(tmp_path / "train_data", 1)
    folder.open()
    arrays, _ = folder.read(folder.counts("train", 0))
    folder.write(folder.counts("train", 0), {**arrays, "olc_S_AGG_RES": arrays["olc_S_AGG_RES"][:, :5]})
    folder.accuracies.unlink()
    with pytest.raises(DamagedFile, match="does not hold the counts of 5 samples and 27 neurons"):
        run(tmp_path, monkeypatch, "LSM", knobs, overwrite=False)


# ---- laws -----------------------------------------------------------------------------------------

NUMBERS = st.sampled_from([0.0, -0.0, TINIEST, 1e-320, 1e-10, 0.015, 1.0, 3.0, 1e3, LARGEST]) | st.floats(
    -LARGEST, LARGEST
)
RULES = st.one_of(
    st.just(Static()),
    st.builds(STDP, NUMBERS.map(abs), st.sampled_from([0.0, 0.99, 1.0])),
    st.builds(AstrocyteSTDP, NUMBERS.map(abs), NUMBERS, st.sampled_from([0.0, 0.99, 1.0])),
    st.builds(APSTDP, NUMBERS.map(abs), NUMBERS, NUMBERS),
)
tried = hypothesis_settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)


@tried
@given(rule=RULES, weight=NUMBERS.map(abs), density=st.sampled_from([0, 0.01, 0.3, 1]), steps=st.integers(1, 40),
       seed=st.integers(0, 9))  # fmt: skip
def test_any_rule_leaves_finite_numbers(rule, weight, density, steps, seed):
    """Counts, weights and the astrocyte stay finite and in their bounds, whatever the numbers of the rule."""
    liquid = _liquid()
    if not isinstance(rule, Static):
        weight = min(weight, PUBLISHED.weight_bound)
    rasters = (np.random.default_rng(seed).random((3, steps, 20)) < density).astype(np.uint8)
    rasters[1] = 0  # silent
    state, run = liquid.initialise(rasters, liquid.initial_state(absolute_weight=weight), rule, record=True)
    for values in (state.weights, state.traces, state.calcium):
        assert np.all(np.isfinite(values))
    presented = liquid.present(rasters, state.weights, rule, record=True)
    for done in (run, presented):
        assert done.counts.max() <= -(-steps // 3)
        assert not done.counts[1].any()
        assert np.all(np.isfinite(done.weights))
        assert done.astrocyte is None or np.all(np.isfinite(done.astrocyte))
        if not isinstance(rule, Static):
            assert np.abs(done.weights).max() <= PUBLISHED.weight_bound
    assert np.array_equal(presented.weights[1], state.weights)  # silence teaches nothing


@tried
@given(
    counts=st.lists(
        st.lists(st.sampled_from([0, 0, 1, 255, 256, 65_535]), min_size=4, max_size=4), min_size=1, max_size=6
    )
)
def test_any_counts_leave_the_readout_finite(counts):
    """Inputs lie in 0..1, those of a silent sample are 0; loss, weights and accuracy are finite."""
    counts = np.array(counts, np.uint16)
    inputs = counts * sample_factors(counts)[:, None]
    assert np.all((inputs >= 0) & (inputs <= 1 + 1e-6))
    assert not inputs[~counts.any(axis=1)].any()
    readout, labels = Readout(4), np.arange(len(counts)) % 10
    for _ in range(3):
        assert np.isfinite(readout.train_batch(counts, labels))
    assert all(np.all(np.isfinite(array)) for array in readout.state().values())
    assert 0 <= readout.accuracy(counts, labels) <= 1


@tried
@given(
    images=st.lists(st.sampled_from([0, 1, 254, 255]), min_size=4, max_size=4).map(
        lambda row: np.array([row, [0] * 4])
    ),
    steps=st.integers(1, 30),
)
def test_any_images_make_rasters(images, steps):
    rates = rates_from_images(images.reshape(2, 2, 2).astype(np.uint8))
    assert np.all((rates >= 0) & (rates <= 1))
    rasters = poisson_rasters(rates, steps, 1, [0, 1])
    assert not rasters[1].any()
    assert rasters.max(initial=0) <= 1


# ---- indices --------------------------------------------------------------------------------------

PLAIN = """
import json, warnings
warnings.simplefilter("error")  # numbers that wrap round
import numpy as np
from nalsm.liquid import open_liquid
from nalsm.network import Network
from nalsm.rules import APSTDP, STDP, AstrocyteSTDP, Static
counts = []
for dims, n_inputs, seed in (((1, 1, 1), 0, 1), ((1, 1, 2), 1, 2), ((2, 2, 2), 7, 3), ((3, 3, 1), 8, 4)):
    liquid = open_liquid(Network.generate(dims, n_inputs, seed), "event", threads=1)
    for rule in (Static(), STDP(), AstrocyteSTDP(1e6, -1e6, 1.0), APSTDP(0.15, 5, 1e6)):
        for density, steps in ((0, 1), (0.3, 7)):
            rasters = (np.random.default_rng(seed).random((2, steps, n_inputs)) < density).astype(np.uint8)
            state, _ = liquid.initialise(rasters, liquid.initial_state(absolute_weight=3.0), rule, record=[1])
            run = liquid.present(rasters, state.weights, rule, record=[0])
            counts.append([*map(int, run.counts.sum(axis=0)), round(float(np.abs(state.weights).sum()), 3)])
print(json.dumps(counts))
"""


def test_kernels_keep_to_their_arrays():
    """The same lines without the compiler: there an index beyond an array is an error, and a number that wraps too."""
    found = []
    for plain in ("1", "0"):
        environ = {**os.environ, "NUMBA_DISABLE_JIT": plain, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", PLAIN], capture_output=True, text=True, timeout=200, env=environ, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        found.append(json.loads(done.stdout))
    assert found[0] == found[1]
