"""The layout of the package: arrows go down only, no circles, and public functions say what they take and return.

`python tests/project/test_layout.py` prints every violation.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "nalsm"

# A folder (or a file at the root of the package) may import those before it, never those after it. The order is the way
# of the data: what knows nothing of liquids, then the science, then what is done with it, last what people start.
ORDER = (
    "support", "storage", "console", "rules", "models", "network", "encoding", "liquid", "optimiser", "readout",
    "datasets", "runs", "estimator", "evaluation", "constants", "report", "cluster", "sweep", "programs",
)  # fmt: skip


def module_name(path: Path, root: Path = PACKAGE) -> str:
    parts = ("nalsm", *path.relative_to(root).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def trees(root: Path = PACKAGE) -> dict[str, ast.Module]:
    """The package's files, parsed, by the name of their module."""
    return {module_name(path, root): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(root.rglob("*.py"))}


def imports_of(tree: ast.Module, known: set[str]) -> Iterator[tuple[str, int]]:
    """Yield (imported module, line) of everything in `known` that a file imports, also inside functions.

    A module that is imported by name, through importlib, counts where the name is written in the file: whole, or as the
    first part of an f-string, which stands for all modules that begin so.
    """
    strings = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value in known]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                name = whole if whole in known else node.module
                if name in known:
                    yield name, node.lineno
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            first = node.args[0]
            if isinstance(first, ast.JoinedStr) and isinstance(first.values[0], ast.Constant):
                begin = first.values[0].value
                yield from ((name, node.lineno) for name in known if name.startswith(begin))
            else:
                yield from ((string.value, string.lineno) for string in strings)


@cache
def graph(root: Path = PACKAGE) -> dict[str, dict[str, int]]:
    """{module: {module that it imports: line}}, without the package's front door, which imports on demand only."""
    known = set(trees(root))
    return {name: {} if name == "nalsm" else dict(imports_of(tree, known)) for name, tree in trees(root).items()}


def folder_of(module: str) -> str:
    """The folder of a module; `python -m nalsm.FOLDER` starts a program."""
    if module.endswith(".__main__"):
        return "programs"
    return module.split(".")[1] if "." in module else ""


def arrows_that_go_up(root: Path = PACKAGE) -> list[str]:
    """Return an import line for each arrow from a folder to one after it in ORDER."""
    place = {"": -1, **{folder: number for number, folder in enumerate(ORDER)}}
    return [
        f"{name}, line {line}: imports {imported}, but {folder_of(name) or 'nalsm'} comes before {folder_of(imported)}"
        for name, imports in graph(root).items()
        for imported, line in sorted(imports.items())
        if place[folder_of(imported)] > place[folder_of(name)]
    ]


def cycles(root: Path = PACKAGE) -> list[str]:
    """Return one shortest cycle for each import that lies on a cycle of files, each cycle once."""
    found = {}
    for start in graph(root):
        paths, seen = [[start]], {start}
        while paths:
            path = paths.pop(0)
            following = graph(root)[path[-1]]
            if start in following:
                found.setdefault(frozenset(path), " -> ".join([*path, start]))
                break
            new = [name for name in sorted(following) if name not in seen]
            seen.update(new)
            paths += [[*path, name] for name in new]
    return sorted(found.values())


def missing_hints(root: Path = PACKAGE) -> list[str]:
    """Return the public functions and methods that leave a type out."""
    return [
        f"{name}, line {function.lineno}: {function.name} has no type for {', '.join(untyped)}"
        for name, tree in trees(root).items()
        for function, is_method in public_functions(tree)
        if (untyped := untyped_parts(function, is_method))
    ]


def public_functions(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, bool]]:
    """Yield (function, whether it is a method) for every public one of a module and of its public classes."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node, False
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and (method.name == "__init__" or method.name[0] != "_"):
                    yield method, True


def untyped_parts(function: ast.FunctionDef, is_method: bool) -> list[str]:
    """Return the arguments without a type (without self and cls), and "the result"."""
    given = function.args
    arguments = [*given.posonlyargs, *given.args]
    is_static = any(ast.unparse(decorator) == "staticmethod" for decorator in function.decorator_list)
    arguments = arguments[1:] if is_method and not is_static else arguments
    arguments += [*given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
    untyped = [argument.arg for argument in arguments if argument.annotation is None]
    return untyped + ["the result"] * (function.returns is None and function.name != "__init__")


def test_every_folder_has_a_place_in_the_order():
    here = {path.name.removesuffix(".py") for path in PACKAGE.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert here - {"__init__", "__main__", "__pycache__"} == set(ORDER)


def test_no_folder_imports_one_above_it():
    assert arrows_that_go_up() == []


def test_no_files_import_each_other():
    """Not even inside functions, nor around several files."""
    assert cycles() == []


def test_public_functions_have_type_hints():
    assert missing_hints() == []


def test_what_is_wrong_is_seen(tmp_path: Path):
    """Each rule, broken in a small package."""
    for name, text in {
        "rules.py": "def apply(rule, *more): pass\nclass Rule:\n    def learn(self, rate: float): pass\n",
        "liquid/__init__.py": "from nalsm.liquid.engine import run\n",
        "liquid/engine.py": "def run() -> None:\n    from nalsm import liquid\n    from nalsm.runs import folder\n",
        "runs/folder.py": "import nalsm.rules\n",
        "runs/__main__.py": "import nalsm.programs.runs\n",
        "programs/runs.py": "",
        "datasets/__init__.py": 'import importlib\nimportlib.import_module(f"nalsm.datasets.{1}")\n',
        "datasets/mnist.py": "import nalsm.datasets\n",
        "storage/files.py": 'from importlib import import_module\nNAME = "nalsm.runs.folder"\nimport_module(NAME)\n',
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert arrows_that_go_up(tmp_path) == [
        "nalsm.liquid.engine, line 3: imports nalsm.runs.folder, but liquid comes before runs",
        "nalsm.storage.files, line 2: imports nalsm.runs.folder, but storage comes before runs",
    ]
    assert [set(line.split(" -> ")) for line in cycles(tmp_path)] == [
        {"nalsm.datasets", "nalsm.datasets.mnist"}, {"nalsm.liquid", "nalsm.liquid.engine"},
    ]  # fmt: skip
    assert [line.split(": ")[1] for line in missing_hints(tmp_path)] == [
        "apply has no type for rule, more, the result", "learn has no type for the result",
    ]  # fmt: skip


def test_the_package_is_looked_at():
    assert len(graph()) > 60
    assert sum(map(len, graph().values())) > 200


if __name__ == "__main__":
    for check in (arrows_that_go_up, cycles, missing_hints):
        lines = check()
        print(f"{check.__name__.replace('_', ' ')}: {len(lines)}", *lines, sep="\n  ")
