"""Tasks on their way to workers: never more than a few for each, and a line for every way to lose a cluster."""

import contextlib
import queue
import time
from concurrent.futures import CancelledError
from itertools import islice

from distributed import KilledWorker

from nalsm.cluster.connection import SECONDS_FOR_WORKERS, lost_scheduler
from nalsm.errors import MachineError, NalsmError

SECONDS_BETWEEN_LOOKS = 1.0  # at the workers there are


def results(client, address, items, submit, per_thread):
    """Yield (item, result) of each item in any order, as they are done.

    submit : item -> Future; called when there is room: never more than `per_thread` tasks for each
        thread of the workers are submitted and not yet taken from here. Workers may come and go
    Raises MachineError where the scheduler or all workers are lost, and what a task raised.
    """
    items, waiting, done = iter(items), {}, queue.SimpleQueue()
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
                future = done.get(timeout=SECONDS_BETWEEN_LOOKS)
            except queue.Empty:
                continue
            result = _result(future, address)
            item, _ = waiting.pop(future.key)
            future.release()
            del future
            yield item, result
    finally:
        with contextlib.suppress(OSError, TimeoutError, RuntimeError, CancelledError):
            client.cancel([future for _, future in waiting.values()], force=True)


def _result(future, address):
    try:
        return future.result()
    except CancelledError:
        raise lost_scheduler(address) from None
    except NalsmError:
        raise
    except KilledWorker as error:
        raise MachineError(
            f"--cluster: {error.allowed_failures + 1} workers died one after another at the same task, the last at "
            f"{error.last_worker.address}; if they ran out of memory, choose a smaller BATCH_SIZE"
        ) from None
    except OSError as error:
        raise lost_scheduler(address, error) from None
    except Exception as error:
        raise MachineError(f"--cluster: a worker failed ({type(error).__name__}: {error})") from error


class _Workers:
    """How many threads the workers have, asked for now and then."""

    def __init__(self, client, address):
        self.client, self.address = client, address
        self._threads, self._looked, self._there = 0, float("-inf"), time.monotonic()

    def threads(self):
        """Return the number of threads of all workers; raises MachineError where there are none any more."""
        now = time.monotonic()
        if now - self._looked < SECONDS_BETWEEN_LOOKS and self._threads:
            return self._threads
        if self.client.status != "running":
            raise lost_scheduler(self.address)
        try:
            self._threads = sum(self.client.nthreads().values())
        except (OSError, TimeoutError) as error:
            raise lost_scheduler(self.address, error) from None
        self._looked = now
        if self._threads:
            self._there = now
        elif now - self._there > SECONDS_FOR_WORKERS:
            raise MachineError(
                f"--cluster: all workers of {self.address} were lost, and none came for {SECONDS_FOR_WORKERS} s: what "
                "was complete is kept, the same answers go on from it, with or without --cluster"
            )
        return self._threads
