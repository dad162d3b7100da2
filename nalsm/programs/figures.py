"""python -m nalsm.programs.figures: the paper's figures from the results store."""

from pathlib import Path

import click

from nalsm.console.program import run_program
from nalsm.console.progress import say
from nalsm.console.questions import PageType, PathType
from nalsm.support.errors import UserError


@click.command(name="figures")
@click.option("--store", type=PathType(), default=Path("docs/results.json"), show_default=True, help="Results store.")
@click.option(
    "--page",
    type=PageType(),
    default=Path("docs/figures.md"),
    show_default=True,
    help="Page to write; its pictures go into the folder of its name beside it.",
)
def main(store: Path, page: Path) -> None:
    """Draw Figures 2, 3A, 3B, 4 and Table 1 of the paper from the results store, over the published runs."""
    if not store.is_file():
        raise UserError(f"--store: there is no {store}; python -m nalsm.sweep FILE.toml --results PAGE.md makes one")
    from nalsm.sweep.figures_page import write_figures
    from nalsm.sweep.store import read_store

    pictures = write_figures(list(read_store(store).values()), page)
    say(f"{page} and {len(pictures)} pictures in {page.with_suffix('')}")


if __name__ == "__main__":
    run_program(main)
