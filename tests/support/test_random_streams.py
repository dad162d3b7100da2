"""Streams of random numbers: their numbers are part of every result."""

import itertools

import pytest

from nalsm.support.random_streams import PURPOSES, SEED_LIMIT, stream


def test_the_numbers_stay():
    assert stream(5, "network").integers(0, 1000, 4).tolist() == [257, 661, 462, 93]
    assert stream(5, "presentation", 60_000).integers(0, 1000, 4).tolist() == [312, 113, 336, 770]


def test_each_seed_purpose_and_index_has_its_own_stream():
    assert len(set(PURPOSES.values())) == len(PURPOSES)
    keys = itertools.product((0, 1, SEED_LIMIT - 1), PURPOSES, (0, 1, 2**48 - 1))
    first = [int(stream(*key).integers(2**63)) for key in keys]
    assert len(set(first)) == len(first) == 9 * len(PURPOSES)


@pytest.mark.parametrize(
    "key", [(-1, "network", 0), (SEED_LIMIT, "network", 0), (0, "network", -1), (0, "subset", 2**48)]
)
def test_out_of_range(key):
    with pytest.raises(ValueError, match="outside"):
        stream(*key)


@pytest.mark.parametrize("key", [(1.5, "network", 0), (None, "network", 0), (0, "network", 0.5)])
def test_no_integers(key):
    """A fraction would be the stream of another number."""
    with pytest.raises(TypeError, match="integer"):
        stream(*key)
