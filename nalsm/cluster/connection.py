"""A connection to a Dask cluster. Workers of local:N live as long as the connection.

Dask's own log is off unless Dask's configuration has a `logging` section, because a program reports a failure in one
line.
"""

import contextlib
import logging
import signal
import tempfile
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from multiprocessing import resource_tracker

import dask
from distributed import Client, LocalCluster

from nalsm.support.cluster_address import local_workers
from nalsm.support.errors import MachineError
from nalsm.support.resources import cores
from nalsm.support.tuning import TUNING

_LOGGERS = ("distributed", "distributed.client", "distributed.gc", "bokeh", "tornado", "tornado.application", "asyncio")


def _silence() -> None:
    """Keep Dask's messages off the terminal unless the user's configuration of Dask sets up logging."""
    if {"logging", "logging-file-config"} & {*dask.config.config, *dask.config.get("distributed", {})}:
        return
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False


_silence()


@contextlib.contextmanager
def connected(address: str, say: Callable[[str], None] = lambda _text: None) -> Iterator[Client]:
    """Yield a Client of the cluster as soon as it has workers.

    address : tcp://HOST:PORT or local:N; say : called with a line if there are no workers yet
    Raises MachineError if there is no scheduler, or no worker in time.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", module=r"(distributed|dask|tornado)\b")
        number = local_workers(address)
        target = stack.enter_context(_local_cluster(number)) if number else address
        client = _client(target, address)
        stack.callback(_close, client)
        _wait_for_workers(client, address, say)
        yield client


def _client(target: LocalCluster | str, address: str) -> Client:
    try:
        return Client(target, timeout=TUNING.seconds_to_answer, set_as_default=False)
    except (OSError, TimeoutError, ValueError, TypeError, RuntimeError) as error:
        reason = "" if isinstance(error, TimeoutError) or "Timed out" in str(error) else f" ({error})"
        raise MachineError(
            f"--cluster: no Dask scheduler answers at {address} within {TUNING.seconds_to_answer:g} s{reason}; start "
            "one (dask scheduler), correct the address, or leave --cluster out"
        ) from None


def _wait_for_workers(client: Client, address: str, say: Callable[[str], None]) -> None:
    with or_lost(address):
        if client.nthreads():
            return
    say(f"waiting up to {TUNING.seconds_for_workers:g} s for workers of {address}")
    try:
        client.wait_for_workers(1, timeout=TUNING.seconds_for_workers)
    except TimeoutError:
        raise MachineError(
            f"--cluster: the scheduler at {address} has had no workers for {TUNING.seconds_for_workers:g} s; start "
            f"some (dask worker {address} --nthreads 1), or leave --cluster out"
        ) from None
    except OSError as error:
        raise _lost(address, error) from None


@contextlib.contextmanager
def or_lost(address: str) -> Iterator[None]:
    """Raise MachineError if the connection to the scheduler fails in the block."""
    try:
        yield
    except CancelledError:  # Dask cancels all tasks when it loses the scheduler
        raise _lost(address) from None
    except (OSError, TimeoutError) as error:
        raise _lost(address, error) from None


def _lost(address: str, reason: object = "") -> MachineError:
    return MachineError(
        f"--cluster: the connection to the scheduler at {address} was lost{f' ({reason})' if str(reason) else ''}: "
        "completed work is kept; to resume, give the same answers again, with or without --cluster"
    )


def _close(client: Client) -> None:
    with contextlib.suppress(OSError, TimeoutError, RuntimeError):
        client.close(timeout=2)


@contextlib.contextmanager
def _local_cluster(number: int) -> Iterator[LocalCluster]:
    """Start worker processes with one Dask thread each, reachable from this machine only. They end with the block."""
    with tempfile.TemporaryDirectory(prefix="nalsm-cluster-", ignore_cleanup_errors=True) as folder:
        # Ctrl-C reaches every process of a terminal, but only this one may act on it. Threads and processes that start
        # while the signal is blocked never see it. Starting the resource tracker would unblock it, so it starts first.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            cluster = LocalCluster(
                n_workers=number, threads_per_worker=1, processes=True, host="127.0.0.1", memory_limit=0,
                silence_logs=100, local_directory=folder,
                scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},  # any free port, not 8787
            )  # fmt: skip
        except (OSError, TimeoutError, RuntimeError) as error:
            raise MachineError(f"--cluster: {number} local workers could not be started ({error})") from None
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        try:
            yield cluster
        finally:
            with contextlib.suppress(OSError, TimeoutError, RuntimeError):
                cluster.close(timeout=10)


def threads_of_local(number: int) -> int:
    """Return how many threads each of `number` local workers gets, so that all cores have work."""
    return max(1, cores() // number)
