"""A connection to a Dask cluster; workers of local:N live as long as it does.

Dask's own log is silent unless its configuration (a `logging` section, see Dask's documentation) says
otherwise: what the user has to know is said in the one line a program ends with.
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


def _silence():
    """Take Dask's messages off the terminal unless the user's configuration of Dask speaks of its log."""
    if {"logging", "logging-file-config"} & {*dask.config.config, *dask.config.get("distributed", {})}:
        return
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False


_silence()


@contextlib.contextmanager
def connected(address: str, say: Callable[[str], None] = lambda _text: None) -> Iterator[Client]:
    """Yield a Client of the cluster as soon as it has workers; raises MachineError where that fails."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", module=r"(distributed|dask|tornado)\b")
        number = local_workers(address)
        target = stack.enter_context(_local_cluster(number)) if number else address
        client = _client(target, address)
        stack.callback(_close, client)
        _wait_for_workers(client, address, say)
        yield client


def _client(target, address):
    try:
        return Client(target, timeout=TUNING.seconds_to_answer, set_as_default=False)
    except (OSError, TimeoutError, ValueError, TypeError, RuntimeError) as error:
        reason = "" if isinstance(error, TimeoutError) or "Timed out" in str(error) else f" ({error})"
        raise MachineError(
            f"--cluster: no Dask scheduler answers at {address} within {TUNING.seconds_to_answer:g} s{reason}; start "
            "one (dask scheduler), correct the address, or leave --cluster out"
        ) from None


def _wait_for_workers(client, address, say):
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
    """Raise MachineError where talking to the scheduler in the block fails."""
    try:
        yield
    except CancelledError:  # Dask cancels all that was submitted
        raise _lost(address) from None
    except (OSError, TimeoutError) as error:
        raise _lost(address, error) from None


def _lost(address, reason=""):
    return MachineError(
        f"--cluster: the connection to the scheduler at {address} was lost{f' ({reason})' if str(reason) else ''}: "
        "completed work is kept; to resume, give the same answers again, with or without --cluster"
    )


def _close(client):
    with contextlib.suppress(OSError, TimeoutError, RuntimeError):
        client.close(timeout=2)


@contextlib.contextmanager
def _local_cluster(number):
    """Start worker processes of one Dask thread each, on this machine alone; they end with the block."""
    with tempfile.TemporaryDirectory(prefix="nalsm-cluster-", ignore_cleanup_errors=True) as folder:
        # Ctrl-C reaches every process of a terminal. It is this one's to act on: threads and processes
        # that are made while the signal is blocked never see it (but the tracker's start would unblock it).
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            cluster = LocalCluster(
                n_workers=number, threads_per_worker=1, processes=True, host="127.0.0.1", memory_limit=0,
                silence_logs=100, local_directory=folder,
                scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},  # some port, no 8787
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
    """Return how many threads each of `number` local workers has, so that all cores have work."""
    return max(1, cores() // number)
