"""Files are complete or absent, and damage is noticed."""

import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nalsm.storage import files
from nalsm.storage.checksum import content_checksum
from nalsm.storage.files import read_arrays, replacing, write_arrays, write_text
from nalsm.support.errors import DamagedFile

ARRAYS = {"counts": np.arange(6, dtype=np.uint16).reshape(2, 3), "weights": np.array([1.5, -2, np.pi], np.float32)}
ATTRIBUTES = {"seed": 7, "format": "test"}


class PowerCut(BaseException):
    """A BaseException, so that no `except Exception` catches it."""


def assert_same(contents, arrays, attributes):
    found, found_attributes = contents
    assert found_attributes == attributes
    assert sorted(found) == sorted(arrays)
    for name, array in arrays.items():
        assert np.asarray(found[name]).dtype == array.dtype, name
        assert np.shape(found[name]) == array.shape, name
        np.testing.assert_array_equal(found[name], array)


# ---- whole or not there ---------------------------------------------------------------------------


def fail_in_the_block(path, monkeypatch):
    with replacing(path) as temporary:
        temporary.write_text("half of the ne")
        raise PowerCut


def fail_while_renaming(path, monkeypatch):
    monkeypatch.setattr(files.os, "replace", stop)
    write_text(path, "new")


def fail_while_syncing(path, monkeypatch):
    monkeypatch.setattr(files.os, "fsync", stop)
    write_text(path, "new")


def fail_while_writing_arrays(path, monkeypatch):
    monkeypatch.setattr(files.os, "replace", stop)
    write_arrays(path, ARRAYS, ATTRIBUTES)


def stop(*arguments, **named):
    raise PowerCut


@pytest.mark.parametrize(
    "fail", [fail_in_the_block, fail_while_renaming, fail_while_syncing, fail_while_writing_arrays]
)
@pytest.mark.parametrize("before", ["old", None])
def test_a_crash_leaves_what_was_there(fail, before, tmp_path, monkeypatch):
    path = tmp_path / "file"
    if before is not None:
        path.write_text(before)
    with pytest.raises(PowerCut):
        fail(path, monkeypatch)
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ([] if before is None else ["file"]), "no temporary file stays"
    if before is not None:
        assert path.read_text() == before


def test_arrays_that_cannot_be_written_leave_what_was_there(tmp_path):
    path = tmp_path / "file"
    write_arrays(path, ARRAYS, ATTRIBUTES)
    for arrays, attributes in (({"x": np.array([object()])}, {}), (ARRAYS, {"x": object()})):
        with pytest.raises(TypeError):
            write_arrays(path, arrays, attributes)
        assert os.listdir(tmp_path) == ["file"]
        assert_same(read_arrays(path), ARRAYS, ATTRIBUTES)


