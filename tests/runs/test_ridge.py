"""Runs with the ridge readout: what they compute, and that nothing takes them for runs with the published one."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from small_runs import place_with_networks
from sweep_places import PAPER, page_of, published_runs
from whole_runs import complete, settings

from nalsm.evaluation.accuracy import accuracy_of
from nalsm.programs.ridge import main
from nalsm.programs.run_table import table
from nalsm.programs.runs import notes_of
from nalsm.report.sections import accuracy
from nalsm.report.shown_run import ShownRun
from nalsm.runs.dry_run import _readout_stage
from nalsm.runs.listing import read_status
from nalsm.runs.names import SPLITS
from nalsm.runs.questions import questions_for
from nalsm.runs.readouts import STRENGTHS
from nalsm.runs.record import open_record
from nalsm.runs.settings import settings_of
from nalsm.runs.speed import of_ridge
from nalsm.runs.trained_run import load_run
from nalsm.runs.training import TrainingRun
from nalsm.support.errors import DamagedFile, UserError

CONSTANTS = {"constants": {"threshold": 19.5}}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A place with run 7, ridge, and run 8, the same with the published readout."""
    place = place_with_networks(tmp_path_factory.mktemp("ridge"))
    ridge = complete(place, version=7, readout="ridge", **CONSTANTS)[1]
    return place, ridge, complete(place, version=8, **CONSTANTS)[1]


def load(place, version):
    return load_run(version, place / "train_data", place / "networks")


def test_the_strength_is_chosen_by_validation(both):
    place, result, _ = both
    run, other = load(place, 7), load(place, 8)
    assert all(np.array_equal(run.counts[split], other.counts[split]) for split in SPLITS)
    curves = run.accuracies
    best = int(np.argmax(curves["valid"]))
    assert (len(curves["valid"]), result.cycle, run.best_cycle) == (len(STRENGTHS), best + 1, best + 1)
    assert result.test == curves["test"][best] == accuracy_of(run.record).test
    test = np.concatenate([run.readout.predict(run.counts["test"][k : k + 25]) for k in (0, 25)])
    assert np.mean(test == run.labels["test"]) == result.test
    assert result.train > 0.5 and len(set(curves["train"])) > 1


def test_its_identity_says_so_and_has_no_cycles(both):
    place, *_ = both
    ridge, published = (open_record(place / "train_data", version) for version in (7, 8))
    assert {**ridge.identity, "cycles": 8, "keep_weights_every": 0} == {**published.identity, "readout": "ridge"}
    assert (settings_of(ridge).readout, settings_of(published).readout) == ("ridge", "published")


def test_everything_that_shows_it_says_so(both):
    place, *_ = both
    shown = ShownRun(place / "train_data", 7, place / "networks")
    status = read_status(place / "train_data", 7, notes=notes_of)
    text, _, _ = accuracy(shown)
    for words in (shown.record.title, repr(load(place, 7)), text, shown.cell, status.label):
        assert "ridge readout" in words
    assert "ridge reduced" in table([status])
    assert "not the published readout" in text and shown.published is None
    assert "strength" in status.best and "cycle" in read_status(place / "train_data", 8).best


def test_its_seconds_are_those_of_its_sums(tmp_path):
    """The products of all pairs of neurons, for each training sample."""
    small, large = (
        _readout_stage(SimpleNamespace(settings=settings(tmp_path, **changes), network=SimpleNamespace(n_liquid=size)))
        for size, changes in ((500, {"readout": "ridge"}), (4000, {"readout": "ridge", "train_samples": 300}))
    )
    assert large.seconds == pytest.approx(3 * 8**2 * small.seconds) and small.seconds == of_ridge(100, 500) > 0


def test_it_is_resumed_and_is_no_other_run(both, tmp_path):
    place, result, _ = both
    shutil.copytree(place, tmp_path / "copy")
    folder = tmp_path / "copy" / "train_data" / "ver_7"
    (folder / "FILE_L_VAL_ACC_L.files").unlink()
    assert read_status(folder.parent, 7).state == "readout"
    with pytest.raises(UserError, match="contains another run"):
        TrainingRun(settings(tmp_path / "copy", version=7, **CONSTANTS)).run()
    assert complete(tmp_path / "copy", version=7, readout="ridge", **CONSTANTS)[1] == result


def test_an_unknown_readout_is_no_run(both, tmp_path):
    place, *_ = both
    record = open_record(place / "train_data", 7)
    record.identity["readout"] = "forest"
    with pytest.raises(DamagedFile, match="readout"):
        type(record)(record.folder, record)


def test_kept_readouts_are_refused():
    [question] = [question for question in questions_for("LSM", "MNIST", ".") if question.name == "readout"]
    question.check("ridge", {"keep_weights_every": 0})
    with pytest.raises(UserError, match="--keep-weights-every"):
        question.check("ridge", {"keep_weights_every": 5})


def test_the_distance_is_that_of_the_runs(both):
    place, ridge, published = both
    shown = CliRunner().invoke(main, [f"--output-dir={place}/train_data"])
    row = next(line for line in shown.output.splitlines() if line.startswith("| 8 |")).split(" | ")
    assert row[1] == "NALSM on MNIST, 64 neurons, astrocyte weight 0.015, reduced, threshold=19.5"
    assert row[2:4] == [f"{100 * published.test:.2f}", f"{100 * ridge.test:.2f}"]
    assert float(row[5].removesuffix(" |")) == pytest.approx(100 * (ridge.test - published.test), abs=0.006)
    assert "| 7 |" not in shown.output
    assert CliRunner().invoke(main, ["8", "8", f"--output-dir={place}/train_data"]).output == shown.output
    refused = CliRunner().invoke(main, ["7", f"--output-dir={place}/train_data"])
    assert "7 is no finished run with the published readout" in str(refused.exception)
    lost = CliRunner().invoke(main, [f"--output-dir={place}/none"])
    assert (type(lost.exception), "--output-dir: there is no folder" in str(lost.exception)) == (UserError, True)


def test_the_page_compares_no_ridge_run(tmp_path):
    published_runs(tmp_path, readout="ridge")
    page, missing = page_of(tmp_path, PAPER.replace("[settings]", '[settings]\nreadout = "ridge"'))
    assert [cell.version for cell in missing] == [11, 12, 13]  # two of them lack kernel quality
    [row] = [line for line in page.splitlines() if line.startswith("| NALSM (ridge readout) |")]
    assert row.count("| - ") >= 5  # nothing published, no difference, interval or p
    (tmp_path / "page.json").unlink()
    _, missing = page_of(tmp_path)  # the same sweep with the published readout: other runs
    assert len(missing) == 3
