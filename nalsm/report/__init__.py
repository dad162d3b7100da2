"""Reports: a page of pictures on one run, a page that puts several side by side.

A page is one file: pictures are inside, nothing is loaded from anywhere, no script runs.
"""

import base64
import io

from nalsm.storage.files import replacing, write_text

_PNG = {"format": "png", "metadata": {"Software": None}}


def write_report(run, path):
    """Write the report of a RunData to `path`, and its pictures as PNG into the version folder.

    Returns the titles of the parts that could not be drawn; the page says why.
    """
    from nalsm.report.sections import sections

    parts, missing = [], []
    for section in sections(run):
        picture = run.folder.report_picture(section.name)
        if section.figure is None:
            missing.append(section.title)
            picture.unlink(missing_ok=True)  # of a report before this one: it would show something else
            parts.append((section, None))
        else:
            png = _png(section.figure)
            _write_bytes(picture, png)
            parts.append((section, _data_uri(png)))
    write_text(path, _render("report.html", run=run, parts=parts, missing=missing, settings=_settings(run)))
    return missing


def write_comparison(runs, path):
    """Write a page that puts several RunData side by side."""
    from nalsm.report.comparison import compare

    sections, table = compare(runs)
    parts = [(section, _data_uri(_png(section.figure)) if section.figure else None) for section in sections]
    write_text(path, _render("comparison.html", runs=runs, parts=parts, table=table))


def _render(template, **values):
    from jinja2 import Environment, PackageLoader, StrictUndefined

    pages = Environment(
        loader=PackageLoader("nalsm.report", "pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return pages.get_template(template).render(**values)


def _settings(run):
    """Return everything the parameter file holds as [(group, [(name, value)])]."""
    groups = {"What decides the result": run.identity, "What does not decide it": {}}
    for name, value in run.parameters.items():
        if isinstance(value, dict) and name != "identity":
            groups[name.capitalize()] = value
        elif name not in ("identity", "format"):
            groups["What does not decide it"][name] = value
    return [(group, list(values.items())) for group, values in groups.items() if values]


def _png(figure):
    from nalsm.report.pictures import DPI

    image = io.BytesIO()
    figure.savefig(image, dpi=DPI, **_PNG)
    return image.getvalue()


def _data_uri(png):
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _write_bytes(path, content):
    with replacing(path) as temporary:
        temporary.write_bytes(content)
