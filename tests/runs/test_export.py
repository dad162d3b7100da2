"""A run as the arrays of the authors' program: their names and shapes, read as their notebooks read them."""

import numpy as np
import pytest
from made_runs import TEST, VALID, made_network, made_run

from nalsm.evaluation import neuron_branching_factors
from nalsm.programs.export import export
from nalsm.programs.runs import main
from nalsm.runs.export import export_run
from nalsm.runs.noise_folder import open_noise
from nalsm.runs.record import open_record
from nalsm.runs.trained_run import load_run
from nalsm.storage.npz import Rows, write_npz
from nalsm.support.errors import UserError


def exported(place, target="out", version=7, **identity):
    """Make a finished run, export it, return what reads an exported file."""
    made_run(place, version, **identity)
    run = load_run(version, place / "train_data", place / "networks")
    export_run(run, place / target, quiet=True)
    return run, lambda name: dict(np.load(place / target / f"{name}.npz", allow_pickle=False))


def test_counts_and_lists_of_files(tmp_path):
    """Accuracy of the first cycle with the best validation accuracy, and counts through the lists of files."""
    run, read = exported(tmp_path)
    files = read("FILE_L_VAL_ACC_L.files")
    best = np.argmax(files["ACUM_VAL_ACC_l"])
    assert (best, files["ACUM_TST_ACC_l"][best]) == (np.argmax(VALID), np.float32(TEST[3]))
    assert list(files["tst_s_agg_files_l"]) == ["TEST_7_S_AGG_BATCH_0.datasagg", "TEST_7_S_AGG_BATCH_1.datasagg"]
    assert list(files["ACUM_TRAIN_S_AGG_FILES_l"])[1] == "TRAIN_S_AGG_7_BATCH_1.datasagg"
    assert list(files["tst_spike_files_l"]) == ["TEST_7_SPIKES_BATCH_1.spikes"]
    assert files["rnd_sd"] == files["rnd_sd_TF"] == 5
    counted = [read(name) for name in files["tst_s_agg_files_l"]]
    np.testing.assert_array_equal(np.concatenate([c["olc_S_AGG_RES"] for c in counted]), run.counts["test"])
    targets = counted[1]["target_output_for_linear_layer_labels_in_batch_arr"]
    assert (targets.shape, set(targets.ravel())) == ((20, 10), {1, -1})
    np.testing.assert_array_equal(targets.argmax(axis=1), counted[1]["scalar_labels_in_batch_arr"])
    assert counted[1]["ITER"] == 1
    for array in (files["ACUM_VAL_ACC_l"], counted[0]["olc_S_AGG_RES"], targets):
        assert array.dtype == np.float32


def test_weights_lie_along_the_ones_of_the_mask(tmp_path):
    """W_INI has one row; its numbers are in the order in which the mask [post, pre] has its ones."""
    run, read = exported(tmp_path)
    network, wanted = read("Network_1"), made_network()
    post, pre = np.where(network["W_mask"] == 1)
    np.testing.assert_array_equal(post, wanted.post)
    np.testing.assert_array_equal(pre, wanted.pre)
    np.testing.assert_array_equal(network["W"][post, pre], wanted.sign)
    weights = read("W_INI.wdata")["W_INI"]
    assert (weights.shape, weights.dtype) == ((1, wanted.n_synapses), np.float32)
    np.testing.assert_array_equal(weights[0], run.weights)
    ranges = dict(network["neuron_ranges"])
    assert {name: list(ranges[name]) for name in ranges} == {
        "res_range": [0, 1000], "res_exc_range": [0, 800], "res_inh_range": [800, 1000], "inp_range": [1000, 1784],
        "out_range": [1784, 1785],
    }  # fmt: skip
    assert network["W_mask"].shape == (1785, 1785)
    assert network["coordinates"].shape == (3, 1000)


def test_spikes_and_branching_factors(tmp_path):
    run, _ = exported(tmp_path, "first")
    recorded, folder = run.spikes["test"], run.record.folder
    factors = neuron_branching_factors(run.network, recorded.spikes)
    folder.write(folder.branching_factors("test", 1), {"per_neuron": factors})
    export_run(run, tmp_path / "out", quiet=True)
    spikes = np.load(tmp_path / "out" / "TEST_7_SPIKES_BATCH_1.spikes.npz")
    np.testing.assert_array_equal(spikes["spike_rec_per_batch"], np.argwhere(recorded.spikes))
    assert list(spikes["scalar_labels_in_batch_for_spike_data_l"]) == [3, 8]
    assert spikes["ITER"] == 1
    all_data = np.load(tmp_path / "out" / "TEST_7_SPIKES_BATCH_1.bf.npz")["all_data"]
    np.testing.assert_array_equal(all_data[..., 5], factors.astype(np.float32))
    assert list(all_data[1, :3, 0]) == [0, 1, 2]


def test_readouts_are_at_their_cycles(tmp_path):
    """The best, the last and every second one; NaN in between, so that a cycle keeps its place."""
    run, _ = exported(tmp_path, "first")
    folder, shape = run.record.folder, (6, 1000, 10)
    weights = np.arange(6, dtype=np.float32)[:, None, None] + np.ones(shape, np.float32)
    folder.write(folder.readout_weights, {
        "W_best": weights[3], "b_best": weights[3, 0], "cycle_best": 4, "W_last": weights[5], "b_last": weights[5, 0],
        "cycles_kept": [2, 4, 6], "W_kept": weights[1::2], "b_kept": weights[1::2, 0],
    })  # fmt: skip
    export_run(run, tmp_path / "out", quiet=True)
    found = np.load(tmp_path / "out" / "W_b_by_ITER.evaldata.npz")
    assert found["ACUM_VAL_W1_l"].shape == shape and found["ACUM_VAL_b1_l"].shape == (6, 10)
    assert [cycle[0, 0] for cycle in found["ACUM_VAL_W1_l"][1::2]] == [2, 4, 6]
    assert np.isnan(found["ACUM_VAL_W1_l"][::2]).all()
    np.testing.assert_array_equal(found["ACUM_VAL_b1_l"][3], weights[3, 0])


