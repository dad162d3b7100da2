"""generate_spatial_network.py: ask for a network's size, generate it, write its file and its log."""

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from nalsm.console.program import run_program
from nalsm.console.progress import say
from nalsm.console.questions import PathType, Question, command, parse_path
from nalsm.constants import NETWORK, parsed
from nalsm.constants import questions as constant_questions
from nalsm.datasets import NETWORK_INPUTS, own_source
from nalsm.network import NetworkConstants, log_path, network_path
from nalsm.runs.answer_checks import HIGHEST_NUMBER
from nalsm.runs.questions import folder_questions
from nalsm.runs.settings import chosen_folder
from nalsm.support.constants import chosen
from nalsm.support.errors import UserError
from nalsm.support.random_streams import SEED_LIMIT
from nalsm.support.resources import memory_bytes
from nalsm.support.tuning import TUNING

_FIRST = "WHICH_DATASET_TO_GENERATE_NETWORK_FOR"
_MOST_NEURONS = 125_000
_MOST_INPUTS = 2**22
_BYTES_PER_SYNAPSE = 80  # while a network is generated and saved; 72 were measured with 15 million synapses


def generate_network(root: Path) -> NoReturn:
    """Run generate_spatial_network.py to its end and exit; `root` is the folder of networks/."""
    run_program(network_command(root))


def network_command(root: Path) -> click.Command:
    """Return the click command of generate_spatial_network.py."""

    def run(answers: dict[str, Any]) -> None:
        from nalsm.network import Network
        from nalsm.storage.files import write_text

        TUNING.before_work()
        folder = chosen_folder(answers, "networks_dir", root)
        seed = secrets.randbelow(2**31) if answers["seed"] is None else answers["seed"]
        dims = answers["dim1"], answers["dim2"], answers["dim3"]
        network = Network.generate(dims, _n_inputs(answers["dataset"]), seed, _constants(answers))
        folder.mkdir(parents=True, exist_ok=True)
        network.save(network_path(folder, answers["number"]))
        write_text(log_path(folder, answers["number"]), network.describe())
        say(network.describe(), answers["quiet"])
        say(f"network: {network_path(folder, answers['number'])}")

    program = command("network", "Generate the network of a liquid.", _questions(root), run)
    ask: Any = program.callback

    def choose(data_file: Path | None, inputs: int | None, **answers: Any) -> None:
        """Take one of the flags for the answer to the first question."""
        given = [str(value) for value in (data_file, inputs, answers["dataset"]) if value is not None]
        if len(given) > 1:
            raise UserError(f"read {given[0]} and {given[1]}: give one of --data-file, --inputs and --dataset")
        if given:
            _n_inputs(given[0])
        ask(**{**answers, "dataset": given[0] if given else None})

    program.callback = choose
    program.params += [
        click.Option(["--data-file"], type=PathType(), help="make it for this data file (answers the first question)"),
        click.Option(["--inputs"], type=click.IntRange(1, _MOST_INPUTS), metavar="INT", help="make it with so many "
                     "inputs (answers the first question)"),
    ]  # fmt: skip
    return program


def _constants(answers: dict[str, Any]) -> NetworkConstants:
    return chosen(NetworkConstants, parsed(answers["constants"], NETWORK))


def _n_inputs(answer: str) -> int:
    """Return the inputs of a network by the answer to the first question; raises UserError."""
    text = answer.strip()
    if text.upper() in NETWORK_INPUTS:
        return NETWORK_INPUTS[text.upper()]
    if text.isdecimal() and text.isascii() and len(text) < 10 and 1 <= int(text) <= _MOST_INPUTS:
        return int(text)
    path = parse_path(text, _FIRST)
    if path is None or not path.exists():
        raise UserError(
            f"{_FIRST}: read {text[:60]!a}, expected {' or '.join(NETWORK_INPUTS)}, a number of inputs (1 to "
            f"{_MOST_INPUTS}), or the path of a data file"
        )
    try:
        return own_source(path, "image").n_inputs  # any values will do: how they become rates is the run's business
    except UserError as error:
        raise UserError(f"{_FIRST}: {error}") from None


def _questions(root: Path) -> Sequence[Question]:
    """Return the questions in the order of asking, then the settings that only have flags."""

    def check_dataset(value: str, _answers: dict[str, Any]) -> None:
        _n_inputs(value)

    def check_number(value: int, answers: dict[str, Any]) -> None:
        path = network_path(chosen_folder(answers, "networks_dir", root), value)
        if path.exists() and not answers["overwrite"]:
            raise UserError(
                f"NETWORK_NUMBER_TO_CREATE: {path} exists already; choose another number or give --overwrite"
            )

    def check_size(value: int, answers: dict[str, Any]) -> None:
        size = answers["dim1"] * answers["dim2"] * value
        n_inputs = _n_inputs(answers["dataset"])
        needed = size * n_inputs * _constants(answers).input_density * _BYTES_PER_SYNAPSE
        if size > _MOST_NEURONS:
            raise UserError(
                f"SIZE_OF_LIQUID_DIMENSION_3: {value} makes {size} neurons, expected at most {_MOST_NEURONS}"
            )
        if needed > memory_bytes():
            raise UserError(
                f"SIZE_OF_LIQUID_DIMENSION_3: {size} neurons with {n_inputs} inputs take about {needed / 1e9:.3g} GB, "
                f"this machine has {memory_bytes() / 1e9:.3g} GB; choose a smaller liquid, or fewer inputs"
            )

    kinds = (
        "M: 784 inputs, for MNIST and Fashion-MNIST; N: 2312 inputs, for N-MNIST; or a number of inputs, or the path "
        "of a data file"
    )
    sizes = [
        Question(
            f"dim{k}", f"SIZE_OF_LIQUID_DIMENSION_{k}? [int]: ", int, f"grid points along axis {k}", 1, _MOST_NEURONS,
            check=check_size if k == 3 else None,
        )
        for k in (1, 2, 3)
    ]  # fmt: skip
    return [
        Question("dataset", f"{_FIRST}? [TYPE M FOR MNIST/ N FOR NMNIST]: ", str, kinds,
                 check=check_dataset),
        Question("number", "NETWORK_NUMBER_TO_CREATE? [int]: ", int, "number of the network", 0, HIGHEST_NUMBER,
                 check=check_number),
        *sizes,
        Question("seed", None, int, "seed of all random numbers; drawn if not given", 0, SEED_LIMIT - 1),
        *folder_questions("networks"),
        Question("overwrite", None, bool, "replace the network of that number"),
        Question("quiet", None, bool, "print the path of the network and errors only"),
        *constant_questions(NETWORK),
    ]  # fmt: skip
