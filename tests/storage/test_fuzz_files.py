"""Readers of files: whatever the bytes, they are read or refused in one line, in the memory that the file is worth.

NALSM_EXAMPLES=5000 tries more. tests/campaigns/fuzz.py goes on where these end.
"""

import gzip
import io
import json
import math
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import fuzzing
import numpy as np
import pytest
from forged_files import FORGED, MOST, ODD, Choices, counts_parts, fill, network_parts, packed_parts
from fuzzing import IMAGES, READERS, damaged, hdf5, npz_image, signed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nalsm.datasets import mnist
from nalsm.datasets.fashion_mnist import read_idx
from nalsm.datasets.nmnist_folder import read_recording
from nalsm.datasets.packing import PackedRecordings
from nalsm.network import Network
from nalsm.runs.record import open_record
from nalsm.storage.files import read_arrays
from nalsm.support.errors import DamagedFile, UserError

EXAMPLES = int(os.environ.get("NALSM_EXAMPLES", "25"))
tried = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)  # fmt: skip
CHANGES = st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 4), st.integers(0, 2**16)), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def seeds():
    """Whole files of each kind, made once."""
    made = {}
    return lambda name: made.setdefault(name, READERS[name].seeds())


@pytest.fixture
def folder(tmp_path):
    (tmp_path / READERS["parameters"].file).parent.mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize("name", READERS)
def test_whole_files_are_read(name, seeds, folder):
    for image in seeds(name):
        assert not isinstance(READERS[name].feed(image, folder), str)


@pytest.mark.parametrize("name", READERS)
def test_any_bytes_are_read_or_refused(name, folder):
    @tried
    @given(image=st.binary(max_size=600))
    def check(image):
        READERS[name].feed(image, folder)

    check()


@pytest.mark.parametrize("name", READERS)
def test_changed_files_are_read_or_refused(name, seeds, folder):
    @tried
    @given(which=st.integers(0, 20), changes=CHANGES)
    def check(which, changes):
        image = seeds(name)[which % len(seeds(name))]
        READERS[name].feed(damaged(image, changes), folder)

    check()


@tried
@given(which=st.integers(0, 1), changes=CHANGES)
def test_archives_with_right_checksums(seeds, folder, which, changes):
    """What damage of an archive's members does, once their CRC-32 lets it pass."""
    READERS["npz"].feed(READERS["npz"].repair(damaged(seeds("npz")[which], changes)), folder)


# ---- HDF5 files with the right checksum -----------------------------------------------------------


@pytest.mark.parametrize("name", FORGED)
def test_forged_files_are_read_or_refused(name, folder):
    @tried
    @given(choices=st.binary(max_size=30))
    def check(choices):
        found = READERS[name].feed(FORGED[name](Choices(choices)), folder)
        if isinstance(found, Network):
            assert_makes_sense(found)

    check()


def assert_makes_sense(network):
    """What the engines rely on when they follow its numbers."""
    n_liquid, n_neurons = network.n_exc + network.n_inh, network.n_exc + network.n_inh + network.n_inputs
    pairs = set(zip(network.pre.tolist(), network.post.tolist(), strict=True))
    assert len(pairs) == len(network.pre) == len(network.post) == len(network.sign)
    assert all(0 <= pre < n_neurons and 0 <= post < n_liquid and pre != post for pre, post in pairs)
    assert set(np.abs(network.sign).tolist()) <= {1}
    assert network.dims is None or int(np.prod(network.dims)) == n_liquid


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("name", FORGED)
def test_arrays_that_are_not_plain_are_refused(name, kind, tmp_path):
    """Links, other files, plugins, objects, and claims of 10**12 values: none of them is followed."""
    parts = {"network_files": network_parts, "count_files": counts_parts, "packed_recordings": packed_parts}[name]
    arrays, attributes = parts()
    odd = {sorted(arrays)[0]: kind}
    image = hdf5(lambda file: fill(file, arrays, odd, json.dumps(attributes)))
    refusal = READERS[name].feed(image, tmp_path)
    assert isinstance(refusal, str)
    assert not any(word in refusal for word in ("llocat", "emory", "driver", "nowhere")), (
        refusal
    )  # seen before it is tried


