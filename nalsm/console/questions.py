"""Prompts and flags from one table.

Every question has a flag. A question whose flag is given is not asked. On a terminal a bad answer is explained and the
question asked again, and Enter takes the default that the prompt shows. In piped input a bad, empty or missing answer
ends the program, because the lines that follow must never answer other questions. Prompts keep the published spelling
of names: people have scripts that answer them.
"""

import errno
import math
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from nalsm.support.constants import plain
from nalsm.support.errors import UserError

_LONGEST_ANSWER = 1_000  # characters; every good number or choice is shorter
# Plain decimal numbers. int() and float() would also accept 1_000, digits of other scripts, nan and infinity.
_NUMBERS = {
    int: re.compile(r"[+-]?[0-9]+"),
    float: re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"),
}
_LARGEST = 2**63 - 1  # bound on every number, also if its question has no other


@dataclass(frozen=True)
class Question:
    """One question, or one setting that only has a flag.

    name : identifier of the answer inside the package
    prompt : the text that asks; None for a setting that is never asked
    kind : type of the answer: int, float, bool, Path (expanded and absolute; None for an empty text), str (only `check`
        decides whether it is good), or a tuple of texts to choose from
    low, high : smallest and largest number that is accepted
    default : value of a setting that is never asked, if its flag is not given
    check : called with (value, all answers so far); raises UserError for an answer that cannot work
    suggest : (all answers so far) -> the default on a terminal; None: there is none
    known : (all answers) -> the answer, which follows from the others. The question is then only asked in piped input,
        where an answer that is there is read and checked
    hint : what a good answer is, in the prompt on a terminal
    simplify : text of an answer -> (the text that it stands for, a line that says so, or "")
    section : heading of its flag in the help
    many : the flag may be given again, and the value is a tuple of texts; this is what the help calls one
    shows : returns a text that the flag prints, and then the program ends; there is no answer
    """

    name: str
    prompt: str | None
    kind: Any
    help: str
    low: float = -math.inf
    high: float = math.inf
    default: Any = None
    flags: tuple[str, ...] = ()
    check: Callable[[Any, dict[str, Any]], None] | None = None
    many: str = ""
    shows: Callable[[], str] | None = None
    suggest: Callable[[dict[str, Any]], Any] | None = None
    known: Callable[[dict[str, Any]], Any] | None = None
    simplify: Callable[[str], tuple[str, str]] | None = None
    hint: str = ""
    section: str = ""

    @property
    def title(self) -> str:
        """The question's name as the user knows it: the prompt up to the question mark, or the flag."""
        return self.prompt.split("?")[0] if self.prompt else self.flag

    @property
    def flag(self) -> str:
        """The flag that answers the question."""
        return self.flags[0] if self.flags else "--" + self.name.replace("_", "-")

    @property
    def expected(self) -> str:
        """A good answer, in words."""
        if isinstance(self.kind, tuple):
            return " or ".join(self.kind)
        noun = {int: "a whole number", float: "a number", Path: "a path", str: "a text"}[self.kind]
        if math.isinf(self.low) and math.isinf(self.high):
            return noun
        if math.isinf(self.high):
            return f"{noun} of {self.low:g} or more"
        return f"{noun} from {_plain(self.low)} to {_plain(self.high)}"

    def parse(self, text: str) -> Any:
        """Return the value of an answer; raises UserError that says what was read and what is expected."""
        bad = UserError(f"{self.title}: read {_quoted(text.strip())}, expected {self.expected}")
        if (self.prompt or self.kind in _NUMBERS) and len(text) >= _LONGEST_ANSWER:
            raise bad  # the rest of the line must not answer another question
        if self.kind is Path:
            return parse_path(text, self.title)
        if self.kind is str:
            return text
        text = text.strip()
        if isinstance(self.kind, tuple):
            for choice in self.kind:
                if text.lower() == choice.lower():
                    return choice
            raise bad
        if not _NUMBERS[self.kind].fullmatch(text):
            with_point = text.replace(",", ".")
            if self.kind is float and _NUMBERS[float].fullmatch(with_point):
                raise UserError(f"{bad} with a decimal point, not a comma: {with_point:.60}")
            raise bad
        value = self.kind(text)
        if not (self.low <= value <= self.high and abs(value) <= _LARGEST):
            raise bad
        return value


def parse_path(text: str, title: str) -> Path | None:
    """Return an expanded, absolute Path, or None for an empty text; raises UserError for text that is no path."""
    try:
        text.encode()  # bytes that are not UTF-8 cannot be written into the record of a run
        if "\0" in text:
            raise ValueError
        path = Path(text).expanduser().absolute() if text else None
        if path:
            path.exists()
        return path
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise UserError(f"{title}: read {_quoted(text)}, expected a shorter name") from None
    except ValueError:
        raise UserError(f"{title}: read {_quoted(text)}, expected the name of a file or folder, in UTF-8") from None
    except RuntimeError:  # ~name, but no user has this name
        raise UserError(f"{title}: read {_quoted(text)}, but there is no such home folder") from None


def _plain(number: float) -> str:
    return f"{int(number)}" if float(number).is_integer() else f"{number:g}"


def _quoted(text: str) -> str:
    shown = ascii(text)
    return shown if len(shown) <= 60 else f"{shown[:56]}...'"


