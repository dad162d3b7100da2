"""The classifier as a scikit-learn estimator: fit on images or rasters, transform to spike counts, predict classes.

It computes what a training program computes, with the same functions, in memory: initialisation, counting, readout.
Two things follow scikit-learn's convention that the result for a sample depends on that sample alone. Images are
normalised by the brightest training image, and counts by the mean largest count of the training batches. The random
numbers of an image are keyed by its pixels instead of its number, so equal images get equal rasters.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from nalsm.datasets import Split
from nalsm.datasets.images import ImageSplit
from nalsm.datasets.rasters import RasterSplit
from nalsm.encoding import brightest_share, image_rates, image_scale
from nalsm.liquid import Liquid, open_liquid
from nalsm.liquid.neuron import NeuronConstants
from nalsm.models import ASTROCYTE_DENSITY, LEARNING_SAMPLES, MODELS, Knobs, Model
from nalsm.network import Network, NetworkConstants
from nalsm.optimiser import ReadoutConstants
from nalsm.readout import Readout
from nalsm.rules import RuleConstants
from nalsm.runs.counting import Batch, Presentation, count_batches
from nalsm.runs.initialisation import run_snapshots
from nalsm.support.constants import Constants, Value, chosen, constants_of
from nalsm.support.random_streams import stream

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, check_non_negative, validate_data
except ImportError as error:
    raise ImportError(
        f"NALSMClassifier needs scikit-learn 1.6 or newer: pip install 'nalsm[sklearn]' ({error})"
    ) from None

INPUTS = ("images", "rasters")
_GROUPS = (NetworkConstants, RuleConstants, NeuronConstants, ReadoutConstants)
_Group = TypeVar("_Group", bound=Constants)


class NALSMClassifier(ClassNamePrefixFeaturesOutMixin, ClassifierMixin, TransformerMixin, BaseEstimator):
    """A liquid state machine that classifies; the arguments are the settings of the training programs.

    model : a name in `nalsm.models.MODELS`
    dims : sizes of the liquid's grid; the network is drawn for the samples' inputs from the seed
    network : a Network to use instead
    inputs : "images" (numbers of 0 or more, [n, ...], one input for each pixel) or "rasters" (bool or uint8
        [n, T, n_inputs], of the same T in `fit` and afterwards)
    astrocyte_weight, initial_weight, threshold_hz, range_hz : the knobs; a model uses those it has
    knobs : values of further knobs by name: options, such as {"astrocyte_density": 0.5}, and knobs of your own models.
        With {"learning_samples": "first"}, which samples learn depends on their places among those that are given
    constants : values of constants by name, in place of the published ones, as --set of the programs takes them; those
        of the network only where it is drawn
    sample_ms : how long an image is presented; a raster lasts as long as it is
    init_samples, init_ms : snapshots of the initialisation and their length; None: one for each training sample
    validation_fraction : share of the samples that chooses the best cycle of the readout and trains nothing; 0: the
        readout is that of the last cycle
    batch_size, cycles : of the readout's training
    seed : decides everything random
    engine, threads : see `nalsm.liquid.open_liquid`

    Fitted: classes_ [C]; n_features_in_; network_ (Network); weights_ (float32 [S], after initialisation);
    brightest_ (see `nalsm.encoding.image_scale`; None for rasters); readout_ (Readout).
    """

    def __init__(
        self,
        model: str = "NALSM",
        *,
        dims: Sequence[int] = (10, 10, 10),
        network: Network | None = None,
        inputs: str = "images",
        astrocyte_weight: float = 0.015,
        initial_weight: float = 1.0,
        threshold_hz: float = 37.0,
        range_hz: float = 23.0,
        knobs: Knobs | None = None,
        constants: Mapping[str, Value] | None = None,
        sample_ms: int = 250,
        init_samples: int | None = None,
        init_ms: int = 20,
        validation_fraction: float = 1 / 6,
        batch_size: int = 250,
        cycles: int = 1000,
        seed: int = 0,
        engine: str = "auto",
        threads: int | None = None,
    ) -> None:
        self.model = model
        self.dims = dims
        self.network = network
        self.inputs = inputs
        self.astrocyte_weight = astrocyte_weight
        self.initial_weight = initial_weight
        self.threshold_hz = threshold_hz
        self.range_hz = range_hz
        self.knobs = knobs
        self.constants = constants
        self.sample_ms = sample_ms
        self.init_samples = init_samples
        self.init_ms = init_ms
        self.validation_fraction = validation_fraction
        self.batch_size = batch_size
        self.cycles = cycles
        self.seed = seed
        self.engine = engine
        self.threads = threads

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []  # counts are integers
        # scikit-learn asks for 83 % on three clouds of points in a plane. An image is divided by its sum, which leaves
        # one number of two.
        tags.classifier_tags.poor_score = True
        return tags

    def fit(self, X: np.ndarray, y: np.ndarray) -> "NALSMClassifier":
        """Initialise the liquid with the samples, count their spikes, and train the readout; return the estimator.

        X : samples, as `inputs` says; y : their classes [n], of any type
        Raises ValueError for other shapes or values, knobs that the model does not have, and less than two classes.
        """
        self._require_sizes()
        model, knobs = self._model()
        self._require_known_constants()
        samples, y = self._validated(X, y, reset=True)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"NALSMClassifier needs samples of two classes or more, y has 1 class: {self.classes_[0]}")
        self.brightest_ = brightest_share(samples) if self.inputs == "images" else None
        n_inputs = samples.shape[-1]
        self.network_ = self.network or Network.generate(self.dims, n_inputs, self.seed, self._chosen(NetworkConstants))
        if self.network_.n_inputs != n_inputs:
            raise ValueError(f"the samples have {n_inputs} inputs, the network has {self.network_.n_inputs}")

        order = stream(self.seed, "held out").permutation(len(labels))
        n_valid = int(self.validation_fraction * len(labels))
        train, valid = order[n_valid:], order[:n_valid]
        split = self._split(samples)
        liquid = self._liquid(knobs)
        self.weights_ = self._initialise(model, knobs, liquid, split.subset(train))
        counts = self._counts(model, knobs, liquid, split)
        readout = Readout(self.network_.n_liquid, len(self.classes_), constants=self._chosen(ReadoutConstants))
        self.readout_ = readout.fit(
            counts[train], labels[train], batch_size=self.batch_size, cycles=self.cycles,
            validation=(counts[valid], labels[valid]) if n_valid else None,
        )  # fmt: skip
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the spike counts of the liquid neurons for each sample: uint16 [n, R]."""
        check_is_fitted(self)
        samples = self._validated(X, reset=False)
        model, knobs = self._model()
        return self._counts(model, knobs, self._liquid(knobs), self._split(samples))

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the class of each sample: [n], of the type of `classes_`."""
        counts = self.transform(X)
        return self.classes_[self.readout_.predict(counts)]

    @property
    def _n_features_out(self) -> int:
        return self.network_.n_liquid

    # ---- what the stages need ---------------------------------------------------------------------

    def _model(self) -> tuple[Model, Knobs]:
        """Return the model and the values of its knobs; raises ValueError for a knob or a value it does not have."""
        if self.model not in MODELS:
            raise ValueError(f"there is no model {self.model!r}; choose one of {', '.join(MODELS)}")
        model = MODELS[self.model]
        given = {**self.get_params(deep=False), **(self.knobs or {})}
        known = {knob.name: knob for knob in model.all_knobs}
        choice = f"the knobs of {model.name}: {', '.join(known) or 'none'}"
        for name in self.knobs or {}:
            if name not in known:
                raise ValueError(f"there is no knob {name!r}; {choice}")
        missing = [knob.name for knob in model.knobs if knob.name not in given]
        if missing:
            raise ValueError(f"{model.name} needs knobs={{{missing[0]!r}: ...}}")
        knobs = model.recorded(given)
        for name, value in knobs.items():
            if not known[name].accepts(value):
                raise ValueError(f"{name} must be {known[name].expected}, not {value!r}; {choice}")
        return model, knobs

    def _liquid(self, knobs: Knobs) -> Liquid:
        watched = self.network_.watched(ASTROCYTE_DENSITY.of(knobs), self.seed)
        return open_liquid(self.network_, self.engine, self.threads, watched, self._chosen(NeuronConstants))

    def _chosen(self, group: type[_Group]) -> _Group:
        return chosen(group, self.constants or {})

    def _require_sizes(self) -> None:
        smallest = {"sample_ms": 1, "init_samples": 0, "init_ms": 1, "batch_size": 1, "cycles": 1, "seed": 0}
        for name, least in smallest.items():
            value = getattr(self, name)
            if not (isinstance(value, int | np.integer) and value >= least) and (name, value) != ("init_samples", None):
                raise ValueError(f"{name} must be a whole number, {least} or more, not {value!r}")
        if not 0 <= self.validation_fraction < 1:
            raise ValueError(f"validation_fraction must be 0 or more and below 1, not {self.validation_fraction!r}")

    def _require_known_constants(self) -> None:
        groups = _GROUPS if self.network is None else _GROUPS[1:]
        known = {name for group in groups for name, _ in constants_of(group)}
        for name in self.constants or {}:
            if name not in known:
                raise ValueError(
                    f"there is no constant {name!r} of an estimator{' with a network' if self.network else ''}; "
                    f"choose from {', '.join(sorted(known))}"
                )

    def _validated(self, X: np.ndarray, *y: np.ndarray, reset: bool) -> Any:
        """Return the checked samples: images [n, n_inputs] or rasters uint8 [n, T, n_inputs]; and y, if it is given."""
        if self.inputs not in INPUTS:
            raise ValueError(f"inputs is {self.inputs!r}, choose one of {', '.join(INPUTS)}")
        X = np.asarray(X) if isinstance(X, list | tuple) else X
        if self.inputs == "images" and getattr(X, "ndim", 2) > 2:
            X = X.reshape(len(X), math.prod(X.shape[1:]))
        checked = validate_data(self, X, *y, reset=reset, allow_nd=True, dtype="numeric")
        samples, *rest = checked if y else (checked,)
        check_non_negative(samples, "NALSMClassifier")
        if self.inputs == "rasters":
            if samples.ndim != 3:
                raise ValueError(f"rasters have the shape {samples.shape}, not [samples, steps, inputs]")
            samples = (samples != 0).view(np.uint8)
        return (samples, *rest) if y else samples

    def _split(self, samples: np.ndarray) -> Split:
        ids = np.arange(len(samples))
        if self.inputs == "rasters":
            return RasterSplit(samples, labels=ids, sample_ids=ids)
        scale = image_scale(samples, self.brightest_)
        return ImageSplit(samples, scale, labels=ids, sample_ids=_content_ids(image_rates(samples, scale)))

    def _initialise(self, model: Model, knobs: Knobs, liquid: Liquid, train: Split) -> np.ndarray:
        """Return the weights from which every presentation starts: float32 [S]."""
        constants = self._chosen(RuleConstants)
        begin = reached = liquid.initial_state(absolute_weight=model.starting_weight(knobs, constants)), 0
        if model.initialisation:
            snapshots = len(train) if self.init_samples is None else self.init_samples, self.init_ms
            rule = model.initialisation(knobs, constants)
            for following in run_snapshots(liquid, train, rule, begin, snapshots, self.seed):
                reached = following
        return reached[0].weights

    def _counts(self, model: Model, knobs: Knobs, liquid: Liquid, split: Split) -> np.ndarray:
        """Present all samples from the initialised weights; return their counts: uint16 [n, R]."""
        steps = split.rasters.shape[1] if isinstance(split, RasterSplit) else self.sample_ms
        first_only = LEARNING_SAMPLES.of(knobs) == "first"
        rule = model.presentation(knobs, self._chosen(RuleConstants))
        presentation = Presentation(self.weights_, rule, steps, self.seed, first_only)
        places = np.split(np.arange(len(split)), range(self.batch_size, len(split), self.batch_size))
        batches = [Batch("", number, split, part, []) for number, part in enumerate(places)]
        return np.concatenate([counted.counts for _, counted in count_batches(liquid, presentation, batches)])


def _content_ids(rates: np.ndarray) -> np.ndarray:
    """Return a number for each sample that depends on its rates (float32 [n, n_inputs]) alone: int64 [n]."""
    digests = (hashlib.blake2b(row.tobytes(), digest_size=6).digest() for row in rates)
    return np.array([int.from_bytes(digest, "big") for digest in digests], np.int64)