NETWORK = {
    "an index beyond the neurons": ("pre", lambda pre: np.append(pre[:-1], 28)),
    "an index below 0": ("post", lambda post: np.append(post[:-1], -1)),
    "an input as target": ("post", lambda post: np.append(post[:-1], 8)),
    "an index that wraps round": ("pre", lambda pre: np.append(pre[:-1], 2**32 + 1)),
    "a synapse twice": (("pre", "post"), lambda values: np.append(values[:-1], values[-2])),
    "a neuron on itself": (("pre", "post"), lambda values: np.append(values[:-1], 3)),
    "fractions": ("pre", lambda pre: pre.astype(np.float64)),
    "texts": ("sign", lambda sign: sign.astype("S3")),
    "signs of 0": ("sign", lambda sign: np.append(sign[:-1], 0)),
    "one sign less": ("sign", lambda sign: sign[:-1]),
    "a table": ("pre", lambda pre: pre.reshape(-1, 1)),
    "a point twice": ("positions", lambda positions: np.concatenate([positions[:1], positions[:-1]])),
    "a point outside": ("positions", lambda positions: positions + 1),
    "a point less": ("positions", lambda positions: positions[:-1]),
}
NUMBERS = {
    "other dims": {"dims": [2, 2, 3]}, "two dims": {"dims": [4, 2]}, "dims of text": {"dims": "222"},
    "negative dims": {"dims": [-2, -2, 2]}, "more excitatory": {"n_exc": 7}, "no inhibitory": {"n_inh": 0},
    "negative": {"n_inputs": -1}, "a text": {"n_exc": "6"}, "a fraction": {"n_exc": 6.0}, "true": {"n_inh": True},
    "nothing": {"n_inputs": None}, "far too many": {"n_inputs": 10**15}, "nan": {"n_exc": float("nan")},
    "a seed of text": {"seed": "1"}, "a negative seed": {"seed": -1}, "a huge seed": {"seed": 2**64},
    "another format": {"format": "nalsm network 2"},
}  # fmt: skip


def test_links_that_lead_somewhere_are_refused(tmp_path):
    """To a good array of the same file, or of another one."""
    import h5py

    other = tmp_path / "other"
    other.write_bytes(fuzzing.counts_image())
    for link in (h5py.SoftLink("/there"), h5py.ExternalLink(str(other), "/olc_S_AGG_RES")):

        def write(file, link=link):
            file["there"] = np.arange(3)
            file["link"] = link
            file.attrs["attributes"] = "{}"

        assert "points elsewhere" in READERS["count_files"].feed(hdf5(write), tmp_path)


@pytest.mark.parametrize("wrong", [*NETWORK, *NUMBERS])
def test_networks_that_make_no_sense_are_refused(wrong, tmp_path):
    arrays, attributes = network_parts()
    if wrong in NETWORK:
        names, change = NETWORK[wrong]
        for name in [names] if isinstance(names, str) else names:
            arrays[name] = change(arrays[name].astype(np.int64))
    else:
        attributes |= NUMBERS[wrong]
    (tmp_path / "Network_1.h5").write_bytes(hdf5(lambda file: fill(file, arrays, {}, json.dumps(attributes))))
    with pytest.raises(UserError, match=r"Network_1\.h5 is not (valid|a network)") as error:
        Network.load(tmp_path / "Network_1.h5")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("missing", ["pre", "post", "sign", "n_exc", "n_inh", "n_inputs", "dims", "seed"])
def test_networks_without_a_part_are_refused(missing, tmp_path):
    arrays, attributes = network_parts()
    arrays.pop(missing, None)
    attributes.pop(missing, None)
    (tmp_path / "Network_1.h5").write_bytes(hdf5(lambda file: fill(file, arrays, {}, json.dumps(attributes))))
    with pytest.raises(UserError, match=f"'{missing}' is missing"):
        Network.load(tmp_path / "Network_1.h5")


PACKED = {
    "a class beyond the ten": (
        "labels",
        lambda labels: np.append(labels[:-1], 200).astype(np.uint8),
        "labels up to 200",
    ),
    "a recording that begins before": ("offsets", lambda offsets: offsets - 1, "do not follow"),
    "recordings in disorder": ("offsets", lambda offsets: offsets[[0, 2, 1, *range(3, 8)]], "do not follow"),
    "an end beyond the events": ("offsets", lambda offsets: np.append(offsets[:-1], 10**9), "size"),
    "an end beyond all numbers": ("offsets", lambda offsets: np.append(offsets[:-1], 2**63 - 1), "size"),
    "sums beyond all numbers": ("offsets", lambda offsets: np.append(offsets[:-2], [2**63 - 1, -9]), "do not follow"),
    "a label less": ("labels", lambda labels: labels[:-1], "expected"),
    "signed labels": ("labels", lambda labels: labels.astype(np.int8), "expected"),
    "another checksum": ("crc32", lambda crc32: crc32 ^ 1, "does not match"),
    "64 bits of checksum": ("crc32", lambda crc32: crc32.astype(np.int64), "expected"),
    "as it should be": ("labels", lambda labels: labels, None),
}


