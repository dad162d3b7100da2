"""What the runners of the measures call: questions in, figures out."""

import numpy as np

from nalsm.console.program import run_program
from nalsm.console.progress import progress, say
from nalsm.console.questions import Question, command
from nalsm.datasets import DATA_SOURCES
from nalsm.runs.record import is_on, open_run, runner, title
from nalsm.runs.settings import HIGHEST_NUMBER, chosen_folder, folder_questions
from nalsm.support.errors import UserError
from nalsm.support.random_streams import SEED_LIMIT
from nalsm.support.tuning import TUNING

_SPLIT_NAMES = {"valid": "validation", "test": "test", "train": "training"}


def _version_question(root):
    def check(value, answers):
        open_run(root, answers, value)

    text = "number of the run, names its folder"
    return Question("version", "VERSION? [int]: ", int, text, 0, HIGHEST_NUMBER, check=check)


_QUIET = Question("quiet", None, bool, "print the result and errors only")


def show_test_accuracy(root):
    """Run get_test_accuracy.py to its end and exit; `root` is the checkout's folder."""

    def run(answers):
        from nalsm.evaluation.accuracy import test_accuracy

        folder = open_run(root, answers, answers["version"])
        result, cycles = test_accuracy(folder)
        say(
            f"{title(folder)}: cycle {result.cycle} of {cycles}, validation accuracy {100 * result.valid:.2f} %, test "
            f"accuracy {100 * result.test:.2f} %, training accuracy {100 * result.train:.2f} %"
        )

    text = "Print the test accuracy of a run, at the first cycle with the highest validation accuracy."
    run_program(command("accuracy", text, [_version_question(root), *folder_questions("output"), _QUIET], run))


# ---- branching factor -----------------------------------------------------------------------------


def compute_branching_factors(root):
    """Run compute_branching_factor.py to its end and exit; `root` is the checkout's folder."""

    def run(answers):
        from nalsm.evaluation.branching_files import compute, load_network, recorded_batches

        quiet = answers["quiet"]
        folder = open_run(root, answers, answers["version"])
        batches = recorded_batches(folder)
        network = load_network(folder, chosen_folder(answers, "networks_dir", root))
        with folder.locked():
            there = [batch for batch in batches if batch.spikes.exists()]
            if not there:
                raise UserError(
                    f"VERSION: {folder.path} has no recorded spikes yet; {runner(folder)} with the same answers goes on"
                )
            for batch in batches:
                if batch not in there:
                    say(f"{batch.spikes} is not there: it is left out", quiet)
            todo = [batch for batch in there if not folder.read_if_good(batch.factors, lambda text: say(text, quiet))]
            done = len(there) - len(todo)
            TUNING.before_work()
            with progress(len(there), "branching factors", "files", done, quiet) as bar:
                for batch in todo:
                    compute(folder, network, batch)
                    bar.update(1)
        _say_branching_factors(folder, batches, quiet)

    questions = [_version_question(root), *folder_questions("networks", "output"), _QUIET]
    text = "Compute the branching factors of a run's recorded spikes; each file gets one beside it, with .bf added."
    run_program(command("branching", text, questions, run))


def show_branching_factors(root):
    """Run get_branching_factor.py to its end and exit; `root` is the checkout's folder."""

    def run(answers):
        from nalsm.evaluation.branching_files import recorded_batches

        folder = open_run(root, answers, answers["version"])
        _say_branching_factors(folder, recorded_batches(folder), answers["quiet"])

    text = "Print the branching factors that compute_branching_factor.py computed."
    run_program(command("branching", text, [_version_question(root), *folder_questions("output"), _QUIET], run))


