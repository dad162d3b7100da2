"""What the runners of the measures call: questions in, figures out."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from nalsm.console.program import run_program
from nalsm.console.progress import progress, say
from nalsm.console.questions import Question, command
from nalsm.constants import BRANCHING, NOISE, parsed, require_used
from nalsm.constants import questions as constant_questions
from nalsm.datasets import DATA_SOURCES, OWN
from nalsm.evaluation.branching import BranchingConstants
from nalsm.runs.answer_checks import HIGHEST_NUMBER
from nalsm.runs.noise_folder import open_noise
from nalsm.runs.questions import folder_questions
from nalsm.runs.readouts import PUBLISHED, point
from nalsm.runs.record import RunRecord, open_record
from nalsm.runs.settings import DEFAULT_FOLDERS, chosen_folder, settings_of
from nalsm.support.constants import as_text, chosen
from nalsm.support.errors import UserError
from nalsm.support.random_streams import SEED_LIMIT
from nalsm.support.tuning import TUNING

if TYPE_CHECKING:
    from nalsm.evaluation.branching import RecordedBatch
    from nalsm.network import Network

_SPLIT_NAMES = {"valid": "validation", "test": "test", "train": "training"}
_QUIET = Question("quiet", None, bool, "print the result and errors only")

Answers = dict[str, Any]


def _record(root: Path, answers: Answers, version: int) -> RunRecord:
    return open_record(chosen_folder(answers, "output_dir", root), version)


def _version_question(root: Path) -> Question:
    def check(value: int, answers: Answers) -> None:
        _record(root, answers, value)

    text = "number of the run, names its folder"
    return Question("version", "VERSION? [int]: ", int, text, 0, HIGHEST_NUMBER, check=check)


def show_test_accuracy(root: Path) -> None:
    """Run get_test_accuracy.py to its end and exit; `root` is the checkout's folder."""

    def run(answers):
        _say_accuracy(_record(root, answers, answers["version"]))

    text = "Print the test accuracy of a run, at the first cycle with the highest validation accuracy."
    run_program(command("accuracy", text, [_version_question(root), *folder_questions("output"), _QUIET], run))


def _say_accuracy(record: RunRecord) -> None:
    """Say the accuracies of a run; the last line is that of the authors' program."""
    from nalsm.evaluation.accuracy import accuracy_of

    found = accuracy_of(record)
    best = point(record.readout, found.cycle) + (f" of {found.cycles}" if record.readout == PUBLISHED else "")
    say(
        f"{record.title}: {best}, validation accuracy {100 * found.valid:.2f} %, "
        f"test accuracy {100 * found.test:.2f} %, training accuracy {100 * found.train:.2f} %"
    )
    say(f"ACCURACY: {found.test}")


# ---- branching factor -----------------------------------------------------------------------------


def compute_branching_factors(root: Path) -> None:
    """Run compute_branching_factor.py to its end and exit; `root` is the checkout's folder."""

    def run(answers):
        from nalsm.evaluation.branching import recorded_batches

        record = _record(root, answers, answers["version"])
        constants = chosen(BranchingConstants, parsed(answers["constants"], BRANCHING))
        batches = recorded_batches(record, constants)
        network = record.load_network(chosen_folder(answers, "networks_dir", root))
        with record.folder.locked():
            _compute_missing(record, network, batches, constants, answers["quiet"])
        _say_branching_factors(record, batches, answers["quiet"])

    folders = folder_questions("networks", "output")
    questions = [_version_question(root), *folders, _QUIET, *constant_questions(BRANCHING)]
    text = "Compute the branching factors of a run's recorded spikes; each file gets one beside it, with .bf added."
    run_program(command("branching", text, questions, run))


def _compute_missing(
    record: RunRecord, network: "Network", batches: list["RecordedBatch"], constants: BranchingConstants, quiet: bool
) -> None:
    """Compute the branching factors of each batch that has spikes and no sound factors with these constants yet."""
    from nalsm.evaluation.branching import compute, factors_of

    folder = record.folder
    available = [batch for batch in batches if batch.spikes.exists()]
    if not available:
        raise UserError(
            f"VERSION: {folder.path} has no recorded spikes yet; give {record.program} the same answers to resume it"
        )
    for batch in batches:
        if batch not in available:
            say(f"{batch.spikes} is missing: skipped", quiet)

    def is_computed(batch: "RecordedBatch") -> bool:
        sound = folder.read_if_good(batch.factors, lambda text: say(text, quiet))
        return sound is not None and factors_of(record, batch.split, batch.number, constants) is not None

    todo = [batch for batch in available if not is_computed(batch)]
    TUNING.before_work()
    with progress(len(available), "branching factors", "files", len(available) - len(todo), quiet) as bar:
        for batch in todo:
            compute(record, network, batch, constants)
            bar.update(1)


