"""Which program and which packages compute here."""

import hashlib
import importlib.metadata
import platform
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


@cache
def program_version() -> str:
    """Return the version of this program with a digest of its source, which changes between releases too."""
    from nalsm import __version__

    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(f"{path.relative_to(_PACKAGE).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return f"{__version__} (source {digest.hexdigest()[:12]})"


def package_versions(*packages: str) -> dict[str, str]:
    """Return the versions of this program, of Python and of the packages, by name."""
    return {
        "nalsm": program_version(),
        "python": platform.python_version(),
        **{package: _version(package) for package in packages},
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
