"""Presents the batches of a run on the workers of a Dask cluster.

What all batches share (network, weights, rule, engine) is the result of a task of its own. A worker fetches it once
and keeps it with the opened liquid; Dask recomputes it if it is lost. A batch brings its samples as images or events,
the worker draws the rasters itself, and the counts are sent back.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from uuid import uuid4

import numpy as np
from distributed import get_worker

from nalsm.cluster.connection import connected, or_lost, threads_of_local
from nalsm.cluster.same_bits import fingerprint, require_same, require_same_workers
from nalsm.cluster.tasks import results
from nalsm.liquid.devices import choose_device
from nalsm.liquid.interface import Liquid
from nalsm.liquid.neuron import NeuronConstants
from nalsm.network import Network
from nalsm.runs.counting import Batch, Counted, CountingSession, Presentation
from nalsm.support.cluster_address import local_workers
from nalsm.support.resources import cores

BATCHES_IN_FLIGHT = 2  # for each thread of a worker: one at work, one waiting


@dataclass(frozen=True)
class Cluster:
    """Counts the spikes of a run on the cluster of an address (`nalsm.runs.counting.Counting`)."""

    address: str

    def require(self, say: Callable[[str], None]) -> None:
        """Raise MachineError unless the cluster can count for this program."""
        require_cluster(self.address, say)

    def count(
        self, run: CountingSession, presentation: Presentation, batches: list[Batch]
    ) -> Iterator[tuple[Batch, Counted]]:
        """Yield (batch, Counted) of every batch, in any order."""
        return count_on_cluster(self.address, run, presentation, batches)


def require_cluster(address: str, say: Callable[[str], None]) -> None:
    """Raise MachineError unless a cluster answers, has workers, and they compute the same bits as this program."""
    if not local_workers(address):
        with connected(address, say) as client, or_lost(address):
            require_same_workers(client)


def count_on_cluster(
    address: str, run: CountingSession, presentation: Presentation, batches: list[Batch]
) -> Iterator[tuple[Batch, Counted]]:
    """Yield (batch, Counted) of every batch in any order; raises MachineError as `nalsm.cluster.tasks.results`.

    run : has settings (gpu, threads), network, liquid and say; presentation : Presentation of all batches
    batches : of `nalsm.runs.counting.Batch`
    """
    number = local_workers(address)
    machine, engine = run.settings.machine, run.liquid.engine
    threads = machine.threads or (threads_of_local(number) if number else 0)
    liquid = run.liquid.watched, run.liquid.neuron
    shared = run.network, *liquid, presentation, engine, machine.gpu, threads, fingerprint(engine)
    with connected(address, run.say) as client:
        name = uuid4().hex[:12]
        with or_lost(address):
            counter = client.submit(Counter, *shared, key=f"nalsm-run-{name}", pure=False)

        def submit(batch):
            samples, key = batch.samples(), f"nalsm-batch-{name}-{batch.split_name}-{batch.number}"
            with or_lost(address):
                return client.submit(_count, counter, samples, batch.record, key=key, pure=False)

        yield from results(client, address, batches, submit, BATCHES_IN_FLIGHT)


@dataclass
class Counter:
    """What a worker keeps of a run.

    watched : bool [N], the neurons that the astrocyte watches; None: all
    neuron : constants of the neurons
    threads : of the liquid; 0: the worker's share of the cores
    wanted : fingerprint of the program that counts
    """

    network: Network
    watched: np.ndarray | None
    neuron: NeuronConstants
    presentation: Presentation
    engine: str
    gpu: int
    threads: int
    wanted: dict

    @cached_property
    def liquid(self) -> Liquid:
        """The liquid, opened at the first batch; raises MachineError on a worker that may compute other bits."""
        from nalsm.liquid import open_liquid

        worker = get_worker()
        choose_device(self.gpu, say=lambda _text: None)
        require_same(self.wanted, fingerprint(self.engine), worker.address)
        share = max(1, cores() // worker.state.nthreads)
        return open_liquid(self.network, self.engine, self.threads or share, self.watched, self.neuron)

    def __getstate__(self):
        return {name: value for name, value in self.__dict__.items() if name != "liquid"}  # every worker opens its own


def _count(counter, samples, record):
    """The task: return the Counted of a batch."""
    rasters = counter.presentation.rasters(samples, np.arange(len(samples)))
    return counter.presentation.count(counter.liquid, rasters, record)