@pytest.mark.parametrize(
    ("model", "own"),
    [
        ("NALSM", {"ASTRO_W_SCALING_IN": 0.015}), ("LSM", {"INTIAL_ABS_W_SCLR_IN": 1.1}), ("LSM+STDP", {}),
        ("LSM+AP-STDP", {"INTIAL_ABS_W_SCLR_IN": 1, "STDP_LTP_RANGE_IN": [37, 60], "STDP_LTD_RANGE_IN": [14, 37]}),
    ],
)  # fmt: skip
def test_parameters_of_each_model(tmp_path, model, own):
    _, read = exported(tmp_path, model=model)
    found = read("VER_7_params.params")
    for name, value in {**own, "NET_NUM_IN": 1, "N1_BATCH_SIZE_IN": 20, "N1_SAMPLE_INPUT_DURATION_MS_IN": 100}.items():
        np.testing.assert_array_equal(found[name], np.array(value, found[name].dtype))
    assert list(found["N1_NUM_TRAIN_VAL_TEST_L_IN"]) == [40, 20, 40]
    assert ("N_INI_SAMPLE_INPUT_DURATION_MS_IN" in found) == (model != "LSM")
    assert ("ASTRO_W_SCALING_IN" in found) == (model == "NALSM")
    assert found["STDP_POTENTIATION_LR_IN"] == np.float32(0.15) and list(found["W_RES_INH_MIN_MAX_IN"]) == [-3, 0]


def test_constants_that_were_set(tmp_path):
    _, read = exported(tmp_path, constants={"potentiation_rate": 0.25, "weight_bound": 2.0, "input_pulse": 50.0})
    found = read("VER_7_params.params")
    assert (found["STDP_POTENTIATION_LR_IN"], found["INPUT_CURRENT_IN"]) == (0.25, 50)
    assert list(found["W_RES_INP_MIN_MAX_IN"]) == [-2, 2]


def test_noisy_counts(tmp_path):
    run, _ = exported(tmp_path, "first")
    noisy = open_noise(run.record)
    noisy.start({"run": run.record.folder.run_hash, "batch_size": 20, "test_samples": 40, "seed": 9}, {})
    for batch in range(2):
        arrays, _ = run.record.folder.read(run.record.folder.counts("test", batch))
        noisy.write(noisy.counts("test", batch), {**arrays, "olc_S_AGG_RES": arrays["olc_S_AGG_RES"] + 1})
    export_run(load_run(7, tmp_path / "train_data", tmp_path / "networks"), tmp_path / "out", quiet=True)
    files = np.load(tmp_path / "out" / "NOISE_125_FILE_L_VAL_ACC_L.files.npz")
    assert list(files["tst_s_agg_files_l"]) == [f"NOISE_125_TEST_7_S_AGG_BATCH_{k}.datasagg" for k in range(2)]
    assert files["rnd_sd"] == 9
    counts = np.load(tmp_path / "out" / f"{files['tst_s_agg_files_l'][1]}.npz")["olc_S_AGG_RES"]
    np.testing.assert_array_equal(counts, run.counts["test"][20:] + 1)


def test_missing_spikes_are_named(tmp_path, capsys):
    """A run of this size records the spikes of each of its five batches; the made one has those of one."""
    run, _ = exported(tmp_path, "first")
    assert not capsys.readouterr().out
    export_run(run, tmp_path / "out")
    assert f"left out: recorded spikes of 4 batches, whose files are not in {run.record.folder.path}" in (
        capsys.readouterr().out
    )


def test_what_cannot_be_exported(tmp_path):
    made_run(tmp_path, 7, "training")
    made_run(tmp_path, 8)
    target = tmp_path / "out"
    folders = [f"--output-dir={tmp_path / 'train_data'}", f"--networks-dir={tmp_path / 'networks'}"]

    def refused(version, *words):
        with pytest.raises(UserError) as caught:
            export.main([str(version), str(target), *folders], standalone_mode=False)
        assert all(word in str(caught.value) for word in words)

    refused(7, "VERSION", "version 7", "unfinished", "NALSM_RUN_MAIN_SIM_MNIST.py")
    assert not target.exists()
    target.mkdir()
    (target / "mine").touch()
    refused(8, "FOLDER", str(target), "empty")
    (target / "mine").unlink()
    folder = open_record(tmp_path / "train_data", 8).folder
    folder.counts("test", 1).unlink()
    refused(8, "TEST_8_S_AGG_BATCH_1.datasagg is missing")
    with pytest.raises(UserError, match=r"version 7, .* is unfinished"):  # the folder is also named before the command
        main.main([folders[0], "export", "7", str(target)], standalone_mode=False)


def test_arrays_given_by_rows(tmp_path):
    rows = np.arange(12, dtype=np.float32).reshape(3, 4)
    write_npz(tmp_path / "a.npz", {"rows": Rows((3, 4), iter(rows)), "whole": rows, "text": ["a", "bc"]})
    found = np.load(tmp_path / "a.npz", allow_pickle=False)
    np.testing.assert_array_equal(found["rows"], rows)
    np.testing.assert_array_equal(found["whole"], rows)
    assert list(found["text"]) == ["a", "bc"]
    with pytest.raises(ValueError, match="pickle"):
        write_npz(tmp_path / "b.npz", {"objects": np.array([{}], object)})
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
