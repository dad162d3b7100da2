"""What a program that presents a noisy test set asks, and how the answers agree with the run's own record."""

from dataclasses import fields, replace
from pathlib import Path

from nalsm.console.questions import Question
from nalsm.datasets import DATA_SOURCES, source_of
from nalsm.runs.noise_folder import NoiseFolder
from nalsm.runs.record import is_on, open_run, runner, title
from nalsm.runs.settings import DEFAULT_FOLDERS, Settings, chosen_folder, questions_for
from nalsm.support.errors import UserError

_ASKED = ("gpu", "version", "network_number", "batch_size", "batches_per_block")
_KNOBS_ASKED = {"LSM": ("initial_weight",)}  # by model; the others' knobs are not asked
_FLAGS = ("seed", "engine", "threads", "cluster", "data_dir", "networks_dir", "output_dir", "overwrite", "quiet")
_HELP = {
    "seed": "of the noise; the run's own if not given",
    "overwrite": "delete the existing noisy counts",
    "quiet": "print errors only",
}


def noise_questions(model: str, dataset: str, root: Path) -> list[Question]:
    """Return the table of questions and settings of a noise program, in the order of asking."""
    table = {question.name: question for question in questions_for(model, dataset, root)}

    def check_version(value, answers):
        folder = open_run(root, answers, value)
        if folder.identity["model"] != model or not is_on(folder, dataset):
            hint = f"; use {runner(folder, noise=True)}" if source_of(folder.identity["dataset"]).noise else ""
            raise UserError(f"VERSION: read {title(folder)}, expected a run of {model} on {dataset}{hint}")
        noisy = NoiseFolder(folder.path.parent, value, DATA_SOURCES[dataset].noise)
        recorded = None if answers["overwrite"] else noisy.recorded_parameters()
        if recorded:
            noisy.identity = recorded["identity"]
            noisy.require_unfinished()

    def agreeing(question):
        def check(value, answers):
            folder = open_run(root, answers, answers["version"])
            recorded = {**(folder.recorded_parameters() or {}), **folder.identity}
            there = recorded.get(f"knob_{question.name}", recorded.get(question.name))
            if value != there:
                raise UserError(
                    f"{question.title}: read {value}, expected {there}, with which version {folder.version} was "
                    f"trained ({folder.parameters_json})"
                )
            if question.name == "network_number":
                table["network_number"].check(value, answers)

        return replace(question, check=check)

    own = [agreeing(table[name]) for name in (*_ASKED[2:], *_KNOBS_ASKED.get(model, ()))]
    flags = [replace(table[name], help=_HELP.get(name, table[name].help)) for name in _FLAGS]
    return [table["gpu"], replace(table["version"], check=check_version), *own, *flags]


def noise_settings(model: str, dataset: str, root: Path, answers: dict) -> Settings:
    """Return the settings of the run that the answers name, with the answers in their place."""
    folder = open_run(root, answers, answers["version"])
    identity = folder.identity
    knobs = {name.removeprefix("knob_"): value for name, value in identity.items() if name.startswith("knob_")}
    recorded = {field.name: identity.get(field.name) for field in fields(Settings)}
    folders = {name: chosen_folder(answers, name, root) for name in DEFAULT_FOLDERS}
    answers = {name: value for name, value in answers.items() if name not in knobs}
    return Settings(**{**recorded, **answers, **folders, "model": model, "dataset": dataset, "knobs": knobs})
