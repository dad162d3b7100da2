"""The sections of a report: a picture each, and text that explains it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from matplotlib.figure import Figure

from nalsm.evaluation.paper import (
    FULL,
    SOURCE,
    published_accuracy,
    published_branching,
    published_runs,
    smaller_settings,
)
from nalsm.readout import CountBlock
from nalsm.report import pictures
from nalsm.report.settings_shown import TITLES
from nalsm.report.shown_run import ShownRun
from nalsm.runs.readouts import PUBLISHED, STRENGTHS, point
from nalsm.runs.record import Missing

Drawn = tuple[str, str, Figure]  # text, alternative text, picture


@dataclass(frozen=True)
class Section:
    """One part of the page.

    name : of its place on the page, and of the picture's file, without report_ and .svg
    figure : the picture; None if data for it are missing, and text then says why
    alt : what the picture shows, for those who cannot see it
    """

    name: str
    title: str
    text: str
    alt: str = ""
    figure: Figure | None = None


def sections(run: ShownRun) -> Iterator[Section]:
    """Yield the sections of a run's page, one at a time (a figure takes memory)."""
    for make, name, title in (
        (accuracy, "accuracy", "Accuracy while the readout trains"),
        (confusion, "confusion", "Confusion matrix"),
        (class_accuracy, f"{run.class_word}_accuracy", f"Accuracy by {run.class_word}"),
        (raster, "spikes", "Spikes of one sample"),
        (branching, "branching_factor", "Branching factor"),
        (weights, "weights", "Weights before and after initialisation"),
        (rates, "rates", "Activity on the liquid's grid"),
        (times, "times", "Time"),
    ):
        try:
            text, alt, figure = make(run)
        except Missing as reason:
            yield Section(name, title, f"Missing: {reason}.")
        else:
            yield Section(name, title, text, alt, figure)


def published_sentence(run: ShownRun) -> str:
    """Return what the paper has for the same model and data, and why the run may differ."""
    if run.record.is_simulated:
        return (
            "The recordings are simulated ones, not N-MNIST: there is no published figure, and published figures for "
            "N-MNIST must not be compared with this one."
        )
    if run.published is None:
        return f"There is no published figure for {run.cell} with this network size and these constants."
    text = (
        f"Published for {run.cell}: {run.published} % (mean and standard deviation "
        f"over {run.published.networks} networks of {run.n_liquid} neurons, {run.published.kind}; {SOURCE})."
    )
    smaller = [f"{TITLES[name]}: {run.identity[name]:,} ({FULL[name]:,})" for name in smaller_settings(run.identity)]
    if smaller:
        text += f" This run is smaller than the published ones, whose values are in brackets; {'; '.join(smaller)}."
    return text


def accuracy(run: ShownRun) -> Drawn:
    """Accuracy after each cycle, and the published figure."""
    accuracies, best = run.accuracies, run.best_cycle
    cycles = len(accuracies["valid"])
    valid, test, train = (100 * accuracies[split][best - 1] for split in ("valid", "test", "train"))
    if run.record.readout != PUBLISHED:
        return _ridge_accuracy(run, valid, test, train)
    so_far = "" if run.record.is_finished else f" of {run.identity['cycles']:,} (the run is not finished)"
    text = (
        f"Share of samples classified correctly after each of {cycles:,} cycles{so_far}. Validation is best at cycle "
        f"{best:,} ({valid:.2f} %, circles); the test accuracy there, {test:.2f} %, is the accuracy of the run "
        f"(training samples: {train:.2f} %). {published_sentence(run)}"
    )
    alt = f"Three curves of accuracy over {cycles} cycles; at cycle {best} validation {valid:.2f} %, test {test:.2f} %"
    return text, alt, pictures.accuracy(accuracies, run.published.mean if run.published else None)


def _ridge_accuracy(run: ShownRun, valid: float, test: float, train: float) -> Drawn:
    """The same for each strength of the ridge readout."""
    best = point(run.record.readout, run.best_cycle)
    text = (
        f"Share of samples classified correctly by the ridge readout for each of {len(STRENGTHS)} strengths of its "
        f"penalty. Validation is best at {best} ({valid:.2f} %, circles); the test "
        f"accuracy there is {test:.2f} % (training samples: {train:.2f} %). This is not the published readout: the "
        "figure must not be compared with published ones."
    )
    alt = f"Accuracies for {len(STRENGTHS)} strengths; at the best one validation {valid:.2f} %, test {test:.2f} %"
    return text, alt, pictures.ridge_accuracy(run.accuracies, STRENGTHS)


