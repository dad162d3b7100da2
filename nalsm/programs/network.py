"""generate_spatial_network.py: questions, a network and its log."""

import secrets

from nalsm.console.program import run_program
from nalsm.console.progress import say
from nalsm.console.questions import Question, command
from nalsm.datasets import DATA_SOURCES, NETWORK_INPUTS
from nalsm.network import log_path, network_path
from nalsm.runs.settings import HIGHEST_NUMBER, chosen_folder, folder_questions
from nalsm.support.errors import UserError
from nalsm.support.random_streams import SEED_LIMIT

_MOST_NEURONS = 125_000


def generate_network(root):
    """Run generate_spatial_network.py to its end and exit; `root` is the checkout's folder."""

    def check_number(value, answers):
        path = network_path(chosen_folder(answers, "networks_dir", root), value)
        if path.exists() and not answers["overwrite"]:
            raise UserError(
                f"NETWORK_NUMBER_TO_CREATE: {path} is there already; choose another number or give --overwrite"
            )

    def check_size(value, answers):
        size = answers["dim1"] * answers["dim2"] * value
        if size > _MOST_NEURONS:
            raise UserError(
                f"SIZE_OF_LIQUID_DIMENSION_3: {value} makes {size} neurons, expected at most {_MOST_NEURONS}"
            )

    def run(answers):
        from nalsm.network import Network
        from nalsm.storage.files import write_text

        folder = chosen_folder(answers, "networks_dir", root)
        seed = secrets.randbelow(2**31) if answers["seed"] is None else answers["seed"]
        dims = answers["dim1"], answers["dim2"], answers["dim3"]
        network = Network.generate(dims, NETWORK_INPUTS[answers["dataset"]], seed)
        folder.mkdir(parents=True, exist_ok=True)
        network.save(network_path(folder, answers["number"]))
        write_text(log_path(folder, answers["number"]), network.describe())
        say(network.describe(), answers["quiet"])
        say(f"network: {network_path(folder, answers['number'])}")

    which = "[TYPE M FOR MNIST/ N FOR NMNIST]"
    questions = [
        Question(
            "dataset", f"WHICH_DATASET_TO_GENERATE_NETWORK_FOR? {which}: ", tuple(NETWORK_INPUTS),
            "; ".join(map(_kind, NETWORK_INPUTS)),
        ),
        Question(
            "number", "NETWORK_NUMBER_TO_CREATE? [int]: ", int, "number of the network", 0, HIGHEST_NUMBER,
            check=check_number,
        ),
        *(
            Question(
                f"dim{k}", f"SIZE_OF_LIQUID_DIMENSION_{k}? [int]: ", int, f"grid points along axis {k}",
                1, _MOST_NEURONS, check=check_size if k == 3 else None,
            )
            for k in (1, 2, 3)
        ),
        Question("seed", None, int, "of all random numbers; drawn if not given", 0, SEED_LIMIT - 1),
        *folder_questions("networks"),
        Question("overwrite", None, bool, "replace the network of that number"),
        Question("quiet", None, bool, "print the path of the network and errors only"),
    ]  # fmt: skip
    run_program(command("generate", "Generate the network of a liquid.", questions, run))


def _kind(kind):
    """Return what a network kind is for, as in "N: 2312 inputs, for N-MNIST"."""
    names = [source.name for source in DATA_SOURCES.values() if source.network_kind == kind]
    return f"{kind}: {NETWORK_INPUTS[kind]} inputs, for {' and '.join(names)}"
