"""A process at work on a version folder: what training and the noise programs have in common."""

import platform
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import partial
from typing import Any

from nalsm.console.progress import progress, say
from nalsm.datasets.dataset import Dataset
from nalsm.datasets.own import OwnData
from nalsm.liquid import Liquid, NeuronConstants, open_liquid
from nalsm.liquid.devices import choose_device, free_memory
from nalsm.models import ASTROCYTE_DENSITY, MODELS
from nalsm.network import Network, network_path
from nalsm.runs.answer_checks import require_inputs
from nalsm.runs.counting import Counting
from nalsm.runs.folder import RunFolder
from nalsm.runs.names import OWN_DATA
from nalsm.runs.parameters import Parameters
from nalsm.runs.settings import Settings
from nalsm.support.constants import chosen
from nalsm.support.errors import DamagedFile, NalsmError, UserError
from nalsm.support.random_streams import SEED_LIMIT
from nalsm.support.resources import cores, peak_memory_bytes
from nalsm.support.versions import package_versions

_PACKAGES = ("tensorflow", "numpy", "scipy", "numba", "h5py", "tonic")


class Session:
    """What the stages of a run work with.

    settings : Settings of the program
    folder : the folder of the run, or of its noisy test set
    cluster : counts the spikes in place of this process; None: this process counts
    network, seed, dataset, liquid : set by the program, in this order, before the stages begin
    """

    network: Network
    seed: int
    dataset: Dataset
    liquid: Liquid

    def __init__(self, settings: Settings, folder: RunFolder, cluster: Counting | None = None) -> None:
        self.settings, self.folder, self.cluster = settings, folder, cluster
        self.model = MODELS[settings.model]
        self.say = partial(say, quiet=settings.quiet)
        self.progress = partial(progress, quiet=settings.quiet)

    def load_network(self) -> Network:
        """Return the network that the settings name; raises UserError if it has other inputs than the data set."""
        settings = self.settings
        network = Network.load(network_path(settings.folders.networks_dir, settings.network_number))
        require_inputs(settings.network_number, network.n_inputs, settings.source)
        return network

    def say_own_data(self, own: OwnData) -> None:
        """Say what a data file has, what is left out of it, and how it is shown."""
        sizes = self.settings.sizes
        used = [f"{size:,} to {verb}" for size, verb in zip(own.sizes, ("train", "validate", "test"), strict=True)]
        left = [there - size for there, size in zip(own.sizes, sizes.of_splits.values(), strict=True)]
        shown = (
            f"an .npz file, values shown by --rates {own.rates}"
            if own.rates
            else f"recordings of {own.duration:,} time bins, shown one a ms"
        )
        self.say(
            f"{own.name}: {own.n_inputs:,} inputs, {len(own.classes):,} classes, samples: {', '.join(used)}; {shown}, "
            f"for {sizes.sample_ms} ms (--sample-ms)"
        )
        if any(left):
            self.say(
                f"left out: {left[0]:,} training, {left[1]:,} validation and {left[2]:,} test samples, chosen by the "
                f"seed; all samples are taken, in whole batches of {sizes.batch_size}, unless --train-samples, "
                "--valid-samples or --test-samples says less"
            )

    def choose_seed(self, recorded: Parameters | None) -> int:
        """Return the seed of the settings, or else the recorded one, or else a new one."""
        if self.settings.seed is not None:
            return self.settings.seed
        if not recorded:
            return secrets.randbelow(2**31)
        seed = recorded.identity.get("seed")
        if type(seed) is not int or not 0 <= seed < SEED_LIMIT:
            raise DamagedFile(f"{self.folder.parameters_json} contains no seed; {self.folder.remedy}")
        return seed

    def open_liquid(self, run_seed: int) -> Liquid:
        """Return the liquid, on the device of the settings; raises UserError if a batch does not fit there.

        run_seed : seed of the trained run, which decides which neurons its astrocyte watches
        """
        choose_device(self.settings.machine.gpu, self.say)
        machine = self.settings.machine
        watched = self.network.watched(ASTROCYTE_DENSITY.of(self.settings.knobs), run_seed)
        neuron = chosen(NeuronConstants, self.settings.constants)
        liquid = open_liquid(self.network, machine.engine, machine.threads or None, watched, neuron)
        self._require_device_memory(liquid)
        if self.cluster:
            self.cluster.require(self.say)
        return liquid

    def _require_device_memory(self, liquid: Liquid) -> None:
        """Refuse a batch that is too large for the device, and say which one fits."""
        sizes = self.settings.sizes
        needed = {size: liquid.bytes_needed(size, sizes.sample_ms) for size in sizes.possible_batch_sizes()}
        free = free_memory() if needed[sizes.batch_size] else None
        if free is None or needed[sizes.batch_size] <= free:
            return
        fitting = [size for size, n_bytes in needed.items() if n_bytes <= free]
        advice = f"BATCH_SIZE {max(fitting)} fits" if fitting else "no BATCH_SIZE fits: use --engine event"
        raise UserError(
            f"BATCH_SIZE: {sizes.batch_size} samples take {needed[sizes.batch_size] / 1e9:.2g} GB on the device "
            f"with engine {liquid.engine}, {free / 1e9:.2g} GB are free; {advice}"
        )

    def start(self, identity: dict) -> None:
        """Record the run, or this session of a run that is resumed; raises UserError as `RunFolder.start`."""
        details: dict[str, Any] = {
            "version": self.settings.version,
            "batches_per_block": self.settings.sizes.batches_per_block,
        }
        own = self.settings.source.own
        details |= {OWN_DATA: asdict(own)} if own else {}
        session = {
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "command": " ".join(sys.argv),
            "machine": f"{platform.machine()}, {cores()} cores",
            "gpu": self.settings.machine.gpu,
            "cluster": self.settings.machine.cluster,
            "threads": self.liquid.threads,
            "packages": package_versions(*_PACKAGES),
        }
        changed = self.folder.start(identity, details, session)
        if changed:
            self.say(f"resumed with other versions, which are recorded too: {', '.join(changed)}")

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Record the seconds and the peak memory of the stage in the block."""
        begin = time.monotonic()
        try:
            yield
        except BaseException:
            with suppress(OSError, NalsmError):  # a failure to write timings must not hide the original error
                self.folder.add_costs(stage, time.monotonic() - begin, peak_memory_bytes())
            raise
        self.folder.add_costs(stage, time.monotonic() - begin, peak_memory_bytes())