@lru_cache(maxsize=1)  # two pictures show it
def confusion_matrix(run: ShownRun) -> np.ndarray:
    """Return the confusion matrix of the test set at the best validation cycle: int [classes, classes].

    Rows are true classes, columns predicted ones.
    """
    counts, readout = run.counts["test"], run.readout
    batches = counts.reshape(-1, run.record.batch_size, counts.shape[1])  # as in training: they share a normalisation
    matrix = np.zeros((readout.n_classes, readout.n_classes), int)
    np.add.at(matrix, (run.labels["test"], readout.predict(CountBlock.pack(batches)).ravel()), 1)
    return matrix


def confusion(run: ShownRun) -> Drawn:
    """Confusion matrix of the test set."""
    matrix = confusion_matrix(run)
    word, total, right = run.class_word, int(matrix.sum()), int(np.trace(matrix))
    wrong = matrix - np.diag(np.diag(matrix))
    text = (
        f"The {total:,} test samples by true {word} (row) and {word} predicted by the readout of the best validation "
        f"cycle (column). {right:,} are on the diagonal: they are classified correctly."
    )
    if wrong.any():
        shown, chosen = np.unravel_index(int(wrong.argmax()), wrong.shape)
        text += (
            f" The most frequent error: {run.classes[shown]} classified as {run.classes[chosen]}, "
            f"{wrong[shown, chosen]} times in {matrix[shown].sum():,}."
        )
    text += " A stronger colour is a larger share of the row, on a scale that makes rare errors visible."
    alt = f"Confusion matrix of {total} test samples, {right} of them on the diagonal"
    return text, alt, pictures.confusion(matrix, run.classes, word)


def class_accuracy(run: ShownRun) -> Drawn:
    """Test accuracy of each class."""
    matrix = confusion_matrix(run)
    samples = matrix.sum(axis=1)
    percent = 100 * np.diag(matrix) / np.maximum(samples, 1)
    shown = np.flatnonzero(samples)
    easiest, hardest = (run.classes[shown[place]] for place in (percent[shown].argmax(), percent[shown].argmin()))
    text = (
        f"Share of each {run.class_word}'s test samples that is classified correctly, at the best validation cycle. "
        f"Best: {easiest} ({percent[shown].max():.1f} %), worst: {hardest} ({percent[shown].min():.1f} %); the dashed "
        f"line is the accuracy on all classes. Bars are 95 % intervals (Wilson), from {samples[shown].min():,} to "
        f"{samples[shown].max():,} samples of a {run.class_word}."
    )
    alt = "; ".join(f"{run.classes[number]}: {percent[number]:.1f} %" for number in shown)
    return text, alt, pictures.class_accuracy(matrix, run.classes, run.class_word)


def raster(run: ShownRun) -> Drawn:
    """Spikes of the first recorded sample."""
    split, batch = run.recorded_batches()[0]
    recorded, network = run.recorded(split, batch), run.network
    spikes = recorded.spikes[0]
    steps, liquid = len(spikes), spikes[:, : network.n_liquid]
    split_name = pictures.SPLIT_STYLES[split][0]
    text = (
        f"Every spike of the liquid during one {split_name} sample, a {run.classes[recorded.labels[0]]}, "
        f"presented for {steps} ms (above), and the number of spikes in each millisecond (below). The "
        f"{network.n_liquid:,} liquid neurons fire {liquid.sum() / steps:.1f} spikes per ms on average, "
        f"{1000 * liquid.mean():.0f} Hz each; the inputs {spikes[:, network.n_liquid :].sum() / steps:.1f} per ms."
    )
    alt = f"Spike raster of {network.n_liquid} neurons over {steps} ms, {int(liquid.sum())} spikes; their number per ms"
    return text, alt, pictures.raster(spikes, network.n_exc, network.n_liquid)


def branching(run: ShownRun) -> Drawn:
    """Branching factor of each recorded sample."""
    by_split: dict[str, np.ndarray] = {}
    for split, batch in run.recorded_batches():
        by_split[split] = np.append(by_split.get(split, []), run.branching_factors(split, batch))
    factors = np.concatenate(list(by_split.values()))
    factors = factors[~np.isnan(factors)]
    if not len(factors):
        raise Missing("no recorded sample has spikes between 29 ms after its beginning and 29 ms before its end")
    mean, published = float(factors.mean()), run.published_of("branching_factor", "mean")
    text = (
        f"How many spikes follow a spike of a neuron, for each that came before it, in the {len(factors)} recorded "
        "samples that have a factor. Near 1 activity neither dies out nor grows, which is called the edge of chaos; "
        f"the mean here is {mean:.2f}. "
    )
    if published:
        text += f"Published for {run.cell}: {published} ({published.kind}; {SOURCE})."
    else:
        text += "There is no published figure for this model, data, network size and constants."
    if run.record.model.name == "NALSM":
        text += _best_published(run)
    alt = f"Branching factor of {len(factors)} samples, mean {mean:.2f}"
    return text, alt, pictures.branching(by_split, published.mean if published else None)


