"""The four models as data: starting weights, the rule of each phase, the questions of their own.

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


@dataclass(frozen=True)
class Knob:
    """A number that a model asks for.

    name : inside the package; prompt : the published spelling, at the prompt
    low, high : the range that is accepted, ends included
    """

    name: str
    prompt: str
    low: float
    high: float
    help: str


@dataclass(frozen=True)
class Model:
    """A liquid's way of life: initialisation, then presentation.

    initial_weight : absolute value of every weight at the start; None: the knob of that name
    initialisation, presentation : from the knobs' values (dict by name) to the rule of the phase;
        initialisation is None where there is none
    """

    name: str
    knobs: tuple[Knob, ...]
    initial_weight: float | None
    initialisation: Callable[[dict], Rule] | None
    presentation: Callable[[dict], Rule]

    def starting_weight(self, knobs):
        """Return the absolute value of every weight before initialisation."""
        return knobs["initial_weight"] if self.initial_weight is None else self.initial_weight


_ASTROCYTE_WEIGHT = Knob("astrocyte_weight", "ASTRO_W_SCALING", -LARGEST, LARGEST, "astrocyte weight; published: 0.015")
_STATIC_WEIGHT = Knob("initial_weight", "INTIAL_ABS_W_SCLR", 0.0, LARGEST, "absolute value of all weights")
_BOUNDED_WEIGHT = Knob(
    "initial_weight", "INTIAL_ABS_W_SCLR", 0.0, float(WEIGHT_BOUND), "absolute value of all weights at the start"
)
_THRESHOLD = Knob(
    "threshold_hz", "STDP_NEURON_RATE_THESHOLD", -LARGEST, LARGEST, "activity in Hz from which a neuron potentiates"
)
_RANGE = Knob(
    "range_hz", "STDP_NEURON_RATE_RANGE", 0.0, LARGEST, "distance in Hz from the threshold at which plasticity ends"
)


def _astrocyte(decay):
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
            knobs=(_THRESHOLD, _RANGE, _BOUNDED_WEIGHT),
            initial_weight=None,
            initialisation=lambda knobs: APSTDP(LEARNING_RATE, knobs["threshold_hz"], knobs["range_hz"]),
            presentation=lambda knobs: Static(),
        ),
    )
}
