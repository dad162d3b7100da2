"""The run that is looked at: where it lies, which program made it."""

from nalsm.datasets import is_known, program_name, source_of
from nalsm.models import MODELS
from nalsm.runs.folder import SPLITS, RunFolder
from nalsm.runs.settings import chosen_folder
from nalsm.support.errors import DamagedFile

_MOST_SAMPLES = 10**6  # far above any data set's
# Settings that reports and measures compute with.
WHOLE_NUMBERS = (
    "network_number", "seed", "batch_size", "train_samples", "valid_samples", "test_samples", "init_samples", "init_ms",
    "sample_ms", "cycles",
)  # fmt: skip


def open_run(root, answers, version):
    """Return the RunFolder of a version, its identity read.

    Raises UserError where there is no run, DamagedFile where the parameters are not those of one.
    """
    folder = RunFolder(chosen_folder(answers, "output_dir", root), version)
    folder.remedy = "choose another VERSION, or train it anew with --overwrite"
    folder.open()
    if not is_identity(folder.identity):
        raise DamagedFile(f"{folder.parameters_json} holds other parameters than those of a run; {folder.remedy}")
    return folder


def is_identity(identity):
    """Tell whether a dict from a parameter file has what the measures compute with, of the right kinds."""
    numbers = [identity.get(name) for name in WHOLE_NUMBERS]
    return (
        all(type(number) is int and 0 <= number < 2**63 for number in numbers)
        and all(identity[f"{split}_samples"] <= _MOST_SAMPLES for split in SPLITS)
        and identity["batch_size"] > 0
        and identity.get("model") in tuple(MODELS)
        and is_known(identity.get("dataset"))
        and isinstance(identity.get("network_sha256"), str)
        and isinstance(identity.get("dataset_sha256"), str)
    )


def title(folder):
    """Return what an open run is, in words."""
    return f"version {folder.version}, {folder.identity['model']} on {folder.identity['dataset']}"


def is_on(folder, dataset):
    """Tell whether an open run is on this data set, or on simulated recordings in its format."""
    return source_of(folder.identity["dataset"]).name == dataset


def runner(folder, noise=False):
    """Return the name of the program that trains such a run, or presents its noisy test set."""
    return program_name(folder.identity["model"], folder.identity["dataset"], noise)


def counts_of(folder, paths):
    """Return (counts [n, R], labels [n]) of count files of an open run, in order.

    Raises FileNotFoundError, and DamagedFile as `RunFolder.read` does.
    """
    import numpy as np

    arrays = [folder.read(path)[0] for path in paths]
    return (
        np.concatenate([a["olc_S_AGG_RES"] for a in arrays]),
        np.concatenate([a["scalar_labels_in_batch_arr"] for a in arrays]),
    )