@pytest.mark.parametrize("wrong", PACKED)
def test_packed_recordings_that_make_no_sense(wrong, tmp_path):
    arrays, attributes = packed_parts()
    name, change, said = PACKED[wrong]
    arrays[name] = change(arrays[name])
    image = hdf5(lambda file: fill(file, arrays, {}, json.dumps(attributes)))
    found = READERS["packed_recordings"].feed(image, tmp_path)
    assert said in found if said else not isinstance(found, str)


# ---- parameters -----------------------------------------------------------------------------------

ODD = (None, True, -1, 1.5, 2**64, 10**400, "20", [], {}, [[]], float("nan"), float("inf"), "x" * 10_000)


@pytest.mark.parametrize("key", fuzzing.parameters()["identity"])
def test_parameters_of_odd_kinds(key, folder):
    reader = READERS["parameters"]
    for value in ODD:
        identity = fuzzing.parameters()["identity"]
        identity[key] = value
        reader.feed(fuzzing.signed_parameters(identity).encode(), folder)
    del identity[key]
    reader.feed(fuzzing.signed_parameters(identity).encode(), folder)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"a":' * 100_000, '{"format": 1, "identity": ' + "9" * 5000 + "}", "\xff\xfe", '{"format": 1}',
     "NaN",
     '{"format": 1, "identity": {"model": "LSM"}, "identity": {"model": "NALSM"}}', '{"format": {}, "identity": {}}'],
    ids=["deep list", "deep object", "huge number", "not UTF-8", "half", "NaN", "a key twice", "odd format"],
)  # fmt: skip
def test_parameters_that_are_none(text, folder):
    assert isinstance(READERS["parameters"].feed(text.encode("latin1"), folder), str)


@pytest.mark.parametrize(
    ("key", "value"), [("model", "X"), ("batch_size", 0), ("test_samples", 10**9), ("dataset", None)]
)
def test_measures_refuse_parameters_of_no_run(key, value, folder):
    identity = fuzzing.parameters()["identity"] | {key: value}
    path = folder / READERS["parameters"].file
    path.write_text(fuzzing.signed_parameters(identity))
    with pytest.raises(DamagedFile, match="other parameters than those of a run"):
        open_record(folder / "train_data", 7)


# ---- bombs, and claims of size --------------------------------------------------------------------


ARCHIVE = {"x_train": (3, 28, 28), "y_train": (3,), "x_test": (2, 28, 28), "y_test": (2,)}


def zipped(**members):
    """An archive: bytes by name, or (bytes, compression); what is not named is as it should be."""
    whole = {name: header(shape) + bytes(math.prod(shape)) for name, shape in ARCHIVE.items()}
    image = io.BytesIO()
    with zipfile.ZipFile(image, "w") as archive:
        for name, content in (whole | members).items():
            archive.writestr(
                f"{name}.npy", *(content if isinstance(content, tuple) else (content, zipfile.ZIP_DEFLATED))
            )
    return image.getvalue()


def npy(text, data=b""):
    header = text.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


def header(shape, kind="|u1", order=False):
    return npy(f"{{'descr': {kind!r}, 'fortran_order': {order}, 'shape': {shape}, }}")


NPZ = {
    "one array instead": npy("{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }", b"abc"),
    "a pickle": pickle.dumps([1]),
    "10**12 values": zipped(x_train=header((10**12, 28, 28))),
    "more than a data set": zipped(x_train=header((60_001, 28, 28)) + bytes(60_001 * 784)),
    "a negative size": zipped(x_train=header((-1, 28, 28))),
    "objects": zipped(x_train=header((3, 28, 28), "|O") + pickle.dumps([1])),
    "floats": zipped(x_train=header((3, 28, 28), "<f8") + bytes(3 * 784 * 8)),
    "columns first": zipped(x_train=header((3, 28, 28), order=True) + bytes(3 * 784)),
    "too short": zipped(x_train=header((3, 28, 28)) + bytes(2 * 784)),
    "too long": zipped(x_train=header((3, 28, 28)) + bytes(3 * 784 + 1)),
    "bzip2": zipped(x_train=(header((3, 28, 28)) + bytes(3 * 784), zipfile.ZIP_BZIP2)),
    "deep brackets": zipped(x_train=npy("(" * 5000)),
    "a text that does not end": zipped(x_train=npy("'''")),
    "labels of 10": zipped(
        x_train=header((3, 28, 28)) + bytes(3 * 784), y_train=header((3,)) + b"\0\1\12"
    ),
}  # fmt: skip


