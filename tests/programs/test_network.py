"""generate_spatial_network.py: the network it leaves, and answers it refuses."""

import sys

import pytest
from small_runs import RUNNERS, assert_one_line_error, run

from nalsm.network import Network


def generate(place, answers, *flags, cwd=None):
    arguments = [sys.executable, str(RUNNERS / "generate_spatial_network.py"), f"--networks-dir={place}/networks"]
    return run([*arguments, *flags], answers, cwd=cwd)


def test_generate_network(place):
    done = generate(place, ("n", "12", "3", "4", "5"), "--seed=3", cwd=place)
    assert done.returncode == 0, done.stderr
    network = Network.load(place / "networks" / "Network_12.h5")
    assert (network.dims, network.n_inputs, network.seed) == ((3, 4, 5), 2312, 3)
    log = (place / "networks" / "Network_12_Log.txt").read_text()
    assert log == network.describe()
    for word in ("E->E", "E->I", "I->E", "I->I", "input", "seed"):
        assert word in log
    again = Network.generate((3, 4, 5), 2312, seed=3)
    assert again.fingerprint == network.fingerprint


@pytest.mark.parametrize(
    ("answers", "word"),
    [
        (("F",), "WHICH_DATASET_TO_GENERATE_NETWORK_FOR"),
        (("M", "1"), "NETWORK_NUMBER_TO_CREATE"),  # is there already
        (("M", "-1"), "NETWORK_NUMBER_TO_CREATE"),
        (("M", "5", "0"), "SIZE_OF_LIQUID_DIMENSION_1"),
        (("M", "5", "3", "x"), "SIZE_OF_LIQUID_DIMENSION_2"),
        (("M", "5", "1000", "1000", "1000"), "SIZE_OF_LIQUID_DIMENSION_3"),
        (("M", "5", "3", "3"), "SIZE_OF_LIQUID_DIMENSION_3"),
    ],
)
def test_generate_network_refuses(place, answers, word):
    before = sorted((p.name, p.read_bytes()) for p in (place / "networks").iterdir())
    assert_one_line_error(generate(place, answers), 2, word)
    assert before == sorted((p.name, p.read_bytes()) for p in (place / "networks").iterdir())
