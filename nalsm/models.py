"""The four models as data: starting weights, the rule of each phase, and the knobs that a model asks for.

Source: Ivanov and Michmizos, NeurIPS 2021, section 4 and supplement.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nalsm.rules import APSTDP, LARGEST, PUBLISHED, STDP, AstrocyteSTDP, Rule, RuleConstants, Static

# Values of a model's knobs by Knob.name: numbers, or one of Knob.choices. A knob with a default is left out where it
# has its default.
Knobs = dict[str, Any]


@dataclass(frozen=True)
class Knob:
    """A value that a model asks for, or an option: a value that only a flag changes.

    name : identifier in code and files
    prompt : published spelling, at the prompt and in flags
    title : English name, on pages and in messages
    low, high : accepted range of a number, both ends included
    help : one line for --help
    unit : unit of the value, empty if it has none
    default : value of an option where its flag is not given; None: the value is asked for
    choices : the accepted texts of a value that is no number
    useful : the range that the paper or its runs cover, by data set ("": of any other)
    suggested : a good value, by data set in the same way
    """

    name: str
    prompt: str
    title: str
    low: float
    high: float
    help: str
    unit: str = ""
    default: float | str | None = None
    choices: tuple[str, ...] = ()
    useful: Mapping[str, tuple[float, float]] = field(default_factory=dict, hash=False)
    suggested: Mapping[str, float] = field(default_factory=dict, hash=False)

    def range_on(self, dataset: str) -> str:
        """Return the useful range on a data set in words, empty if none is known."""
        found = self.useful.get(dataset, self.useful.get(""))
        return f"useful: {found[0]:g} to {found[1]:g}" if found else ""

    def suggestion(self, dataset: str) -> float | None:
        """Return a good value on a data set, None if none is known."""
        return self.suggested.get(dataset, self.suggested.get(""))

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags that set the knob, in published and in plain spelling."""
        return tuple(dict.fromkeys((self.flag, "--" + self.name.replace("_", "-"))))

    @property
    def flag(self) -> str:
        """The flag that sets the knob."""
        return "--" + self.prompt.lower().replace("_", "-")

    @property
    def names(self) -> str:
        """Its English name, and what the user types: "weight (INTIAL_ABS_W_SCLR)"; of an option, its flag."""
        return f"{self.title} ({self.prompt if self.default is None else self.flag})"

    @property
    def heading(self) -> str:
        """The knob's name and unit for a table or an axis, as in "activity range, Hz"."""
        return self.title + (f", {self.unit}" if self.unit else "")

    def label(self, value: float | str) -> str:
        """Return the knob's name and a value, as in "activity range 23 Hz"."""
        return f"{self.title} {self.text(value)}" + (f" {self.unit}" if self.unit else "")

    def text(self, value: float | str) -> str:
        """Return a value in words, without names and unit."""
        return value if isinstance(value, str) else f"{value:g}"

    def of(self, knobs: Knobs) -> Any:
        """Return the knob's value among recorded values, its default where none is recorded."""
        return knobs.get(self.name, self.default)

    @property
    def expected(self) -> str:
        """The values that the knob can have, in words."""
        return " or ".join(self.choices) or f"a number from {self.low:g} to {self.high:g}"

    def accepts(self, value: object) -> bool:
        """Tell whether a value, of any type, is one that the knob can have."""
        if self.choices:
            return value in self.choices
        numbers = int | float | np.integer | np.floating
        return isinstance(value, numbers) and not isinstance(value, bool) and bool(self.low <= value <= self.high)


@dataclass(frozen=True)
class Model:
    """A model: its starting weights, and the learning rule of initialisation and of presentation.

    name : published name
    knobs : what the model asks for, in the order of the questions
    options : further knobs, which have a default and are never asked for
    initial_weight : absolute value of every weight at the start, unless the bound of the weights is smaller; None: the
        value of the knob "initial_weight"
    initialisation : makes the rule of the initialisation from the knobs and, if others than the published ones are to
        hold, the constants of plasticity; None: the model has no initialisation
    presentation : likewise makes the rule of the presentation
    noise_knobs : what its noise program asks for once more
    """

    name: str
    knobs: tuple[Knob, ...]
    initial_weight: float | None
    initialisation: Callable[..., Rule] | None
    presentation: Callable[..., Rule]
    options: tuple[Knob, ...] = ()
    noise_knobs: tuple[Knob, ...] = ()

    @property
    def all_knobs(self) -> tuple[Knob, ...]:
        """What the model asks for, then its options."""
        return self.knobs + self.options

    def recorded(self, values: Mapping[str, Any]) -> Knobs:
        """Return what a run records of values by name: those of its knobs, of options only what is not the default."""
        return {
            knob.name: values[knob.name]
            for knob in self.all_knobs
            if knob in self.knobs or values.get(knob.name, knob.default) != knob.default
        }

    def is_sound(self, knobs: object) -> bool:
        """Tell whether these are recorded values: every knob that is asked for, no unknown one, each in its range."""
        known = {knob.name: knob for knob in self.all_knobs}
        return (
            isinstance(knobs, dict)
            and {knob.name for knob in self.knobs} <= set(knobs) <= set(known)
            and all(known[name].accepts(value) for name, value in knobs.items())
        )

    def starting_weight(self, knobs: Knobs, constants: RuleConstants = PUBLISHED) -> float:
        """Return the absolute value of every weight before initialisation."""
        if self.initial_weight is None:
            return knobs["initial_weight"]
        return min(self.initial_weight, constants.weight_bound)

    def values(self, knobs: Knobs) -> list[tuple[Knob, Any]]:
        """Return each knob that has a value, with it, in the order of the questions."""
        return [(knob, knobs[knob.name]) for knob in self.all_knobs if knob.name in knobs]

    def options_of(self, knobs: Knobs) -> Knobs:
        """Return the options among recorded values."""
        return {knob.name: knobs[knob.name] for knob in self.options if knob.name in knobs}

    def describe_knobs(self, knobs: Knobs) -> list[str]:
        """Return the label of each knob that has a value, in the order of the questions."""
        return [knob.label(value) for knob, value in self.values(knobs)]

    def short_knobs(self, knobs: Knobs) -> str:
        """Return the recorded values in few words: of an option with its name, as in "0.015, astrocyte density 0.4"."""
        return ", ".join(
            knob.text(value) if knob in self.knobs else f"{knob.title} {knob.text(value)}"
            for knob, value in self.values(knobs)
        )


