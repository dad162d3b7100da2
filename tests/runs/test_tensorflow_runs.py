"""Whole runs with the TensorFlow engine."""

import pytest
from small_runs import ANSWERS, command, folder_contents, run
from whole_runs import complete

from nalsm.liquid import open_liquid
from nalsm.network import Network, network_path
from nalsm.support.errors import UserError
from nalsm.support.tuning import TUNING


def test_a_run_gives_the_event_engines_counts(finished_place, place):
    """A whole run on this engine: all counts are those of the event-driven engine."""
    done = run(command(place, "--engine=tensorflow"))
    assert done.returncode == 0, done.stderr
    found, wanted = (folder_contents(where / "train_data" / "ver_7") for where in (place, finished_place))
    params = found["VER_7_params.json"]
    assert params["engine"] == "tensorflow"
    assert wanted["VER_7_params.json"]["engine"] == "event"
    assert set(found) == set(wanted)
    names = [name for name in found if name.endswith(".datasagg")]
    assert len(names) == 12
    for name in names:
        for key in found[name][1]:
            assert found[name][1][key] == wanted[name][1][key], (name, key)


def test_a_batch_that_does_not_fit_is_refused(place, monkeypatch):
    monkeypatch.setattr(TUNING, "free_memory_bytes", 3_000_000)
    with pytest.raises(UserError, match=r"BATCH_SIZE: 25 samples take .* 0\.003 GB are free; no BATCH_SIZE fits"):
        complete(place, engine="tensorflow")
    assert not (place / "train_data").exists()


def test_the_size_that_fits_is_named(place, monkeypatch):
    """As on a GPU, where a whole batch runs side by side."""
    monkeypatch.setattr(TUNING, "whole_batches", True)
    liquid = open_liquid(Network.load(network_path(place / "networks", 1)), "tensorflow")
    monkeypatch.setattr(TUNING, "free_memory_bytes", liquid.bytes_needed(10, steps=60))
    with pytest.raises(UserError, match=r"BATCH_SIZE: 25 samples take .*BATCH_SIZE 10 fits"):
        complete(place, engine="tensorflow")
    _, result = complete(place, engine="tensorflow", batch_size=10, cycles=1)
    assert 0 <= result.test <= 1


@pytest.mark.gpu
def test_a_run_on_a_gpu(place):
    done = run(command(place), ("0", *ANSWERS[1:]))
    assert done.returncode == 0, done.stderr
    assert folder_contents(place / "train_data" / "ver_7")["VER_7_params.json"]["engine"] == "tensorflow"
