"""How time grows with the size and the activity of the liquid: a table in Markdown, and a plot.

Each size is measured in a process of its own, with the event-driven engine, on NALSM weights of a real
initialisation on MNIST. The work of a step is counted in visits to synapses: every spike visits the
neuron's outgoing synapses, every spike of a liquid neuron also its incoming ones (in presentation those
of inputs that never spike in the sample are left out).

Takes a few minutes; nothing else should run meanwhile.
"""

import argparse
import platform
import sys
import time
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
from timing import in_fresh_process, median_seconds

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from nalsm.datasets import DATA_SOURCES
from nalsm.encoding import poisson_rasters
from nalsm.liquid import open_liquid
from nalsm.network import Network
from nalsm.rules import AstrocyteSTDP
from nalsm.support.resources import (
    cores,
    peak_memory_bytes,
)

SEED = 7
SIZES = (
    ((10, 10, 10), 0.015),
    ((20, 10, 10), 0.015),
    ((20, 20, 10), 0.015),
    ((20, 20, 20), 0.015),
    ((20, 20, 20), 0.0075),  # the published value for 8000 neurons
)  # grid, ASTRO_W_SCALING
RATE_FACTORS = (0.25, 0.5, 1, 2, 4)  # of the inputs' firing probabilities, for 1000 neurons
SETTLING, TIMED, COUNTED = 5000, 500, 200  # snapshots of 20 ms: before the timing, in it, for the visits
SNAPSHOT_MS, SAMPLE_MS = 20, 250
SAMPLES, COUNTED_SAMPLES = 100, 20


@dataclass
class Activity:
    """Means per ms; one core and all cores in microseconds per ms step and sample."""

    liquid_spikes: float
    input_spikes: float
    visits: float
    one_core: float
    all_cores: float | None = None


@dataclass
class Size:
    """One network, measured."""

    neurons: int
    synapses: int
    astrocyte_weight: float
    fan_out: tuple[float, float]  # of a liquid neuron, of an input
    initialisation: Activity
    presentations: list[Activity]  # one for each factor of the inputs' rates
    peak_memory: int


def measure(dims, astrocyte_weight, factors):
    """Initialise a liquid, present samples with each factor of the inputs' rates; return a Size."""
    source = DATA_SOURCES["MNIST"]
    train = source.load(source.find(ROOT / "datasets")).train
    network = Network.generate(dims, train.presentation([0], 1, SEED).shape[2], SEED)
    state, initialisation = _initialise(network, train, AstrocyteSTDP(astrocyte_weight=astrocyte_weight, decay=1.0))
    rule = AstrocyteSTDP(astrocyte_weight=astrocyte_weight, decay=0.99)
    presentations = [_present(network, _rasters(train, factor), state.weights, rule) for factor in factors]
    out_degree = np.bincount(network.pre, minlength=network.n_neurons)
    fan_out = tuple(float(part.mean()) for part in np.split(out_degree, [network.n_liquid]))
    return Size(
        network.n_liquid, network.n_synapses, astrocyte_weight, fan_out, initialisation, presentations,
        peak_memory_bytes(),
    )  # fmt: skip


def _initialise(network, train, rule):
    liquid = open_liquid(network, "event")
    state = liquid.initial_state(absolute_weight=3.0)

    def snapshots(first, number):
        numbers = np.arange(first, first + number)
        return train.snapshots(numbers, numbers, SNAPSHOT_MS, SEED)

    state, _ = liquid.initialise(snapshots(0, SETTLING), state, rule)
    rasters = snapshots(SETTLING, TIMED)
    seconds = median_seconds(lambda: liquid.initialise(rasters, state, rule), 3)
    state, _ = liquid.initialise(rasters, state, rule)
    _, run = liquid.initialise(snapshots(SETTLING + TIMED, COUNTED), state, rule, record=True)
    return state, Activity(*_work(network, run.spikes, all_inputs=True), seconds / TIMED / SNAPSHOT_MS * 1e6)


def _rasters(train, factor):
    rates = np.minimum(train.rates(np.arange(SAMPLES)) * np.float32(factor), 1)
    return poisson_rasters(rates, SAMPLE_MS, SEED, train.sample_ids[:SAMPLES])


