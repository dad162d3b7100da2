"""What the runners call: questions in, one line out for every way a program can end."""

import os
import secrets
import signal
import sys
from contextlib import suppress
from pathlib import Path

import click

from nalsm.errors import NalsmError, UserError
from nalsm.network import log_path, network_path
from nalsm.progress import say
from nalsm.questions import Question, command
from nalsm.random_streams import SEED_LIMIT
from nalsm.run_folder import RunFolder
from nalsm.settings import HIGHEST_NUMBER, Settings, chosen_folder, folder_questions, questions_for

_MOST_NEURONS = 125_000
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SECONDS_TO_TRY_AGAIN = 0.05


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
        from nalsm.files import write_text
        from nalsm.network import Network

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


class _Stopped(BaseException):
    """A signal that ends the program."""

    def __init__(self, number):
        self.number = number


def _stop_on_signals():
    """Let every stopping signal raise _Stopped in the program, wherever it is."""

    def stop(number, _frame):
        raise _Stopped(number)

    def overlooked(unraisable):
        """Raise _Stopped again in a moment: it came up in a callback of compiled code, which cannot pass it on."""
        if not isinstance(unraisable.exc_value, _Stopped):
            sys.__unraisablehook__(unraisable)
            return
        number = unraisable.exc_value.number
        signal.signal(signal.SIGALRM, lambda *_: stop(number, None))
        signal.setitimer(signal.ITIMER_REAL, _SECONDS_TO_TRY_AGAIN)

    for number in _STOPPING:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup has it ignored
            signal.signal(number, stop)
    sys.unraisablehook = overlooked


def run_program(program):
    """Run a click command and exit: 0, 2 for the user's mistakes, 1 for the machine's, 128 + signal."""
    _stop_on_signals()
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
    for number in (*_STOPPING, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)  # it is ending already
    try:
        if sys.stdout.isatty():
            print()  # leave the line of a prompt or a bar
        sys.stdout.flush()
    except AttributeError:  # there is no standard output
        pass
    except OSError:  # a log on a full disk
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    with suppress(OSError):
        print(f"error: {' '.join(str(message).split())}", file=sys.stderr, flush=True)
    sys.exit(code)
