"""Tasks on workers: a bounded number at a time, and an error line for each way to lose a cluster."""

import contextlib
import queue
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from itertools import islice
from typing import Any

from distributed import Client, Future, KilledWorker

from nalsm.cluster.connection import or_lost
from nalsm.cluster.same_bits import require_same_workers
from nalsm.support.errors import MachineError, NalsmError
from nalsm.support.tuning import TUNING


def results(
    client: Client, address: str, items: Iterable, submit: Callable[[Any], Future], per_thread: int
) -> Iterator[tuple[Any, Any]]:
    """Yield (item, result) of each item in any order, as they are done; workers may come and go.

    submit : item -> Future. At most `per_thread` items for each thread of the workers are submitted and not yet
        taken from here
    Raises MachineError where the scheduler or all workers are lost, where a worker would compute other
    bits, and where a task failed; a NalsmError of a task as it is.
    """
    items = iter(items)
    waiting: dict[Any, tuple[Any, Future]] = {}
    done: queue.SimpleQueue[Future] = queue.SimpleQueue()
    workers = _Workers(client, address)
    try:
        while True:
            room = per_thread * workers.threads() - len(waiting)
            for item in islice(items, max(room, 0)):
                future = submit(item)
                waiting[future.key] = item, future
                future.add_done_callback(done.put)
            if not waiting:
                return
            try:
                future = done.get(timeout=TUNING.seconds_between_looks)
            except queue.Empty:
                continue
            result = _result(client, address, future, workers)
            item, _ = waiting.pop(future.key)
            del future  # the workers forget it
            yield item, result
    finally:
        with contextlib.suppress(OSError, TimeoutError, RuntimeError, CancelledError):
            client.cancel([future for _, future in waiting.values()], force=True)


def _result(client, address, future, workers):
    while True:
        try:
            return future.result(timeout=TUNING.seconds_to_take)
        except Exception as error:
            if future.status == "error":
                raise _failed(client, address, error) from error
            if not isinstance(error, TimeoutError):
                with or_lost(address):
                    raise
        workers.threads()  # the result was lost again with its worker: is there anyone to make it?


def _failed(client, address, error):
    """Return the error to end with where a task raised one."""
    if isinstance(error, NalsmError):
        return error
    if isinstance(error, KilledWorker):
        return MachineError(
            f"--cluster: {error.allowed_failures + 1} workers died one after another at the same task, the last at "
            f"{error.last_worker.address}; if they ran out of memory, choose a smaller BATCH_SIZE"
        )
    with or_lost(address):
        require_same_workers(client)  # a worker that cannot even read the task is named
    return MachineError(f"--cluster: a worker failed ({type(error).__name__}: {error})")


class _Workers:
    """The workers of a cluster, looked at now and then."""

    def __init__(self, client, address):
        self.client, self.address = client, address
        self._threads = {}  # by address of the worker
        self._looked, self._there = -TUNING.seconds_between_looks, time.monotonic()

    def threads(self):
        """Return the number of threads of all workers; raises MachineError as `results` does."""
        now = time.monotonic()
        if now - self._looked >= TUNING.seconds_between_looks:
            self._look()
            self._looked = now
        if self._threads:
            self._there = now
        elif now - self._there > TUNING.seconds_for_workers:
            raise MachineError(
                f"--cluster: all workers of {self.address} were lost, and no others came for "
                f"{TUNING.seconds_for_workers:g} s: completed work is kept; to resume, give the same answers again, "
                "with or without --cluster"
            )
        return sum(self._threads.values())

    def _look(self):
        with or_lost(self.address):
            if self.client.status != "running":
                raise CancelledError
            threads = self.client.nthreads()
            new = [worker for worker in threads if worker not in self._threads]
            if new:
                require_same_workers(self.client, new)
        self._threads = threads
