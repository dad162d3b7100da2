"""The training programs: ask, train one run, print its accuracy."""

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from nalsm.console.program import is_a_step, run_program
from nalsm.console.progress import in_words, say
from nalsm.console.questions import command
from nalsm.constants import TRAINING, parsed
from nalsm.constants import questions as constant_questions
from nalsm.datasets import DataSource, find_source
from nalsm.datasets.dataset import OWN
from nalsm.models import MODELS
from nalsm.programs.cluster import cluster_of
from nalsm.runs.questions import questions_for
from nalsm.runs.readouts import PUBLISHED, point
from nalsm.runs.settings import Settings
from nalsm.support.errors import UserError
from nalsm.support.tuning import TUNING

if TYPE_CHECKING:
    from nalsm.runs.training import TrainingRun


def train(model: str, dataset: str, root: Path) -> NoReturn:
    """Run a training program to its end and exit; `root` is the folder of datasets/, networks/ and train_data/."""
    run_program(training_command(model, dataset, root))


def training_command(model: str, dataset: str, root: Path) -> click.Command:
    """Return the click command of a training program."""

    def run(answers: dict[str, Any]) -> None:
        values = parsed(answers["constants"], TRAINING)
        settings = Settings.from_answers(model, dataset, root, {**answers, "constants": values})
        TUNING.before_work()
        from nalsm.runs.training import TrainingRun
        from nalsm.support.resources import peak_memory_bytes

        run = TrainingRun(settings, cluster_of(settings.machine.cluster))
        if answers["dry_run"]:
            _say_expected(run)
            return
        result = run.run()
        best = point(settings.readout, result.cycle)
        say(
            f"test accuracy {100 * result.test:.2f} % at {best}, the best in validation "
            f"({100 * result.valid:.2f} %; training {100 * result.train:.2f} %)"
        )
        if settings.readout != PUBLISHED:
            say(f"its readout is not the published one: compare it with runs of the {settings.readout} readout only")
        stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in run.folder.seconds().items())
        say(f"{stages}; peak memory {peak_memory_bytes() / 1e9:.2f} GB")
        say(f"results: {run.folder.path}")
        if not settings.quiet and not is_a_step():
            _say_next(settings.version, answers)

    text = f"Train {model} on {dataset}: initialise the liquid, count its spikes, train the readout."

    def source(answers: dict[str, Any]) -> DataSource | None:
        unknown = dataset == OWN and answers["data_file"] is None
        return None if unknown else find_source(dataset, answers.get("data_file"), answers.get("rates"))

    table = questions_for(model, dataset, root) + constant_questions(TRAINING, MODELS[model], source)
    return command("train", text, table, run)


def _say_expected(run: "TrainingRun") -> None:
    """Say what a run would take, and write nothing."""
    from nalsm.runs.dry_run import memory_of, stages_of

    source, data_dir = run.settings.source, run.settings.folders.data_dir
    if not source.is_ready(path := source.find(data_dir)):
        raise UserError(
            f"--dry-run: it writes nothing, and the first run that uses {path} packs it; pack it first: python -m "
            f"nalsm.datasets pack-nmnist --data-dir {data_dir}"
        )
    began = run.prepare()
    stages = stages_of(run.session)
    for stage in stages:
        say(f"{stage.name}: {stage.work}, about {in_words(stage.seconds)}")
    total = in_words(sum(stage.seconds for stage in stages))
    say(
        f"together about {total} at the speed measured just now, memory about {memory_of(run.session) / 1e9:.1f} GB, "
        f"disk about {run.expected_bytes() / 1e6:.0f} MB: {run.folder.path}"
    )
    say("it would be resumed, and takes less" if began else "nothing was written (--dry-run)")


def _say_next(version: int, answers: dict[str, Any]) -> None:
    """Say what to type next: the report, the measures, the list."""

    def line(name: str, *folders: str, asks: str = f" --version {version}") -> str:
        named = {folder: answers[f"{folder}_dir"] for folder in folders}
        flags = [f" --{folder}-dir {shlex.quote(str(path))}" for folder, path in named.items() if path]
        return f"{_command()} {name}{asks}{''.join(flags)}"

    say(f"next: {line('report', 'networks', 'output')}  (pictures)")
    say(f"      {line('measure', 'data', 'networks', 'output')}  (branching factor, kernel quality)")
    say(f"      {line('runs', 'output', asks='')}  (all runs)")


def _command() -> str:
    """Return how the command nalsm is typed here."""
    beside = Path(sys.executable).with_name("nalsm")
    if shutil.which("nalsm"):
        return "nalsm"
    return shlex.quote(str(beside)) if beside.is_file() else "python -m nalsm"
