"""The code in the documents runs as it is printed, and the README states the results that were made."""

import json
import re

import pytest
from made_runs import made_run
from small_runs import ROOT


def blocks(path):
    """Return the Python code blocks of a page, in order."""
    return re.findall(r"^```python\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL)


def test_the_snippet_of_the_readme(monkeypatch):
    monkeypatch.chdir(ROOT)
    (code,) = blocks(ROOT / "README.md")
    names = {}
    exec(code, names)
    run, net = names["run"], names["net"]
    n = len(names["images"])
    assert run.counts.shape == (n, net.n_liquid)
    assert run.counts.any()
    assert run.spikes.shape == (n, 250, net.n_neurons)
    assert run.astrocyte.shape == (n, 250)


def table_rows(path):
    """Return the rows of the tables of a page: lists of cells."""
    return [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in path.read_text().splitlines() if line[:1] == "|"
    ]


def test_the_accuracies_of_the_readme_are_those_of_the_page_of_results():
    """Each cell of its first table, such as "95.93 ± 0.08 (10 networks)", is mean, deviation and number of one row."""
    row = re.compile(r"(\S+) ± (\S+) \((\d+)(?: networks)?\)")
    stated = [cells for cells in table_rows(ROOT / "README.md") if row.fullmatch(cells[-1])]
    assert len(stated) == 5
    results = table_rows(ROOT / "docs" / "results.md")
    for _, own, published in stated:
        mean, deviation, networks = row.fullmatch(own).groups()
        theirs, their_deviation, their_networks = row.fullmatch(published).groups()
        same = [f"**{mean}**", deviation], [f"{theirs} ± {their_deviation}", their_networks]
        made = f"{networks} of {networks}"
        assert any(cells[3:6] == [made, *same[0]] and cells[7:9] == same[1] for cells in results), (own, published)


@pytest.fixture
def cells():
    """The cells of the notebook."""
    notebook = json.loads((ROOT / "docs" / "tour.ipynb").read_text())
    assert notebook["nbformat"] == 4
    return notebook["cells"]


def test_the_tour_runs(cells, tmp_path, monkeypatch, capsys):
    """With fewer samples, and with a run that is there: numbers that a cell tagged "parameters" sets."""
    monkeypatch.setenv("MPLBACKEND", "Agg")
    made_run(tmp_path, version=3)
    smaller = {
        "DIMS": (4, 4, 4), "N_TRAIN": 60, "N_VALID": 20, "N_TEST": 30, "SAMPLE_MS": 60, "CYCLES": 50, "VERSION": 3,
        "OUTPUT_DIR": tmp_path / "train_data", "NETWORKS_DIR": tmp_path / "networks",
    }  # fmt: skip
    names = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(line for line in cell["source"] if not line.startswith("%")), names)
        if "parameters" in cell["metadata"].get("tags", []):
            assert set(smaller) <= set(names)
            names.update(smaller)
    assert names["counts"]["test"].shape == (30, 64)
    assert names["run"].record.version == 3
    assert "1 test samples are classified wrongly" in capsys.readouterr().out


def test_the_tour_has_no_outputs(cells):
    assert not any(cell.get("outputs") for cell in cells)
