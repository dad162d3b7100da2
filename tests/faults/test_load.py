"""Several runs at a time, some killed, and many in one process: nothing is left behind, nothing grows.

The same with 200 runs: `campaigns/load.py`.
"""

from campaigns.load import Load, growth, plan, runs_in_this_process


def test_eight_runs_four_at_a_time(tmp_path):
    load = Load(tmp_path)
    load.work_off(plan(range(1, 9)), at_a_time=4)
    assert load.wrong == []
    assert len(load.results) == 8
    assert load.counts["SIGKILL"] + load.counts["SIGTERM"] > 0


def test_runs_in_one_process(place):
    held = runs_in_this_process(place, 8)
    assert max(held["files"][4:]) <= held["files"][3]
    assert max(held["threads"][4:]) <= held["threads"][3]
    assert growth(held["memory"]) < 5