def show_branching_factors(root: Path) -> None:
    """Run get_branching_factor.py to its end and exit; `root` is the checkout's folder."""

    def run(answers):
        from nalsm.evaluation.branching import recorded_batches

        record = _record(root, answers, answers["version"])
        _say_branching_factors(record, recorded_batches(record), answers["quiet"])

    text = "Print the branching factors that compute_branching_factor.py computed."
    run_program(command("branching", text, [_version_question(root), *folder_questions("output"), _QUIET], run))


def _say_branching_factors(record: RunRecord, batches: list["RecordedBatch"], quiet: bool) -> None:
    """Say the branching factor of each file, of each split, and of all samples together."""
    from nalsm.evaluation.branching import kept_factors, mean_of_known

    found = {batch: kept_factors(record, batch.split, batch.number) for batch in batches}
    if all(kept is None for kept in found.values()):
        raise UserError(
            f"VERSION: {record.folder.path} has no branching factors ({batches[0].factors.name}, ...); start "
            "compute_branching_factor.py first"
        )
    of_split = {}
    for batch, kept in found.items():
        if kept is None:
            say(f"{batch.spikes.name}: not computed", quiet)
        else:
            factors, constants = kept
            shown = "".join(f", {text}" for text in as_text(constants))
            say(f"{batch.spikes.name}: {mean_of_known(factors):.4f}, {len(factors)} samples{shown}", quiet)
            of_split[batch.split] = np.append(of_split.get(batch.split, []), factors)
    every = np.concatenate(list(of_split.values()))
    splits = ", ".join(f"{_SPLIT_NAMES[split]} {mean_of_known(factors):.4f}" for split, factors in of_split.items())
    say(
        f"{record.title}: branching factor {mean_of_known(every):.4f}, mean over "
        f"{np.count_nonzero(~np.isnan(every))} samples ({splits})"
    )
    say(f"BRANCHING FACTOR: {mean_of_known(every)}")


# ---- kernel quality -------------------------------------------------------------------------------

_COUNTS = {"SP": "test counts", "AP": "noisy counts"}


def kernel_quality(root: Path) -> None:
    """Run compute_SP_AP_kernel_quality_measures.py to its end and exit; `root` is the checkout's folder."""

    def run(answers):
        record = _record(root, answers, answers["version"])
        noise = parsed(answers["constants"], NOISE)
        require_used(noise, record.model, record.source, "--set")
        _compute_kernel_quality(record, answers, noise)

    text = "Compute the kernel quality of a run: mean rank of its test counts (SP) and of its noisy counts (AP)."
    run_program(command("kernel", text, _kernel_quality_questions(root), run))


def _compute_kernel_quality(record: RunRecord, answers: Answers, noise: dict[str, Any]) -> None:
    """Compute, keep and say SP and AP; noise : its strength by name, if not the published one."""
    from nalsm.evaluation import kernel_quality as measure

    counts = {"SP": measure.test_counts(record), "AP": measure.noisy_counts(record, noise)}
    answers = {**answers, "per_class": answers["per_class"] or measure.usual_per_class(record, counts["SP"][1])}
    draws = measure.draws_text(answers)
    say(f"{record.title}: {draws}", answers["quiet"])
    classes = record.source.classes
    found = {name: _ranks(name, counted, answers, classes) for name, counted in counts.items()}
    with record.folder.locked():
        measure.write(record, found, answers["per_class"], answers["seed"], noise)
    results = ", ".join(f"{name} {_mean_and_error(values)} ({_COUNTS[name]})" for name, values in found.items())
    say(f"{record.title}: {results}; mean rank and its standard error over {draws}")
    for name, values in found.items():
        say(f"{name}: {np.mean(values)}")


def _ranks(name, counted, answers, classes):
    from nalsm.evaluation.kernel_quality import ranks

    draws, threads = answers["draws"], answers["threads"] or None
    with progress(draws, f"{name} ({_COUNTS[name]})", "draws", quiet=answers["quiet"]) as bar:
        return ranks(*counted, answers["per_class"], draws, answers["seed"], threads, bar.update, classes)


def _kernel_quality_questions(root):
    which = {source.letter: name for name, source in DATA_SOURCES.items() if source.noise} | {"O": OWN}

    def check_dataset(value, answers):
        record = _record(root, answers, answers["version"])
        if record.source.noise is None:
            open_noise(record)  # which says so
        if record.source.family != which[value]:
            raise UserError(f"DATASET: read {value} ({which[value]}), but the run is {record.title}")

    return [
        _version_question(root),
        Question(
            "dataset", "DATASET? [M: mnist, N:nmnist]: ", tuple(which),
            "data set of the run: M MNIST, N N-MNIST, O own data", check=check_dataset,
            known=lambda answers: _record(root, answers, answers["version"]).source.letter,
        ),
        *_draw_questions(),
        Question("threads", None, int, "draws at the same time; 0: one for each core", 0, 1024, 0),
        *folder_questions("output"),
        _QUIET,
        *constant_questions(NOISE),
    ]  # fmt: skip


