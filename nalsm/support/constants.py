"""Constants of the model as fields of frozen dataclasses, which say what each is, and which values it may have.

A dataclass that inherits from `Constants` owns a group of them, beside the code that uses them; `nalsm.constants` is
the table of all groups.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, ClassVar, TypeGuard, TypeVar

Value = float | int | str
_KEY = "about"


@dataclass(frozen=True)
class About:
    """What is known of a constant beside its name and its published default.

    text : what it is, for a table; unit : empty if it has none
    low, high : the smallest and the largest value
    whole : only whole numbers
    words : texts that are values too; default_text : the default in words if it is not a value
    """

    text: str
    low: float
    high: float
    unit: str = ""
    whole: bool = False
    words: tuple[str, ...] = ()
    default_text: str = ""

    @property
    def expected(self) -> str:
        """The values that are good, in words."""
        noun = "a whole number" if self.whole else "a number"
        return " or ".join([*self.words, f"{noun} from {self.low:g} to {self.high:g}"])

    def accepts(self, value: object) -> TypeGuard[Value]:
        """Tell whether a value is good."""
        if isinstance(value, str):
            return value in self.words
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return False
        return self.low <= value <= self.high and (not self.whole or value == int(value))


def constant(default: Any, text: str, low: float, high: float, **more: Any) -> Any:
    """Return the field of a constant; arguments and more : those of `About`."""
    return field(default=default, metadata={_KEY: About(text, low, high, **more)})


class Constants:
    """A group of constants. Raises ValueError for a value that `About.accepts` refuses.

    heading : of the group, in a list
    """

    heading: ClassVar[str]

    def __post_init__(self) -> None:
        for name, about in constants_of(type(self)):
            value = getattr(self, name)
            if hasattr(value, "item"):  # a number of NumPy's, which no JSON file takes
                value = value.item()
                object.__setattr__(self, name, value)
            if not about.accepts(value) and value != default_of(type(self), name):
                raise ValueError(f"{name} must be {about.expected}, not {value!r}")


_T = TypeVar("_T", bound=Constants)


def constants_of(group: type[Constants]) -> Iterator[tuple[str, About]]:
    """Yield (name, About) of each constant of a group, in their order."""
    yield from ((found.name, found.metadata[_KEY]) for found in _fields(group))


def default_of(group: type[Constants], name: str) -> Any:
    """Return the published value of a constant."""
    return next(found.default for found in _fields(group) if found.name == name)


def chosen(group: type[_T], values: Mapping[str, Value]) -> _T:
    """Return a group with those of its constants that are in `values`, and the published values of the others."""
    return group(**{name: values[name] for name, _ in constants_of(group) if name in values})


def differing(group: Constants) -> dict[str, Any]:
    """Return those constants of a group that differ from the published ones, by name."""
    kind = type(group)
    values = {name: getattr(group, name) for name, _ in constants_of(kind)}
    return {name: value for name, value in values.items() if value != default_of(kind, name)}


def as_text(values: Mapping[str, Value]) -> list[str]:
    """Return NAME=VALUE for each value, as --set takes it."""
    return [f"{name}={plain(value)}" for name, value in values.items()]


def plain(value: Value) -> str:
    """Return a value as a person writes it, exactly."""
    return value if isinstance(value, str) else repr(value).removesuffix(".0")


def _fields(group: type[Constants]) -> tuple[Field, ...]:
    return fields(group)  # type: ignore[arg-type]  # every group is a dataclass
