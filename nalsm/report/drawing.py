"""How figures are drawn: colours that follow the reader's light or dark setting, common style, SVG.

A figure is made by matplotlib, without pyplot and its global state, in the light colours below. In the SVG each of them
is a CSS variable, so that the page, or the file itself, can give it another value for readers with a dark setting.
The hues are those of Okabe and Ito, which people with any kind of colour blindness can tell apart.
"""

import io
import re
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nalsm.storage.files import write_text

BLACK, PAPER, GREY, RULE, SHADE = "#000000", "#ffffff", "#737373", "#e6e6e6", "#d9d9d9"
ORANGE, SKY, GREEN = "#e69f00", "#56b4e9", "#009e73"
BLUE, VERMILION, PURPLE = "#0072b2", "#d55e00", "#cc79a7"  # (the yellow is too pale for lines on white)
LINE_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK)  # of several curves, in their order
WIDTH = 6.2  # inches: wide enough for a page, and still legible when a phone shrinks it
_COLOURS = {  # name of the CSS variable: colour in figures, value for a light and for a dark page
    "ink": (BLACK, "#1a1a1a", "#e6e6e6"),
    "paper": (PAPER, "#ffffff", "#15181c"),
    "grey": (GREY, "#737373", "#9ba1a8"),
    "rule": (RULE, "#e6e6e6", "#343a41"),
    "shade": (SHADE, "#d9d9d9", "#4a5058"),
    "orange": (ORANGE, "#e69f00", "#f0b43c"),
    "sky": (SKY, "#56b4e9", "#7cc8f2"),
    "green": (GREEN, "#009e73", "#2cc498"),
    "blue": (BLUE, "#0072b2", "#4ba6de"),
    "vermilion": (VERMILION, "#d55e00", "#f58244"),
    "purple": (PURPLE, "#cc79a7", "#dd9abf"),
}
_VARIABLES = {colour: f"var(--{name})" for name, (colour, *_) in _COLOURS.items()}
_SVG: Any = {"svg.fonttype": "none", "svg.hashsalt": "nalsm", "font.sans-serif": ["DejaVu Sans", "Verdana"]}
_DPI = 160  # of the parts that are images
_STYLE = {"titlesize": 12, "labelsize": 12, "ticksize": 11}


def _theme() -> str:
    def values(place: int) -> str:
        return "".join(f"--{name}:{colours[place]};" for name, colours in _COLOURS.items())

    return f":root{{color-scheme:light dark;{values(1)}}}@media (prefers-color-scheme:dark){{:root{{{values(2)}}}}}"


THEME = _theme()  # CSS: the variables, for both settings


def svg(figure: Figure, name: str, alt: str) -> str:
    """Return a figure as an SVG element for a page that has `THEME`; the same figure gives the same text.

    name : begins every id in it, so that a page can hold several; alt : what it shows, for those who cannot see it
    """
    text = io.StringIO()
    with rc_context(_SVG):
        metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(text, format="svg", dpi=_DPI, transparent=True, metadata=metadata)
    picture = text.getvalue()
    picture = picture[picture.index("<svg ") :].strip()
    picture = re.sub(r': (#[0-9a-f]{6})(?=[;"])', lambda found: f": {_VARIABLES.get(found[1], found[1])}", picture)
    used = set(re.findall(r'#(\w+)["\)]', picture))
    picture = re.sub(r' id="([\w.]+)"', lambda found: found[0] if found[1] in used else "", picture)
    picture = re.sub(r'( id="|href="#|url\(#)(?=\w+["\)])', rf"\1{name}-", picture)
    picture = re.sub("<[^>]*>", lambda tag: re.sub(r"(\.\d\d)\d+", r"\1", tag[0]), picture)  # 1/100 pt is enough
    picture = re.sub(_DOTS, _styled_once, picture)
    return picture.replace("<svg ", f'<svg role="img" aria-label="{_escaped(alt)}" ', 1)


_DOTS = r'<g (clip-path="[^"]*")>\s*((?:<use [^>]*?) style="([^"]*)"/>(?:\s*<use [^>]*? style="\3"/>)*)'


def _styled_once(dots: re.Match) -> str:
    """Return a group of equal dots whose style is that of the group."""
    clip, uses, style = dots.groups()
    places = re.sub(r"\s*(<use[^>]*?) style=[^>]*/>", r"\n\1/>", uses)
    return f'<g {clip} style="{style}">{places}'


def save(figure: Figure, path: Path, alt: str = "") -> None:
    """Write a figure as an SVG file, whole, with colours of its own for both settings."""
    write_text(path, standalone(svg(figure, path.stem, alt)))


def standalone(picture: str) -> str:
    """Return the text of an SVG file from what `svg` returns."""
    begin, rest = picture.split(">", 1)
    return f"{begin}><style>{THEME}svg{{background:var(--paper);fill:var(--ink)}}</style>{rest}\n"


def _escaped(text: str) -> str:
    for character, entity in (("&", "&amp;"), ('"', "&quot;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, entity)
    return text


def new_figure(height: float) -> Figure:
    """Return an empty figure as wide as a page; `height` in inches."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def tidy(axes: Axes, xlabel: str = "", ylabel: str = "", title: str = "") -> None:
    """Set labels and title in the common style."""
    axes.set_xlabel(xlabel, fontsize=_STYLE["labelsize"])
    axes.set_ylabel(ylabel, fontsize=_STYLE["labelsize"])
    if title:
        axes.set_title(title, fontsize=_STYLE["titlesize"], loc="left")
    axes.tick_params(labelsize=_STYLE["ticksize"])
    axes.spines[["top", "right"]].set_visible(False)


def legend(axes: Axes, **options: Any) -> None:
    """Add a legend in the common style; options as in matplotlib."""
    axes.legend(**{"fontsize": 11, "frameon": False, **options})
