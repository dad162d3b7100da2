"""report.py: a page on one run, or one that compares several."""

from pathlib import Path

import click

from nalsm.console.program import run_program
from nalsm.console.progress import say
from nalsm.console.questions import Question, command
from nalsm.runs.folder import RunFolder
from nalsm.runs.settings import HIGHEST_NUMBER, chosen_folder, folder_questions
from nalsm.support.errors import UserError
from nalsm.support.tuning import TUNING


def report(root):
    """Run report.py to its end and exit; `root` is the checkout's folder."""

    def check_version(value, answers):
        path = RunFolder(chosen_folder(answers, "output_dir", root), value).path
        if not path.is_dir():
            raise UserError(f"VERSION: there is no {path}; python -m nalsm.runs lists what there is")

    def data(version, answers):
        from nalsm.report.run_data import RunData

        check_version(version, answers)
        return RunData(
            chosen_folder(answers, "output_dir", root), version, chosen_folder(answers, "networks_dir", root)
        )

    def page(answers, default):
        path = answers["output"] or default
        if not path.parent.is_dir():
            raise UserError(f"--output: the page cannot be written to {path}: there is no folder {path.parent}")
        return path

    def write_one(answers):
        from nalsm.report import write_report

        run = data(answers["version"], answers)
        path = page(answers, run.folder.report)
        TUNING.before_work()
        missing = write_report(run, path)
        say(f"missing: {', '.join(missing).lower()}" if missing else "complete", answers["quiet"])
        say(f"report: {path}")

    def write_several(versions, answers):
        from nalsm.report import write_comparison

        versions = list(dict.fromkeys(versions))
        if len(versions) < 2:
            raise UserError("--compare: name two versions or more, as in --compare 1 2 3")
        runs = [data(version, answers) for version in versions]
        default = chosen_folder(answers, "output_dir", root) / f"comparison_{'_'.join(map(str, versions))}.html"
        path = page(answers, default)
        TUNING.before_work()
        write_comparison(runs, path)
        say(f"comparison: {path}")

    questions = [
        Question(
            "version", "VERSION? [int]: ", int, "number of the run", 0, HIGHEST_NUMBER, check=check_version,
        ),
        *folder_questions("networks", "output"),
        Question("output", None, Path, "file of the page; if not given: report.html in the version "
                 "folder, or comparison_<versions>.html beside the version folders"),
        Question("quiet", None, bool, "print where the page lies and errors only"),
    ]  # fmt: skip
    program = command("report", "Write a page of pictures on a run, or on several side by side.", questions, write_one)
    ask = program.callback

    def choose(compare, versions, **answers):
        if compare:
            write_several(versions, answers)
        elif versions:
            raise UserError(f"read {versions[0]}: name one run with --version, or several with --compare")
        else:
            ask(**answers)

    program.callback = choose
    program.params += [
        click.Option(["--compare"], is_flag=True, help="put several versions side by side: --compare 1 2 3"),
        click.Argument(["versions"], nargs=-1, type=click.IntRange(0, HIGHEST_NUMBER), metavar="[VERSION]..."),
    ]
    run_program(program)
