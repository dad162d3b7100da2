"""Reports: a page of pictures on one run, a page that compares several.

A page is one file: pictures are inside, nothing is loaded from elsewhere, no script runs.
"""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nalsm.report.settings_shown import settings_shown
from nalsm.storage.files import replacing, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nalsm.report.sections import Section
    from nalsm.report.shown_run import ShownRun

Draw = Callable[["Figure"], bytes]


def write_report(run: "ShownRun", path: Path, draw: Draw | None = None) -> list[str]:
    """Write the report of a run to `path`, and its pictures as PNG into the version folder.

    draw : makes the PNG of a figure; `nalsm.report.pictures.png` if not given
    Returns the titles of the parts that could not be drawn. The page says why.
    """
    from nalsm.report.pictures import png
    from nalsm.report.sections import sections

    parts: list[tuple[Section, str | None]] = []
    missing: list[str] = []
    for section in sections(run):
        picture = run.record.folder.report_picture(section.name)
        if section.figure is None:
            missing.append(section.title)
            picture.unlink(missing_ok=True)  # of an earlier report: it would show something else
            parts.append((section, None))
        else:
            image = (draw or png)(section.figure)
            with replacing(picture) as temporary:
                temporary.write_bytes(image)
            parts.append((section, _data_uri(image)))
    write_text(path, _render("report.html", run=run, parts=parts, missing=missing, settings=settings_shown(run)))
    return missing


def write_comparison(runs: list["ShownRun"], path: Path, draw: Draw | None = None) -> None:
    """Write a page that compares several runs; `draw` as in `write_report`."""
    from nalsm.report.comparison import compare
    from nalsm.report.pictures import png

    sections, table = compare(runs)
    parts = [(section, _data_uri((draw or png)(section.figure)) if section.figure else None) for section in sections]
    write_text(path, _render("comparison.html", runs=runs, parts=parts, table=table))


def _render(template: str, **values: Any) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    pages = Environment(
        loader=PackageLoader("nalsm.report", "pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return pages.get_template(template).render(**values)


def _data_uri(image: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(image).decode()
