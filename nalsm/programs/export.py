"""python -m nalsm.runs export: a run as the arrays of the authors' program."""

from pathlib import Path

import click

from nalsm.console.progress import say
from nalsm.console.questions import PathType
from nalsm.programs.options import folder_option
from nalsm.runs.answer_checks import HIGHEST_NUMBER


@click.command()
@click.argument("version", type=click.IntRange(0, HIGHEST_NUMBER))
@click.argument("folder", type=PathType())
@folder_option("output_dir")
@folder_option("networks_dir")
@click.option("--quiet", is_flag=True, help="Print errors only.")
def export(version: int, folder: Path, output_dir: Path, networks_dir: Path, quiet: bool) -> None:
    """Write run VERSION into FOLDER as the arrays of the authors' program: one .npz for each of its files.

    Names and shapes are those of combra-lab/NALSM, so that notebooks written for its files read these. What differs is
    in the table of files of Readme_train_LSM_benchmarks.md.
    """  # fmt: skip
    from nalsm.runs.export import export_run
    from nalsm.runs.record import open_record
    from nalsm.runs.trained_run import TrainedRun

    n_files = export_run(TrainedRun(open_record(output_dir, version), networks_dir), folder, quiet)
    say(f"{n_files} files of version {version} in {folder}", quiet)
