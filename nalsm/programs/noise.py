"""The noise programs: present the noisy test set of a trained run."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import click

from nalsm.console.program import run_program
from nalsm.console.progress import say
from nalsm.console.questions import Question, command
from nalsm.constants import NOISE, parsed
from nalsm.constants import questions as constant_questions
from nalsm.datasets import DataSource
from nalsm.models import MODELS
from nalsm.programs.cluster import cluster_of
from nalsm.runs.noise_folder import NoiseFolder
from nalsm.runs.questions import questions_for
from nalsm.runs.record import RunRecord, open_record
from nalsm.runs.settings import DEFAULT_FOLDERS, Settings, chosen_folder, settings_of
from nalsm.support.errors import UserError
from nalsm.support.tuning import TUNING

_MUST_AGREE = ("network_number", "batch_size", "batches_per_block")  # asked, and compared with the run's own record
_FLAGS = ("seed", "engine", "threads", "cluster", "data_dir", "networks_dir", "output_dir", "overwrite", "quiet")
_HELP = {
    "seed": "seed of the noise (default: the run's own)",
    "overwrite": "delete the existing noisy counts",
}


def present_noisy(model: str, dataset: str, root: Path) -> NoReturn:
    """Run a noise program to its end and exit; `root` is the checkout's folder."""
    run_program(noise_command(model, dataset, root))


def noise_command(model: str, dataset: str, root: Path) -> click.Command:
    """Return the click command of a noise program."""

    def run(answers: dict[str, Any]) -> None:
        from nalsm.runs.noisy_test_set import NoiseRun
        from nalsm.support.resources import peak_memory_bytes

        settings = _settings(dataset, root, answers)
        TUNING.before_work()
        noisy = NoiseRun(settings, cluster_of(settings.machine.cluster))
        noisy.run()
        seconds = noisy.folder.seconds()["counting"]
        say(f"counting {seconds:.1f} s; peak memory {peak_memory_bytes() / 1e9:.2f} GB", answers["quiet"])
        say(f"noisy counts: {settings.sizes.test_samples} samples of {noisy.dataset.name} in {noisy.folder.path}")

    text = f"Present the noisy test set to a trained {model} run on {dataset}, with the run's weights."
    return command("noise", text, _questions(model, dataset, root), run)


def _questions(model: str, dataset: str, root: Path) -> Sequence[Question]:
    """Return the questions in the order of asking, then the settings that only have flags."""
    table = {question.name: question for question in questions_for(model, dataset, root)}

    def check_version(value: int, answers: dict[str, Any]) -> None:
        run = open_record(chosen_folder(answers, "output_dir", root), value)
        noise = run.source.noise and run.source.noise.with_strength(parsed(answers["constants"], NOISE))
        if run.model.name != model or run.source.family != dataset or noise is None:
            hint = f"; use {run.noise_program}" if noise else ""
            raise UserError(f"VERSION: read {run.title}, expected a run of {model} on {dataset}{hint}")
        noisy = NoiseFolder(run.folder.path.parent, value, noise)
        if not answers["overwrite"] and noisy.recorded_parameters():
            noisy.open()
            noisy.require_unfinished()
        if not answers.get("data_file"):
            run.source.find(chosen_folder(answers, "data_dir", root))

    def agreeing(question: Question) -> Question:
        """Return the question with a check that the answer is the one the run was trained with."""

        def check(value: Any, answers: dict[str, Any]) -> None:
            run = open_record(chosen_folder(answers, "output_dir", root), answers["version"])
            there = _trained_with(run, question.name)
            if value != there:
                raise UserError(
                    f"{question.title}: read {value}, expected {there}: version {run.version} was trained with it "
                    f"({run.folder.parameters_json})"
                )
            if question.name == "network_number" and question.check:
                question.check(value, answers)

        def known(answers: dict[str, Any]) -> Any:
            run = open_record(chosen_folder(answers, "output_dir", root), answers["version"])
            return _trained_with(run, question.name)

        return replace(question, check=check, known=known)

    def gpu_of_run(answers: dict[str, Any]) -> int:
        run = open_record(chosen_folder(answers, "output_dir", root), answers["version"])
        recorded = run.sessions[-1].get("gpu")
        return recorded if type(recorded) is int and recorded >= -1 else -1

    own = [agreeing(table[name]) for name in (*_MUST_AGREE, *(knob.name for knob in MODELS[model].noise_knobs))]
    flags = [replace(table[name], help=_HELP.get(name, table[name].help)) for name in _FLAGS]
    flags = [
        replace(flag, check=None) if flag.name == "data_dir" else flag for flag in flags
    ]  # `check_version` finds it
    if "data_file" in table:
        flags.append(Question("data_file", None, Path, "the data file of the run (default: where it was)"))

    def source(answers: dict[str, Any]) -> DataSource | None:
        version = answers["version"]
        return None if version is None else open_record(chosen_folder(answers, "output_dir", root), version).source

    constants = constant_questions(NOISE, MODELS[model], source)
    gpu = replace(table["gpu"], known=gpu_of_run)
    return [gpu, replace(table["version"], check=check_version, suggest=None), *own, *flags, *constants]


def _trained_with(run: RunRecord, name: str) -> Any:
    """Return what a run was trained with, by the name of the question."""
    return {**run.details, **run.identity, **run.knobs}.get(name)


def _settings(dataset: str, root: Path, answers: dict[str, Any]) -> Settings:
    """Return the settings that the run was trained with, changed as the answers say."""
    run = open_record(chosen_folder(answers, "output_dir", root), answers["version"])
    folders = {name: chosen_folder(answers, name, root) for name in DEFAULT_FOLDERS}
    moved = answers.get("data_file")
    answers = {
        name: value for name, value in answers.items() if name not in run.knobs and (name != "data_file" or moved)
    }
    constants = {**run.constants, **parsed(answers["constants"], NOISE)}
    return settings_of(run, **{**answers, **folders, "dataset": dataset, "constants": constants})
