"""benchmarks/xla_on_gpu.py runs the TensorFlow engine's programs in two ways, both equal to the event-driven engine.

No GPU is needed: the programs run on the CPU.
"""

import importlib.util
import sys

import numpy as np
import pytest
from small_runs import ROOT, run

sys.path.insert(0, str(ROOT / "benchmarks"))

import xla_on_gpu

PROGRAM = [sys.executable, str(ROOT / "benchmarks" / "xla_on_gpu.py")]
NO_NALSM = "import sys, runpy; sys.modules['nalsm'] = sys.modules['tensorflow'] = None; sys.argv = sys.argv[1:]; "
SMALL = ("--neurons", "27", "64", "--samples=3", "--steps=40", "--snapshots=120", "--batches", "5")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    path = tmp_path_factory.mktemp("programs") / "programs.npz"
    done = run([*PROGRAM, "export", str(path), *SMALL], answers="")
    assert done.returncode == 0, done.stderr
    assert "10 programs" in done.stdout
    return path


def tables(text):
    """Return the two tables as lists of rows, each a dict by column."""
    found = []
    for block in text.split("\n\n"):
        if block.startswith("|"):
            head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
            found.append([dict(zip(head, row, strict=True)) for row in rows])
    return found


def assert_all_equal(text, n_rules):
    """Check what both tables say; return the rows of the second."""
    n = 2 * n_rules + 2
    assert f"{n} of {n} programs give the event-driven engine's counts" in text
    checks, times = tables(text)
    assert [row["program"] for row in checks] == ["initialise", "present"] * n_rules
    assert len({row["rule"] for row in checks}) == n_rules
    for row in checks:
        assert row["counts"].endswith("equal")
        if row["program"] == "present":
            assert row["spikes"].endswith("equal")
            assert int(row["spikes"].split()[0]) > 1000
        assert float(row["largest difference of a weight"]) < 2e-5
    assert [(row["neurons"], row["batch"]) for row in times] == [("27", "5"), ("64", "5")]
    for row in times:
        assert row["counts"].endswith("equal")
        micros = float(row["us per ms step and sample"])
        assert micros > 0
        assert float(row["70,000 samples of 250 ms, s"]) == pytest.approx(17.5 * micros, rel=0.02)
        assert float(row["compiler's memory, MB"]) > 0
    return times


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed: pip install '.[gpu-check]'")
def test_jax_runs_an_exported_file(exported):
    """In a process in which neither nalsm nor TensorFlow can be imported."""
    code = NO_NALSM + "runpy.run_path(sys.argv[0], run_name='__main__')"
    program = [sys.executable, "-c", code, PROGRAM[1], "run", str(exported), *SMALL]
    done = run(program, answers="", cwd=exported.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_all_equal(done.stdout, n_rules=4)


def test_tensorflow_gives_the_same_table(exported, capsys, monkeypatch):
    """With one rule: tests/liquid has all. The engine's bytes_needed covers what TensorFlow's compiler assigns."""
    cases, arrays = xla_on_gpu.load(exported)
    some = [case for case in cases if case.timed or case.rule == cases[0].rule]
    monkeypatch.setattr(xla_on_gpu, "make_cases", lambda _options: (some, arrays))
    assert xla_on_gpu.main(["tensorflow"]) == 0
    for row in assert_all_equal(capsys.readouterr().out, n_rules=1):
        assert float(row["compiler's memory, MB"]) <= float(row["bytes_needed, MB"])


class Replay:
    """A machine that returns what a file says, with one spike too many in a sample."""

    title, on_gpu = "replay", False

    def compile(self, case, arrays):
        counts = arrays[case.counts][np.arange(case.batch) % len(arrays[case.counts])].copy()
        counts[-1, 0] += 1
        weights = arrays[case.weights] + np.float32(0.5) if case.weights else None
        if case.program == "initialise":
            return lambda: [weights, None, None, counts], 0
        spikes = arrays[case.spikes].copy() if case.spikes else np.zeros((1, 1, 1), np.uint8)
        spikes[-2:, 0, -1] ^= 128
        return lambda: [counts, spikes, None if weights is None else weights[:, :, None]], 0

    def copier(self, n):
        return lambda: None


def test_differences_are_reported(exported, capsys, monkeypatch):
    monkeypatch.setattr(xla_on_gpu, "median_seconds", lambda function, clock: 1e-3)
    cases, arrays = xla_on_gpu.load(exported)
    assert xla_on_gpu.report(Replay(), cases, arrays) == 10
    output = capsys.readouterr().out
    assert "0 of 10 programs give" in output
    checks, times = tables(output)
    assert checks[1]["counts"] == "1 of 81 differ"
    assert checks[1]["spikes"] == "2 differ, from ms 38 on"
    assert checks[1]["largest difference of a weight"] == "5.0e-01"
    row = times[0]
    assert float(row["us per ms step and sample"]) == pytest.approx(1e-3 / 40 / 5 * 1e6)
    moved = 3 * 4 * 5 * 27 * int(row["K"]) * 40
    assert float(row["GB/s"]) == pytest.approx(moved / 1e-3 / 1e9, rel=0.01)


def test_a_batch_without_memory_is_a_row(exported, capsys):
    class Full(Replay):
        def compile(self, case, arrays):
            raise RuntimeError("RESOURCE_EXHAUSTED: out of memory while trying to allocate 7 bytes")

    cases, arrays = xla_on_gpu.load(exported)
    assert xla_on_gpu.measure(Full(), cases[-1], arrays, 1.0, None) is False
    assert "| 64 | 144 | 5 | no memory | - |" in capsys.readouterr().out
