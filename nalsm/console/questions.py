"""Prompts and flags from one table.

Every question has a flag; a flag that is given is not asked. On a terminal a bad answer is explained
and asked again. In piped input a bad or missing answer ends the program: the lines that follow must
never slide into other questions. Names at the prompt keep the published spelling, as people have
scripts that answer them.
"""

import errno
import math
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from nalsm.support.errors import UserError

_LONGEST_ANSWER = 1_000  # characters; no number or choice is longer
# Plain decimal numbers: int() and float() would also take 1_000, digits of other scripts, nan and infinity.
_NUMBERS = {
    int: re.compile(r"[+-]?[0-9]+"),
    float: re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"),
}
_LARGEST = 2**63 - 1  # of whole numbers, where a question has no bound of its own


@dataclass(frozen=True)
class Question:
    """One question, or one setting that has a flag only.

    name : of the answer inside the package
    prompt : the text that asks; None: never asked
    kind : int, float, bool, Path (expanded and absolute; None for an empty text), str (`check` tells whether it is
        good), or a tuple of texts to choose from
    low, high : the numbers that are accepted, ends included
    default : of a setting that is never asked
    check : called with (value, all answers so far); raises UserError for an answer that cannot work
    """

    name: str
    prompt: str | None
    kind: type | tuple
    help: str
    low: float = -math.inf
    high: float = math.inf
    default: object = None
    flags: tuple[str, ...] = ()
    check: Callable | None = None

    @property
    def title(self):
        """The question's name as the user knows it: up to the question mark."""
        return self.prompt.split("?")[0] if self.prompt else self.flag

    @property
    def flag(self):
        return self.flags[0] if self.flags else "--" + self.name.replace("_", "-")

    @property
    def expected(self):
        """What a good answer is, in words."""
        if isinstance(self.kind, tuple):
            return " or ".join(self.kind)
        noun = {int: "a whole number", float: "a number"}[self.kind]
        if math.isinf(self.low) and math.isinf(self.high):
            return noun
        if math.isinf(self.high):
            return f"{noun} of {self.low:g} or more"
        return f"{noun} from {_plain(self.low)} to {_plain(self.high)}"

    def parse(self, text):
        """Return the value of an answer; raises UserError that says what was read and expected."""
        if self.kind is Path:
            return parse_path(text, self.title)
        if self.kind is str:
            return text
        bad = UserError(f"{self.title}: read {_quoted(text.strip())}, expected {self.expected}")
        if len(text) >= _LONGEST_ANSWER:  # of a longer line the rest is still to be read: it must not answer anything
            raise bad
        text = text.strip()
        if isinstance(self.kind, tuple):
            for choice in self.kind:
                if text.lower() == choice.lower():
                    return choice
            raise bad
        if not _NUMBERS[self.kind].fullmatch(text):
            raise bad
        value = self.kind(text)
        if not (self.low <= value <= self.high and abs(value) <= _LARGEST):
            raise bad
        return value


def parse_path(text, title):
    """Return an expanded, absolute Path, or None for an empty text; raises UserError for what can be no path."""
    try:
        text.encode()  # bytes that are no UTF-8 could not be written into the record of a run
        if "\0" in text:
            raise ValueError
        path = Path(text).expanduser().absolute() if text else None
        if path:
            path.exists()
        return path
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise UserError(f"{title}: read {_quoted(text)}, a longer name than there can be") from None
    except ValueError:
        raise UserError(f"{title}: read {_quoted(text)}, expected the name of a file or folder, in UTF-8") from None
    except RuntimeError:  # ~name of nobody
        raise UserError(f"{title}: read {_quoted(text)}, and there is no such home folder") from None


def _plain(number):
    return f"{int(number)}" if float(number).is_integer() else f"{number:g}"


def _quoted(text):
    shown = ascii(text)
    return shown if len(shown) <= 60 else f"{shown[:56]}...'"


class _Answer(click.ParamType):
    """Click's view of a question's answer on the command line."""

    def __init__(self, question):
        self.question = question
        self.name = "choice" if isinstance(question.kind, tuple) else question.kind.__name__

    def get_metavar(self, *_, **__):
        kind = self.question.kind
        return "|".join(kind) if isinstance(kind, tuple) else kind.__name__.upper()

    def convert(self, value, param, ctx):
        if not isinstance(value, str):
            return value
        try:
            return self.question.parse(value)
        except UserError as error:
            raise click.UsageError(f"{self.question.flag}: {str(error).split(': ', 1)[1]}") from None


class PathType(click.ParamType):
    """A path on the command line of a click command that has no table of questions."""

    name = "path"

    def convert(self, value, param, ctx):
        if not isinstance(value, str):
            return value
        try:
            return parse_path(value, param.opts[0]) or self.fail("it is empty", param, ctx)
        except UserError as error:
            raise click.UsageError(str(error)) from None


def command(name, help_text, questions, run):
    """Return a click command that collects the answers and calls run(answers: dict).

    Flags are read first, and those that are never asked checked; then what is missing is asked in the
    table's order; last, every check is made with all answers known.
    """

    def callback(**given):
        run(_complete(questions, given))

    return click.Command(name, params=[_option(q) for q in questions], callback=callback, help=help_text)


def _option(question):
    flags = list(question.flags) or [question.flag]
    text = question.help + (f" (asked as {question.title})" if question.prompt else "")
    if question.kind is bool:
        return click.Option([*flags, question.name], is_flag=True, default=False, help=text)
    shown = question.prompt is None and question.default is not None
    return click.Option(
        [*flags, question.name], type=_Answer(question), default=question.default, show_default=shown, help=text
    )


def _complete(questions, given):
    answers = dict(given)
    number = 0
    for question in questions:
        if question.check and not question.prompt:
            question.check(answers[question.name], answers)
    for question in questions:
        if question.prompt and answers[question.name] is None:
            number += 1
            answers[question.name] = _ask(question, answers, number)
    for question in questions:
        if question.check:
            question.check(answers[question.name], answers)
    return answers


def _ask(question, answers, number):
    def accept(text):
        value = question.parse(text)
        if question.check:
            question.check(value, answers)
        return value

    if sys.stdin is not None and sys.stdin.isatty():
        return _ask_person(question, accept)
    line = _next_line(question)
    if line is None:
        print(flush=True)
        raise UserError(
            f"{question.title}: the answers on standard input end before line {number}, expected {question.expected}"
        )
    print(line, flush=True)  # so that a log reads like the dialogue
    return accept(line)


def _ask_person(question, accept):
    def proc(text):
        try:
            return accept(text)
        except UserError as error:
            raise click.UsageError(str(error)) from None

    return click.prompt(question.prompt.rstrip(), prompt_suffix=" ", value_proc=proc)


def _next_line(question):
    """Show the prompt and return the next line of piped input, or None at its end."""
    print(question.prompt, end="", flush=True)
    if sys.stdin is None:
        return None
    line = sys.stdin.readline(_LONGEST_ANSWER)
    return line.rstrip("\r\n") if line else None
