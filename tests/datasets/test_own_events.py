"""Recordings of a user's own: how `pack_events` packs them, what is shown of them, and what is refused."""

import json

import numpy as np
import pytest
from own_files import CLASSES, EVENT, recording, recordings

from nalsm.datasets import own_source, pack_events
from nalsm.datasets.own_events import ABOUT
from nalsm.datasets.packing import EVENTS, INDEX, EventCode, Source, pack
from nalsm.support.errors import DamagedFile, UserError

SENSOR = (6, 5, 2)


def packed(path, n=36, n_test=12, **options):
    options = {"sensor_size": SENSOR, "duration_ms": 60, "quiet": True, **options}
    return pack_events(path, recordings(n), recordings(n_test, first=100), **options)


def shown(events, steps, bin_ms=1.0, side=1, sensor=SENSOR):
    """The raster of a recording, event by event."""
    width, height = -(-sensor[0] // side), -(-sensor[1] // side)
    raster = np.zeros((steps, sensor[2] * width * height), np.uint8)
    for t, x, y, p in events.tolist():
        step = round(t / (1000 * bin_ms))
        if step < steps:
            raster[step, (int(p) * height + y // side) * width + x // side] = 1
    return raster


@pytest.mark.parametrize("options", [{}, {"bin_ms": 2.5}, {"downsample": 2, "duration_ms": None}])
def test_what_is_shown_of_recordings(tmp_path, options):
    own = packed(tmp_path / "leaves", **options)
    side, bin_ms = options.get("downsample", 1), options.get("bin_ms", 1.0)
    last = max(
        round(int(events["t"].max()) / 1000) for part in (recordings(36), recordings(12, 100)) for events in part[0]
    )
    duration = last + 1 if "duration_ms" in options else int(60 / bin_ms)
    assert (own.sizes, own.duration, own.classes) == ((30, 6, 12), duration, CLASSES)
    assert own.n_inputs == 2 * -(-6 // side) * -(-5 // side)
    source = own_source(tmp_path / "leaves")
    assert (source.own, source.sample_ms, source.longest_snapshot) == (own, duration, duration - 3)
    data = source.load(source.find(tmp_path))
    for split, places, first in ((data.train, (0, 7), 0), (data.valid, (0, 5), 30), (data.test, (3, 11), 100)):
        rasters = split.presentation(np.array(places), duration, seed=1)
        for raster, place in zip(rasters, places, strict=True):
            label = (place + (first if first < 100 else 0)) % 3
            number = first + place
            np.testing.assert_array_equal(raster, shown(recording(label, number), duration, bin_ms, side))
            assert raster.sum() > 30
    longer = data.train.presentation(np.array([0]), duration + 9, seed=1)
    assert not longer[:, duration:].any()
    detached = data.test.detached(np.array([3, 11])).presentation(np.arange(2), duration, seed=1)
    np.testing.assert_array_equal(detached, data.test.presentation(np.array([3, 11]), duration, seed=1))


def test_snapshots_are_windows_of_the_presentation(tmp_path):
    packed(tmp_path / "leaves")
    data = own_source(tmp_path / "leaves").load(tmp_path / "leaves")
    whole = data.train.presentation(np.array([4]), 60, seed=1)[0]
    begins = set()
    for number in range(20):
        snapshot = data.train.snapshots(np.array([4]), np.array([number]), 20, seed=1)[0]
        found = [begin for begin in range(60 - 20) if np.array_equal(whole[begin : begin + 20], snapshot)]
        assert found
        begins.update(found)
    assert len(begins) > 5
    with pytest.raises(UserError, match="57 ms at most"):
        data.train.snapshots(np.array([4]), np.array([0]), 58, seed=1)


def test_a_duration_of_whole_bins(tmp_path):
    """As numbers of the computer, 1400 / 1.4 is a little more than 1000."""
    assert packed(tmp_path / "leaves", duration_ms=1400, bin_ms=1.4).duration == 1000


def test_channels_without_y_and_polarity(tmp_path):
    """As SHD's: 1 is the only polarity."""
    kind = np.dtype([("t", int), ("x", int), ("p", int)])
    events = np.array([(900, 2, 1), (5_000, 6, 1)], kind)
    sets = [events] * 12, ["a", "b"] * 6
    own = pack_events(tmp_path / "c", sets, sets, sets, sensor_size=(7, 1, 1), quiet=True)
    assert (own.n_inputs, own.sizes, own.duration) == (7, (12, 12, 12), 6)
    data = own_source(tmp_path / "c").load(tmp_path / "c")
    assert np.argwhere(data.valid.presentation(np.array([1]), 6, 0)[0]).tolist() == [[1, 2], [5, 6]]


def test_a_folder_is_kept_or_replaced_and_its_contents_decide_the_fingerprint(tmp_path):
    path = tmp_path / "leaves"
    packed(path)
    first = own_source(path).load(path).fingerprint
    with pytest.raises(UserError, match="leaves exists already; choose another name, or replace it"):
        packed(path, n=30)
    assert own_source(path).load(path).fingerprint == first
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file is a file"):
        packed(tmp_path / "file")
    packed(path, overwrite=True)
    assert own_source(path).load(path).fingerprint == first
    packed(path, overwrite=True, duration_ms=61)
    assert own_source(path).load(path).fingerprint != first


def test_packing_that_did_not_end_is_begun_anew(tmp_path):
    class Stops(list):
        def __getitem__(self, number):
            if number == 20:
                raise KeyboardInterrupt
            return super().__getitem__(number)

    events, labels = recordings(36)
    with pytest.raises(KeyboardInterrupt):
        pack_events(
            tmp_path / "a", (Stops(events), labels), recordings(12), sensor_size=SENSOR, duration_ms=60, quiet=True
        )
    with pytest.raises(UserError, match="it was not packed, or not to its end"):
        own_source(tmp_path / "a")
    packed(tmp_path / "a")
    packed(tmp_path / "b")
    found, expected = (own_source(tmp_path / name).load(tmp_path / name).fingerprint for name in "ab")
    assert found == expected


def one_bad(**fields):
    events, labels = recordings(36)
    events[7] = events[7].copy()
    for name, value in fields.items():
        events[7][name][3] = value
    return events, labels


BAD = {
    r"recording 7 of train has events with x from 2 to 6, but sensor_size .* is \(6, 5, 2\)": {"train": one_bad(x=6)},
    "recording 7 of train has events with y from -1 to 4": {"train": one_bad(y=-1)},
    "recording 7 of train has events at -3 us, before the recording began": {"train": one_bad(t=-3)},
    "recording 0 of test is no structured array with the fields x, t": {"test": ([np.zeros((4, 4))] * 3, CLASSES)},
    "train has 3 recordings and 2 labels": {"train": ([np.zeros(3, EVENT)] * 3, ["ash", "elm"])},
    "no test sample has the label elm": {"test": (recordings(12)[0], ["ash", "beech"] * 6)},
    "20,000 bins, expected 1 to 10,000; choose another duration_ms or bin_ms": {"duration_ms": 20_000},
    "0 ms in bins of 1 ms": {"duration_ms": 0},
    "bin_ms is 0": {"bin_ms": 0},
    "do not fit into 32 bits; down-sample in space": {"sensor_size": (4_096, 4_096, 2), "duration_ms": 1_000},
    r"sensor_size \(6, 5\)": {"sensor_size": (6, 5)},
    "downsample 0": {"downsample": 0},
}  # fmt: skip


@pytest.mark.parametrize("reason", BAD)
def test_what_is_refused(tmp_path, reason):
    given = {"train": recordings(36), "test": recordings(12), "sensor_size": SENSOR, "duration_ms": 60, "quiet": True}
    with pytest.raises(UserError, match=reason) as error:
        pack_events(tmp_path / "bad", **{**given, **BAD[reason]})
    assert str(error.value).startswith(str(tmp_path / "bad"))
    with pytest.raises(UserError):
        own_source(tmp_path / "bad")


def test_packed_recordings_of_nmnist_are_named(tmp_path):
    events = np.ones(3, int)
    pack(Source("N-MNIST", np.zeros(7, np.uint8), 6, lambda _: (events,) * 4, {}, 21), tmp_path / "packed", quiet=True)
    with pytest.raises(UserError, match="packed has recordings of N-MNIST; use the N_MNIST programs"):
        own_source(tmp_path / "packed")


def test_damage(tmp_path):
    path = tmp_path / "leaves"
    packed(path)
    about = (path / ABOUT).read_text()
    (path / ABOUT).write_text(about.replace('"elm"', '"oak"'))
    with pytest.raises(DamagedFile, match=r"about\.json does not match the recordings beside it; pack it again"):
        own_source(path).load(path)
    for text in (
        "",
        "[]",
        "{}",
        about.replace('"latest": 59', '"latest": -9'),
        about.replace('"beech",', ""),
        "[" * 9_000,
    ):
        (path / ABOUT).write_text(text)
        with pytest.raises((UserError, DamagedFile), match=r"about\.json"):
            own_source(path).load(path)
    (path / ABOUT).write_text(about)
    (path / EVENTS).write_bytes((path / EVENTS).read_bytes()[:-4])
    with pytest.raises(DamagedFile, match=f"its size does not match .*{INDEX}.*; pack it again"):
        own_source(path).load(path)


def test_the_bins_are_recorded(tmp_path):
    packed(tmp_path / "leaves", bin_ms=2, downsample=3, origin="a camera")
    own = json.loads((tmp_path / "leaves" / ABOUT).read_text())["own"]
    assert (own["bin_ms"], own["downsample"], own["origin"]) == (2.0, 3, "a camera")
    assert EventCode(**own["coding"]) == EventCode((2, 2, 2), 2_000.0, 1, 29, 30)


@pytest.mark.parametrize("change", [{"sensor_size": (6, 5)}, {"tick_us": 0.0}, {"latest": 2**21}, {"duration": 0},
                                    {"ticks_per_step": "1"}])  # fmt: skip
def test_a_coding_that_does_not_fit_is_none(change):
    with pytest.raises((ValueError, TypeError)):
        EventCode(**change)
