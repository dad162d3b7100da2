"""The liquid a second time, slow and plain: what the engines are tested against.

Written from the model's description alone, as dense [post, pre] matrices and nine numbered actions a
step. It shares no code with the engines, and of their constants only those of plasticity, which it reads with the
parameters of a rule.
"""

from types import SimpleNamespace

import numpy as np

f32 = np.float32


class DenseLiquid:
    """A network of R liquid and I input neurons; N = R + I.

    After a run, `closest` is how near the liquid ever came to the border of a decision (a potential to
    the threshold, calcium to the edge of a gate). Where it is within rounding, another order of
    summation may decide otherwise, and nothing can be concluded from a difference.
    """

    def __init__(self, network, watched=None, **neuron):
        """neuron : constants of the neurons that are not the published ones"""
        membrane = {"membrane_tau_ms": 64, "threshold": 20, "refractory_ms": 2}
        self.neuron = SimpleNamespace(**{**membrane, "input_pulse": 100, "synapse_tau_ms": 1, **neuron})
        self.network = network
        self.n_liquid, self.n_neurons = network.n_liquid, network.n_neurons
        number = np.arange(self.n_neurons)
        self.watched = number >= 0 if watched is None else watched  # by the astrocyte
        self.inhibitory = (number >= network.n_exc) & (number < self.n_liquid)
        self.input = number >= self.n_liquid
        self.exists = np.zeros((self.n_liquid, self.n_neurons), bool)
        self.exists[network.post, network.pre] = True
        self.closest = np.inf

    def present(self, rasters, weights, rule):
        """Run every sample from the same weights; returns counts, spikes, weights, astrocyte."""
        results = [self._run_sample(raster, self._fresh(weights), rule) for raster in rasters]
        return self._stack(results)

    def initialise(self, rasters, weights, traces, calcium, rule):
        """Run samples one after another; returns what `present` does, and traces and calcium at the end."""
        state = self._fresh(weights)
        state.trace, state.calcium = traces.copy(), calcium.copy()
        results = []
        for raster in rasters:
            fresh = self._fresh(weights)
            fresh.weights, fresh.trace, fresh.calcium = state.weights, state.trace, state.calcium
            state = fresh
            results.append(self._run_sample(raster, state, rule))
        run = self._stack(results)
        run.traces, run.calcium = state.trace, state.calcium
        return run

    def _fresh(self, weights):
        dense = np.zeros((self.n_liquid, self.n_neurons), f32)
        dense[self.network.post, self.network.pre] = weights
        zeros = np.zeros(self.n_neurons, f32)
        return SimpleNamespace(
            weights=dense, potential=zeros, refractory=zeros, kernel=zeros, trace=zeros, calcium=zeros[: self.n_liquid]
        )

    def _run_sample(self, raster, state, rule):
        state.eta = state.depression = state.bias = f32(getattr(rule, "learning_rate", 0))
        if rule.has_astrocyte and rule.constants.astrocyte_bias is not None:
            state.depression = state.bias = f32(rule.constants.astrocyte_bias)
        state.astrocyte_weight = f32(getattr(rule, "astrocyte_weight", 0))
        steps = [self.step(state, np.asarray(pulses) != 0, rule) for pulses in raster]
        spikes = np.array([spikes for spikes, _ in steps]).reshape(len(raster), self.n_neurons)
        return SimpleNamespace(
            counts=spikes[:, : self.n_liquid].sum(axis=0),
            spikes=spikes,
            weights=state.weights[self.network.post, self.network.pre],
            astrocyte=np.array([depression for _, depression in steps], f32),
            potential=state.potential[: self.n_liquid],
        )

    @staticmethod
    def _stack(results):
        names = ("counts", "spikes", "weights", "astrocyte", "potential")
        return SimpleNamespace(**{name: np.array([getattr(r, name) for r in results]) for name in names})

    def step(self, state, pulses, rule):
        """Go on by 1 ms; returns (spikes, A before its decay)."""
        r, neuron, constants = self.n_liquid, self.neuron, rule.constants
        # 1. Spikes
        able = state.refractory <= 0
        spikes = able & (state.potential >= f32(neuron.threshold))
        self._watch(state.potential[able], [neuron.threshold])
        # 2. Reset; calcium
        state.potential = np.where(spikes, f32(0), state.potential)
        if rule.uses_calcium:
            state.calcium = state.calcium - state.calcium / f32(constants.calcium_tau_ms) + spikes[:r]
        # 3. Kernel
        state.kernel = np.where(spikes, f32(1 / neuron.synapse_tau_ms), state.kernel)
        # 4. Potential
        drive = np.concatenate([state.weights @ state.kernel, f32(neuron.input_pulse) * pulses])
        state.potential = state.potential + drive - state.potential / f32(neuron.membrane_tau_ms)
        # 5. Kernel decay
        state.kernel = state.kernel * f32(np.exp(-1 / neuron.synapse_tau_ms))
        # 6. Refractory
        state.refractory = np.where(spikes, f32(neuron.refractory_ms), state.refractory - f32(1))
        # 7. Plasticity
        if rule.learns:
            change = self._change(state, spikes, rule)
            bound = f32(constants.weight_bound)
            low = np.where(self.inhibitory | self.input, -bound, f32(0))  # by pre-synaptic neuron
            high = np.where(self.inhibitory, f32(0), bound)
            state.weights = np.where(self.exists, np.clip(state.weights + change, low, high), f32(0))
        # 8. Trace
        tau = constants.trace_tau_ms
        decay = 0.9047744744744745 if tau == 10 else np.exp(-1 / tau)
        state.trace = f32(decay) * (state.trace + f32(constants.trace_step) * spikes)
        # 9. Astrocyte, then the decays
        if rule.has_astrocyte:
            seen = spikes & self.watched
            difference = f32(np.count_nonzero(seen[:r])) - f32(np.count_nonzero(seen[r:]))
            goal = state.astrocyte_weight * difference + state.bias
            state.depression = state.depression + (goal - state.depression) / f32(constants.astrocyte_tau_ms)
        depression = state.depression
        if hasattr(rule, "decay"):
            decay = f32(rule.decay)
            state.eta, state.depression = state.eta * decay, state.depression * decay
            state.astrocyte_weight, state.bias = state.astrocyte_weight * decay, state.bias * decay
        return spikes, depression

    def _change(self, state, spikes, rule):
        """Both terms of every pair of neurons, [R, N]."""
        post, pre = spikes[: self.n_liquid, None], spikes[None, :]
        x_post, x_pre = state.trace[: self.n_liquid, None], state.trace[None, :]
        on_post = post * np.where(self.inhibitory, -state.depression * x_pre, state.eta * x_pre)
        on_pre = pre * np.where(self.inhibitory, state.eta * x_post, -state.depression * x_post)
        if rule.uses_calcium:
            asked = ((on_post != 0) | (on_pre != 0)).any(axis=1)  # elsewhere the factors do not matter
            up, down = (np.asarray(factor, f32)[:, None] for factor in self.factors(state.calcium, rule, asked))
            on_post = on_post * np.where(self.inhibitory, down, up)
            on_pre = on_pre * np.where(self.inhibitory, up, down)
        return on_post + on_pre

    def factors(self, calcium, rule, asked):
        """Factors of eta and of A for post-synaptic calcium, [R] each; asked : bool [R], where they matter."""
        theta, width = f32(rule.threshold_hz), f32(rule.range_hz)
        self._watch(calcium[asked], [theta - width, theta, theta + width])
        return (theta < calcium) & (calcium < theta + width), (theta - width < calcium) & (calcium < theta)

    def _watch(self, values, borders):
        for border in borders:
            self.closest = min(self.closest, np.abs(values - f32(border)).min(initial=np.inf))
