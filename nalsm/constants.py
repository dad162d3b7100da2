"""The table of all constants: what can be set with --set NAME=VALUE and in the [constants] table of a sweep.

A constant is a field of the dataclass that owns it. A new one is a field there; a new group is a line in GROUPS.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from nalsm.console.questions import Question
from nalsm.datasets import DataSource
from nalsm.datasets.events import SnapshotConstants
from nalsm.datasets.noise import NoiseConstants
from nalsm.evaluation.branching import BranchingConstants
from nalsm.models import Model
from nalsm.network import NetworkConstants
from nalsm.optimiser import ReadoutConstants
from nalsm.rules import RuleConstants
from nalsm.runs.readouts import PUBLISHED as READOUT
from nalsm.runs.record import RUN_CONSTANTS
from nalsm.support.constants import About, Constants, Value, constants_of, default_of, plain
from nalsm.support.errors import UserError

# What sets a group, in words; in a list and in messages.
NETWORK, TRAINING = "generate_spatial_network.py", "the training programs"
NOISE = "the noise programs and compute_SP_AP_kernel_quality_measures.py"
BRANCHING = "compute_branching_factor.py"

GROUPS: dict[type[Constants], str] = {
    NetworkConstants: NETWORK,
    **dict.fromkeys(RUN_CONSTANTS, TRAINING),
    NoiseConstants: NOISE,
    BranchingConstants: BRANCHING,
}


@dataclass(frozen=True)
class Constant:
    """One constant, with its group and what sets it."""

    name: str
    about: About
    group: type[Constants]
    program: str

    @property
    def default(self) -> Value | None:
        """The published value; None if another constant has it, which `about` names."""
        return default_of(self.group, self.name)


TABLE: dict[str, Constant] = {
    name: Constant(name, about, group, program)
    for group, program in GROUPS.items()
    for name, about in constants_of(group)
}


# ---- values --------------------------------------------------------------------------------------


def parsed(texts: Iterable[str], program: str) -> dict[str, Value]:
    """Return the values of NAME=VALUE texts by name, without those that are the published ones.

    program : what is to set them, a value of GROUPS
    Raises UserError for a text without =, for a name given twice, and as `checked` does.
    """
    values: dict[str, str] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals:
            raise UserError(f"--set: read {text!a:.60}, expected NAME=VALUE, such as threshold=15")
        if name in values:
            raise UserError(f"--set: {name!a:.60} is given twice")
        values[name] = value
    return checked(values, (program,), "--set")


def checked(values: Mapping[str, object], programs: Iterable[str], where: str) -> dict[str, Value]:
    """Return constants by name in the order of the table, without those that have the published value.

    values : texts or numbers; where : begins messages
    Raises UserError for an unknown name, a constant that none of the programs sets, and a value that is not good.
    """
    for name in values:
        if name not in TABLE:
            raise UserError(f"{where}: there is no constant {name!a:.60}{_nearest(name)}; --constants lists all")
        if TABLE[name].program not in programs:
            raise UserError(f"{where}: {name} is set by {TABLE[name].program}, not here")
    good = {name: _value(constant, values[name], where) for name, constant in TABLE.items() if name in values}
    return {name: value for name, value in good.items() if value != TABLE[name].default}


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name.lower(), TABLE, 1, 0.0)
    return f", the nearest name is {near[0]}" if near else ""


def _value(constant: Constant, given: object, where: str) -> Value:
    value = _number(given) if isinstance(given, str) and given not in constant.about.words else given
    if not constant.about.accepts(value):
        raise UserError(f"{where}: {constant.name} is {given!a:.60}, expected {constant.about.expected}")
    if isinstance(value, str):
        return value
    return int(value) if constant.about.whole else float(value)


def _number(text: str) -> object:
    """Return a plain decimal number, or the text if it is none."""
    for kind in (int, float):
        try:
            return Question("", None, kind, "").parse(text)
        except UserError:
            pass
    return text


def is_used(name: str, model: Model, source: DataSource) -> bool:
    """Tell whether a constant can change a run of the model on the data set, or its noisy test set."""
    group = TABLE[name].group
    if group is NoiseConstants:
        return source.noise is not None and source.noise.constant == name
    if group is SnapshotConstants:
        return source.longest_snapshot is not None and model.initialisation is not None
    if group is not RuleConstants:
        return True
    choices = product(*([(knob.name, value) for value in knob.choices or (knob.low,)] for knob in model.knobs))
    makes = [model.presentation, *([model.initialisation] if model.initialisation else [])]
    rules = [make(dict(knobs)) for knobs in choices for make in makes[: 1 if name == "presentation_decay" else 2]]
    needed = {"astrocyte": "has_astrocyte", "calcium": "uses_calcium"}.get(name.split("_", maxsplit=1)[0], "learns")
    return any(getattr(rule, needed) for rule in rules)


def require_used(values: Mapping[str, Value], model: Model, source: DataSource, where: str) -> None:
    """Raise UserError for constants that change nothing in a run of the model on the data set."""
    for name in values:
        if not is_used(name, model, source):
            raise UserError(f"{where}: {name} changes nothing for {model.name} on {source.name}; leave it out")


def require_fitting(
    values: Mapping[str, Value], model: Model, source: DataSource, answers: Mapping[str, object]
) -> None:
    """Raise UserError for constants that cannot go with other settings of a training program, as far as known."""
    of_readout = [name for name in values if TABLE[name].group is ReadoutConstants]
    if of_readout and answers.get("readout", READOUT) != READOUT:
        raise UserError(f"--set: {of_readout[0]} changes nothing with --readout {answers['readout']}; leave it out")
    bound, weight = values.get("weight_bound"), answers.get("initial_weight")
    if model.initialisation and isinstance(bound, float) and isinstance(weight, float) and weight > bound:
        raise UserError(f"INTIAL_ABS_W_SCLR: read {weight:g}, but weight_bound is {bound:g}; choose one of them anew")
    start, steps, longest = values.get("snapshot_start_ms"), answers.get("init_ms"), source.longest_snapshot
    if isinstance(start, int) and isinstance(steps, int) and longest and start + steps > longest + 1:
        raise UserError(
            f"--set: snapshot_start_ms is {start}, but a snapshot of {steps} ms (--init-ms) of {source.name} can start "
            f"at {longest + 1 - steps} ms at most"
        )


# ---- questions and the list ----------------------------------------------------------------------


def questions(
    program: str,
    model: Model | None = None,
    source_of: Callable[[dict[str, Any]], DataSource | None] = lambda _answers: None,
) -> list[Question]:
    """Return --set, whose answer is a tuple of texts for `parsed`, and --constants, for a program.

    model : of a program that is for one model
    source_of : answers of such a program -> its data set, None as long as it is not known
    """

    def check(texts: tuple[str, ...], answers: dict[str, Any]) -> None:
        values = parsed(texts, program)
        source = source_of(answers) if values else None
        if model and source:
            require_used(values, model, source, "--set")
            require_fitting(values, model, source, answers)

    return [
        Question("constants", None, str, "another value for a constant; may be given again", flags=("--set",),
                 many="NAME=VALUE", check=check),
        Question("list_constants", None, str, "list the constants and exit", flags=("--constants",), shows=listing),
    ]  # fmt: skip


def listing() -> str:
    """Return all constants as text: name, published value, unit, range and meaning, by group."""
    rows = [_row(constant) for constant in TABLE.values()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["Constants with their published values, ranges and units. Each is set by the programs named above it."]
    group: type[Constants] | None = None
    for constant, row in zip(TABLE.values(), rows, strict=True):
        if constant.group is not group:
            group = constant.group
            lines += ["", f"{group.heading} (--set NAME=VALUE of {constant.program})"]
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append(f"  {'  '.join(cells)}".rstrip())
    return "\n".join(lines)


def _row(constant: Constant) -> tuple[str, ...]:
    about = constant.about
    value = about.default_text if constant.default is None else plain(constant.default)
    allowed = " or ".join([*about.words, f"{about.low:g} to {about.high:g}"])
    return constant.name, value, about.unit, allowed, about.text
