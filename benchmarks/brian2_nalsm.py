"""The liquid in Brian2: what the event-driven engine is compared with.

The model of Ivanov and Michmizos (NeurIPS 2021) as a user of Brian2 would write it for speed and still
exactly: the current into a neuron is carried along (it decays by exp(-1) a ms, a spike of j adds
w (1 - g_j), as the kernel g_j is set to 1 and not incremented, and a changed weight adds its change
times g_j), so that only synapses of spiking neurons are touched. Where both neurons of a synapse spike
in one ms, the pre-synaptic event adds both terms, so that the weight is clipped once.

Brian2: Stimberg, Brette and Goodman, eLife 2019. Learning rule: NALSM's.
"""

import tempfile
from types import SimpleNamespace

import brian2 as b2
import numpy as np

# r: refractory count-down, g: kernel, x: trace, up and down: eta x and A x, spiked: 1 from a spike to the end of its ms
NEURON = "v : 1\n r : 1\n g : 1\n x : 1\n up : 1\n down : 1\n spiked : 1\n A : 1 (linked)\n eta : 1 (linked)\n"
CURRENT = "I : 1\n change : 1"  # change: what this ms's changes of weights add to the current of the next
ON_PRE = """
I_post += w * (1 - g_pre)
w_new = clip(w + {pre_term} + spiked_post * {post_term}, low, high)
change_post += w_new - w
w = w_new
"""
ON_POST = """
w_new = clip(w + (1 - spiked_pre) * {post_term}, low, high)
change_post += (w_new - w) * g_pre
w = w_new
"""
EXCITATORY = {"post_term": "up_pre", "pre_term": "(-down_post)"}
INHIBITORY = {"post_term": "(-down_pre)", "pre_term": "up_post"}

# At the end of a step, after spikes, resets and synapses.
LIQUID_STEP = """
v += I - v / 64
I = (I + change) * decay_of_g
change = 0
"""
INPUT_STEP = "v += 100 * pulses(t, i) - v / 64"
NEURON_STEP = """
g = (spiked + (1 - spiked) * g) * decay_of_g
r = 2 * spiked + (1 - spiked) * (r - 1)
x = decay_of_x * (x + 0.1 * spiked)
up = eta * x
down = A * x
spiked = 0
"""
NEURON_START = "v = 0\n r = 0\n g = 0\n x = 0\n up = 0\n down = 0\n spiked = 0"

ASTROCYTE = "A : 1\n eta : 1\n bias : 1\n u : 1\n surplus : 1"  # surplus: liquid spikes - input spikes
ASTROCYTE_STEP = """
A = (A + (u * surplus + bias - A) / 100) * decay
eta *= decay
bias *= decay
u *= decay
surplus = 0
"""
ASTROCYTE_START = "A = rate\n eta = rate\n bias = rate\n u = astrocyte_weight\n surplus = 0"


def present(network, weights, rasters, rule, compiled=True):
    """Run every sample, one after another, from the same weights and a fresh state.

    network : nalsm.network.Network; weights : float32 [S]; rule : nalsm.rules.AstrocyteSTDP
    rasters : bool or uint8 [B, T, I]
    compiled : as a C++ program of its own (Brian2's standalone mode, needs g++), its fastest way on
        one core; False: with NumPy, without a compiler
    Returns counts (uint16 [B, R]), spikes (bool [B, T, R]) and the seconds of the simulation itself,
    without code generation, compiling and loading.
    """
    b2.prefs.core.default_float_dtype = np.float32
    b2.prefs.codegen.target = "numpy"
    with tempfile.TemporaryDirectory(prefix="brian2_") as folder:
        b2.device.reinit()
        if compiled:
            b2.set_device("cpp_standalone", directory=folder, build_on_run=True)
        else:
            b2.set_device("runtime")
        b2.start_scope()
        spikes, seconds = _run(network, weights, rasters, rule)
    return SimpleNamespace(counts=spikes.sum(axis=1, dtype=np.uint16), spikes=spikes, seconds=seconds)


