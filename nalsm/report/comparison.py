"""Several runs side by side: the pictures and the table of main facts."""

from typing import TYPE_CHECKING

from nalsm.evaluation import MEASURES
from nalsm.evaluation.paper import SOURCE
from nalsm.report import pictures
from nalsm.report.sections import Section
from nalsm.report.settings_shown import TITLES
from nalsm.runs.record import Missing

if TYPE_CHECKING:
    from nalsm.evaluation import Measure
    from nalsm.report.shown_run import ShownRun

Facts = list[tuple[str, list]]
_OTHER_MEASURES = [measure for measure in MEASURES.values() if measure.name != "accuracy"]  # that is shown apart
_STAGES = ("initialisation", "counting", "readout")


def compare(runs: list["ShownRun"]) -> tuple[list[Section], Facts]:
    """Return (sections, [(name of a fact, its value for each run)])."""
    return [_accuracies(runs), _curves(runs)], _facts(runs)


def _test_percent(run: "ShownRun") -> float | None:
    return 100 * run.status.accuracies["test"] if run.status.accuracies else None


def _accuracies(runs: list["ShownRun"]) -> Section:
    rows = [
        (f"{run.status.version}: {run.status.model}\n{run.status.dataset}", _test_percent(run), run.published)
        for run in runs
    ]
    text = (
        "Test accuracy of each run at the cycle with the best validation accuracy. Grey: the published figure for the "
        f"same model, data and number of neurons ({SOURCE}), if there is one."
    )
    unfinished = [str(run.status.version) for run in runs if run.status.state != "finished"]
    if unfinished:
        text += f" Not finished: {', '.join(unfinished)}; the page shows what they have reached so far."
    reduced = [str(run.status.version) for run in runs if run.is_reduced]
    if reduced:
        text += (
            f" With fewer samples, snapshots or cycles than the published runs: {', '.join(reduced)}; the table has "
            "the numbers."
        )
    alt = "; ".join(
        f"run {run.status.version}: " + ("no accuracy yet" if (p := _test_percent(run)) is None else f"{p:.2f} %")
        for run in runs
    )
    return Section("comparison", "Test accuracy", text, alt, pictures.comparison(rows))


def _curves(runs: list["ShownRun"]) -> Section:
    title, curves = "Validation accuracy while the readout trains", []
    for run in runs:
        try:
            values = run.accuracies["valid"]
        except Missing:
            continue
        if len(values):
            curves.append((f"{run.status.version}: {run.status.model}, {run.status.dataset}", values))
    if not curves:
        return Section("curves", title, "Missing: no run has finished a cycle of the readout yet.")
    text = "Share of validation samples that are classified correctly after each cycle over the training samples."
    alt = f"Curves of validation accuracy of {len(curves)} runs"
    return Section("curves", title, text, alt, pictures.learning_curves(curves))


def _value(run: "ShownRun", measure: "Measure") -> str:
    values = measure.read(run.record)
    return measure.text(values) if values else "not computed"


def _facts(runs: list["ShownRun"]) -> Facts:
    def percent(run, split):
        accuracies = run.status.accuracies
        return f"{100 * accuracies[split]:.2f} %" if accuracies else "not yet"

    def number(run, name):
        value = run.identity.get(name, "-")
        return f"{value:,}" if isinstance(value, int) else value

    sizes = ("train_samples", "valid_samples", "test_samples", "init_samples", "cycles", "batch_size")
    facts = [
        ("model", lambda run: run.status.model),
        ("data", lambda run: run.status.dataset),
        ("knobs", lambda run: ", ".join(run.record.model.describe_knobs(run.record.knobs)) or "none"),
        ("state", lambda run: run.status.state or f"cannot be read: {run.status.problem}"),
        ("test accuracy", lambda run: percent(run, "test")),
        ("published", lambda run: f"{run.published} % ({run.published.kind})" if run.published else "no figure"),
        ("validation accuracy", lambda run: percent(run, "valid")),
        ("training accuracy", lambda run: percent(run, "train")),
        ("best validation cycle", lambda run: f"{run.status.best_cycle:,}" if run.status.best_cycle else "none yet"),
        ("network", lambda run: f"{run.status.network} ({run.n_liquid or '?'} neurons)"),
        ("seed", lambda run: run.status.seed),
        *((TITLES[name], lambda run, name=name: number(run, name)) for name in sizes),
        *((measure.title, lambda run, measure=measure: _value(run, measure)) for measure in _OTHER_MEASURES),
        *(
            (f"seconds, {stage}", lambda run, stage=stage: f"{run.status.seconds.get(stage, 0):,.0f}")
            for stage in _STAGES
        ),
        ("started", lambda run: run.record.sessions[-1].get("started", "?")),
    ]
    return [(name, [value(run) for run in runs]) for name, value in facts]
