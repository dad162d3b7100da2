"""Whole programs on the workers of a Dask cluster that share a folder, one at a time on each.

A program that was on a lost worker is started again on another: programs of this package go on where
they were stopped. A lost or cancelled worker takes its program with it (`supervisor.py`).
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from distributed import get_worker

from nalsm.cluster.connection import connected, or_lost
from nalsm.cluster.tasks import results
from nalsm.support.errors import UserError

TAIL = 10_000  # bytes of output that come back
_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_SECONDS_BETWEEN_LOOKS = 0.3


@dataclass(frozen=True)
class Command:
    """A program to run. arguments : the program and its arguments, paths as the workers see them

    answers : what it reads from standard input; environment : variables beside those of the worker
    """

    arguments: list[str]
    answers: str = ""
    cwd: str | None = None
    environment: dict = field(default_factory=dict)


def run_commands(address, commands, folder, say=lambda _text: None):
    """Run programs on the workers; yield (command, return code, end of its output) as they end, in any order.

    address : tcp://HOST:PORT, tls://HOST:PORT or local:N; commands : iterable of Command
    folder : that all workers share with this process: whether they do is tried with a file in it
    A return code is 128 + the signal's number where a signal ended the program; output is standard output and
    error together.
    Raises UserError where a worker has more than one thread or does not see the folder, and MachineError as
    `nalsm.cluster.tasks.results` does.
    """
    with connected(address, say) as client, _token(folder) as token:
        with or_lost(address):
            busy = [worker for worker, threads in client.nthreads().items() if threads != 1]
            found = client.run(_sees, *token, on_error="ignore")
        if busy:
            raise UserError(
                f"--cluster: worker {busy[0]} has several threads, and would run as many programs at a time; start "
                f"workers with: dask worker {address} --nthreads 1"
            )
        for worker, sees in found.items():
            _require_shared(sees, token[0], worker)

        def submit(command):
            with or_lost(address):
                return client.submit(_run, command, *token, key=f"nalsm-program-{uuid4().hex}", pure=False)

        for command, (code, output) in results(client, address, commands, submit, per_thread=1):
            yield command, code, output


@contextlib.contextmanager
def _token(folder):
    """Leave a file in a folder while the block runs; yield its path and what it holds."""
    path, text = Path(folder).absolute() / f".cluster-{uuid4().hex}", uuid4().hex
    path.write_text(text, encoding="ascii")
    try:
        yield str(path), text
    finally:
        path.unlink(missing_ok=True)


def _sees(path, text):
    try:
        return Path(path).read_text(encoding="ascii") == text
    except (OSError, ValueError):
        return False


def _require_shared(sees, path, worker):
    if not sees:
        raise UserError(
            f"--cluster: worker {worker} does not see {Path(path).parent}; whole programs need a folder that all "
            "workers share, under the same path"
        )


def _run(command, path, text):
    """The task: run a program to its end; return (return code, end of its output)."""
    worker = get_worker()
    _require_shared(_sees(path, text), path, worker.address)
    task = worker.get_current_task()
    with (
        tempfile.TemporaryFile() as output,
        subprocess.Popen(
            [sys.executable, str(_SUPERVISOR)], stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT,
            cwd=command.cwd, env={**os.environ, **command.environment},
        ) as process,
    ):  # fmt: skip
        request = {"arguments": command.arguments, "answers": command.answers}
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        while _wait(process) is None:
            if _is_cancelled(worker, task):
                process.stdin.close()  # the supervisor ends the program
                process.wait()
        output.seek(max(0, output.seek(0, os.SEEK_END) - TAIL))
        return process.returncode, output.read().decode(errors="backslashreplace")


def _wait(process):
    try:
        return process.wait(_SECONDS_BETWEEN_LOOKS)
    except subprocess.TimeoutExpired:
        return None


def _is_cancelled(worker, key):
    state = worker.state.tasks.get(key)
    return state is None or state.state in ("cancelled", "released", "forgotten")