def _run(network, weights, rasters, rule):
    n_samples, steps, n_inputs = rasters.shape
    ms = b2.ms
    b2.defaultclock.dt = 1 * ms
    sample_ms = steps * ms
    constants = {
        "decay_of_g": float(np.float32(np.exp(-1.0))),
        "decay_of_x": 0.9047744744744745,
        "decay": rule.decay,
        "rate": rule.learning_rate,
        "astrocyte_weight": rule.astrocyte_weight,
        "pulses": b2.TimedArray(np.concatenate(rasters).astype(np.float32), dt=1 * ms),
    }
    options = {"threshold": "v >= 20 and r <= 0", "reset": "v = 0\n spiked = 1", "namespace": constants}
    astrocyte = b2.NeuronGroup(1, ASTROCYTE, namespace=constants, name="astrocyte")
    liquid = b2.NeuronGroup(network.n_liquid, NEURON + CURRENT, **options, name="liquid")
    inputs = b2.NeuronGroup(n_inputs, NEURON, **options, name="inputs")
    objects = [astrocyte, liquid, inputs]
    objects.append(astrocyte.run_regularly(ASTROCYTE_STEP, when="groups", order=-1))
    objects.append(astrocyte.run_regularly(ASTROCYTE_START, when="start", dt=sample_ms))
    for group, step in ((liquid, LIQUID_STEP), (inputs, INPUT_STEP)):
        group.A, group.eta = b2.linked_var(astrocyte, "A"), b2.linked_var(astrocyte, "eta")
        objects.append(group.run_regularly(step + NEURON_STEP, when="groups"))
        objects.append(group.run_regularly(NEURON_START, when="start", dt=sample_ms))
    objects.append(liquid.run_regularly("I = 0\n change = 0", when="start", dt=sample_ms))

    monitor = b2.SpikeMonitor(liquid)
    brian = b2.Network(*objects, monitor, *_synapses(network, weights, liquid, inputs, sample_ms))
    for group, term in ((liquid, "surplus_post += 1"), (inputs, "surplus_post -= 1")):
        watching = b2.Synapses(group, astrocyte, on_pre=term)
        watching.connect()
        brian.add(watching)
    brian.schedule = ["start", "thresholds", "resets", "synapses", "groups", "end"]
    brian.run(n_samples * sample_ms)

    spikes = np.zeros((n_samples * steps, network.n_liquid), bool)
    spikes[np.rint(np.asarray(monitor.t / ms)).astype(int), np.asarray(monitor.i)] = True
    return spikes.reshape(n_samples, steps, network.n_liquid), b2.get_device()._last_run_time


def _synapses(network, weights, liquid, inputs, sample_ms):
    """Yield the synapses of the three kinds of pre-synaptic neurons, and what resets their weights."""
    n_exc, n_liquid = network.n_exc, network.n_liquid
    for source, terms, first, end, low, high in (
        (liquid, EXCITATORY, 0, n_exc, 0, 3),
        (liquid, INHIBITORY, n_exc, n_liquid, -3, 0),
        (inputs, EXCITATORY, n_liquid, network.n_neurons, -3, 3),
    ):
        chosen = (first <= network.pre) & (network.pre < end)
        if not chosen.any():
            continue
        synapses = b2.Synapses(
            source, liquid, "w : 1\n start : 1", on_pre=ON_PRE.format(**terms), on_post=ON_POST.format(**terms),
            namespace={"low": low, "high": high},
        )  # fmt: skip
        synapses.connect(i=network.pre[chosen] - (n_liquid if source is inputs else 0), j=network.post[chosen])
        synapses.start = np.asarray(weights, np.float32)[chosen]
        yield synapses
        yield synapses.run_regularly("w = start", dt=sample_ms, when="start")
