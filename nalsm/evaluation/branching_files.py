"""Branching factors of the spikes that a run recorded: a file <name>.spikes.bf beside each <name>.spikes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nalsm.evaluation.branching import mean_of_known, neuron_branching_factors, sample_means
from nalsm.network import Network, network_path
from nalsm.runs.folder import SPLITS
from nalsm.support.errors import UserError


@dataclass(frozen=True)
class RecordedBatch:
    """A batch whose spikes are kept: of which split, and where they and their branching factors are."""

    split: str
    spikes: Path
    factors: Path


def recorded_batches(folder):
    """Return the RecordedBatches that an open run has, or will have; raises UserError where those are none."""
    from nalsm.runs.training import recorded_samples

    identity = folder.identity
    batches = [
        RecordedBatch(split, folder.spikes(split, number), folder.branching_factors(split, number))
        for split in SPLITS
        for number in range(identity[f"{split}_samples"] // identity["batch_size"])
        if recorded_samples(number, identity["batch_size"])
    ]
    if not batches:
        raise UserError(
            f"VERSION: the run in {folder.path} keeps no spikes: they are kept of one batch in 10,000 samples of a "
            "split, and it has fewer in each"
        )
    return batches


def load_network(folder, networks_dir):
    """Return the Network of an open run; raises UserError where it is not there, or is another by now."""
    number = folder.identity["network_number"]
    path = network_path(networks_dir, number)
    if not path.is_file():
        raise UserError(f"--networks-dir: there is no {path}, the network of version {folder.version}")
    network = Network.load(path)
    if network.fingerprint != folder.identity["network_sha256"]:
        raise UserError(f"--networks-dir: {path} is not the network that version {folder.version} was trained with")
    return network


def compute(folder, network, batch):
    """Write the branching factors of a batch, from its spikes.

    The file holds per_neuron float64 [samples, R], per_sample float64 [samples] and branching_factor,
    their mean; labels and ids of the samples. Raises FileNotFoundError and DamagedFile as reading does.
    """
    arrays, _ = folder.read(batch.spikes)
    labels = arrays["scalar_labels_in_batch_arr"]
    sample, ms, neuron = arrays["spike_rec_per_batch"].T
    liquid = neuron < network.n_liquid
    spikes = np.zeros((len(labels), folder.identity["sample_ms"], network.n_liquid), bool)
    spikes[sample[liquid], ms[liquid], neuron[liquid]] = True
    per_neuron = neuron_branching_factors(network, spikes)
    per_sample = sample_means(per_neuron)
    results = {
        "per_neuron": per_neuron,
        "per_sample": per_sample,
        "branching_factor": np.float64(mean_of_known(per_sample)),
        "scalar_labels_in_batch_arr": labels,
        "sample_ids": arrays["sample_ids"],
    }
    folder.write(batch.factors, results)


def read(folder, batch):
    """Return the branching factor of each sample of a batch (float64 [samples]), or None where not computed."""
    try:
        return folder.read(batch.factors)[0]["per_sample"]
    except FileNotFoundError:
        return None
