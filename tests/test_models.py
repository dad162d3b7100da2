"""The models as data: knobs have one English name, models make the rules of their phases from the knobs."""

import pytest

from nalsm.models import MODELS
from nalsm.rules import APSTDP, STDP, AstrocyteSTDP, Static

KNOBS = {"astrocyte_weight": 0.25, "threshold_hz": 37.0, "range_hz": 23.5, "initial_weight": 0.7}


def test_rules_of_the_phases():
    for name, initialisation, presentation, weight in (
        ("NALSM", AstrocyteSTDP(0.15, 0.25, 1.0), AstrocyteSTDP(0.15, 0.25, 0.99), 3.0),
        ("LSM+STDP", STDP(0.15, 1.0), STDP(0.15, 0.99), 3.0),
        ("LSM", None, Static(), 0.7),
        ("LSM+AP-STDP", APSTDP(0.15, 37.0, 23.5), Static(), 0.7),
    ):
        model = MODELS[name]
        assert model.name == name
        assert (model.initialisation and model.initialisation(KNOBS)) == initialisation
        assert model.presentation(KNOBS) == presentation
        assert model.starting_weight(KNOBS) == weight


@pytest.mark.parametrize(
    ("model", "labels"),
    [
        ("NALSM", ["astrocyte weight 0.25"]),
        ("LSM+STDP", []),
        ("LSM", ["weight 0.7"]),
        (
            "LSM+AP-STDP",
            [
                "activity threshold 37 Hz",
                "activity range 23.5 Hz",
                "starting weight 0.7",
            ],
        ),
    ],
)
def test_knobs_are_described_in_english(model, labels):
    model = MODELS[model]
    assert model.describe_knobs(KNOBS) == labels
    assert model.describe_knobs({}) == []
    for knob, label in zip(model.knobs, labels, strict=True):
        assert label.startswith(knob.heading.split(",")[0])
        assert knob.heading.endswith(", Hz") == label.endswith(" Hz")
