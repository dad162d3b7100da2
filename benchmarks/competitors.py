"""NALSM's presentation by other means: rows of the table, each with its ratio to the event-driven engine.

All of them get the same network, weights and rasters, and their spike counts must be those of the
event-driven engine, every one: otherwise the row says how many differ.
"""

import os

import numpy as np
from timing import in_fresh_process, median_seconds, seconds_of

from nalsm.liquid import ENGINES, open_liquid
from nalsm.rules import AstrocyteSTDP
from nalsm.support.resources import cores

BATCH = 50
STEPS = 250
FEW_STEPS = 50  # for those that take milliseconds a step
SNAPSHOTS = 5000
UNIT = "us per ms step and sample"
RULE = AstrocyteSTDP(astrocyte_weight=0.015, decay=0.99)


def competitor_rows(network, train, seed):
    """Yield (what, measured, unit, wanted); `train` is the training split the samples come from."""
    weights = initial_weights(network, train, seed)
    rasters = train.presentation(np.arange(BATCH), STEPS, seed)
    case = network, weights, rasters
    few = network, weights, rasters[:, :FEW_STEPS]
    n_cores = cores()
    on_cores = f"{n_cores} core{'s' * (n_cores > 1)}"

    yield from _against_event_engine(f"op-by-op TensorFlow, {on_cores}", _op_by_op(*few, True), few, n_cores)
    what = f"op-by-op TensorFlow, neurons first, {on_cores}"
    yield from _against_event_engine(what, _op_by_op(*few, False), few, n_cores)
    if "tensorflow" in ENGINES:
        yield from _against_event_engine(f"engine tensorflow, {on_cores}", _engine(*case, "tensorflow"), case, n_cores)
    missing = in_fresh_process(why_no_brian2)
    if missing:
        yield f"NALSM presentation: Brian2 is left out, as it {missing}; pip install '.[benchmark]'", None, "", ""
    else:
        yield from _against_event_engine("Brian2 in C++, 1 core", in_fresh_process(_brian2, *case), case, 1)


def initial_weights(network, train, seed):
    """Return NALSM's weights after SNAPSHOTS snapshots of 20 ms: float32 [S]."""
    liquid = open_liquid(network, "event")
    snapshots = train.snapshots(np.arange(SNAPSHOTS), np.arange(SNAPSHOTS), 20, seed)
    rule = AstrocyteSTDP(astrocyte_weight=RULE.astrocyte_weight, decay=1.0)
    return liquid.initialise(snapshots, liquid.initial_state(absolute_weight=3.0), rule)[0].weights


def _against_event_engine(name, measured, case, threads):
    """Yield the row of a competitor that was measured as (seconds, counts), and that of its ratio."""
    network, weights, rasters = case
    seconds, counts = measured
    samples, steps, _ = rasters.shape
    ours, our_counts = _engine(network, weights, rasters, "event", threads)
    different = np.count_nonzero(counts != our_counts)
    spikes = our_counts.sum(dtype=np.int64) / samples / steps
    agreement = "counts equal" if not different else f"{different} of {counts.size} counts differ"
    yield f"NALSM presentation: {name}, batch {samples}", seconds / samples / steps * 1e6, UNIT, ""
    what = f"  to the event-driven engine's {ours / samples / steps * 1e6:.1f} us"
    yield f"{what}, {steps} ms, {spikes:.0f} spikes per ms, {agreement}", seconds / ours, "times", ""


def _engine(network, weights, rasters, engine, threads=None):
    liquid = open_liquid(network, engine, threads)
    seconds = median_seconds(lambda: liquid.present(rasters, weights, RULE), 3)
    return seconds, liquid.present(rasters, weights, RULE).counts


def _op_by_op(network, weights, rasters, samples_first):
    """In a process of its own, where TensorFlow may use all cores, but no GPU."""
    return in_fresh_process(_op_by_op_here, network, weights, rasters, samples_first)


def _op_by_op_here(network, weights, rasters, samples_first):
    from nalsm.liquid.tensorflow_setup import quiet_stderr

    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    from op_by_op_tensorflow import present

    with quiet_stderr():
        present(network, weights, rasters[:, :2], RULE, samples_first)
    counts = []
    seconds = seconds_of(lambda: counts.append(present(network, weights, rasters, RULE, samples_first)))
    return seconds, counts[0]


def why_no_brian2():
    """Return in a few words why Brian2 cannot be used, or None."""
    try:
        import brian2  # noqa: F401
    except ImportError:
        return "is not installed"
    except Exception as error:  # an old Brian2 beside a new NumPy
        return f"does not load here ({type(error).__name__})"
    return None


def _brian2(network, weights, rasters):
    from brian2_nalsm import present

    run = present(network, weights, rasters, RULE)
    return run.seconds, run.counts
