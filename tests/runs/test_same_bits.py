"""Batch size, threads, blocks and kills at once, for every model: the bits that must be equal are.

One of them at a time, with NALSM: `test_resume.py`, `test_training.py`. At real sizes: `campaigns/same_bits.py`.
"""

import pytest
from campaigns.same_bits import PROGRAMS, Way, differences, digests, make
from whole_runs import complete

from nalsm.support.tuning import TUNING

KNOBS = {
    "NALSM": {"astrocyte_weight": 0.015},
    "LSM+STDP": {},
    "LSM": {"initial_weight": 1.1},
    "LSM+AP-STDP": {"threshold_hz": 10.0, "range_hz": 2.0, "initial_weight": 1.0},
}


@pytest.mark.parametrize("model", PROGRAMS)
def test_batch_size_and_threads(place, model, monkeypatch):
    monkeypatch.setattr(TUNING, "recorded_samples", lambda batch, size: [k for k in range(size) if k % 5 == 2])
    made = {}
    for way in (Way(50, 1, 1, False), Way(10, 5, 4, False), Way(10, 2, 2, False)):
        run, _ = complete(
            place, model=model, knobs=KNOBS[model], output_dir=place / str(way), batch_size=way.batch_size,
            batches_per_block=way.block, threads=way.threads,
        )  # fmt: skip
        made[way] = digests(run.folder.path)
    assert differences(made) == []
    assert len({found["files"] for found in made.values()}) == 2  # another batch size: another training of the readout


def test_processes_killed_on_the_way(place):
    sizes = (
        "--train-samples=100", "--valid-samples=50", "--test-samples=50", "--init-samples=600", "--init-ms=60",
        "--sample-ms=60", "--cycles=40", "--seed=5",
    )  # fmt: skip
    ways = Way(50, 1, 1, killed=False), Way(50, 2, 4, killed=True)
    (straight, none), (resumed, kills) = (make(place, way, "LSM+AP-STDP", (), sizes) for way in ways)
    assert none == 0
    assert kills > 0
    assert straight == resumed