_ASTROCYTE_WEIGHT = Knob(
    "astrocyte_weight",
    "ASTRO_W_SCALING",
    "astrocyte weight",
    -LARGEST,
    LARGEST,
    "astrocyte weight; published: 0.015 for 1000 neurons, 0.0075 for 8000",
    useful={"": (0.002, 0.2)},
    suggested={"": 0.015},
)
_STATIC_WEIGHT = Knob(
    "initial_weight",
    "INTIAL_ABS_W_SCLR",
    "weight",
    0.0,
    LARGEST,
    "weight: absolute value of all weights",
    useful={"": (0.4, 1.4)},
    suggested={"MNIST": 0.7, "Fashion-MNIST": 0.7, "N-MNIST": 1.1},
)
_STARTING_WEIGHT = Knob(
    "initial_weight", "INTIAL_ABS_W_SCLR", "starting weight", 0.0, PUBLISHED.weight_bound,
    "starting weight: absolute value of all weights before initialisation", suggested={"": 1.0},
)  # fmt: skip
_THRESHOLD = Knob(
    "threshold_hz", "STDP_NEURON_RATE_THESHOLD", "activity threshold", -LARGEST, LARGEST,
    "activity threshold in Hz: synapses onto a neuron above it are only potentiated, below it only depressed", "Hz",
    suggested={"MNIST": 37.0, "Fashion-MNIST": 37.0, "N-MNIST": 10.0},
)  # fmt: skip
_RANGE = Knob(
    "range_hz", "STDP_NEURON_RATE_RANGE", "activity range", 0.0, LARGEST,
    "activity range in Hz: distance from the activity threshold at which plasticity ends", "Hz",
    useful={"MNIST": (19.0, 25.0), "N-MNIST": (2.0, 3.0)},
    suggested={"MNIST": 23.0, "Fashion-MNIST": 23.0, "N-MNIST": 2.0},
)  # fmt: skip
ASTROCYTE_DENSITY = Knob(
    "astrocyte_density", "ASTROCYTE_DENSITY", "astrocyte density", 0.0, 1.0,
    "share of the liquid neurons and of the inputs that the astrocyte watches, drawn once for a run", default=1.0,
)  # fmt: skip
LEARNING_SAMPLES = Knob(
    "learning_samples", "LEARNING_SAMPLES", "learning samples", 0.0, 0.0,
    "which samples of a batch learn while they are presented; first: as in the published runs of LSM+STDP",
    default="all", choices=("all", "first"),
)  # fmt: skip


def _astrocyte(knobs: Knobs, constants: RuleConstants = PUBLISHED, decay: float = 1.0) -> Rule:
    return AstrocyteSTDP(constants.potentiation_rate, knobs["astrocyte_weight"], decay, constants=constants)


def _astrocyte_decaying(knobs: Knobs, constants: RuleConstants = PUBLISHED) -> Rule:
    return _astrocyte(knobs, constants, constants.presentation_decay)


def _stdp(_knobs: Knobs, constants: RuleConstants = PUBLISHED, decay: float = 1.0) -> Rule:
    return STDP(constants.potentiation_rate, decay, constants=constants)


def _stdp_decaying(knobs: Knobs, constants: RuleConstants = PUBLISHED) -> Rule:
    return _stdp(knobs, constants, constants.presentation_decay)


def _activity_gated(knobs: Knobs, constants: RuleConstants = PUBLISHED) -> Rule:
    return APSTDP(constants.potentiation_rate, knobs["threshold_hz"], knobs["range_hz"], constants=constants)


def _static(_knobs: Knobs, constants: RuleConstants = PUBLISHED) -> Rule:
    return Static(constants=constants)


MODELS = {
    model.name: model
    for model in (
        Model(
            "NALSM",
            knobs=(_ASTROCYTE_WEIGHT,),
            initial_weight=3.0,
            initialisation=_astrocyte,
            presentation=_astrocyte_decaying,
            options=(ASTROCYTE_DENSITY, LEARNING_SAMPLES),
        ),
        Model(
            "LSM+STDP",
            knobs=(),
            initial_weight=3.0,
            initialisation=_stdp,
            presentation=_stdp_decaying,
            options=(LEARNING_SAMPLES,),
        ),
        Model(
            "LSM",
            knobs=(_STATIC_WEIGHT,),
            initial_weight=None,
            initialisation=None,
            presentation=_static,
            noise_knobs=(_STATIC_WEIGHT,),
        ),
        Model(
            "LSM+AP-STDP",
            knobs=(_THRESHOLD, _RANGE, _STARTING_WEIGHT),
            initial_weight=None,
            initialisation=_activity_gated,
            presentation=_static,
        ),
    )
}