def _say_branching_factors(folder, batches, quiet):
    """Say the branching factor of each file and split, and of all samples together."""
    from nalsm.evaluation.branching import mean_of_known
    from nalsm.evaluation.branching_files import read

    found = {batch: read(folder, batch) for batch in batches}
    if all(factors is None for factors in found.values()):
        raise UserError(
            f"VERSION: {folder.path} has no branching factors ({batches[0].factors.name}, ...); start "
            "compute_branching_factor.py first"
        )
    of_split = {}
    for batch, factors in found.items():
        name = batch.spikes.name
        if factors is None:
            say(f"{name}: not computed", quiet)
        else:
            say(f"{name}: {mean_of_known(factors):.4f}, {len(factors)} samples", quiet)
            of_split.setdefault(batch.split, []).append(factors)
    of_split = {split: np.concatenate(factors) for split, factors in of_split.items()}
    every = np.concatenate(list(of_split.values()))
    n_known = np.count_nonzero(~np.isnan(every))
    splits = ", ".join(f"{_SPLIT_NAMES[split]} {mean_of_known(factors):.4f}" for split, factors in of_split.items())
    say(f"{title(folder)}: branching factor {mean_of_known(every):.4f}, mean over {n_known} samples ({splits})")


# ---- kernel quality -------------------------------------------------------------------------------


def kernel_quality(root):
    """Run compute_SP_AP_kernel_quality_measures.py to its end and exit; `root` is the checkout's folder."""
    which = {source.network_kind: source.name for source in DATA_SOURCES.values() if source.noise}

    def check_dataset(value, answers):
        folder = open_run(root, answers, answers["version"])
        if not is_on(folder, which[value]):
            raise UserError(f"WHICH_DATASET: read {value} ({which[value]}), but the run is {title(folder)}")

    def run(answers):
        from nalsm.evaluation import kernel_quality_files as files
        from nalsm.evaluation.kernel_quality import ranks

        folder = open_run(root, answers, answers["version"])
        names = {"SP": "test counts", "AP": "noisy counts"}
        counts = {"SP": files.test_counts(folder), "AP": files.noisy_counts(folder)}
        say(
            f"{title(folder)}: {answers['draws']} draws of {answers['per_class']} samples of each class",
            answers["quiet"],
        )
        found = {}
        for name, counted in counts.items():
            with progress(answers["draws"], f"{name} ({names[name]})", "draws", quiet=answers["quiet"]) as bar:
                found[name] = ranks(
                    *counted, answers["per_class"], answers["draws"], answers["seed"], answers["threads"] or None,
                    bar.update,
                )  # fmt: skip
        with folder.locked():
            files.write(folder, found, {name: answers[name] for name in ("per_class", "seed")})
        results = ", ".join(f"{name} {_mean_and_error(values)} ({names[name]})" for name, values in found.items())
        say(f"{title(folder)}: {results}; mean rank and its standard error")

    questions = [
        _version_question(root),
        Question(
            "dataset", "WHICH_DATASET? [TYPE M FOR MNIST/ N FOR NMNIST]: ", tuple(which),
            "data set of the run: M MNIST, N N-MNIST", check=check_dataset,
        ),
        Question("draws", None, int, "draws of samples", 2, 10**6, 1000),
        Question("per_class", None, int, "samples of each class in a draw", 1, 10**4, 100),
        Question("seed", None, int, "of the draws", 0, SEED_LIMIT - 1, 0),
        Question("threads", None, int, "draws at the same time; 0: one for each core", 0, 1024, 0),
        *folder_questions("output"),
        _QUIET,
    ]  # fmt: skip
    text = "Compute the kernel quality of a run: mean rank of its test counts (SP) and of its noisy counts (AP)."
    run_program(command("kernel", text, questions, run))


def _mean_and_error(values):
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{np.mean(values):.2f} +- {error:.2f}"


# ---- noise ----------------------------------------------------------------------------------------


def present_noisy(model, dataset, root):
    """Run a program that presents the noisy test set of a trained run, and exit."""
    from nalsm.programs.noise_questions import noise_questions, noise_settings

    def run(answers):
        from nalsm.runs.noisy_test_set import NoiseRun
        from nalsm.support.resources import peak_memory_bytes

        settings = noise_settings(model, dataset, root, answers)
        TUNING.before_work()
        noisy = NoiseRun(settings)
        noisy.run()
        seconds = noisy.folder.seconds()["counting"]
        say(f"counting {seconds:.1f} s; peak memory {peak_memory_bytes() / 1e9:.2f} GB", answers["quiet"])
        say(f"noisy counts: {settings.test_samples} samples of {noisy.dataset.name} in {noisy.folder.path}")

    text = f"Present the noisy test set of a trained {model} run on {dataset}: its weights, counts beside its own."
    run_program(command("noise", text, noise_questions(model, dataset, root), run))
