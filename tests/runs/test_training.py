"""The stages of a run from the inside: what is presented, recorded and trained on, and in which order."""

from types import SimpleNamespace

import numpy as np
import pytest
from whole_runs import complete, settings

from nalsm.network import Network
from nalsm.readout import Readout
from nalsm.runs import load_run
from nalsm.runs.initialisation import snapshot_samples
from nalsm.runs.names import SPLITS
from nalsm.runs.recording import recorded_samples
from nalsm.runs.training import TrainingRun
from nalsm.storage.files import read_arrays
from nalsm.support.errors import UserError
from nalsm.support.tuning import TUNING


def all_counts(run):
    """Counts by sample id."""
    counts = {}
    for split in SPLITS:
        for batch in range(run.settings.sizes.of_splits[split] // run.settings.sizes.batch_size):
            arrays, _ = read_arrays(run.folder.counts(split, batch))
            counts.update(zip(arrays["sample_ids"].tolist(), arrays["olc_S_AGG_RES"], strict=True))
    return counts


def test_counts_do_not_depend_on_the_batch_size(place):
    runs = [complete(place, version=size, batch_size=size, batches_per_block=1)[0] for size in (5, 25, 50)]
    counts = [all_counts(run) for run in runs]
    assert len(counts[0]) == 200
    for other in counts[1:]:
        assert counts[0].keys() == other.keys()
        assert all(np.array_equal(counts[0][key], other[key]) for key in other)


def test_a_data_set_without_validation_samples_is_refused(tmp_path):
    dataset = SimpleNamespace(name="MNIST", train=range(100), valid=[], test=range(50))
    with pytest.raises(UserError, match="--valid-samples: MNIST has none of them"):
        TrainingRun(settings(tmp_path))._require_enough(dataset)


def test_another_seed_is_another_run(place):
    (a, _), (b, _) = complete(place, version=1, seed=1), complete(place, version=2, seed=2)
    assert all_counts(a).keys() != all_counts(b).keys()  # other subsets
    assert not np.array_equal(*(read_arrays(r.folder.weights)[0]["W_INI"] for r in (a, b)))


def test_initialisation_changes_weights_within_bounds(place):
    run, _ = complete(place)
    arrays, attributes = read_arrays(run.folder.weights)
    weights, network = arrays["W_INI"], Network.load(place / "networks" / "Network_1.h5")
    assert "AstrocyteSTDP" in attributes["rule"]
    assert np.abs(weights - 3.0 * network.sign).max() > 0.1
    assert np.all(weights[~network.is_input] * network.sign[~network.is_input] >= 0)
    assert np.abs(weights).max() <= 3


def test_recorded_spikes_are_those_of_the_counts(place, monkeypatch):
    """.spikes files: the recorded samples' own labels, ids and spikes."""
    monkeypatch.setattr(TUNING, "recorded_samples", lambda batch, size: [0, 3, 24] if batch == 1 else [])
    run, _ = complete(place)
    assert not run.folder.spikes("test", 0).exists()
    for split in SPLITS:
        spikes, _ = read_arrays(run.folder.spikes(split, 1))
        counts, _ = read_arrays(run.folder.counts(split, 1))
        columns = spikes["spike_rec_per_batch"]
        assert list(spikes["sample_ids"]) == list(counts["sample_ids"][[0, 3, 24]])
        assert list(spikes["scalar_labels_in_batch_arr"]) == list(counts["scalar_labels_in_batch_arr"][[0, 3, 24]])
        raster = np.zeros((3, 60, 64 + 784), int)
        np.add.at(raster, tuple(columns.T), 1)
        assert raster.max() == 1
        assert np.array_equal(raster[:, :, :64].sum(axis=1), counts["olc_S_AGG_RES"][[0, 3, 24]])
        assert raster[:, :, 64:].sum() > 100


def test_recorded_samples():
    """Batches 39, 79, ... at 250; every batch at 10,000; 20 samples evenly over the batch, none twice."""
    assert [i for i in range(200) if recorded_samples(i, 250)] == [39, 79, 119, 159, 199]
    assert recorded_samples(39, 250) == [round(12.5 * n) for n in range(20)]
    assert recorded_samples(0, 20_000) == [1000 * n for n in range(20)]
    assert recorded_samples(9_999, 1) == [0]
    for size in range(1, 60):
        places = recorded_samples(10_000 // size - 1, size)
        assert len(set(places)) == len(places) <= 20
        assert max(places) < size


def test_snapshots_go_through_all_samples_in_random_orders():
    order = snapshot_samples(25, 10, seed=3)
    for part in (order[:10], order[10:20]):
        assert sorted(part) == list(range(10))
    assert list(order[:10]) != list(order[10:20])
    assert len(set(order[20:])) == 5
    assert list(snapshot_samples(12, 10, seed=3)) == list(order[:12])
    assert list(snapshot_samples(25, 10, seed=4)) != list(order)
    assert len(snapshot_samples(0, 10, seed=3)) == 0


def test_counts_beyond_the_memory_budget_are_streamed(place):
    """The same results, with nothing or a part of the counts kept in memory, and blocks of any size."""
    _, expected = complete(place, version=1)
    files = [read_arrays(place / "train_data" / "ver_1" / "W_b_by_ITER.evaldata")[0]]
    for version, budget, block in ((2, 0.0, 2), (3, 5e-6, 1), (4, 1.0, 4)):
        _, result = complete(place, version=version, batches_per_block=block, memory_budget=budget)
        assert result == expected
        files.append(read_arrays(place / "train_data" / f"ver_{version}" / "W_b_by_ITER.evaldata")[0])
    for other in files[1:]:
        assert np.array_equal(files[0]["W_last"], other["W_last"])
        assert np.array_equal(files[0]["W_best"], other["W_best"])


def test_readout_results_can_be_recomputed_from_the_files(place):
    """Accuracies, best cycle and weights of the result files, from the count files and a fresh readout."""
    from nalsm.readout import Readout

    run, result = complete(place, keep_weights_every=3)
    batches = {
        split: [read_arrays(run.folder.counts(split, i))[0] for i in range(run.settings.sizes.of_splits[split] // 25)]
        for split in SPLITS
    }
    readout, accuracies, weights = Readout(64), {split: [] for split in SPLITS}, []
    for _ in range(8):
        for batch in batches["train"]:
            readout.train_batch(batch["olc_S_AGG_RES"], batch["scalar_labels_in_batch_arr"])
        weights.append(readout.weights)
        for split in SPLITS:
            values = [readout.accuracy(b["olc_S_AGG_RES"], b["scalar_labels_in_batch_arr"]) for b in batches[split]]
            accuracies[split].append(np.mean(values))
    files, _ = read_arrays(run.folder.accuracies)
    assert files["ACUM_VAL_ACC_l"] == pytest.approx(accuracies["valid"])
    assert files["ACUM_TRAIN_ACC_l"] == pytest.approx(accuracies["train"])
    assert files["ACUM_TST_ACC_l"] == pytest.approx(accuracies["test"])
    best = int(np.argmax(accuracies["valid"]))
    assert (result.cycle, result.test) == (best + 1, pytest.approx(accuracies["test"][best]))
    kept, _ = read_arrays(run.folder.readout_weights)
    assert list(kept["cycles_kept"]) == [3, 6]
    assert np.array_equal(kept["W_kept"], [weights[2], weights[5]])
    assert np.array_equal(kept["W_best"], weights[best])
    assert np.array_equal(kept["W_last"], weights[7])
    assert kept["cycle_best"] == best + 1


def test_fit_of_a_readout_trains_as_a_run_does(place):
    run, result = complete(place)
    loaded = load_run(7, run.folder.path.parent, place / "networks")
    splits = {split: (loaded.counts[split], loaded.labels[split]) for split in SPLITS}
    fitted = Readout(64).fit(*splits["train"], batch_size=25, cycles=8, validation=splits["valid"])
    np.testing.assert_array_equal(fitted.weights, loaded.readout.weights)
    np.testing.assert_array_equal(fitted.biases, loaded.readout.biases)
    assert result.cycle == loaded.best_cycle


def test_checkpoint_left_behind_by_a_kill_goes_away(place):
    """A process killed between writing the weights and removing the checkpoint of the initialisation."""
    run, _ = complete(place)
    run.folder.accuracies.unlink()  # unfinished
    run.folder.initialisation_checkpoint.write_bytes(run.folder.weights.read_bytes())
    complete(place)
    assert not run.folder.initialisation_checkpoint.exists()
