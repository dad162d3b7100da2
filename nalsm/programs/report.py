"""report.py: a page on one run, or one that compares several."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from nalsm.console.program import run_program
from nalsm.console.progress import say
from nalsm.console.questions import Question, command
from nalsm.runs.answer_checks import HIGHEST_NUMBER
from nalsm.runs.folder import RunFolder
from nalsm.runs.questions import folder_questions
from nalsm.runs.settings import chosen_folder
from nalsm.support.errors import UserError
from nalsm.support.tuning import TUNING

if TYPE_CHECKING:
    from nalsm.report.shown_run import ShownRun

Answers = dict[str, Any]


def report(root: Path) -> None:
    """Run report.py to its end and exit; `root` is the folder of networks/ and train_data/."""
    run_program(report_command(root))


def report_command(root: Path) -> click.Command:
    """Return the click command of report.py."""
    questions = [
        Question(
            "version", "VERSION? [int]: ", int, "number of the run", 0, HIGHEST_NUMBER,
            check=lambda version, answers: _require_folder(root, version, answers),
        ),
        *folder_questions("networks", "output"),
        Question("output", None, Path, "file of the page; if not given: report.html in the version "
                 "folder, or comparison_<versions>.html beside the version folders"),
        Question("quiet", None, bool, "print the path of the page and errors only"),
    ]  # fmt: skip
    text = "Write a page of pictures on a run (report.py 7), or on several side by side (report.py 2 3)."
    program = command("report", text, questions, lambda answers: _write_one(root, answers))
    ask = cast(Callable[..., None], program.callback)

    def choose(compare: bool, runs: tuple[str, ...], **answers: Any) -> None:
        versions = _versions(runs, root, answers)
        if versions and answers["version"] is not None:
            raise UserError(f"VERSION: read {versions[0]} and --version {answers['version']}; give one of them")
        if len(versions) > 1:
            _write_several(root, versions, answers, is_all="all" in runs)
        elif compare:
            raise UserError("--compare: name two versions or more, as in --compare 1 2 3, or all")
        else:
            ask(**{**answers, "version": versions[0] if versions else answers["version"]})

    program.callback = choose
    program.params += [
        click.Option(["--compare"], is_flag=True, help="put versions side by side: --compare 1 2 3, --compare all"),
        click.Argument(["runs"], nargs=-1, metavar="[VERSION]..."),
    ]
    return program


def _versions(names: tuple[str, ...], root: Path, answers: Answers) -> list[int]:
    """Return the versions that are named; all: every run that can be opened."""
    if names == ("all",):
        from nalsm.runs.listing import list_runs

        folder = chosen_folder(answers, "output_dir", root)
        found = [status.version for status in list_runs(folder) if status.version is not None and status.model]
        if len(found) < 2:
            raise UserError(f"all: there are {len(found)} runs in {folder}, a comparison needs two or more")
        return found
    wrong = [name for name in names if not (name.isascii() and name.isdigit() and int(name) <= HIGHEST_NUMBER)]
    if wrong:
        raise UserError(f"VERSION: read {wrong[0]!r}, expected a whole number from 0 to {HIGHEST_NUMBER}, or all alone")
    return list(dict.fromkeys(map(int, names)))


def _write_one(root: Path, answers: Answers) -> None:
    from nalsm.report import write_report

    run = _data(root, answers["version"], answers)
    path = _page(answers, run.record.folder.report)
    TUNING.before_work()
    missing = write_report(run, path)
    say(f"missing: {', '.join(missing).lower()}" if missing else "complete", answers["quiet"])
    say(f"report: {path}")


def _write_several(root: Path, versions: list[int], answers: Answers, is_all: bool) -> None:
    from nalsm.report import write_comparison, write_report

    runs = [_data(root, version, answers) for version in versions]
    named = "all" if is_all else "_".join(map(str, versions))
    path = _page(answers, chosen_folder(answers, "output_dir", root) / f"comparison_{named}.html")
    TUNING.before_work()
    for run in runs if is_all else []:
        report = run.record.folder.report
        if not report.exists() and os.access(report.parent, os.W_OK):
            write_report(run, report)
            say(f"report: {report}", answers["quiet"])
    write_comparison(runs, path)
    say(f"comparison: {path}")


def _data(root: Path, version: int, answers: Answers) -> "ShownRun":
    from nalsm.report.shown_run import ShownRun

    _require_folder(root, version, answers)
    output_dir, networks_dir = (chosen_folder(answers, name, root) for name in ("output_dir", "networks_dir"))
    return ShownRun(output_dir, version, networks_dir)


def _require_folder(root: Path, version: int, answers: Answers) -> None:
    path = RunFolder(chosen_folder(answers, "output_dir", root), version).path
    if not path.is_dir():
        raise UserError(f"VERSION: there is no {path}; python -m nalsm.runs lists the runs")


def _page(answers: Answers, default: Path) -> Path:
    path = answers["output"] or default
    if not path.parent.is_dir():
        raise UserError(f"--output: the page cannot be written to {path}: there is no folder {path.parent}")
    return path
