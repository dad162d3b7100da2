"""report.py: a page on one run, or one that compares several."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nalsm.console.program import run_program
from nalsm.console.progress import say
from nalsm.console.questions import Question, command
from nalsm.runs.folder import RunFolder
from nalsm.runs.questions import HIGHEST_NUMBER, folder_questions
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
    text = "Write a page of pictures on a run, or on several side by side."
    program = command("report", text, questions, lambda answers: _write_one(root, answers))
    ask = program.callback

    def choose(compare, versions, **answers):
        if compare:
            _write_several(root, versions, answers)
        elif versions:
            raise UserError(f"read {versions[0]}: name one run with --version, or several with --compare")
        else:
            ask(**answers)

    program.callback = choose
    program.params += [
        click.Option(["--compare"], is_flag=True, help="put several versions side by side: --compare 1 2 3"),
        click.Argument(["versions"], nargs=-1, type=click.IntRange(0, HIGHEST_NUMBER), metavar="[VERSION]..."),
    ]
    return program


def _write_one(root: Path, answers: Answers) -> None:
    from nalsm.report import write_report

    run = _data(root, answers["version"], answers)
    path = _page(answers, run.record.folder.report)
    TUNING.before_work()
    missing = write_report(run, path)
    say(f"missing: {', '.join(missing).lower()}" if missing else "complete", answers["quiet"])
    say(f"report: {path}")


def _write_several(root: Path, versions: tuple[int, ...], answers: Answers) -> None:
    from nalsm.report import write_comparison

    chosen = list(dict.fromkeys(versions))
    if len(chosen) < 2:
        raise UserError("--compare: name two versions or more, as in --compare 1 2 3")
    runs = [_data(root, version, answers) for version in chosen]
    default = chosen_folder(answers, "output_dir", root) / f"comparison_{'_'.join(map(str, chosen))}.html"
    path = _page(answers, default)
    TUNING.before_work()
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