def _present(network, rasters, weights, rule):
    one, every = (
        median_seconds(partial(open_liquid(network, "event", threads).present, rasters, weights, rule), 3)
        for threads in (1, cores())
    )
    recorded = open_liquid(network, "event").present(rasters[:COUNTED_SAMPLES], weights, rule, record=True).spikes
    micros = 1e6 / SAMPLES / SAMPLE_MS
    return Activity(*_work(network, recorded, all_inputs=False), one * micros, every * micros)


def _work(network, spikes, all_inputs):
    """Return liquid spikes, input spikes and visits to synapses per ms; spikes bool [samples, steps, N]."""
    n_liquid, n_neurons = network.n_liquid, network.n_neurons
    out_degree = np.bincount(network.pre, minlength=n_neurons)
    per_sample = spikes.sum(axis=1)  # [samples, N]
    visits = (per_sample @ out_degree).sum()
    for of_sample in per_sample:
        there = (of_sample > 0) | (np.arange(n_neurons) < n_liquid) | all_inputs
        in_degree = np.bincount(network.post[there[network.pre]], minlength=n_liquid)
        visits += of_sample[:n_liquid] @ in_degree
    ms = spikes.shape[0] * spikes.shape[1]
    return per_sample[:, :n_liquid].sum() / ms, per_sample[:, n_liquid:].sum() / ms, visits / ms


# ---- table ----------------------------------------------------------------------------------------


def print_tables(sizes):
    print(
        "| neurons | synapses | ASTRO_W_SCALING | fan-out of a liquid neuron / an input | liquid spikes per ms, "
        "initialisation / presentation | initialisation, one core, us per ms step | presentation, one core / "
        "all cores, us per ms step and sample | ns per visit, initialisation / presentation | peak memory |"
    )
    print("|---" * 9 + "|")
    for size in sizes:
        first, then = size.initialisation, _usual(size)
        print(
            f"| {size.neurons} | {size.synapses:,} | {size.astrocyte_weight:g} | {size.fan_out[0]:.1f} / "
            f"{size.fan_out[1]:.0f} | {first.liquid_spikes:.0f} / {then.liquid_spikes:.0f} | {first.one_core:.1f} | "
            f"{then.one_core:.1f} / {then.all_cores:.1f} | {1000 * first.one_core / first.visits:.2f} / "
            f"{1000 * then.one_core / then.visits:.2f} | {size.peak_memory / 1e9:.2f} GB |"
        )
    print(
        "\n| inputs' rates | liquid spikes per ms | input spikes per ms | visits per ms | us per ms step and sample |"
    )
    print("|---" * 5 + "|")
    for factor, run in zip(RATE_FACTORS, sizes[0].presentations, strict=True):
        spikes = f"{run.liquid_spikes:.1f} | {run.input_spikes:.1f}"
        print(f"| x {factor:g} | {spikes} | {run.visits:,.0f} | {run.one_core:.2f} |")


def fits(sizes):
    """Return the fitted numbers by name; slopes are those of straight lines through logarithms."""
    same_rule = [size for size in sizes if size.astrocyte_weight == sizes[0].astrocyte_weight]
    neurons = [size.neurons for size in same_rule]
    activity = sizes[0].presentations
    per_visit, fixed = np.polyfit([run.visits for run in activity], [run.one_core for run in activity], 1)
    everything = [run for size in sizes for run in (*size.presentations, size.initialisation)]
    return {
        "initialisation": _slope(neurons, [size.initialisation.one_core for size in same_rule]),
        "presentation": _slope(neurons, [_usual(size).one_core for size in same_rule]),
        "visits": _slope([run.visits for run in everything], [run.one_core for run in everything]),
        "fixed": fixed,
        "per_visit": 1000 * per_visit,
    }


def _usual(size):
    """The presentation with the inputs' own rates."""
    return size.presentations[RATE_FACTORS.index(1) if len(size.presentations) > 1 else 0]


def _slope(x, y):
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


# ---- plot -----------------------------------------------------------------------------------------

BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"  # of Okabe and Ito's palette


def plot(sizes, path):
    """Draw time against neurons and against visits to synapses."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, NullLocator

    found = fits(sizes)
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    usual, other = sizes[0].astrocyte_weight, {size.astrocyte_weight for size in sizes} - {sizes[0].astrocyte_weight}
    same_rule = [size for size in sizes if size.astrocyte_weight == usual]
    series = (
        ("initialisation", lambda size: size.initialisation.one_core, BLUE, "o"),
        ("presentation", lambda size: _usual(size).one_core, VERMILION, "s"),
    )
    for name, micros, colour, marker in series:
        neurons = [size.neurons for size in same_rule]
        label = f"{name}, slope {found[name]:.2f}"
        left.plot(neurons, [micros(size) for size in same_rule], color=colour, marker=marker, label=label)
        for weight in other:
            points = [(size.neurons, micros(size)) for size in sizes if size.astrocyte_weight == weight]
            label = f"{name}, ASTRO_W_SCALING {weight:g}"
            left.plot(*zip(*points, strict=True), color=colour, marker=marker, mfc="white", ls="none", label=label)
    left.set(xlabel="liquid neurons", ylabel="time of a ms step on one core (µs, per sample)")
    left.set_title(f"Size of the liquid (ASTRO_W_SCALING {usual:g} where not said)")

    activity = sizes[0].presentations
    for label, runs, colour, marker in (
        ("initialisation, all sizes", [size.initialisation for size in sizes], BLUE, "o"),
        ("presentation, all sizes", [_usual(size) for size in sizes], VERMILION, "s"),
        (f"presentation, {sizes[0].neurons} neurons, inputs' rates scaled", activity, GREEN, "^"),
    ):
        x, y = [run.visits for run in runs], [run.one_core for run in runs]
        right.plot(x, y, color=colour, marker=marker, ls="none", label=label)
    ends = np.geomspace(min(run.visits for run in activity), max(run.visits for run in activity), 50)
    line = f"{found['fixed']:.1f} µs + {found['per_visit']:.2f} ns a visit ({sizes[0].neurons} neurons)"
    right.plot(ends, found["fixed"] + ends * found["per_visit"] / 1000, color=GREEN, lw=1, label=line)
    right.set(xlabel="visits to synapses per ms (spikes x synapses of the neuron)")
    right.set_title(f"Spikes times synapses: slope of all points {found['visits']:.2f}")
    for axes in (left, right):
        axes.set(xscale="log", yscale="log")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 4)))
            axis.set_major_formatter("{x:,.0f}")
            axis.set_minor_locator(NullLocator())
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=8.5)
    left.set_xticks([size.neurons for size in same_rule])
    figure.savefig(path, dpi=150)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plot", default=ROOT / "docs" / "scaling_of_time.png", help="where the plot goes")
    parser.add_argument("--sizes", type=int, default=len(SIZES), help="only the first of the sizes")
    arguments = parser.parse_args()
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba"))
    print(
        f"{platform.processor() or platform.machine()}, {cores()} cores, "
        f"Python {platform.python_version()}, {packages}, {time.strftime('%Y-%m-%d')}; {SETTLING:,} snapshots of "
        f"{SNAPSHOT_MS} ms before {TIMED:,} timed ones; {SAMPLES} samples of {SAMPLE_MS} ms presented\n",
        flush=True,
    )
    sizes = []
    for number, (dims, weight) in enumerate(SIZES[: arguments.sizes]):
        sizes.append(in_fresh_process(measure, dims, weight, RATE_FACTORS if number == 0 else (1,)))
    print_tables(sizes)
    found = fits(sizes)
    print(
        f"\nLog-log slope over neurons: initialisation {found['initialisation']:.2f}, presentation "
        f"{found['presentation']:.2f}; over visits, all points: {found['visits']:.2f}. At {sizes[0].neurons} neurons "
        f"a step takes {found['fixed']:.2f} us and {found['per_visit']:.2f} ns a visit."
    )
    plot(sizes, arguments.plot)
    print(f"\nplot: {arguments.plot}")


if __name__ == "__main__":
    main()
