"""A run as the arrays of the authors' program, for notebooks that were written for it.

Each file of that program becomes <its name>.npz: its names and shapes, float32 (numbers of things: int64), nothing
pickled. The guide's table of files says what differs, and what is left out.

Source: the files that the programs of combra-lab/NALSM write (Ivanov and Michmizos, NeurIPS 2021).
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from nalsm.console.progress import progress, say
from nalsm.liquid.neuron import NeuronConstants
from nalsm.network import Network
from nalsm.optimiser import ReadoutConstants
from nalsm.runs.folder import RunFolder
from nalsm.runs.names import (
    ACCURACY_NAMES,
    BATCH,
    BEST_BIASES,
    BEST_WEIGHTS,
    COUNTS,
    KEPT_BIASES,
    KEPT_CYCLES,
    KEPT_WEIGHTS,
    LABELS,
    LAST_BIASES,
    LAST_WEIGHTS,
    SPIKES,
    SPLITS,
    WEIGHTS,
)
from nalsm.runs.noise_folder import NoiseFolder, open_noise
from nalsm.runs.record import RunRecord
from nalsm.runs.recording import recorded_samples
from nalsm.runs.trained_run import TrainedRun
from nalsm.storage.npz import Rows, write_npz
from nalsm.support.constants import chosen
from nalsm.support.errors import UserError

Arrays = dict[str, object]
Files = dict[str, Callable[[], Arrays]]  # what makes the arrays of a file, by the file's name

_LISTS = {"valid": "val_{}_files_l", "test": "tst_{}_files_l", "train": "ACUM_TRAIN_{}_FILES_l"}
_KNOBS = {"astrocyte_weight": "ASTRO_W_SCALING_IN", "initial_weight": "INTIAL_ABS_W_SCLR_IN"}


def export_run(run: TrainedRun, target: Path, quiet: bool = False) -> int:
    """Write a finished run into the folder `target`; return the number of files.

    Recorded spikes whose files are missing are left out; a line says so, unless `quiet` is set.
    Raises UserError if the run is unfinished, another file is missing, or the folder has contents, and DamagedFile.
    """
    if not run.record.is_finished:
        raise UserError(f"VERSION: {run.record.title} is unfinished; give {run.record.program} the same answers first")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"FOLDER: {target} is not an empty folder; name a new one")
    files = _files(run)
    target.mkdir(parents=True, exist_ok=True)
    with progress(len(files), "export", "files", quiet=quiet) as bar:
        for name, arrays in files.items():
            write_npz(target / f"{name}.npz", arrays())
            bar.update(1)
    if n_missing := _n_without_spikes(run.record):
        say(f"left out: recorded spikes of {n_missing} batches, whose files are not in {run.record.folder.path}", quiet)
    return len(files)


def _n_without_spikes(record: RunRecord) -> int:
    """Return the number of batches whose spikes the run records and that have no file of them."""
    return sum(
        bool(recorded_samples(batch, record.batch_size, record.recording))
        and not record.folder.spikes(split, batch).is_file()
        for split in SPLITS
        for batch in range(len(record.count_paths(split)))
    )


def _files(run: TrainedRun) -> Files:
    record, folder, network = run.record, run.record.folder, run.network
    n_classes = len(record.source.classes)
    files: Files = {
        f"Network_{record.network_number}": partial(_network, network),
        f"VER_{record.version}_params.params": partial(_parameters, record),
        folder.weights.name: lambda: {WEIGHTS: _read(record, folder, folder.weights)[WEIGHTS][None]},
    }
    spikes: dict[str, list[Path]] = {split: [] for split in SPLITS}
    for split in SPLITS:
        for batch, path in enumerate(record.count_paths(split)):
            files[path.name] = partial(_counts, record, folder, path, n_classes)
            recorded, factors = folder.spikes(split, batch), folder.branching_factors(split, batch)
            if recorded.is_file():
                spikes[split].append(recorded)
                files[recorded.name] = partial(_spikes, record, recorded, batch)
            if factors.is_file():
                files[f"{recorded.stem}.bf"] = partial(_factors, record, factors)
    files[folder.accuracies.name] = partial(_accuracies, record, spikes)
    files[folder.readout_weights.name] = partial(_readouts, run)
    noisy = open_noise(record) if record.source.noise else None
    if noisy and noisy.identity and noisy.is_finished():
        for path in noisy.all_counts():
            files[path.name] = partial(_counts, record, noisy, path, n_classes)
        files[f"{noisy.noise.file_tag}_{folder.accuracies.name}"] = partial(_noisy_lists, noisy)
    return files


def _read(record: RunRecord, folder: RunFolder, path: Path) -> dict[str, np.ndarray]:
    try:
        return folder.read(path)[0]
    except FileNotFoundError:
        raise UserError(f"VERSION: {path} is missing; give {record.program} the same answers to recompute it") from None


def _network(network: Network) -> Arrays:
    """Matrices [post, pre] of all neurons; the last one is the silent output neuron, which has no synapses here."""
    n, n_liquid, n_neurons = network.n_neurons + 1, network.n_liquid, network.n_neurons
    begins = np.searchsorted(network.post, np.arange(n + 1))  # synapses are sorted by post

    def matrix(values: np.ndarray) -> Rows:
        def rows() -> Iterator[np.ndarray]:
            for first, end in pairwise(begins):
                row = np.zeros(n, np.float32)
                row[network.pre[first:end]] = values[first:end]
                yield row

        return Rows((n, n), rows())

    ranges = [
        ("res_range", (0, n_liquid)), ("res_exc_range", (0, network.n_exc)),
        ("res_inh_range", (network.n_exc, n_liquid)), ("inp_range", (n_liquid, n_neurons)),
        ("out_range", (n_neurons, n)),
    ]  # fmt: skip
    return {
        "W_mask": matrix(np.ones(network.n_synapses)),
        "W": matrix(network.sign),
        "neuron_ranges": np.array(ranges, [("name", "U16"), ("range", np.int64, 2)]),  # dict() takes it as it is
        **({} if network.positions is None else {"coordinates": np.float32(network.positions).T}),
    }


def _parameters(record: RunRecord) -> Arrays:
    """The settings of the run and the constants that it was made with, by the names of the authors' program."""
    identity, knobs, sizes = record.identity, record.knobs, record.sizes
    rule, neuron = record.rule_constants, chosen(NeuronConstants, record.constants)
    readout = chosen(ReadoutConstants, record.constants)
    bound = rule.weight_bound
    found: Arrays = {
        "SAVE_VER_IN": record.version,
        "NET_NUM_IN": record.network_number,
        "N1_SAMPLE_INPUT_DURATION_MS_IN": identity["sample_ms"],
        "N1_BATCH_SIZE_IN": record.batch_size,
        "N1_NUM_TRAIN_VAL_TEST_L_IN": [sizes[split] for split in ("train", "valid", "test")],
        "NP_SEED_IN": record.seed,
        "TF_SEED_IN": record.seed,
        "W_RES_EXC_MIN_MAX_IN": np.array([0, bound], np.float32),
        "W_RES_INH_MIN_MAX_IN": np.array([-bound, 0], np.float32),
        "W_RES_INP_MIN_MAX_IN": np.array([-bound, bound], np.float32),
        "W_OUT_RES_MIN_MAX_IN": np.zeros(2, np.float32),
        "STDP_POTENTIATION_LR_IN": np.float32(rule.potentiation_rate),
        "N1_RES_LR_DECAY_IN": np.float32(rule.presentation_decay),
        "INPUT_CURRENT_IN": np.float32(neuron.input_pulse),
        "READOUT_LR_IN": np.float32(readout.readout_learning_rate),
        **{name: np.float32(knobs[knob]) for knob, name in _KNOBS.items() if knob in knobs},
    }
    if "batches_per_block" in record.details:
        found["N1_BATCHS_PER_BLOCK_IN"] = record.details["batches_per_block"]
    if "cycles" in identity:
        found["NUM_OF_TRAIN_CYLES_ON_DATASET_IN"] = identity["cycles"]
    if "astrocyte_weight" in knobs:
        found["ASTRO_TAU_IN"] = np.float32(rule.astrocyte_tau_ms)
    if record.model.initialisation:
        found["N_INI_BATCH_SIZE_IN"] = 1
        found["N_INI_RES_LR_DECAY_IN"] = np.float32(1)
        found["N_INI_SAMPLE_INPUT_DURATION_MS_IN"] = identity["init_ms"]
        found["N_INI_NUM_TRAIN_VAL_TEST_L_IN"] = [identity["init_samples"], 0, 0]
    if "threshold_hz" in knobs:
        threshold, width = knobs["threshold_hz"], knobs["range_hz"]
        found["STDP_LTP_RANGE_IN"] = np.array([threshold, threshold + width], np.float32)
        found["STDP_LTD_RANGE_IN"] = np.array([threshold - width, threshold], np.float32)
    return found


