"""Shared by all tests: small runs of the real programs, and comparing what they leave behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

from nalsm.network import Network, log_path, network_path
from nalsm.storage.files import read_arrays

ROOT = Path(__file__).resolve().parents[2]
RUNNERS = ROOT / "runners"

# 300 samples on 64 neurons: every stage of the real thing, in seconds.
SMALL = (
    "--train-samples=200", "--valid-samples=50", "--test-samples=50", "--init-samples=40", "--sample-ms=60",
    "--cycles=6", "--seed=5",
)  # fmt: skip
ANSWERS = ("-1", "7", "1", "25", "4", "0.015")  # GPU, VERSION, NET_NUM_VAR, BATCH_SIZE, BATCHS_PER_BLOCK, a knob


def place_with_networks(folder):
    """Put network 1 (MNIST) and network 2 (N-MNIST) into a folder, and return it."""
    networks = folder / "networks"
    networks.mkdir()
    for number, n_inputs in ((1, 784), (2, 2312)):
        network = Network.generate((4, 4, 4), n_inputs, seed=number)
        network.save(network_path(networks, number))
        log_path(networks, number).write_text(network.describe())
    return folder


def command(place, *flags, program="NALSM_RUN_MAIN_SIM_MNIST.py", small=SMALL):
    """The command line of a training program that works in `place`."""
    folders = (f"--networks-dir={place}/networks", f"--output-dir={place}/train_data")
    return [sys.executable, str(RUNNERS / program), *small, *folders, *flags]


def changed(arguments, code):
    """The same command line, with `code` run in its process before the program."""
    program, script, *flags = arguments
    code = f"import sys\nsys.path.insert(0, {str(ROOT)!r})  # this checkout's package, as the programs have it\n{code}"
    code += f"\nimport runpy, sys\nsys.argv = {[script, *flags]!r}\nsys.path.insert(0, {str(RUNNERS)!r})\n"
    return [program, "-c", code + "runpy.run_path(sys.argv[0], run_name='__main__')"]


def tuned(**fields):
    """Return code that sets fields of `nalsm.support.tuning.TUNING` to these values, written in Python."""
    lines = "".join(f"TUNING.{name} = {value}\n" for name, value in fields.items())
    return f"\nfrom nalsm.support.tuning import TUNING\n{lines}"


def run(arguments, answers=ANSWERS, cwd=None, env=None, **options):
    """Run a program with piped answers; return the completed process (text)."""
    lines = answers if isinstance(answers, str) else "".join(f"{answer}\n" for answer in answers)
    return subprocess.run(
        arguments, input=lines, capture_output=True, text=True, timeout=300, cwd=cwd, check=False,
        env={**environment(), **(env or {})}, **options,
    )  # fmt: skip


def environment():
    """This process's environment without what a developer may have set for TensorFlow or Python."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("TF_", "CUDA_", "PYTHONPATH"))}


def assert_one_line_error(done, code, *words):
    """The program ended with this code and one line that has these words (or paths)."""
    assert done.returncode == code, done
    assert done.stderr.startswith("Error: "), done
    assert done.stderr.count("\n") == 1, done
    assert all(str(word) in done.stderr for word in words), (words, done.stderr)


def folder_contents(folder):
    """What a version folder holds, file by file, without what differs from run to run: dates, times, the command.

    Reports and TensorBoard's log are no results: they are left out too.
    """
    contents = {}
    for path in sorted(folder.iterdir()):
        if path.name in (".lock", "tensorboard") or path.name.endswith(("_times.json", "_params.txt")):
            continue
        if path.name.startswith("report"):
            continue
        if path.suffix == ".json":
            contents[path.name] = json.loads(path.read_text())["identity"]
        else:
            contents[path.name] = as_bytes(*read_arrays(path))
    return contents


def as_bytes(arrays, attributes):
    """What a file holds, so that == compares every bit."""
    return attributes, {name: (a.dtype.str, a.shape, a.tobytes()) for name, a in arrays.items()}
