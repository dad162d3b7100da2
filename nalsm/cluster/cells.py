"""Whole items of work, such as cells of a sweep, on workers that share a folder: one at a time on each.

Dask gives the items of a lost worker to others. What they call has to stand being started again.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from uuid import uuid4

from distributed import get_worker

from nalsm.cluster.connection import connected, or_lost
from nalsm.cluster.tasks import results
from nalsm.support.errors import UserError


def on_workers(
    address: str, function: Callable[[Any], Any], items: Iterable, folder: Path, say: Callable[[str], None]
) -> Iterator[tuple[Any, Any]]:
    """Yield (item, function(item)) for each item as they are done, in any order.

    folder : must be visible to all workers under the same path, and have room for a small file meanwhile
    Raises UserError if a worker has several threads or does not see the folder, and as `nalsm.cluster.tasks.results`.
    """
    with connected(address, say) as client, NamedTemporaryFile(prefix=".cluster-", dir=folder) as seen:

        def submit(item):
            with or_lost(address):
                return client.submit(_run, function, item, seen.name, key=f"nalsm-cell-{uuid4().hex}", pure=False)

        yield from results(client, address, items, submit, per_thread=1)


def _run(function, item, seen):
    """The task."""
    worker = get_worker()
    if worker.state.nthreads != 1:
        raise UserError(
            f"--cluster: worker {worker.address} has several threads, and would run as many programs at a time; start "
            f"workers with: dask worker {worker.scheduler.address} --nthreads 1"
        )
    if not Path(seen).exists():
        raise UserError(
            f"--cluster: worker {worker.address} does not see {Path(seen).parent}; cells need a folder that all "
            "workers share, under the same path"
        )
    return function(item)
