"""The branching factor: how many spikes follow a spike, for each that came before it.

For a neuron that spikes at time t (ms), with `before` the spikes of its pre-synaptic neurons in
[t - 4, t) and `after` those of its post-synaptic neurons in [t + 1, t + 5),

    factor = after / max(before, 1)

Only liquid neurons and their synapses with each other count. The factor is averaged over the spikes of
the neuron, then over the neurons of the sample, then over samples. Near 1 activity neither dies out nor
grows: the edge of chaos. The first and the last 25 ms of a sample are left out.

Beside each file <name>.spikes of a run, <name>.spikes.bf keeps the factors of its samples.

Source: Ivanov and Michmizos, NeurIPS 2021.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nalsm.datasets import DataSource
from nalsm.evaluation.measure import Measure
from nalsm.evaluation.paper import Published, published_branching
from nalsm.models import Knobs
from nalsm.network import Network
from nalsm.runs.names import LABELS, SAMPLE_IDS, SPLITS
from nalsm.runs.record import RunRecord
from nalsm.runs.recording import RecordingConstants, recorded_samples, recording_of
from nalsm.support.constants import Constants, as_text, chosen, constant, constants_of, differing
from nalsm.support.errors import DamagedFile, UserError


@dataclass(frozen=True)
class BranchingConstants(Constants):
    """The constants of the measure, with their published values. Raises ValueError for values outside their ranges."""

    heading = "branching factor"
    branching_window_ms: int = constant(4, "window before and after a spike", 1, 1000, unit="ms", whole=True)
    branching_margin_ms: int = constant(
        25, "what is left out at either end of a sample", 0, 10_000, unit="ms", whole=True
    )


PUBLISHED = BranchingConstants()


def branching_factor(net: Network, spikes: np.ndarray, constants: BranchingConstants = PUBLISHED) -> float:
    """Return the mean of `branching_factors` over the samples that have one; NaN if none has."""
    return mean_of_known(branching_factors(net, spikes, constants))


def branching_factors(net: Network, spikes: np.ndarray, constants: BranchingConstants = PUBLISHED) -> np.ndarray:
    """Return the branching factor of each sample: float64 [samples].

    It is the mean over the neurons that have a factor, NaN if none has. Arguments and errors are those of
    `neuron_branching_factors`.
    """
    return sample_means(neuron_branching_factors(net, spikes, constants))


def sample_means(of_neurons: np.ndarray) -> np.ndarray:
    """Return the mean over the neurons that have a factor, for each sample: float64 [samples]."""
    return np.array([mean_of_known(factors) for factors in of_neurons], np.float64)


def neuron_branching_factors(net: Network, spikes: np.ndarray, constants: BranchingConstants = PUBLISHED) -> np.ndarray:
    """Return the branching factor of each neuron in each sample: float64 [samples, n_liquid].

    spikes : bool [samples, steps, at least n_liquid], liquid neurons first, 1 ms a step
    A neuron has NaN if it does not spike at 29 <= t < steps - 29, the times whose windows are both inside
    the borders; other constants have other times. Raises ValueError if spikes have another shape.
    """
    spikes = np.asarray(spikes)
    if spikes.ndim != 3 or spikes.shape[2] < net.n_liquid:
        raise ValueError(f"spikes have the shape {spikes.shape}, expected [samples, steps, {net.n_liquid} or more]")
    inward = _connections(net)
    outward = inward.T.tocsr()
    liquid = spikes[:, :, : net.n_liquid]
    factors = [_factors_of_sample(inward, outward, sample != 0, constants) for sample in liquid]
    return np.array(factors, np.float64).reshape(len(spikes), net.n_liquid)


def _connections(net):
    """Return a sparse float64 [R, R]: 1 if the liquid neuron of the row has a synapse from that of the column."""
    from scipy.sparse import csr_matrix

    liquid = ~net.is_input
    ones = np.ones(np.count_nonzero(liquid))
    return csr_matrix((ones, (net.post[liquid], net.pre[liquid])), shape=(net.n_liquid, net.n_liquid))


def _factors_of_sample(inward, outward, spikes, constants):
    """Return the factor of each neuron, from the spikes of one sample (bool [T, R]): float64 [R]."""
    steps, n_liquid = spikes.shape
    window = constants.branching_window_ms
    border = constants.branching_margin_ms + window
    first, end = border, steps - border
    if end <= first:
        return np.full(n_liquid, np.nan)
    total = np.zeros((steps + 1, n_liquid))  # spikes before each ms
    np.cumsum(spikes, axis=0, out=total[1:])
    times = np.arange(first, end)
    before = inward @ (total[times] - total[times - window]).T  # [R, end - first]
    after = outward @ (total[times + 1 + window] - total[times + 1]).T
    spiked = spikes[first:end].T
    n_spikes = spiked.sum(axis=1)
    sums = np.where(spiked, after / np.maximum(before, 1), 0).sum(axis=1)
    return np.where(n_spikes > 0, sums / np.maximum(n_spikes, 1), np.nan)


def mean_of_known(values: np.ndarray) -> float:
    """Return the mean of the values that are not NaN; NaN if all are."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


# ---- recorded spikes of a run ---------------------------------------------------------------------


@dataclass(frozen=True)
class RecordedBatch:
    """A batch whose spikes a run keeps: its split and number, the files of its spikes and of its branching factors."""

    split: str
    number: int
    spikes: Path
    factors: Path


