"""One run from settings to result: initialise the liquid, count its spikes, train the readout.

Each stage leaves its result in the version folder and takes up what it finds there: a run that was
interrupted at any point goes on with the same answers and ends with the same bits.
"""

import platform
import secrets
import sys
import time
from contextlib import contextmanager, suppress
from functools import partial

import numpy as np

from nalsm.console.progress import progress, say
from nalsm.liquid.devices import choose_device, free_memory
from nalsm.models import MODELS
from nalsm.network import Network, network_path
from nalsm.runs.counting import Counting, count_spikes, recorded_samples
from nalsm.runs.folder import RunFolder
from nalsm.runs.names import SPLITS
from nalsm.runs.readout_training import train_readout
from nalsm.runs.settings import Settings
from nalsm.support.errors import DamagedFile, NalsmError, UserError
from nalsm.support.prefetching import prefetch
from nalsm.support.random_streams import SEED_LIMIT, stream
from nalsm.support.resources import cores, peak_memory_bytes
from nalsm.support.tuning import TUNING
from nalsm.support.versions import package_versions

_PACKAGES = ("tensorflow", "numpy", "scipy", "numba", "h5py", "tonic")


class TrainingRun:
    """The stages of one run; `liquid`, `dataset` and `folder` are open while `run` works.

    cluster : counts the spikes in place of this process (`nalsm.runs.counting.Counting`)
    """

    def __init__(self, settings: Settings, cluster: Counting | None = None):
        self.cluster = cluster
        self.settings = settings
        self.model = MODELS[settings.model]
        self.folder = RunFolder(settings.output_dir, settings.version)
        self.say = partial(say, quiet=settings.quiet)
        self.progress = partial(progress, quiet=settings.quiet)

    def run(self):
        """Do what is still to be done; return the Result."""
        settings = self.settings
        data_path = settings.source.find(settings.data_dir)
        self.network = self._load_network()
        self.folder.require_space(self._expected_bytes())
        recorded = None if settings.overwrite else self.folder.recorded_parameters()
        self.seed = self._choose_seed(recorded)
        dataset = settings.source.load(data_path, settings.quiet)
        self.dataset = dataset.reduced(*settings.sizes.values(), seed=self.seed)
        self.liquid = self._open_liquid()
        identity = self._identity()
        if recorded:
            self.folder.require_same(recorded, identity)

        with self.folder.locked(settings.overwrite):
            self._start(identity)
            self.say(
                f"{'going on with' if recorded else 'new run'} version {settings.version}, {settings.model} on "
                f"{self.dataset.name}, seed {self.seed}: {self.folder.path}"
            )
            with self._timed("initialisation"):
                weights = self._initialise()
            with self._timed("counting"):
                count_spikes(self, weights, {name: getattr(self.dataset, name) for name in SPLITS}, recorded_samples)
            with self._timed("readout"):
                result = train_readout(self)
        return result

    # ---- before anything is written ---------------------------------------------------------------

    def _load_network(self):
        settings = self.settings
        network = Network.load(network_path(settings.networks_dir, settings.network_number))
        if network.n_inputs != settings.source.n_inputs:
            raise UserError(
                f"NET_NUM_VAR: network {settings.network_number} has {network.n_inputs} inputs, {settings.dataset} "
                f"needs {settings.source.n_inputs}; make one for dataset {settings.source.network_kind} with "
                "generate_spatial_network.py"
            )
        return network

    def _choose_seed(self, recorded):
        if self.settings.seed is not None:
            return self.settings.seed
        if not recorded:
            return secrets.randbelow(2**31)
        seed = recorded.identity.get("seed")
        if type(seed) is not int or not 0 <= seed < SEED_LIMIT:
            raise DamagedFile(f"{self.folder.parameters_json} holds no seed; {self.folder.remedy}")
        return seed

    def _open_liquid(self):
        from nalsm.liquid import open_liquid

        choose_device(self.settings.gpu, self.say)
        liquid = open_liquid(self.network, self.settings.engine, self.settings.threads or None)
        self._require_device_memory(liquid)
        if self.cluster:
            self.cluster.require(self.say)
        return liquid

    def _require_device_memory(self, liquid):
        """Refuse a batch that the device has no room for, and say which one fits."""
        settings = self.settings
        needed = {size: liquid.bytes_needed(size, settings.sample_ms) for size in settings.batch_sizes()}
        free = free_memory() if needed[settings.batch_size] else None
        if free is None or needed[settings.batch_size] <= free:
            return
        fitting = [size for size, n_bytes in needed.items() if n_bytes <= free]
        advice = f"BATCH_SIZE {max(fitting)} fits" if fitting else "no BATCH_SIZE fits: use --engine event"
        raise UserError(
            f"BATCH_SIZE: {settings.batch_size} samples take {needed[settings.batch_size] / 1e9:.2g} GB on the device "
            f"with engine {liquid.engine}, {free / 1e9:.2g} GB are free; {advice}"
        )

    def _expected_bytes(self):
        settings, n_liquid = self.settings, self.network.n_liquid
        n_samples = sum(settings.sizes.values())
        n_kept = settings.cycles // settings.keep_weights_every if settings.keep_weights_every else 0
        kept = n_kept * 4 * (n_liquid + 1) * len(settings.source.classes)
        return n_samples * n_liquid + 8 * self.network.n_synapses + 2 * kept + 50e6  # kept in parts, then in one file

    def _identity(self):
        """What decides the results, down to the bits."""
        settings = self.settings
        return {
            "model": settings.model,
            "dataset": self.dataset.name,
            "dataset_sha256": self.dataset.fingerprint,
            "network_number": settings.network_number,
            "network_sha256": self.network.fingerprint,
            "seed": self.seed,
            "knobs": settings.knobs,
            "batch_size": settings.batch_size,
            **{f"{name}_samples": size for name, size in settings.sizes.items()},
            **(
                {"init_samples": settings.init_samples, "init_ms": settings.init_ms}
                if self.model.initialisation
                else {}
            ),
            "sample_ms": settings.sample_ms,
            "cycles": settings.cycles,
            "keep_weights_every": settings.keep_weights_every,
            "engine": self.liquid.engine,
        }

    def _start(self, identity):
        details = {"version": self.settings.version, "batches_per_block": self.settings.batches_per_block}
        session = {
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "command": " ".join(sys.argv),
            "machine": f"{platform.machine()}, {cores()} cores",
            "gpu": self.settings.gpu,
            "cluster": self.settings.cluster,
            "threads": self.liquid.threads,
            "packages": package_versions(*_PACKAGES),
        }
        changed = self.folder.start(identity, details, session)
        if changed:
            self.say(f"resumed with other versions, which are recorded too: {', '.join(changed)}")

    @contextmanager
    def _timed(self, stage):
        begin = time.monotonic()
        try:
            yield
        except BaseException:
            with suppress(OSError, NalsmError):  # what happened is the news, not that its time cannot be written
                self.folder.add_costs(stage, time.monotonic() - begin, peak_memory_bytes())
            raise
        self.folder.add_costs(stage, time.monotonic() - begin, peak_memory_bytes())

    # ---- initialisation ---------------------------------------------------------------------------

    def _initialise(self):
        """Return the weights that every presentation starts from (float32 [S]), and leave them as a file."""
        done = self.folder.read_if_good(self.folder.weights, self.say)
        if done:
            self.folder.initialisation_checkpoint.unlink(missing_ok=True)  # there after a kill right behind the weights
            return done[0]["W_INI"]
        weight = self.model.starting_weight(self.settings.knobs)
        state = self.liquid.initial_state(absolute_weight=weight)
        rule = self.model.initialisation and self.model.initialisation(self.settings.knobs)
        if rule:
            state = self._run_snapshots(state, rule)
        attributes = {"rule": repr(rule), "absolute_weight": weight, "snapshots": self.settings.init_samples}
        self.folder.write(self.folder.weights, {"W_INI": state.weights}, attributes)
        self.folder.initialisation_checkpoint.unlink(missing_ok=True)
        return state.weights

    def _run_snapshots(self, state, rule):
        settings = self.settings
        total, train = settings.init_samples, self.dataset.train
        samples = snapshot_samples(total, len(train), self.seed)
        state, first = self._restore_snapshots(state)

        def rasters(first):
            numbers = np.arange(first, min(first + TUNING.snapshots_at_a_time, total))
            return train.snapshots(samples[numbers], numbers, settings.init_ms, self.seed)

        def save(state, done):
            arrays = {"weights": state.weights, "traces": state.traces, "calcium": state.calcium}
            self.folder.write(self.folder.initialisation_checkpoint, arrays, {"snapshots": done})

        saved = time.monotonic()
        reached = state, first  # one name for both: a signal may come between any two steps
        try:
            with self.progress(total, "initialisation", "snapshots", done=first) as bar:
                for number, raster in prefetch(rasters, range(first, total, TUNING.snapshots_at_a_time)):
                    reached = self.liquid.initialise(raster, reached[0], rule)[0], number + len(raster)
                    bar.update(len(raster))
                    if time.monotonic() - saved > TUNING.seconds_between_checkpoints:
                        save(*reached)
                        saved = time.monotonic()
        except Exception:
            raise
        except BaseException:  # stopped by a signal
            save(*reached)
            raise
        return reached[0]

    def _restore_snapshots(self, state):
        from nalsm.liquid import LiquidState

        found = self.folder.read_if_good(self.folder.initialisation_checkpoint, self.say)
        if not found:
            return state, 0
        arrays, attributes = found
        return LiquidState(arrays["weights"], arrays["traces"], arrays["calcium"]), attributes["snapshots"]


def snapshot_samples(n_snapshots, n_train, seed):
    """Return which training sample each snapshot shows: int64 [n_snapshots], random orders in a row."""
    n_orders = -(-n_snapshots // n_train)
    orders = [stream(seed, "snapshot order", k).permutation(n_train) for k in range(n_orders)]
    return np.concatenate([*orders, np.empty(0, np.int64)])[:n_snapshots].astype(np.int64)
