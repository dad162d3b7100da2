"""Print the oldest version that pyproject.toml allows of everything it asks for, as constraints for pip."""

import re
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:  # before Python 3.11
    from pip._vendor import tomli as tomllib

PROJECT = tomllib.loads((Path(__file__).resolve().parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = ("test", "cluster", "sklearn")
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)>=(?P<lowest>[\w.]+)\s*(;.*)?")


def oldest_versions():
    """Return the lowest version by name of package; raises ValueError for a requirement without one."""
    requirements = [*PROJECT["dependencies"], *(r for extra in EXTRAS for r in PROJECT["optional-dependencies"][extra])]
    versions = {}
    for requirement in requirements:
        if requirement.startswith("nalsm["):  # another of these extras
            continue
        found = _REQUIREMENT.fullmatch(requirement)
        if not found:
            raise ValueError(f"pyproject.toml: {requirement!r} is not of the form name>=version")
        versions[found["name"]] = found["lowest"]
    return versions


if __name__ == "__main__":
    for name, version in oldest_versions().items():
        print(f"{name}=={version}")
