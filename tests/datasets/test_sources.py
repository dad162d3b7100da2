"""The table of data sets, and what is derived from it."""

from pathlib import Path

import pytest

from nalsm.datasets import DATA_SOURCES, NETWORK_INPUTS, OWN, is_known, is_simulated, program_name, source_of
from nalsm.datasets.nmnist import SIMULATED_NAME

RUNNERS = Path(__file__).resolve().parents[2] / "runners"


def test_each_runner_is_named_by_the_table():
    cells = [("NALSM", "Fashion-MNIST"), *((model, data) for data in ("MNIST", "N-MNIST", OWN)
             for model in ("NALSM", "LSM+STDP", "LSM", "LSM+AP-STDP"))]  # fmt: skip
    expected = {program_name(*cell) for cell in cells}
    expected |= {program_name(*cell, noise=True) for cell in cells if cell[1] == OWN or DATA_SOURCES[cell[1]].noise}
    assert {path.name for path in RUNNERS.glob("*RUN_MAIN*.py")} == expected
    for model, data in cells:
        assert f'train("{model}", "{data}", ROOT)' in (RUNNERS / program_name(model, data)).read_text()


def test_recorded_names_lead_to_their_source():
    assert SIMULATED_NAME == "simulated N-MNIST"
    for name, source in DATA_SOURCES.items():
        assert source_of(name) is source
        assert is_known(name)
        assert not is_simulated(name)
    assert source_of(SIMULATED_NAME) is DATA_SOURCES["N-MNIST"]
    assert is_known(SIMULATED_NAME)
    assert is_simulated(SIMULATED_NAME)
    assert program_name("LSM", SIMULATED_NAME) == "LSM_RUN_MAIN_SIM_N_MNIST.py"
    for name in ("simulated", "CIFAR", None, 7, OWN, "own data x.npz"):
        assert not is_known(name)
    with pytest.raises(KeyError):
        source_of("CIFAR")


def test_published_figures_of_the_table():
    assert NETWORK_INPUTS == {"M": 784, "N": 2312}
    for source in DATA_SOURCES.values():
        assert source.sizes == (50_000, 10_000, 10_000)
        assert source.published_sizes == (60_000, 10_000)
        assert len(source.classes) == 10
    tags = {name: source.noise and source.noise.file_tag for name, source in DATA_SOURCES.items()}
    assert tags == {"MNIST": "NOISE_125", "N-MNIST": "NOISE_10", "Fashion-MNIST": None}
