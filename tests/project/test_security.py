"""Nothing that is read can run code: the package's own lines, looked at one by one.

Only our own code is looked at. Libraries do as they do: Dask, where a cluster is used, sends pickled functions between
its own processes.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path for folder in ("nalsm", "runners", "benchmarks") for path in (ROOT / folder).rglob("*.py"))

FORBIDDEN_MODULES = {
    "pickle", "_pickle", "cPickle", "pickletools", "marshal", "shelve", "joblib", "dill", "cloudpickle", "yaml",
    "torch", "jsonpickle", "code", "xmlrpc", "telnetlib", "ftplib", "pty",
}  # fmt: skip
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "execfile", "breakpoint"}
FORBIDDEN_ATTRIBUTES = {"system", "popen", "getoutput", "getstatusoutput", "unsafe_load", "full_load", "load_pickle",
                        "read_pickle", "spawnl", "spawnv"}  # fmt: skip
NUMPY_READERS = {"load", "fromfile", "memmap", "loadtxt", "genfromtxt", "open_memmap", "read_array"}
PLAIN_NUMPY_READERS = {"fromfile"}  # of numbers, whose types we name


def modules(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def keywords(call):
    return {keyword.arg: keyword.value for keyword in call.keywords}


def is_false(node):
    return isinstance(node, ast.Constant) and node.value is False


def complaints(source, path=Path("x.py")):
    """Return what a source file does that it must not: a list of texts with line numbers."""
    found = []
    for node in ast.walk(ast.parse(source)):
        where = f"{path.name}:{getattr(node, 'lineno', 0)}"
        for module in modules(node):
            top = module.split(".")[0]
            if top in FORBIDDEN_MODULES:
                found.append(f"{where} imports {module}")
        if isinstance(node, ast.Name) and node.id in FORBIDDEN_CALLS:
            found.append(f"{where} names {node.id}")
        if isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value)
            if node.attr in FORBIDDEN_ATTRIBUTES and owner not in ("platform",):
                found.append(f"{where} uses {owner}.{node.attr}")
            if owner in FORBIDDEN_MODULES:
                found.append(f"{where} uses {owner}.{node.attr}")
        if isinstance(node, ast.Call):
            found += _complaints_of_call(node, where)
    return found


def _complaints_of_call(call, where):
    name, given = ast.unparse(call.func), keywords(call)
    found = []
    if "shell" in given and not is_false(given["shell"]):
        found.append(f"{where} starts a shell")
    if name.split(".")[0] in ("np", "numpy") and name.rsplit(".", 1)[-1] in NUMPY_READERS - PLAIN_NUMPY_READERS:
        if not is_false(given.get("allow_pickle")):
            found.append(f"{where} calls {name} without allow_pickle=False")
    elif "allow_pickle" in given and not is_false(given["allow_pickle"]):
        found.append(f"{where} allows pickles")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_our_own_code_runs_no_data(path):
    assert complaints(path.read_text(encoding="utf-8"), path) == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle", "from pickle import loads", "import marshal", "import shelve", "import joblib", "import yaml",
        "import torch", "from torch import load", "import dill.source", "eval('1')", "exec('1')", "f = eval",
        "np.load('x')", "numpy.load('x', allow_pickle=True)", "np.load('x', allow_pickle=some)",
        "np.lib.format.read_array(f)",
        "save(x, allow_pickle=True)", "subprocess.run('x', shell=True)", "subprocess.run('x', shell=1)",
        "os.system('x')",
        "os.popen('x')", "__import__('os')", "compile('1', '', 'exec')", "pickle.load(f)", "pickle.Unpickler(f).load()",
        "np.memmap('x')", "subprocess.getoutput('x')",
    ],
)  # fmt: skip
def test_the_scan_sees(line):
    assert complaints(line)


def test_the_scan_lets_pass():
    for line in ("np.load('x', allow_pickle=False)", "subprocess.run(['x'])", "subprocess.run(['x'], shell=False)",
                 "json.loads('1')", "numba.njit(f)", "np.fromfile('x', np.uint8)"):  # fmt: skip
        assert complaints(line) == []


def test_every_file_is_looked_at():
    assert len(FILES) > 60