def test_the_final_name_appears_with_the_whole_contents(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert temporary.parent == tmp_path, "a rename is atomic within one file system only"
        assert temporary.name != path.name
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["file"]


def test_contents_reach_the_disk_before_the_name_does(tmp_path, monkeypatch):
    """The file is synced, then renamed, then the folder is synced; otherwise a power cut may leave an empty file."""
    path = tmp_path / "file"
    events = []
    fsync, replace = os.fsync, os.replace

    def spy_fsync(descriptor):
        mode = os.fstat(descriptor).st_mode
        events.append("folder" if stat.S_ISDIR(mode) else f"file of {os.fstat(descriptor).st_size} bytes")
        fsync(descriptor)

    def spy_replace(source, target):
        events.append("rename")
        replace(source, target)

    monkeypatch.setattr(files.os, "fsync", spy_fsync)
    monkeypatch.setattr(files.os, "replace", spy_replace)
    write_text(path, "twelve bytes")
    assert events == ["file of 12 bytes", "rename", "folder"]


def test_files_are_as_readable_as_any_other(tmp_path):
    umask = os.umask(0o027)
    try:
        write_text(tmp_path / "file", "text\u00e4")
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640
    assert (tmp_path / "file").read_bytes() == "text\u00e4".encode()


def test_the_umask_is_never_touched(tmp_path, monkeypatch):
    """A process has one umask: whoever changes it, even briefly, changes the files that other threads create."""

    def refuse(mask):
        raise AssertionError(f"umask({mask})")

    monkeypatch.setattr(os, "umask", refuse)
    write_text(tmp_path / "file", "text")
    write_arrays(tmp_path / "arrays", ARRAYS)


# ---- round trips ----------------------------------------------------------------------------------


def test_round_trip_of_every_kind(tmp_path):
    arrays = {
        "uint8": np.array([[0, 255]], np.uint8),
        "uint16": np.array([0, 65535], np.uint16),
        "int8": np.array([-128, 127], np.int8),
        "int32": np.arange(-5, 5, dtype=np.int32).reshape(5, 2),
        "int64": np.array([-(2**63), 2**63 - 1]),
        "float32": np.array([0, -0.0, np.inf, 1e-45, 3.4e38], np.float32),
        "float64": np.array([np.nan, np.pi]),
        "bool": np.array([True, False, True]),
        "bytes": np.array([b"one", b"", b"three"]),
        "empty": np.zeros(0, np.float32),
        "empty too": np.zeros((3, 0, 2), np.uint16),
        "scalar": np.array(2.5, np.float32),
        "whole number": np.array(7),
        "strided": np.arange(20, dtype=np.int16)[::-3],
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "large": np.random.default_rng(0).integers(0, 9, (50, 1000)).astype(np.uint8),
    }
    attributes = {
        "number": 2**63 - 1,
        "fraction": 0.1,
        "text": "\u00e4\n'\"",
        "nothing": None,
        "list": [1, [2, "x"], {}],
        "true": True,
        "long": "x" * 100_000,
    }
    write_arrays(tmp_path / "file", arrays, attributes)
    assert_same(read_arrays(tmp_path / "file"), arrays, attributes)
    assert np.signbit(read_arrays(tmp_path / "file")[0]["float32"][1])


def test_one_array_of_several(tmp_path):
    write_arrays(tmp_path / "x", {"a": np.arange(3), "b": np.arange(4)}, {"n": 1})
    arrays, attributes = read_arrays(tmp_path / "x", only="b")
    assert (list(arrays), len(arrays["b"]), attributes) == (["b"], 4, {"n": 1})


def test_nothing_at_all_makes_the_trip(tmp_path):
    write_arrays(tmp_path / "file", {})
    assert read_arrays(tmp_path / "file") == ({}, {})


def test_counts_are_compressed(tmp_path):
    write_arrays(tmp_path / "file", {"counts": np.zeros((1000, 1000), np.uint16)})
    assert (tmp_path / "file").stat().st_size < 100_000


def test_a_plain_hdf5_reader_can_read_it(tmp_path):
    import h5py

    write_arrays(tmp_path / "file.h5", ARRAYS, ATTRIBUTES)
    with h5py.File(tmp_path / "file.h5") as file:
        np.testing.assert_array_equal(file["counts"][()], ARRAYS["counts"])


def test_files_written_at_the_same_time(tmp_path):
    """Several threads write, also after a signal left a file open."""
    import h5py

    left = h5py.File
    opened = []

    def leaving(*arguments, **named):
        opened.append(left(*arguments, **named))
        raise PowerCut

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(h5py, "File", leaving)
        with pytest.raises(PowerCut):
            write_arrays(tmp_path / "file", ARRAYS)
    with ThreadPoolExecutor(8) as pool:
        for written in [pool.submit(write_arrays, tmp_path / f"file {n}", ARRAYS, {"n": n}) for n in range(40)]:
            written.result()
    for n in range(40):
        assert_same(read_arrays(tmp_path / f"file {n}"), ARRAYS, {"n": n})
    opened[0].close()


def test_errors_name_the_file_and_not_its_temporary_one(tmp_path):
    (tmp_path / "file").mkdir()
    for path in (tmp_path / "file", tmp_path / "no folder" / "file"):
        with pytest.raises(OSError) as caught:
            write_text(path, "text")
        assert caught.value.filename == str(path)


def test_errors_of_another_file_keep_its_name(tmp_path, monkeypatch):
    """A block that writes one file may fail while it reads another one: the error names the one that failed."""
    other = tmp_path / "other"
    for exists in (False, True):
        if exists:
            write_arrays(other, ARRAYS)
            monkeypatch.setattr(Path, "read_bytes", lambda _path: stop_with(OSError(errno.EIO, "Input/output error")))
        with pytest.raises(OSError) as caught, replacing(tmp_path / "file"):
            read_arrays(other)
        assert caught.value.filename == str(other)
    with pytest.raises(OSError) as caught, replacing(tmp_path / "file"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(tmp_path / "file")


def stop_with(error):
    raise error


# ---- damage ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The bytes of a small file."""
    path = tmp_path_factory.mktemp("small") / "file"
    write_arrays(path, ARRAYS, ATTRIBUTES)
    return path.read_bytes()


def assert_noticed(path, data):
    """The damage is reported, or did no harm."""
    path.write_bytes(data)
    try:
        contents = read_arrays(path)
    except DamagedFile as error:
        assert str(path) in str(error)
        assert "\n" not in str(error)
        return
    assert_same(contents, ARRAYS, ATTRIBUTES)


def test_any_flipped_byte_is_noticed(small, tmp_path):
    """All of the first kilobyte, where the formats begin, and every third byte of the rest."""
    for position in [*range(1024), *range(1024, len(small), 3)]:
        damaged = bytearray(small)
        damaged[position] ^= 255 if position % 2 else 1 << position // 2 % 8
        assert_noticed(tmp_path / "file", damaged)


def test_any_cut_is_noticed(small, tmp_path):
    for length in [*range(0, 1024, 7), *range(1024, len(small), 97), *range(len(small) - 20, len(small))]:
        assert_noticed(tmp_path / "file", small[:length])


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_any_other_damage_is_noticed(data, small, tmp_path_factory):
    """Parts are overwritten, removed, repeated or inserted."""
    start, size = data.draw(st.integers(0, len(small))), data.draw(st.integers(0, 600))
    fill = data.draw(st.sampled_from([b"", b"\0" * size, b"\xff" * size, 2 * small[start : start + size], b"x"]))
    path = tmp_path_factory.getbasetemp() / "damaged"
    assert_noticed(path, small[:start] + fill + small[start + size :])


@pytest.mark.parametrize("contents", [b"", b"\0" * 4096, b"# a text\n" * 500, b"\x89HDF\r\n\x1a\n"])
def test_other_files_are_damaged_ones(contents, tmp_path):
    (tmp_path / "file").write_bytes(contents)
    with pytest.raises(DamagedFile, match="file is damaged"):
        read_arrays(tmp_path / "file")


def test_hdf5_files_of_other_programs_are_damaged_ones(tmp_path):
    import h5py

    for user_block in (0, 512):
        with h5py.File(tmp_path / "file", "w", userblock_size=user_block) as file:
            file["counts"] = np.arange(6)
            file.attrs["attributes"] = "{}"
        with pytest.raises(DamagedFile):
            read_arrays(tmp_path / "file")


def test_missing_files_and_folders(tmp_path):
    for path in (tmp_path / "missing", tmp_path / "no folder" / "file", tmp_path):
        with pytest.raises(FileNotFoundError):
            read_arrays(path)
    with pytest.raises(FileNotFoundError):
        write_arrays(tmp_path / "no folder" / "file", ARRAYS)


# ---- checksum of contents -------------------------------------------------------------------------


def test_checksum_does_not_know_the_order_of_names():
    backwards = dict(reversed(ARRAYS.items()))
    assert list(backwards) != list(ARRAYS)
    assert content_checksum(backwards, ATTRIBUTES) == content_checksum(ARRAYS, ATTRIBUTES)
    assert content_checksum(ARRAYS, dict(reversed(ATTRIBUTES.items()))) == content_checksum(ARRAYS, ATTRIBUTES)
    fortran = {name: np.asfortranarray(array) for name, array in ARRAYS.items()}
    assert content_checksum(fortran, ATTRIBUTES) == content_checksum(ARRAYS, ATTRIBUTES)


def test_checksum_knows_everything_else():
    a = np.arange(6, dtype=np.int16)
    contents = [
        ({"a": a}, {}),
        ({"b": a}, {}),
        ({"a": a.reshape(2, 3)}, {}),
        ({"a": a.view(np.uint16)}, {}),
        ({"a": a.astype(np.int32)}, {}),
        ({"a": a[::-1]}, {}),
        ({"a": a, "b": a[:0]}, {}),
        ({"a": a, "b": a[:0].reshape(0, 2)}, {}),
        ({"a": a}, {"x": 1}),
        ({"a": a}, {"x": "1"}),
        ({"a": a}, {"x": 2}),
    ]
    sums = {content_checksum(*content) for content in contents}
    assert len(sums) == len(contents)
    assert all(len(value) == 64 and set(value) <= set("0123456789abcdef") for value in sums)
