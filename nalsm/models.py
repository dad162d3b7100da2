"""The four models as data: starting weights, the rule of each phase, and the knobs that a model asks for.

Source: Ivanov and Michmizos, NeurIPS 2021, section 4 and supplement.
"""

from collections.abc import Callable
from dataclasses import dataclass

from nalsm.rules import (
    APSTDP,
    LARGEST,
    LEARNING_RATE,
    PRESENTATION_DECAY,
    STDP,
    WEIGHT_BOUND,
    AstrocyteSTDP,
    Rule,
    Static,
)

Knobs = dict[str, float]  # values of a model's knobs, by Knob.name


@dataclass(frozen=True)
class Knob:
    """A number that a model asks for.

    name : identifier in code and files
    prompt : published spelling, at the prompt and in flags
    title : English name, on pages and in messages
    low, high : accepted range, both ends included
    help : one line for --help
    unit : unit of the value, empty if it has none
    """

    name: str
    prompt: str
    title: str
    low: float
    high: float
    help: str
    unit: str = ""

    @property
    def heading(self) -> str:
        """The knob's names and unit for a table or an axis, as in "activity range (STDP_NEURON_RATE_RANGE), Hz"."""
        return f"{self.title} ({self.prompt})" + (f", {self.unit}" if self.unit else "")

    def label(self, value: float) -> str:
        """Return the knob's names and a value, as in "activity range (STDP_NEURON_RATE_RANGE) 23 Hz"."""
        return f"{self.title} ({self.prompt}) {value:g}" + (f" {self.unit}" if self.unit else "")


@dataclass(frozen=True)
class Model:
    """A model: its starting weights, and the learning rule of initialisation and of presentation.

    name : published name
    knobs : what the model asks for, in the order of the questions
    initial_weight : absolute value of every weight at the start; None: the value of the knob "initial_weight"
    initialisation : makes the rule of the initialisation from the knobs; None: the model has no initialisation
    presentation : makes the rule of the presentation from the knobs
    """

    name: str
    knobs: tuple[Knob, ...]
    initial_weight: float | None
    initialisation: Callable[[Knobs], Rule] | None
    presentation: Callable[[Knobs], Rule]

    def starting_weight(self, knobs: Knobs) -> float:
        """Return the absolute value of every weight before initialisation."""
        return knobs["initial_weight"] if self.initial_weight is None else self.initial_weight

    def describe_knobs(self, knobs: Knobs) -> list[str]:
        """Return the label of each knob that has a value, in the order of the questions."""
        return [knob.label(knobs[knob.name]) for knob in self.knobs if knob.name in knobs]


_ASTROCYTE_WEIGHT = Knob(
    "astrocyte_weight", "ASTRO_W_SCALING", "astrocyte weight", -LARGEST, LARGEST, "astrocyte weight; published: 0.015"
)
_STATIC_WEIGHT = Knob(
    "initial_weight", "INTIAL_ABS_W_SCLR", "weight", 0.0, LARGEST, "weight: absolute value of all weights"
)
_STARTING_WEIGHT = Knob(
    "initial_weight", "INTIAL_ABS_W_SCLR", "starting weight", 0.0, float(WEIGHT_BOUND),
    "starting weight: absolute value of all weights before initialisation",
)  # fmt: skip
_THRESHOLD = Knob(
    "threshold_hz", "STDP_NEURON_RATE_THESHOLD", "activity threshold", -LARGEST, LARGEST,
    "activity threshold in Hz: synapses onto a neuron above it are only potentiated, below it only depressed", "Hz",
)  # fmt: skip
_RANGE = Knob(
    "range_hz", "STDP_NEURON_RATE_RANGE", "activity range", 0.0, LARGEST,
    "activity range in Hz: distance from the activity threshold at which plasticity ends", "Hz",
)  # fmt: skip


def _astrocyte(decay: float) -> Callable[[Knobs], Rule]:
    return lambda knobs: AstrocyteSTDP(LEARNING_RATE, knobs["astrocyte_weight"], decay)


MODELS = {
    model.name: model
    for model in (
        Model(
            "NALSM",
            knobs=(_ASTROCYTE_WEIGHT,),
            initial_weight=3.0,
            initialisation=_astrocyte(decay=1.0),
            presentation=_astrocyte(PRESENTATION_DECAY),
        ),
        Model(
            "LSM+STDP",
            knobs=(),
            initial_weight=3.0,
            initialisation=lambda knobs: STDP(LEARNING_RATE, decay=1.0),
            presentation=lambda knobs: STDP(LEARNING_RATE, PRESENTATION_DECAY),
        ),
        Model(
            "LSM",
            knobs=(_STATIC_WEIGHT,),
            initial_weight=None,
            initialisation=None,
            presentation=lambda knobs: Static(),
        ),
        Model(
            "LSM+AP-STDP",
            knobs=(_THRESHOLD, _RANGE, _STARTING_WEIGHT),
            initial_weight=None,
            initialisation=lambda knobs: APSTDP(LEARNING_RATE, knobs["threshold_hz"], knobs["range_hz"]),
            presentation=lambda knobs: Static(),
        ),
    )
}