class _Answer(click.ParamType):
    """Click's view of a question's answer on the command line."""

    def __init__(self, question: Question):
        self.question = question
        self.name = "choice" if isinstance(question.kind, tuple) else question.kind.__name__

    def get_metavar(self, *_: Any, **__: Any) -> str:
        kind = self.question.kind
        return "|".join(kind) if isinstance(kind, tuple) else kind.__name__.upper()

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return _read(self.question, value)
        except UserError as error:
            raise click.UsageError(f"{self.question.flag}: {str(error).split(': ', 1)[1]}") from None


class PathType(click.ParamType):
    """A path on the command line of a click command that has no table of questions."""

    name = "path"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return parse_path(value, param.opts[0]) or self.fail("it is empty", param, ctx)
        except UserError as error:
            raise click.UsageError(str(error)) from None


class PageType(PathType):
    """The path of a Markdown page to write. Other files of its name and a folder of its name lie beside it."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        path, flag = super().convert(value, param, ctx), param.opts[0]
        if path.suffix != ".md":
            raise click.UsageError(f"{flag}: read {path}; the page is Markdown, so give a name that ends in .md")
        if not path.parent.is_dir():
            raise click.UsageError(f"{flag}: there is no folder {path.parent} to write the page into")
        return path


def command(
    name: str, help_text: str, questions: Sequence[Question], run: Callable[[dict[str, Any]], None]
) -> click.Command:
    """Return a click command that collects the answers and calls run(answers).

    Flags are read first, and settings that are never asked are checked. Then, in the order of `questions`, answers that
    flags gave are checked and the missing ones asked for. Last, every check runs again with all answers known.
    """

    def callback(**given: Any) -> None:
        run(_complete(questions, given))

    sections = {question.name: question.section for question in questions}
    return _Command(name, sections, params=[_option(q) for q in questions], callback=callback, help=help_text)


class _Command(click.Command):
    """A command whose help lists the flags under headings; sections : the heading by name of the answer."""

    def __init__(self, name: str, sections: dict[str, str], **others: Any) -> None:
        super().__init__(name, **others)
        self.sections = sections

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            row = parameter.get_help_record(ctx)
            if row:
                rows.setdefault(self.sections.get(parameter.name or "") or "Options", []).append(row)
        others = rows.pop("Options", [])
        for heading, records in [*rows.items(), ("Options", others)]:
            with formatter.section(heading):
                formatter.write_dl(records)


def _option(question: Question) -> click.Option:
    flags = list(question.flags) or [question.flag]
    text = question.help + (f" (asked as {question.title})" if question.prompt else "")
    if question.shows:
        return click.Option(
            [*flags, question.name], is_flag=True, is_eager=True, expose_value=False, help=text,
            callback=_show(question),
        )  # fmt: skip
    if question.many:
        return click.Option([*flags, question.name], multiple=True, metavar=question.many, help=text)
    if question.kind is bool:
        return click.Option([*flags, question.name], is_flag=True, default=False, help=text)
    shown = question.prompt is None and question.default is not None
    return click.Option(
        [*flags, question.name], type=_Answer(question), default=question.default, show_default=shown, help=text
    )


def _show(question: Question) -> Callable[..., None]:
    def callback(context: click.Context, _option: Any, given: bool) -> None:
        if given and question.shows:
            click.echo(question.shows())
            context.exit()

    return callback


def _complete(questions: Sequence[Question], given: dict[str, Any]) -> dict[str, Any]:
    answers = dict(given)
    number = 0
    for question in questions:
        if question.check and not question.prompt:
            question.check(answers[question.name], answers)
    for question in questions:
        if question.prompt and answers[question.name] is None:
            number += 1
            answers[question.name] = _ask(question, answers, number)
        elif question.prompt and question.check:  # what is asked next may build on it
            question.check(answers[question.name], answers)
    for question in questions:
        if question.known and answers[question.name] is None:
            answers[question.name] = question.known(answers)
    for question in questions:
        if question.check:
            question.check(answers[question.name], answers)
    return answers


def _ask(question: Question, answers: dict[str, Any], number: int) -> Any:
    def accept(text: str) -> Any:
        value = _read(question, text)
        if question.check:
            question.check(value, answers)
        return value

    prompt = question.prompt or ""
    if sys.stdin is not None and sys.stdin.isatty():
        shown = prompt.rstrip(": ") + (f" ({question.hint})" if question.hint else "")
        return None if question.known else _ask_person(shown, accept, question.suggest and question.suggest(answers))
    line = _next_line(prompt)
    if line is None:
        print(flush=True)
        if question.known:
            return None
        raise UserError(
            f"{question.title}: the answers on standard input end before line {number}, expected {question.expected}"
        )
    print(line, flush=True)  # makes a log read like the dialogue
    return accept(line)


def _read(question: Question, text: str) -> Any:
    """Return the value of an answer, and say what a text that stands for another one is taken for."""
    line = ""
    if question.simplify:
        text, line = question.simplify(text)
    value = question.parse(text)
    if line:
        print(line, flush=True)
    return value


def _ask_person(prompt: str, accept: Callable[[str], Any], default: Any) -> Any:
    def proc(text: str) -> Any:
        try:
            return accept(text)
        except UserError as error:
            raise click.UsageError(str(error)) from None

    shown = None if default is None else plain(default)
    return click.prompt(prompt, default=shown, prompt_suffix=": ", value_proc=proc)


def _next_line(prompt: str) -> str | None:
    """Show the prompt and return the next line of piped input, or None at its end."""
    print(prompt, end="", flush=True)
    if sys.stdin is None:
        return None
    line = sys.stdin.readline(_LONGEST_ANSWER)
    return line.rstrip("\r\n") if line else None
