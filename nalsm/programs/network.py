"""generate_spatial_network.py: ask for a network's size, generate it, write its file and its log."""

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from nalsm.console.program import run_program
from nalsm.console.progress import say
from nalsm.console.questions import Question, command
from nalsm.datasets import NETWORK_INPUTS
from nalsm.network import log_path, network_path
from nalsm.runs.questions import HIGHEST_NUMBER, folder_questions
from nalsm.runs.settings import chosen_folder
from nalsm.support.errors import UserError
from nalsm.support.random_streams import SEED_LIMIT
from nalsm.support.tuning import TUNING

_MOST_NEURONS = 125_000


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
        network = Network.generate(dims, NETWORK_INPUTS[answers["dataset"]], seed)
        folder.mkdir(parents=True, exist_ok=True)
        network.save(network_path(folder, answers["number"]))
        write_text(log_path(folder, answers["number"]), network.describe())
        say(network.describe(), answers["quiet"])
        say(f"network: {network_path(folder, answers['number'])}")

    return command("network", "Generate the network of a liquid.", _questions(root), run)


def _questions(root: Path) -> Sequence[Question]:
    """Return the questions in the order of asking, then the settings that only have flags."""

    def check_number(value: int, answers: dict[str, Any]) -> None:
        path = network_path(chosen_folder(answers, "networks_dir", root), value)
        if path.exists() and not answers["overwrite"]:
            raise UserError(
                f"NETWORK_NUMBER_TO_CREATE: {path} exists already; choose another number or give --overwrite"
            )

    def check_size(value: int, answers: dict[str, Any]) -> None:
        size = answers["dim1"] * answers["dim2"] * value
        if size > _MOST_NEURONS:
            raise UserError(
                f"SIZE_OF_LIQUID_DIMENSION_3: {value} makes {size} neurons, expected at most {_MOST_NEURONS}"
            )

    kinds = "M: 784 inputs, for MNIST and Fashion-MNIST; N: 2312 inputs, for N-MNIST"
    sizes = [
        Question(
            f"dim{k}", f"SIZE_OF_LIQUID_DIMENSION_{k}? [int]: ", int, f"grid points along axis {k}", 1, _MOST_NEURONS,
            check=check_size if k == 3 else None,
        )
        for k in (1, 2, 3)
    ]  # fmt: skip
    return [
        Question("dataset", "WHICH_DATASET_TO_GENERATE_NETWORK_FOR? [TYPE M FOR MNIST/ N FOR NMNIST]: ",
                 tuple(NETWORK_INPUTS), kinds),
        Question("number", "NETWORK_NUMBER_TO_CREATE? [int]: ", int, "number of the network", 0, HIGHEST_NUMBER,
                 check=check_number),
        *sizes,
        Question("seed", None, int, "seed of all random numbers; drawn if not given", 0, SEED_LIMIT - 1),
        *folder_questions("networks"),
        Question("overwrite", None, bool, "replace the network of that number"),
        Question("quiet", None, bool, "print the path of the network and errors only"),
    ]  # fmt: skip
