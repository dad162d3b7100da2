"""Options that several programs without questions share."""

from collections.abc import Callable

import click

from nalsm.console.questions import PathType
from nalsm.runs.settings import default_folder

_HELP = {"output_dir": "Folder of the version folders.", "networks_dir": "Folder of the networks."}


def folder_option(name: str) -> Callable:
    """Return the click option of a folder: "output_dir" or "networks_dir"."""
    flag = f"--{name.replace('_', '-')}"
    return click.option(flag, type=PathType(), default=default_folder(name), show_default=True, help=_HELP[name])
