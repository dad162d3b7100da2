"""The benchmarks: what they measure computes the same as the package, and what they count is right."""

import sys

import numpy as np
import pytest
from small_runs import ROOT, run

sys.path.insert(0, str(ROOT / "benchmarks"))

import competitors
import scale_out
import scaling

from nalsm.liquid import open_liquid
from nalsm.network import Network
from nalsm.rules import Static


@pytest.fixture(scope="module")
def busy():
    """(network, weights, rasters, the event-driven engine's run) of a small liquid in which learning matters."""
    network = Network.generate((4, 4, 4), 60, seed=3)
    weights = np.float32(2.5) * network.sign
    rasters = (np.random.default_rng(3).random((3, 80, 60)) < 0.2).astype(np.uint8)
    liquid = open_liquid(network, "event")
    wanted = liquid.present(rasters, weights, competitors.RULE, record=True)
    assert wanted.counts.sum() > 500
    assert not np.array_equal(wanted.counts, liquid.present(rasters, weights, Static()).counts)
    return network, weights, rasters, wanted


@pytest.mark.parametrize("samples_first", [True, False], ids=["samples first", "neurons first"])
def test_op_by_op_tensorflow_counts_as_the_engine(busy, samples_first):
    network, weights, rasters, wanted = busy
    seconds, counts = competitors._op_by_op(network, weights, rasters, samples_first)
    np.testing.assert_array_equal(counts, wanted.counts)
    assert seconds > 0


def test_brian2_spikes_as_the_engine(busy):
    missing = competitors.why_no_brian2()
    if missing:
        pytest.skip(f"Brian2 {missing}: pip install '.[benchmark]'")
    from brian2_nalsm import present

    network, weights, rasters, wanted = busy
    found = present(network, weights, rasters, competitors.RULE, compiled=False)
    np.testing.assert_array_equal(found.spikes, wanted.spikes[:, :, : network.n_liquid])
    np.testing.assert_array_equal(found.counts, wanted.counts)


def test_rows_say_how_many_counts_differ(busy):
    network, weights, rasters, wanted = busy
    for counts, words in (
        (wanted.counts, "counts equal"),
        (wanted.counts + (np.arange(64) < 2), "6 of 192 counts differ"),
    ):
        row, ratio = competitors._against_event_engine("abacus", (2.4, counts), (network, weights, rasters), 1)
        assert "abacus" in row[0]
        assert row[1] == pytest.approx(2.4e6 / 3 / 80)
        assert words in ratio[0]
        assert ratio[1] > 0


def test_table(tmp_path):
    program = [sys.executable, str(ROOT / "benchmarks" / "bench.py"), "--only", "rasters"]
    done = run(program, answers="", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    table = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert len({len(line) for line in table}) == 1, "columns are in line"
    header, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    assert header == ["what", "measured", "unit", "at most"]
    assert [row[0] for row in rows] == ["drawing rasters, 250 samples"]
    assert float(rows[0][1]) > 0
    assert "peak memory" in done.stdout


@pytest.mark.parametrize("all_inputs", [True, False], ids=["initialisation", "presentation"])
def test_visits_to_synapses(busy, all_inputs):
    """Against a plain count, one synapse and one sample after the other."""
    network, _, _, wanted = busy
    spikes = wanted.spikes.copy()
    spikes[1, :, network.n_liquid + 5 :] = False  # inputs without spikes
    per_sample = spikes.sum(axis=1)
    visits = 0
    for of_sample in per_sample:
        for pre, post in zip(network.pre, network.post, strict=True):
            visits += of_sample[pre]
            if all_inputs or pre < network.n_liquid or of_sample[pre]:
                visits += of_sample[post]
    liquid, inputs, found = scaling._work(network, spikes, all_inputs)
    assert found == pytest.approx(visits / 240)
    assert liquid == pytest.approx(wanted.counts.sum() / 240)
    assert inputs == pytest.approx(per_sample[:, network.n_liquid :].sum() / 240)


def test_fits_of_scaling():
    """Times made of known laws give these laws back."""

    def activity(visits, micros):
        return scaling.Activity(30, 20, visits, micros, micros / 2)

    first = [activity(1000 * factor, 2 + 3 * factor) for factor in scaling.RATE_FACTORS]
    sizes = [
        scaling.Size(n, 1, weight, (1, 1), activity(n, n**1.5), [activity(n, 5 * (n / 1000) ** 0.5)], 1)
        for n, weight in ((1000, 0.015), (2000, 0.015), (4000, 0.015), (4000, 0.5))
    ]
    sizes[0].presentations = first
    found = scaling.fits(sizes)
    assert found["initialisation"] == pytest.approx(1.5)
    assert found["presentation"] == pytest.approx(0.5)
    assert found["fixed"] == pytest.approx(2)
    assert found["per_visit"] == pytest.approx(3)


@pytest.mark.parametrize(("program", "flag"), [("scaling.py", "--plot"), ("scale_out.py", "--doc")])
def test_programs_tell_how_to_be_used(program, flag):
    done = run([sys.executable, str(ROOT / "benchmarks" / program), "--help"], answers="")
    assert done.returncode == 0, done.stderr
    assert flag in done.stdout


def test_limits_of_a_cluster():
    """Known times and bytes give known numbers of workers; a larger network follows its synapses."""
    task = scale_out.Task(1000, 250, compute=2.0, submit=0.01, write=0.03, sent=1e6, back=3e6)
    limits = scale_out.most_workers(task, scheduler_seconds=0.001, bytes_per_second=1e8)
    assert limits == pytest.approx({"program": 50, "scheduler": 2000, "link": 50, "batches": 70})
    network = Network.generate((4, 4, 4), 60, seed=3)
    same, visits = scale_out.extrapolated(task, (30, 20, 4000), network, network, 250)
    assert visits == pytest.approx(4000)
    assert (same.compute, same.back, same.neurons) == (pytest.approx(2.0), pytest.approx(3e6 * 0.064), 64)


def test_tables_go_into_a_document(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{scale_out.BEGIN}\nold\n{scale_out.END}\nafter\n")
    scale_out.put_into(page, "new")
    assert page.read_text() == f"before\n{scale_out.BEGIN}\nnew\n{scale_out.END}\nafter\n"
    assert (ROOT / "docs" / "scaling.md").read_text().count(scale_out.BEGIN) == 1