def recorded_batches(run: RunRecord, constants: BranchingConstants | None = None) -> list[RecordedBatch]:
    """Return the batches whose spikes a run keeps or will keep.

    Raises UserError if it keeps none, or if its presentations are too short for the windows of given constants.
    """
    reason = _too_short(run.identity["sample_ms"], constants) if constants else ""
    if reason:
        raise UserError(f"VERSION: the run in {run.folder.path} has no branching factor: {reason}")
    folder, recording = run.folder, run.recording
    batches = kept = [
        RecordedBatch(split, number, folder.spikes(split, number), folder.branching_factors(split, number))
        for split in SPLITS
        for number in range(run.sizes[split] // run.batch_size)
        if recorded_samples(number, run.batch_size, recording)
    ]
    if run.is_finished:  # runs of earlier versions kept the spikes of large splits only
        always = chosen(RecordingConstants, run.constants)
        batches = [
            batch
            for batch in batches
            if recorded_samples(batch.number, run.batch_size, always) or batch.spikes.exists()
        ]
    if not batches:
        reason = (
            "an earlier version trained it, which kept those of one batch in 10,000 samples of a split only"
            if kept
            else "its recorded_every and recorded_samples leave none"
        )
        raise UserError(f"VERSION: the run in {folder.path} keeps no spikes: {reason}")
    return batches


def _too_short(sample_ms: int, constants: BranchingConstants) -> str:
    """Return why no spike of a presentation can have its windows, "" if one can."""
    shortest = 2 * (constants.branching_margin_ms + constants.branching_window_ms) + 1
    if sample_ms >= shortest:
        return ""
    return f"a presentation of {sample_ms} ms is too short for it: it takes {shortest} ms or more"


def compute(run: RunRecord, network: Network, batch: RecordedBatch, constants: BranchingConstants = PUBLISHED) -> None:
    """Write the branching factors of a batch, computed from its spikes.

    The file has per_neuron float64 [samples, R], per_sample float64 [samples], branching_factor (the mean of
    per_sample), and labels and ids of the samples; its attributes include constants that are not the published ones.
    Raises FileNotFoundError and DamagedFile as `RunFolder.read`.
    """
    recorded = run.read_recorded(batch.split, batch.number, network.n_neurons)
    per_neuron = neuron_branching_factors(network, recorded.spikes, constants)
    per_sample = sample_means(per_neuron)
    results = {
        "per_neuron": per_neuron,
        "per_sample": per_sample,
        "branching_factor": np.float64(mean_of_known(per_sample)),
        LABELS: recorded.labels,
        SAMPLE_IDS: recorded.sample_ids,
    }
    run.folder.write(batch.factors, results, differing(constants))


class Kept(NamedTuple):
    """Branching factors of the samples of a batch (float64 [samples]), and the constants that were not published."""

    factors: np.ndarray
    constants: dict[str, Any]


def kept_factors(run: RunRecord, split: str, number: int) -> Kept | None:
    """Return what `compute` wrote for a batch, or None if there is nothing. Raises DamagedFile."""
    try:
        arrays, attributes = run.folder.read(run.folder.branching_factors(split, number), only="per_sample")
    except FileNotFoundError:
        return None
    constants = {name: attributes[name] for name, _ in constants_of(BranchingConstants) if name in attributes}
    return Kept(arrays["per_sample"], constants)


def factors_of(run: RunRecord, split: str, number: int, constants: BranchingConstants = PUBLISHED) -> np.ndarray | None:
    """Return the branching factor of each sample of a batch (float64 [samples]).

    None if they are not computed, or with other constants. Raises DamagedFile.
    """
    kept = kept_factors(run, split, number)
    return kept.factors if kept and kept.constants == differing(constants) else None


def _read(run: RunRecord) -> dict | None:
    try:
        found = [kept_factors(run, batch.split, batch.number) for batch in recorded_batches(run)]
    except (UserError, DamagedFile):
        return None
    known = [kept for kept in found if kept is not None]
    if len(known) < len(found) or any(kept.constants != known[0].constants for kept in known):
        return None
    factors = np.concatenate([kept.factors for kept in known])
    samples = int(np.count_nonzero(~np.isnan(factors)))
    return {"mean": round(mean_of_known(factors), 6), "samples": samples, **known[0].constants}


def _text(values: Mapping[str, Any]) -> str:
    others = as_text({name: values[name] for name in vars(PUBLISHED) if name in values})
    return f"{values['mean']:.3f} ({values['samples']} samples{''.join(f', {text}' for text in others)})"


def _published(model: str, dataset: str, n_liquid: int, knobs: Knobs | None = None) -> dict[str, Published]:
    figure = published_branching(model, dataset, n_liquid, knobs)
    return {"mean": figure} if figure else {}


def _impossible(settings: Mapping[str, Any], source: DataSource) -> str:
    values = settings.get("constants") or {}
    reason = _too_short(settings["sample_ms"], chosen(BranchingConstants, values))
    if reason:
        return reason
    sizes = [settings[f"{split}_samples"] for split in SPLITS]
    constants = recording_of(sizes, values)
    batches = range(max(sizes) // settings["batch_size"])
    if not any(recorded_samples(number, settings["batch_size"], constants) for number in batches):
        return "a run with these settings keeps no spikes (see recorded_every and recorded_samples of --constants)"
    return ""


MEASURE = Measure(
    name="branching_factor",
    title="branching factor",
    formula="mean of spikes after / max(spikes before, 1), within 4 ms of each spike of a neuron",
    files=lambda run: [batch.factors for batch in recorded_batches(run)],
    read=_read,
    published=_published,
    text=_text,
    parameters=vars(PUBLISHED),
    picture="branching",
    impossible=_impossible,
    column="BRANCHING",
    cell=lambda values: f"{values['mean']:.3f}",
)