def _draw_questions() -> list[Question]:
    return [
        Question("draws", None, int, "draws of samples", 2, 10**6, 1000),
        Question("per_class", None, int, "samples of each class in a draw (default: 100, or what all classes of own "
                 "data have)", 1, 10**4),
        Question("seed", None, int, "of the draws", 0, SEED_LIMIT - 1, 0),
    ]  # fmt: skip


def _mean_and_error(values):
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{np.mean(values):.2f} +- {error:.2f}"


# ---- all measures ---------------------------------------------------------------------------------


def measure_command(root: Path) -> click.Command:
    """Return the click command of `nalsm measure`: all measures that a run allows, those skipped that are computed."""

    def run(answers: Answers) -> None:
        record = _record(root, answers, answers["version"])
        for compute in (_measure_kernel_quality, _measure_branching_factor, _say_other_measures, _measure_accuracy):
            compute(root, record, answers)

    text = "Compute all measures that a run allows: noisy counts, kernel quality, branching factor, accuracy."
    questions = [
        _version_question(root),
        *_draw_questions(),
        Question("threads", None, int, "samples and draws at the same time; 0: one for each core", 0, 1024, 0),
        *folder_questions("data", "networks", "output"),
        _QUIET,
    ]
    return command("measure", text, questions, run)


def _measure_kernel_quality(root: Path, record: RunRecord, answers: Answers) -> None:
    """Present the noisy test set and compute kernel quality, unless a draw would take more samples than there are."""
    from nalsm.evaluation import kernel_quality as measure

    if record.source.noise is None:
        say(f"kernel quality: skipped, {record.source.name} has no noisy test set", answers["quiet"])
        return
    labels = measure.test_counts(record)[1]
    per_class = answers["per_class"] or measure.usual_per_class(record, labels)
    try:
        measure.require_samples(labels, per_class, record.source.classes)
    except UserError as error:
        say(f"kernel quality: skipped, {error}", answers["quiet"])
        return
    wanted = {"draws": answers["draws"], "per_class": per_class, "seed": answers["seed"]}
    done = measure.MEASURE.read_with(record, wanted)
    if done:
        say(f"{measure.MEASURE.title}: computed before: {measure.MEASURE.text(done)}", answers["quiet"])
        return
    noisy = open_noise(record)
    if not (noisy.identity and noisy.is_finished()):
        _present_noisy(root, record, answers)
    _compute_kernel_quality(record, {**answers, **wanted}, {})


def _present_noisy(root: Path, record: RunRecord, answers: Answers) -> None:
    folders = {name: chosen_folder(answers, name, root) for name in DEFAULT_FOLDERS}
    given = {"threads": answers["threads"], "cluster": None, "quiet": answers["quiet"], "seed": None}
    settings = settings_of(record, **folders, **given)  # no seed: that of the noisy counts there are, or else the run's
    TUNING.before_work()
    from nalsm.runs.noisy_test_set import NoiseRun

    NoiseRun(settings).run()


def _measure_branching_factor(root: Path, record: RunRecord, answers: Answers) -> None:
    from nalsm.evaluation.branching import MEASURE, recorded_batches

    constants, done = BranchingConstants(), MEASURE.read_with(record)
    if done:
        say(f"{MEASURE.title}: computed before: {MEASURE.text(done)}", answers["quiet"])
        return
    try:
        batches = recorded_batches(record, constants)
    except UserError as error:
        say(f"{MEASURE.title}: skipped, {str(error).removeprefix('VERSION: ')}", answers["quiet"])
        return
    network = record.load_network(chosen_folder(answers, "networks_dir", root))
    with record.folder.locked():
        _compute_missing(record, network, batches, constants, answers["quiet"])
    _say_branching_factors(record, batches, answers["quiet"])


def _say_other_measures(_root: Path, record: RunRecord, _answers: Answers) -> None:
    """Say the measures of the user's own modules (docs/extending.md), which are computed when they are read."""
    from nalsm.evaluation import MEASURES, accuracy, branching, kernel_quality

    for measure in MEASURES.values():
        if measure not in (accuracy.MEASURE, branching.MEASURE, kernel_quality.MEASURE):
            values = measure.read_with(record)
            say(f"{measure.title}: {measure.text(values) if values else 'not computed'}")


def _measure_accuracy(_root: Path, record: RunRecord, answers: Answers) -> None:
    if record.is_finished:
        _say_accuracy(record)
    else:
        say(f"test accuracy: skipped, the run is unfinished; {record.program} resumes it", answers["quiet"])
