"""Reports: a page of pictures on one run, a page that compares several.

A page is one file: pictures are inside, nothing is loaded from elsewhere, no script runs. It follows the reader's
light or dark setting.
"""

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nalsm.storage.files import write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nalsm.report.sections import Section
    from nalsm.report.shown_run import ShownRun

Draw = Callable[["Figure", str, str], str]


def write_report(run: "ShownRun", path: Path, draw: Draw | None = None) -> list[str]:
    """Write the report of a run to `path`, and its pictures as SVG files into the version folder.

    draw : makes the SVG of a figure; `nalsm.report.drawing.svg` if not given
    Returns the titles of the parts that could not be drawn. The page says why.
    """
    from nalsm.report.drawing import standalone, svg
    from nalsm.report.sections import sections
    from nalsm.report.settings_shown import commands, settings_shown

    parts: list[tuple[Section, str | None]] = []
    missing: list[str] = []
    for section in sections(run):
        picture = run.record.folder.report_picture(section.name)
        if section.figure is None:
            missing.append(section.title)
            picture.unlink(missing_ok=True)  # of an earlier report: it would show something else
            parts.append((section, None))
        else:
            image = (draw or svg)(section.figure, section.name, section.alt)
            write_text(picture, standalone(image))
            parts.append((section, image))
    page = _render("report.html", run=run, parts=parts, missing=missing, settings=settings_shown(run),
                   commands=commands(run))  # fmt: skip
    write_text(path, page)
    return missing


def write_comparison(runs: list["ShownRun"], path: Path, draw: Draw | None = None) -> None:
    """Write a page that compares several runs, each linked to its report if it has one; `draw` as in `write_report`."""
    from nalsm.report.comparison import compare, report_links
    from nalsm.report.drawing import svg

    sections, table = compare(runs)
    parts = [
        (section, (draw or svg)(section.figure, section.name, section.alt) if section.figure else None)
        for section in sections
    ]
    write_text(path, _render("comparison.html", runs=runs, parts=parts, table=table, links=report_links(runs, path)))


def _render(template: str, **values: Any) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from nalsm.report.drawing import THEME

    pages = Environment(
        loader=PackageLoader("nalsm.report", "pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    return pages.get_template(template).render(**values, theme=THEME, now=now)
