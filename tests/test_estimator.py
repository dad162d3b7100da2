"""The scikit-learn estimator: scikit-learn's own checks, and that it computes what the library computes."""

import re
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import check_estimator

import nalsm
from nalsm.encoding import image_rates, image_scale, poisson_rasters, rates_from_images
from nalsm.estimator import NALSMClassifier
from nalsm.liquid import open_liquid
from nalsm.models import MODELS
from nalsm.network import Network
from nalsm.runs.initialisation import snapshot_samples
from nalsm.support.random_streams import stream

SMALL = {"dims": (4, 4, 4), "sample_ms": 60, "cycles": 300}


@pytest.fixture(scope="module")
def digits():
    """Three classes of scikit-learn's digits as images, uint8 [n, 8, 8], and labels that are words."""
    images, labels = load_digits(return_X_y=True)
    chosen = labels < 3
    return images[chosen].astype(np.uint8).reshape(-1, 8, 8), np.array(["nought", "one", "two"])[labels[chosen]]


@pytest.fixture(scope="module")
def fitted(digits):
    return NALSMClassifier(**SMALL).fit(digits[0][:300], digits[1][:300])


def test_scikit_learns_own_checks():
    """All of them; the tags say that an image has no negative pixels, and that three clouds in a plane are too many."""
    check_estimator(NALSMClassifier(dims=(3, 3, 3), sample_ms=30, init_samples=10, cycles=100))


def test_unseen_images(digits, fitted):
    images, labels = digits
    assert fitted.score(images[300:], labels[300:]) > 0.75
    assert set(fitted.predict(images[300:])) == set(fitted.classes_) == {"nought", "one", "two"}
    for same in (images[400:410].reshape(10, 64), list(images[400:410])):
        np.testing.assert_array_equal(fitted.transform(same), fitted.transform(images)[400:410])


def test_same_seed_same_bits(digits, fitted):
    images, labels = digits
    again = clone(fitted).set_params(threads=1).fit(images[:300].astype(float), labels[:300])
    np.testing.assert_array_equal(again.weights_, fitted.weights_)
    np.testing.assert_array_equal(again.transform(images), fitted.transform(images))
    np.testing.assert_array_equal(again.readout_.weights, fitted.readout_.weights)
    other = clone(fitted).set_params(seed=1, cycles=1, astrocyte_weight=np.float32(0.015))
    other.fit(images[:300], labels[:300])
    assert not np.array_equal(other.transform(images), fitted.transform(images))


def test_counts_are_those_of_the_liquid(digits, fitted):
    """An image's rates are normalised with the training images, its raster does not depend on the other images."""
    images, _ = digits
    trained = rates_from_images(images[:300])
    rates = image_rates(images, image_scale(images, fitted.brightest_))
    np.testing.assert_array_equal(rates[:300], trained)
    liquid = open_liquid(fitted.network_)
    rule = MODELS["NALSM"].presentation({"astrocyte_weight": 0.015})
    expected = np.mean(
        [liquid.present(rasters_of(rates[:50], seed), fitted.weights_, rule).counts for seed in range(20)]
    )
    assert fitted.transform(images[:50]).mean() == pytest.approx(expected, rel=0.03)


def rasters_of(rates, seed):
    return poisson_rasters(rates, 60, seed, range(len(rates)))


@pytest.mark.parametrize("model", MODELS)
def test_rasters(model):
    """Every step by hand: initialisation by the samples that are not held out, counts, readout."""
    random = np.random.default_rng(1)
    labels = np.arange(40) % 2
    rasters = (
        random.random((40, 20, 30)) < np.where(np.arange(30) < 15 * (1 + labels[:, None]), 0.4, 0.1)[:, None]
    ) * 7
    network = Network.generate((3, 3, 3), 30, seed=2)
    knobs = {"astrocyte_weight": 0.1, "initial_weight": 1.5, "threshold_hz": 1.0, "range_hz": 3.0}
    own = NALSMClassifier(
        model, network=network, inputs="rasters", init_samples=70, validation_fraction=0, cycles=20, batch_size=16,
        **knobs,
    ).fit(rasters, labels)  # fmt: skip

    recipe, liquid, pulses = MODELS[model], open_liquid(network), (rasters != 0).astype(np.uint8)
    state = liquid.initial_state(absolute_weight=recipe.starting_weight(knobs))
    if recipe.initialisation:
        assert not np.array_equal(own.weights_, state.weights)
    else:
        np.testing.assert_array_equal(own.weights_, state.weights)
    run = liquid.present(pulses, own.weights_, recipe.presentation(knobs))
    assert run.counts.sum() > 100
    np.testing.assert_array_equal(own.transform(rasters), run.counts)
    np.testing.assert_array_equal(own.predict(rasters), own.readout_.predict(run.counts))
    # snapshots that last as long as a sample show each of them whole, in their order of the seed
    whole = clone(own).set_params(init_ms=20).fit(rasters, labels)
    order = stream(0, "held out").permutation(40)[snapshot_samples(70, 40, 0)]
    if recipe.initialisation:
        state, _ = liquid.initialise(pulses[order], state, recipe.initialisation(knobs))
    np.testing.assert_array_equal(whole.weights_, state.weights)