def _counts(record: RunRecord, folder: RunFolder, path: Path, n_classes: int) -> Arrays:
    arrays = _read(record, folder, path)
    labels = arrays[LABELS].astype(np.int64)
    targets = np.where(labels[:, None] == np.arange(n_classes), 1, -1)
    return {
        BATCH: np.int64(arrays[BATCH]),
        COUNTS: arrays[COUNTS].astype(np.float32),
        "target_output_for_linear_layer_labels_in_batch_arr": targets.astype(np.float32),
        LABELS: labels,
    }


def _spikes(record: RunRecord, path: Path, batch: int) -> Arrays:
    arrays = _read(record, record.folder, path)
    return {
        BATCH: batch,
        SPIKES: arrays[SPIKES].astype(np.int64),
        "scalar_labels_in_batch_for_spike_data_l": arrays[LABELS].astype(np.int64),
    }


def _factors(record: RunRecord, path: Path) -> Arrays:
    """all_data[sample][neuron] has the neuron's number at 0 and its mean factor at 5; 1 to 4 are not kept: NaN."""
    factors = _read(record, record.folder, path)["per_neuron"]
    found = np.full((*factors.shape, 6), np.nan, np.float32)
    found[..., 0] = np.arange(factors.shape[1])
    found[..., 5] = factors
    return {"all_data": found}


