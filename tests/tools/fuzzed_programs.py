"""The programs inside this process, up to where their work would begin: quick enough to ask them 10,000 things."""

import io
import os
import signal
import sys
from contextlib import ExitStack, redirect_stderr
from functools import partial
from pathlib import Path
from unittest import mock

from nalsm.console.program import run_program
from nalsm.datasets import OWN
from nalsm.models import MODELS
from nalsm.programs import datasets, measures, runs
from nalsm.programs.network import generate_network
from nalsm.programs.noise import present_noisy
from nalsm.programs.report import report
from nalsm.programs.train import train
from nalsm.support.errors import UserError
from nalsm.support.tuning import TUNING

WORK = "here the work would begin"


def _stop() -> None:
    raise UserError(WORK)


def _programs(root):
    pairs = [(model, data) for model in MODELS for data in ("MNIST", "N-MNIST", OWN)]
    table = {f"train {model} {data}": partial(train, model, data, root) for model, data in pairs}
    table |= {f"noise {model} {data}": partial(present_noisy, model, data, root) for model, data in pairs}
    return table | {
        "train NALSM Fashion-MNIST": partial(train, "NALSM", "Fashion-MNIST", root),
        "generate": partial(generate_network, root),
        "report": partial(report, root),
        "accuracy": partial(measures.show_test_accuracy, root),
        "compute branching": partial(measures.compute_branching_factors, root),
        "show branching": partial(measures.show_branching_factors, root),
        "kernel": partial(measures.kernel_quality, root),
        "runs": partial(run_program, runs.main),
        "datasets": partial(run_program, datasets.commands),
    }


PROGRAMS = tuple(_programs(Path()))
FLAGS = (
    "--gpu", "--version", "--net-num-var", "--batch-size", "--batchs-per-block", "--astro-w-scaling",
    "--intial-abs-w-sclr", "--stdp-neuron-rate-theshold", "--stdp-neuron-rate-range", "--train-samples",
    "--valid-samples", "--test-samples", "--init-samples", "--init-ms", "--sample-ms", "--cycles", "--seed", "--engine",
    "--threads", "--data-dir", "--networks-dir", "--output-dir", "--keep-weights-every", "--memory-budget",
    "--overwrite", "--quiet", "--help", "--number", "--dim1", "--dim2", "--dim3", "--dataset", "--output", "--compare",
    "--draws", "--per-class", "--json", "--count", "--data-file", "--rates", "--inputs",
)  # fmt: skip
COMMANDS = ("download-nmnist", "pack-nmnist", "simulate-nmnist")
NASTY = (
    "0", "1", "-1", "2", "7", "8", "10", "25", "M", "n", "0.015", "-0.0", "1e3", "0x10", "1_000", "10" * 200,
    "9" * 5000,
    "1e309", "nan", "inf", "-inf", "../../x", "/etc/passwd", "~", "~nobody-here/x", "\0", "7\0", "\u0667", "\uff17", "",
    " ", "7 8", "--", "-", "'7'", "$(touch x)", "; rm x", "%s%n", "{}", "\udcff", "x" * 5000, "7" + " " * 5000,
    "/dev/null",
    "/dev/zero", "train_data", "a/" * 3000, "1e-400", "4.9e-324", "+7", "--7", "\u2212" + "7", "1,5",
    "\u200b7", "\x1b[2J",
)  # fmt: skip


def listing(place):
    """Every file below a folder with its size and time of change."""
    found = {}
    for folder, _, names in os.walk(place):
        for name in names:
            state = os.lstat(os.path.join(folder, name))
            found[os.path.join(folder, name)] = state.st_size, state.st_mtime_ns
        found[folder] = None
    return found


def ask(place, name, arguments, answers):
    """Run a program in a folder with these arguments (texts) and bytes on standard input.

    Returns (exit code, standard output, standard error). No work is done: where it would begin, exit code 2.
    """
    out, err = io.BytesIO(), io.StringIO()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    before = os.getcwd()
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(TUNING, "before_work", _stop))
        stack.enter_context(mock.patch.object(sys, "argv", ["program", *arguments]))
        stack.enter_context(mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(answers), "utf-8")))
        stdout = stack.enter_context(mock.patch.object(sys, "stdout", io.TextIOWrapper(out, "utf-8")))
        stack.enter_context(redirect_stderr(err))
        os.chdir(place)
        try:
            _programs(place)[name]()
        except SystemExit as end:
            code = end.code
        finally:
            stdout.flush()
            os.chdir(before)
            for number, handler in handlers.items():
                signal.signal(number, handler)
    return code, out.getvalue(), err.getvalue()


def check(place, name, arguments, answers):
    """Ask a program; raise AssertionError unless it ends as it should and leaves everything as it was."""
    before = listing(place)
    code, _, err = ask(place, name, arguments, answers)
    told = (name, arguments, answers[:200], code, err[:500])
    assert code in (0, 2), told  # 1 would be the machine's failure
    lines = err.splitlines()
    assert len(lines) == (1 if code else 0), told
    assert not code or lines[0].startswith("Error: "), told
    assert "Traceback" not in err, told
    assert listing(place) == before, told
    return code, err
