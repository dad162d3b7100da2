"""How a program ends when it is stopped."""

import signal
import sys

import pytest
from small_runs import ROOT, assert_one_line_error, run


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_that_compiled_code_overlooks(number):
    """It comes while compiled code calls back into Python, which cannot pass an exception on: it stops all the same."""
    code = f"""
import ctypes, os, time, click
from nalsm.console.program import run_program
callback = ctypes.CFUNCTYPE(None)(lambda: os.kill(os.getpid(), {int(number)}))
@click.command()
def program():
    callback()
    time.sleep(60)
run_program(program)
"""
    done = run([sys.executable, "-c", code], "", cwd=ROOT)
    assert_one_line_error(done, 128 + number, f"stopped by {number.name}")