def test_a_whole_archive(tmp_path):
    assert not isinstance(READERS["npz"].feed(zipped(), tmp_path), str)


@pytest.mark.parametrize("wrong", NPZ)
def test_archives_that_are_not_mnist(wrong, tmp_path):
    assert isinstance(READERS["npz"].feed(NPZ[wrong], tmp_path), str)


def test_an_encrypted_archive(tmp_path):
    image = bytearray(npz_image())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        image[image.index(signature) + flags] |= 1
    assert "password" in READERS["npz"].feed(bytes(image), tmp_path)


def bombs(folder):
    """Files that would take 10 GB or more: {name: (how they are read, path)}."""
    many = lambda size: gzip.compress(bytes(size), 9, mtime=0)  # noqa: E731
    start = gzip.compress(bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in IMAGES), mtime=0)
    rest = many(2**24) * 700 + many(4 * 4 + int(np.prod(IMAGES)))  # 11 GB, and a last member of the right size
    huge = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (3, 28, 28), }")
    images = {
        "gzip": ("t.gz", start + rest),
        "gzip without a header": ("u.gz", rest),
        "zip": ("mnist.npz", zipped(x_train=huge + bytes(2**24))),
        "zip of bzip2": ("m2.npz", zipped(x_train=(huge + bytes(2**20), zipfile.ZIP_BZIP2))),
        "HDF5": ("counts", _hdf5_bomb(2_000)),
        "network": ("Network_1.h5", _hdf5_bomb(2_000, "pre")),
        "packed": ("index.h5", _hdf5_bomb(2_000, "labels")),
        **{f"zip: {name}": (f"{k}.npz", image) for k, (name, image) in enumerate(NPZ.items())},
    }
    for name, (file, image) in images.items():
        (folder / file).write_bytes(image)
        yield name, folder / file
    with open(folder / "00001.bin", "wb") as file:
        file.truncate(5 * 2**31)
    yield "a recording of 10 GB", folder / "00001.bin"


def _hdf5_bomb(chunks, name="olc_S_AGG_RES"):
    from forged_files import bomb

    def write(file):
        bomb(file, name, chunks)
        file.attrs["attributes"] = "{}"

    return hdf5(write)


BOUNDED = f"""
import json, resource, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_fuzz_files import READERS_OF, NalsmError
from pathlib import Path
import h5py, nalsm.datasets.nmnist
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, used + 2**30))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
for path in map(Path, sys.argv[1:]):
    try:
        READERS_OF[path.suffix](path)
        print(json.dumps([path.name, "read"]))
    except NalsmError as error:
        print(json.dumps([path.name, str(error)]))
"""
READERS_OF = {
    ".gz": lambda path: read_idx(path, IMAGES), ".npz": mnist.read, "": read_arrays, ".bin": read_recording,
    ".h5": lambda path: PackedRecordings(path.parent) if path.name == "index.h5" else Network.load(path),
}  # fmt: skip
NalsmError = DamagedFile.__mro__[2]


def test_bombs_stay_small(tmp_path):
    """All in one process that may take 1 GiB more than its libraries: refused, and not because memory ended."""
    files = dict(bombs(tmp_path))
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", BOUNDED, *map(str, files.values())], capture_output=True, text=True, timeout=200,
        env=environ, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = dict(map(json.loads, done.stdout.splitlines()))
    for name, path in files.items():
        assert str(path) in found[path.name], name
        assert "emory" not in found[path.name].replace(str(path), ""), (name, found[path.name])


def test_idx_claims(tmp_path):
    for shape in ((2**31, 28, 28), (2**32 - 1,) * 3, (0, 0, 0)):
        image = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in shape)
        assert "expected 3 x 28 x 28" in READERS["idx"].feed(gzip.compress(image), tmp_path)


def test_numbers_of_this_module():
    assert MOST * 8 > 10**12
    assert signed(fuzzing.network_image()) == fuzzing.network_image()
