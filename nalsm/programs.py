"""What the runners call: questions in, one line out for every way a program can end."""

import os
import secrets
import signal
import sys
from pathlib import Path

import click

from nalsm.errors import NalsmError, UserError
from nalsm.network import log_path, network_path
from nalsm.progress import say
from nalsm.questions import Question, command
from nalsm.random_streams import SEED_LIMIT
from nalsm.settings import HIGHEST_NUMBER, Settings, folder_questions, questions_for

_MOST_NEURONS = 125_000


def train(model, dataset, root):
    """Run a training program to its end and exit; `root` is the checkout's folder."""

    def run(answers):
        settings = Settings.from_answers(model, dataset, root, answers)
        from nalsm.training import TrainingRun, peak_memory_bytes

        run = TrainingRun(settings)
        result = run.run()
        say(
            f"test accuracy {100 * result.test:.2f} % at cycle {result.cycle}, the best in validation "
            f"({100 * result.valid:.2f} %; training {100 * result.train:.2f} %)"
        )
        stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in run.folder.seconds().items())
        say(f"{stages}; peak memory {peak_memory_bytes() / 1e9:.2f} GB")
        say(f"results: {run.folder.path}")

    text = f"Train {model} on {dataset}: initialise the liquid, count its spikes, train the readout."
    run_program(command("train", text, questions_for(model, dataset, root), run))


def generate_network(root):
    """Run generate_spatial_network.py to its end and exit; `root` is the checkout's folder."""
    from nalsm.datasets import NETWORK_INPUTS

    def check_number(value, answers):
        path = network_path(answers["networks_dir"] or root / "networks", value)
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
        from nalsm.files import write_text
        from nalsm.network import Network

        folder = Path(answers["networks_dir"] or root / "networks").expanduser().absolute()
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
            "dataset", f"WHICH_DATASET_TO_GENERATE_NETWORK_FOR? {which}: ", ("M", "N"), "M: 784 inputs, for MNIST and "
            "Fashion-MNIST; N: 2312 inputs, for N-MNIST",
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


class _Stopped(BaseException):
    """A signal that ends the program."""

    def __init__(self, number):
        self.number = number


def run_program(program):
    """Run a click command and exit: 0, 2 for the user's mistakes, 1 for the machine's, 128 + signal."""

    def stop(number, _frame):
        raise _Stopped(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    for stream in (sys.stdin, sys.stdout):
        if stream is not None:
            stream.reconfigure(errors="backslashreplace")  # any bytes may come as an answer
    try:
        sys.exit(program.main(standalone_mode=False) or 0)
    except click.ClickException as error:
        _end(error.format_message(), 2)
    except NalsmError as error:
        _end(error, error.exit_code)
    except click.exceptions.Abort:
        _end("stopped: there was no answer", 130)
    except _Stopped as stopped:
        name = signal.Signals(stopped.number).name
        _end(f"stopped by {name}: what was complete is kept, the same answers go on from it", 128 + stopped.number)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nobody reads on: nothing more to say
        sys.exit(1)
    except MemoryError:
        _end("out of memory: choose a smaller BATCH_SIZE or network", 1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _end(f"{where}{error.strerror or error}: what was complete is kept, the same answers go on from it", 1)


def _end(message, code):
    if sys.stdout.isatty():
        print()  # leave the line of a prompt or a bar
    sys.stdout.flush()
    print(f"error: {' '.join(str(message).split())}", file=sys.stderr, flush=True)
    sys.exit(code)