def _accuracies(record: RunRecord, spikes: dict[str, list[Path]]) -> Arrays:
    arrays = _read(record, record.folder, record.folder.accuracies)
    lists = {}
    for split, name in _LISTS.items():
        kinds = ("SPIKES", "S_AGG") if split == "train" else ("spike", "s_agg")
        for kind, paths in zip(kinds, (spikes[split], record.count_paths(split)), strict=True):
            lists[name.format(kind)] = np.array([path.name for path in paths], np.str_)
    return {
        **lists,
        **{name: arrays[name].astype(np.float32) for name in ACCURACY_NAMES.values()},
        **{name.replace("_l", "_FILES_l"): np.array([], np.str_) for name in ACCURACY_NAMES.values()},
        "rnd_sd": record.seed,
        "rnd_sd_TF": record.seed,
    }


def _noisy_lists(noisy: NoiseFolder) -> Arrays:
    seed = (noisy.identity or {})["seed"]
    names = np.array([path.name for path in noisy.all_counts()], np.str_)
    return {
        "tst_spike_files_l": np.array([], np.str_), "tst_s_agg_files_l": names, "rnd_sd": seed, "rnd_sd_TF": seed,
    }  # fmt: skip


def _readouts(run: TrainedRun) -> Arrays:
    """The readout after each cycle; NaN where the run did not keep it (--keep-weights-every)."""
    record, folder = run.record, run.record.folder
    arrays = _read(record, folder, folder.readout_weights)
    n_cycles = len(run.accuracies["valid"])
    kept = {run.best_cycle: (arrays[BEST_WEIGHTS], arrays[BEST_BIASES])}
    if LAST_WEIGHTS in arrays:
        kept[n_cycles] = arrays[LAST_WEIGHTS], arrays[LAST_BIASES]
    if KEPT_CYCLES in arrays:
        parts = arrays[KEPT_CYCLES].tolist(), arrays[KEPT_WEIGHTS], arrays[KEPT_BIASES]
        kept |= {cycle: (weights, biases) for cycle, weights, biases in zip(*parts, strict=True)}

    def of_cycles(part: int) -> Rows:
        nothing = np.full_like(kept[run.best_cycle][part], np.nan)
        rows = (kept[cycle][part] if cycle in kept else nothing for cycle in range(1, n_cycles + 1))
        return Rows((n_cycles, *nothing.shape), rows)

    return {"ACUM_VAL_W1_l": of_cycles(0), "ACUM_VAL_b1_l": of_cycles(1)}