def test_constants(digits):
    """One of each group reaches its place."""
    images, labels = digits[0][:60], digits[1][:60]
    plain = NALSMClassifier(**SMALL).fit(images, labels)
    denser = clone(plain).set_params(constants={"input_density": 0.3}).fit(images, labels)
    assert denser.network_.n_synapses > 1.3 * plain.network_.n_synapses
    for constants in ({"trace_step": 0.2}, {"threshold": 15.0}):
        other = clone(plain).set_params(constants=constants).fit(images, labels)
        assert not np.array_equal(other.weights_, plain.weights_)
        assert not np.array_equal(other.transform(images), plain.transform(images))
    slower = clone(plain).set_params(constants={"readout_learning_rate": 0.01}).fit(images, labels)
    np.testing.assert_array_equal(slower.weights_, plain.weights_)
    assert not np.array_equal(slower.readout_.weights, plain.readout_.weights)


def test_options_of_a_model(digits):
    images, labels = digits[0][:60], digits[1][:60]
    plain, nothing_watched, first = (
        NALSMClassifier(**SMALL, knobs=knobs).fit(images, labels)
        for knobs in (None, {"astrocyte_density": 0.0}, {"learning_samples": "first"})
    )
    assert not np.array_equal(plain.weights_, nothing_watched.weights_)
    np.testing.assert_array_equal(plain.weights_, first.weights_)
    counts, frozen = plain.transform(images), first.transform(images)
    np.testing.assert_array_equal(counts[0], frozen[0])
    assert not np.array_equal(counts, frozen)


def test_in_pipelines_and_searches(digits):
    images, labels = digits[0].reshape(-1, 64)[:120], digits[1][:120]
    liquid = NALSMClassifier(**SMALL, init_samples=50)
    before = make_pipeline(MinMaxScaler(clip=True), liquid)
    assert cross_val_score(before, images, labels, cv=2).min() > 0.6
    after = make_pipeline(liquid, MaxAbsScaler(), LinearSVC())
    assert after.fit(images, labels).score(images, labels) > 0.9
    assert list(after[:2].get_feature_names_out()[:2]) == ["nalsmclassifier0", "nalsmclassifier1"]
    search = GridSearchCV(liquid, {"astrocyte_weight": [0.0, 0.015]}, cv=2).fit(images, labels)
    assert search.best_score_ > 0.6


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "ESN"}, "no model 'ESN'"),
        ({"inputs": "sounds"}, "choose one of images, rasters"),
        ({"inputs": "rasters"}, "not [samples, steps, inputs]"),
        ({"network": Network.generate((2, 2, 2), 5, 1)}, "64 inputs, the network has 5"),
        ({"astrocyte_weight": np.nan}, "astrocyte_weight must be"),
        ({"astrocyte_weight": 1e9}, "from -1e+06 to 1e+06, not 1000000000.0; the knobs of NALSM: astrocyte_weight, "),
        ({"knobs": {"astrocyte_densty": 0.5}}, "no knob 'astrocyte_densty'; the knobs of NALSM: astrocyte_weight, "),
        ({"knobs": {"astrocyte_density": 1.5}}, "astrocyte_density must be a number from 0 to 1, not 1.5; the knobs"),
        ({"knobs": {"learning_samples": "some"}}, "learning_samples must be all or first, not 'some'; the knobs of"),
        ({"model": "LSM", "knobs": {"astrocyte_density": 0.5}}, "the knobs of LSM: initial_weight"),
        ({"cycles": 0}, "cycles must be a whole number, 1 or more, not 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number, 1 or more, not 2.5"),
        ({"seed": None}, "seed must be a whole number, 0 or more, not None"),
        ({"init_samples": -1}, "init_samples must be a whole number, 0 or more, not -1"),
        ({"validation_fraction": 1.0}, "validation_fraction must be 0 or more and below 1, not 1.0"),
        ({"validation_fraction": -0.5}, "validation_fraction must be"),
        (
            {"network": Network.generate((2, 2, 2), 64, 1), "constants": {"c_ee": 0.5}},
            "no constant 'c_ee' of an estimator",
        ),
        ({"constants": {"tau": 1.0}}, "no constant 'tau'"),
        ({"constants": {"threshold": "high"}}, "threshold must be"),
    ],
)
def test_wrong_settings_are_refused(digits, changes, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        NALSMClassifier(**{**SMALL, **changes}).fit(digits[0].reshape(-1, 64), digits[1])


def test_other_images_and_one_class_are_refused(digits, fitted):
    images, labels = digits
    with pytest.raises(ValueError, match="1 class: one"):
        NALSMClassifier(**SMALL).fit(images[labels == "one"], labels[labels == "one"])
    with pytest.raises(ValueError, match="Negative values"):
        fitted.predict(images - 1.0)
    with pytest.raises(ValueError, match="64"):
        fitted.predict(images[:, :, :7])
    with pytest.raises(ValueError, match="0 sample"):
        fitted.predict(images[:0])


def test_the_package_hands_it_out_and_says_what_is_missing():
    assert nalsm.NALSMClassifier is NALSMClassifier
    with pytest.raises(AttributeError, match="NALSMRegressor"):
        nalsm.NALSMRegressor  # noqa: B018
    code = "import sys; sys.modules['sklearn'] = None; import nalsm.models; from nalsm import NALSMClassifier"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'nalsm[sklearn]'" in done.stderr.splitlines()[-1]
