"""The training programs: ask, train one run, print its accuracy."""

from pathlib import Path
from typing import Any, NoReturn

import click

from nalsm.console.program import run_program
from nalsm.console.progress import say
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
from nalsm.support.tuning import TUNING


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

    text = f"Train {model} on {dataset}: initialise the liquid, count its spikes, train the readout."

    def source(answers: dict[str, Any]) -> DataSource | None:
        unknown = dataset == OWN and answers["data_file"] is None
        return None if unknown else find_source(dataset, answers.get("data_file"), answers.get("rates"))

    table = questions_for(model, dataset, root) + constant_questions(TRAINING, MODELS[model], source)
    return command("train", text, table, run)