def _best_published(run: ShownRun) -> str:
    """Say where the published accuracy of NALSM is best, and why that need not be at 1."""
    cell = run.record.model.name, run.record.dataset, run.n_liquid or 0
    best, where = 0.0, ""
    for knobs in {tuple(published.knobs.items()): published.knobs for published in published_runs(*cell)}.values():
        accuracy, factor = published_accuracy(*cell, knobs), published_branching(*cell, knobs)
        if accuracy and factor and accuracy.mean > best:
            best, where = (
                accuracy.mean,
                f"{factor.mean:.2f} ({', '.join(run.record.model.describe_knobs(dict(knobs)))})",
            )
    if not where:
        return ""
    return (
        f" The published runs are most accurate at {where}. That 1 is no sharp border here has a reason: the factor "
        "counts every spike of the liquid, also those that the inputs cause, as if spikes of the liquid had caused it."
    )


def weights(run: ShownRun) -> Drawn:
    """Histograms of weights after initialisation."""
    values, network, model = run.weights, run.network, run.record.model
    before = model.starting_weight(run.record.knobs, run.record.rule_constants)
    if values.shape != (network.n_synapses,):
        raise Missing("W_INI.wdata has not one weight for each synapse of the network")
    pre = np.where(network.is_input, 2, network.pre >= network.n_exc)
    post = (network.post >= network.n_exc).astype(int)
    groups = {
        f"{a}->{b}": values[(pre == row) & (post == column)]
        for row, a in enumerate("EI")
        for column, b in enumerate("EI")
    }
    groups["input"] = values[pre == 2]
    mean = float(np.abs(values[pre < 2]).mean()) if np.any(pre < 2) else 0.0
    text = f"Weights by type of synapse (pre → post; E excitatory, I inhibitory). All started at ±{before:g} (dashed). "
    if model.initialisation:
        rule = model.initialisation(run.record.knobs, run.record.rule_constants)
        text += (
            f"Initialisation with {rule.title} left liquid synapses a mean absolute weight of {mean:.2f}. Its bounds "
            f"are ±{rule.constants.weight_bound:g}, and a liquid synapse keeps its sign."
        )
    else:
        text += "This model has no initialisation: every presentation starts from these weights."
    alt = "Histograms of weights: " + "; ".join(
        f"{title} mean {part.mean():.2f}" for title, part in groups.items() if len(part)
    )
    bound = run.record.rule_constants.weight_bound if model.initialisation else before
    return text, alt, pictures.weights(groups, before, bound)


def rates(run: ShownRun) -> Drawn:
    """Mean rate of each liquid neuron on the grid."""
    network = run.network
    if network.positions is None:
        raise Missing("the network file has no grid positions")
    counts = run.counts["test"]
    hertz = counts.mean(axis=0) * 1000 / int(run.identity["sample_ms"])
    excitatory, inhibitory = hertz[: network.n_exc], hertz[network.n_exc :]
    means = " and ".join(
        f"{part.mean():.0f} Hz for {name} neurons"
        for name, part in (("excitatory", excitatory), ("inhibitory", inhibitory))
        if len(part)
    )
    text = (
        f"Mean rate of every liquid neuron over the {len(counts):,} test samples, at its place on the grid of "
        f"{' x '.join(map(str, network.dims or ()))} points, layer by layer; dots mark inhibitory neurons. On "
        f"average {means}; {np.count_nonzero(hertz == 0)} of {len(hertz):,} never fire."
    )
    alt = f"Heat maps of the rates of {len(hertz)} neurons, layer by layer; on average {means}"
    return text, alt, pictures.rates(hertz, network.positions, network.n_exc)


def times(run: ShownRun) -> Drawn:
    """Seconds of each stage."""
    seconds = run.status.seconds
    if not seconds:
        raise Missing("no stage is complete yet")
    session = run.record.sessions[-1]
    text = (
        f"{sum(seconds.values()):,.0f} s in total, over all sessions of the run, on "
        f"{session.get('machine', 'a machine')} with {session.get('threads', '?')} threads for the liquid (engine: "
        f"{run.identity['engine']})."
    )
    alt = "; ".join(f"{stage} {value:.1f} s" for stage, value in seconds.items())
    return text, alt, pictures.times(seconds)
