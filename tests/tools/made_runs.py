"""Version folders as a run leaves them at each of its stages, made in a moment and with known contents."""

import json

import numpy as np

from nalsm.models import MODELS
from nalsm.network import Network, network_path
from nalsm.runs.folder import RunFolder
from nalsm.runs.names import ACCURACY_NAMES, SPLITS
from nalsm.runs.parameters import identity_hash
from nalsm.runs.record import RunRecord, open_record
from nalsm.storage.checksum import content_checksum

STAGES = ("started", "initialised", "counting", "training", "finished")
SIZES = {"train": 40, "valid": 20, "test": 40}
BATCH = 20
CYCLES = 6
VALID = [0.2, 0.5, 0.7, 0.8, 0.8, 0.75]  # best at cycle 4, the first of equals
TEST = [0.2, 0.4, 0.6, 0.9, 0.85, 0.8]
TRAIN = [0.25, 0.55, 0.75, 0.85, 0.9, 0.95]
MISTAKEN = (4, 9)  # class taken for another, in the first of its four test samples
STEPS = 100


def made_network(n_inputs=784, seed=1):
    """1000 liquid neurons on a grid, with few synapses."""
    random = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(10)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    pairs = random.choice(1000 * 1000, 3000, replace=False)
    pre, post = np.divmod(pairs[pairs // 1000 != pairs % 1000], 1000)
    pre, post = np.append(pre, 1000 + np.arange(500)), np.append(post, np.arange(500))
    sign = np.where((pre < 800) | (pre % 2 == 0) & (pre >= 1000), 1, -1)
    return Network(pre, post, sign, 800, 200, n_inputs, random.permutation(grid).astype(np.int16), (10, 10, 10), seed)


KNOBS = {
    "NALSM": {"astrocyte_weight": 0.015},
    "LSM+STDP": {},
    "LSM": {"initial_weight": 1.1},
    "LSM+AP-STDP": {"threshold_hz": 37.0, "range_hz": 23.0, "initial_weight": 1.0},
}
SESSION = {"started": "2026-01-01", "machine": "x, 2 cores", "threads": 2, "packages": {"nalsm": "0.1.0"}}


def made_run(place, version=7, stage="finished", network=None, details=None, written_in=3, **identity):
    """Make the folder of a run in place/train_data, and its network in place/networks; return the RunFolder.

    written_in : format of the parameter file; those of older formats are written as they were then
    """
    network = network or made_network()
    (place / "networks").mkdir(exist_ok=True)
    network.save(network_path(place / "networks", identity.get("network_number", 1)))
    folder = RunFolder(place / "train_data", version)
    folder.path.mkdir(parents=True)
    model = identity.get("model", "NALSM")
    initialised = not (model in MODELS and MODELS[model].initialisation is None)
    folder.identity = {
        "model": model, "dataset": "MNIST", "dataset_sha256": "0" * 64, "network_number": 1,
        "network_sha256": network.fingerprint, "seed": 5, "knobs": KNOBS.get(model, {}), "batch_size": BATCH,
        **{f"{split}_samples": size for split, size in SIZES.items()},
        **({"init_samples": 50, "init_ms": 20} if initialised else {}),
        "sample_ms": STEPS, "cycles": CYCLES, "keep_weights_every": 0, "engine": "event", **identity,
    }  # fmt: skip
    (folder.path / ".lock").touch()
    if written_in == 3:
        session = {**SESSION, **(details or {})}
        folder.start(folder.identity, {"version": version, "batches_per_block": 2}, session)
    else:
        _write_old_parameters(folder, written_in)
    for number, write in enumerate((_initialise, _count_some, _count_rest, _finish)):
        if number < STAGES.index(stage):
            write(folder, network)
    if stage == "training":
        folder.write(folder.readout_checkpoint, {**_accuracies(5), **_readout(network)})
    return folder


def made_record(*arguments, **identity) -> RunRecord:
    """The same as `made_run`, which says what the arguments are; return the RunRecord."""
    folder = made_run(*arguments, **identity)
    return open_record(folder.path.parent, folder.version)


def _write_old_parameters(folder, number):
    """Write the parameters as programs wrote them in format 1 or 2; the run's files carry the hash of that identity."""
    identity = {key: value for key, value in folder.identity.items() if key != "knobs"}
    identity |= {f"knob_{name}": value for name, value in folder.identity["knobs"].items()}
    identity = {"init_samples": 50, "init_ms": 20, **identity}  # of models without initialisation too
    contents = {"format": number, "identity": identity, "version": folder.version, "batches_per_block": 2, **SESSION}
    if number == 2:
        contents["sha256"] = content_checksum({}, contents)
    folder.parameters_json.write_text(json.dumps(contents, indent=1) + "\n")
    folder.run_hash = identity_hash(identity)


def _initialise(folder, network):
    weights = (network.sign * np.linspace(0, 3, network.n_synapses)).astype(np.float32)
    rule = "None" if folder.identity["model"] == "LSM" else "a rule"
    folder.write(folder.weights, {"W_INI": weights}, {"rule": rule, "absolute_weight": 3.0, "snapshots": 50})
    folder.add_costs("initialisation", 1.5, 3e8)


def _count_some(folder, network):
    _count(folder, network, "valid", 0)


def _count_rest(folder, network):
    for split in SPLITS:
        for batch in range(SIZES[split] // BATCH):
            _count(folder, network, split, batch)
    folder.add_costs("counting", 20, 6e8)
    random = np.random.default_rng(2)
    spikes = np.argwhere(random.random((2, STEPS, network.n_neurons)) < 0.03).astype(np.int32)
    arrays = {"spike_rec_per_batch": spikes, "scalar_labels_in_batch_arr": np.array([3, 8]), "sample_ids": [20, 21]}
    folder.write(folder.spikes("test", 1), arrays, {"ITER": 1})


def _count(folder, network, split, batch):
    """Neuron k spikes most for class k, so that the readout of `_readout` is right, but for one sample."""
    labels = np.arange(BATCH) % 10
    counts = np.full((BATCH, network.n_liquid), 2, np.uint16)
    strongest = labels.copy()
    if split == "test" and batch == 0:
        strongest[MISTAKEN[0]] = MISTAKEN[1]
    counts[np.arange(BATCH), strongest] = 30
    arrays = {"olc_S_AGG_RES": counts, "scalar_labels_in_batch_arr": labels.astype(np.uint8),
              "sample_ids": np.arange(BATCH), "ITER": np.int64(batch)}  # fmt: skip
    folder.write(folder.counts(split, batch), arrays)


def _accuracies(cycles):
    curves = {"valid": VALID, "test": TEST, "train": TRAIN}
    return {name: np.array(curves[split][:cycles]) for split, name in ACCURACY_NAMES.items()}


def _readout(network):
    weights = np.zeros((network.n_liquid, 10), np.float32)
    weights[np.arange(10), np.arange(10)] = 1
    return {"W_best": weights, "b_best": np.zeros(10, np.float32), "cycle_best": np.int64(4)}


def _finish(folder, network):
    folder.write(folder.readout_weights, _readout(network))
    folder.write(folder.accuracies, _accuracies(CYCLES))
    folder.add_costs("readout", 300.25, 5e8)
