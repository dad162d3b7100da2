"""Networks: drawn with the right probabilities, kept whole, and refused where they make no sense."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from nalsm.network import Network, NetworkConstants, log_path, network_path
from nalsm.storage.files import write_arrays
from nalsm.support.errors import DamagedFile, UserError

SCALE = {("E", "E"): 0.2, ("E", "I"): 0.1, ("I", "E"): 0.3, ("I", "I"): 0.05}


def assert_same_network(a, b):
    for name in ("pre", "post", "sign", "positions"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        assert getattr(a, name).dtype == getattr(b, name).dtype
    for name in ("n_exc", "n_inh", "n_inputs", "dims", "seed", "fingerprint"):
        assert getattr(a, name) == getattr(b, name), name


# ---- generated networks ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dims", "n_inputs"),
    [
        ((1, 1, 1), 0),
        ((1, 1, 1), 7),
        ((1, 1, 50), 3),
        ((50, 1, 1), 20),
        ((3, 4, 5), 33),
        ((2, 1, 1), 1),
        ((7, 7, 7), 11),
    ],
)
def test_sizes_are_exact(dims, n_inputs):
    network = Network.generate(dims, n_inputs, seed=4)
    r = int(np.prod(dims))
    assert network.n_liquid == r
    assert network.n_exc == round(0.8 * r)
    assert network.n_neurons == r + n_inputs
    assert network.dims == dims
    assert network.seed == 4
    assert np.count_nonzero(network.is_input) == r * n_inputs * 15 // 100
    assert network.n_synapses == len(network.pre) == len(network.post) == len(network.sign)
    points = np.stack(np.meshgrid(*map(np.arange, dims), indexing="ij"), -1).reshape(-1, 3)
    assert sorted(network.positions.tolist()) == points.tolist(), "every grid point has one neuron"


def test_order_and_types():
    network = Network.generate((4, 5, 6), 40, seed=1)
    keys = network.post.astype(np.int64) * network.n_neurons + network.pre
    assert (np.diff(keys) > 0).all(), "sorted by post, then pre, and none is there twice"
    assert (network.pre != network.post).all()
    assert network.post.max() < network.n_liquid
    assert (network.pre.dtype, network.post.dtype, network.sign.dtype) == (np.int32, np.int32, np.int8)
    assert (network.sign[network.pre < network.n_exc] == 1).all()
    assert (network.sign[network.is_inhibitory] == -1).all()
    assert set(network.sign[network.is_input]) == {-1, 1}
    np.testing.assert_array_equal(network.is_input, network.pre >= 120)
    np.testing.assert_array_equal(network.is_inhibitory, (network.pre >= 96) & (network.pre < 120))


def test_a_network_for_mnist_has_its_size():
    network = Network.generate((10, 10, 10), 784, seed=3)
    assert np.count_nonzero(network.is_input) == 117_600
    assert np.count_nonzero(~network.is_input) == pytest.approx(16_600, rel=0.03)


def test_the_seed_decides():
    a, b, c = (Network.generate((4, 4, 4), 50, seed) for seed in (8, 8, 9))
    assert_same_network(a, b)
    assert a.fingerprint != c.fingerprint
    assert not np.array_equal(a.positions, c.positions)
    for seed in (-1, 2**63):
        with pytest.raises(ValueError, match="seed"):
            Network.generate((2, 2, 2), 1, seed)


@pytest.mark.parametrize("dims", [(0, 3, 3), (3, -1, 3), (3, 3), (3, 3, 3, 3), ()])
def test_grids_that_make_no_sense(dims):
    with pytest.raises(ValueError, match="cannot make a network"):
        Network.generate(dims, 10, 0)
    with pytest.raises(ValueError, match="cannot make a network"):
        Network.generate((3, 3, 3), -1, 0)


# ---- statistics of generated networks -------------------------------------------------------------


def connection_statistics(network):
    """By type (EE, EI, IE, II; rows) and squared distance (columns): synapses found, expected, variance."""
    positions = network.positions.astype(np.int64)
    r = network.n_liquid
    longest = int(((positions.max(axis=0) - positions.min(axis=0)) ** 2).sum())
    inhibitory = np.arange(r) >= network.n_exc
    pairs = np.zeros((4, longest + 1))
    found = np.zeros_like(pairs)
    for pre in range(r):
        squared = ((positions - positions[pre]) ** 2).sum(axis=1)
        others = np.arange(r) != pre
        np.add.at(pairs, (2 * inhibitory[pre] + inhibitory[others], squared[others]), 1)
    recurrent = ~network.is_input
    pre, post = network.pre[recurrent], network.post[recurrent]
    squared = ((positions[pre] - positions[post]) ** 2).sum(axis=1)
    np.add.at(found, (2 * inhibitory[pre] + inhibitory[post], squared), 1)
    distance = np.sqrt(np.arange(longest + 1))
    p = np.array([[SCALE[a, b]] for a in "EI" for b in "EI"]) * np.exp(-((distance / 3) ** 2))
    return np.stack([found, pairs * p, pairs * p * (1 - p)])


@pytest.fixture(scope="module")
def statistics():
    """Of a long grid with many distant pairs, and of small ones: sums of `connection_statistics` over seeds."""
    longs = sum(connection_statistics(Network.generate((8, 8, 28), 0, seed)) for seed in range(5))
    smalls = sum(connection_statistics(Network.generate((4, 4, 4), 0, seed)) for seed in range(100, 160))
    return {"long": longs, "small": smalls}


@pytest.mark.parametrize("grid", ["long", "small"])
def test_frequencies_by_type_and_distance(grid, statistics):
    """Every cell of expected size 10 or more, one by one and all together (chi-square)."""
    found, expected, variance = statistics[grid]
    cells = expected >= 10
    assert cells.any(axis=1).all(), "all four types are judged"
    z = (found - expected)[cells] / np.sqrt(variance[cells])
    assert np.abs(z).max() < 5
    chi_square, n = (z**2).sum(), cells.sum()
    assert abs(chi_square - n) < 5 * np.sqrt(2 * n)


@pytest.mark.parametrize(
    ("nearest", "farthest"),
    [(1, 1), (2, 9), (10, 25), (26, 49), (50, 52), (53, 57), (58, 64), (65, 80), (81, 10_000)],
)
def test_frequencies_of_near_and_far_pairs(nearest, farthest, statistics):
    """Squared distances; above 49 the drawing is another one. All types together, then one by one."""
    found, expected, variance = statistics["long"][:, :, nearest : farthest + 1].sum(axis=2)
    assert expected.sum() > 12, "a test of nothing"
    assert abs(found.sum() - expected.sum()) < 5 * np.sqrt(variance.sum())
    assert (np.abs(found - expected) < 5 * np.sqrt(variance) + 1).all()


def test_types_of_far_pairs(statistics):
    """Each type for itself: a confusion of pre and post would give E->I three times what it should have."""
    found, expected, variance = statistics["long"][:, :, 50:].sum(axis=2)
    assert (expected > 6).all()
    assert (np.abs(found - expected) < 4.5 * np.sqrt(variance)).all()


def test_positions_are_a_random_permutation():
    """The one inhibitory neuron of four sits on each point equally often; so does the last of three."""
    for dims, places in (((1, 1, 4), 4), ((3, 1, 1), 3)):
        last = [Network.generate(dims, 0, seed).positions[-1].max() for seed in range(400)]
        found = np.bincount(last, minlength=places)
        assert ((found - 400 / places) ** 2 / (400 / places)).sum() < 25


def test_input_synapses_are_spread_evenly():
    network = Network.generate((6, 6, 6), 500, seed=12)
    pre, post = network.pre[network.is_input] - 216, network.post[network.is_input]
    for numbers, n, others in ((pre, 500, 216), (post, 216, 500)):
        per_neuron = np.bincount(numbers, minlength=n)
        z = (per_neuron - 0.15 * others) / np.sqrt(others * 0.15 * 0.85)
        assert np.abs(z).max() < 5
        assert abs((z**2).sum() - n) < 5 * np.sqrt(2 * n)
    block = np.count_nonzero((pre < 250) & (post < 108))  # no preference for neurons of like number
    assert abs(block - 0.15 * 250 * 108) < 5 * np.sqrt(0.15 * 0.85 * 250 * 108)


def test_signs_of_input_synapses_are_even_and_independent():
    network = Network.generate((6, 6, 6), 500, seed=13)
    sign = network.sign[network.is_input].astype(int)
    assert abs(sign.sum()) < 5 * np.sqrt(len(sign))
    assert abs((sign[1:] * sign[:-1]).sum()) < 5 * np.sqrt(len(sign))
    per_input = np.bincount(network.pre[network.is_input] - 216, weights=sign)
    size = np.bincount(network.pre[network.is_input] - 216)
    assert abs((per_input**2 / size).sum() - 500) < 5 * np.sqrt(2 * 500)


# ---- files ----------------------------------------------------------------------------------------


def test_save_and_load(tmp_path):
    network = Network.generate((3, 4, 5), 30, seed=2**63 - 1)
    network.save(tmp_path / "network.h5")
    assert_same_network(Network.load(tmp_path / "network.h5"), network)

    bare = Network([1, 2], [0, 0], [-1, 1], 1, 1, 1)
    bare.save(tmp_path / "bare.h5")
    loaded = Network.load(tmp_path / "bare.h5")
    assert (loaded.positions, loaded.dims, loaded.seed) == (None, None, None)
    assert loaded.fingerprint == bare.fingerprint

    empty = Network.generate((1, 1, 1), 0, 0)
    empty.save(tmp_path / "empty.h5")
    assert_same_network(Network.load(tmp_path / "empty.h5"), empty)


def test_what_can_be_saved_can_be_loaded(tmp_path):
    """Numbers of NumPy's are fine; a grid that no file may have is refused at once."""
    network = Network.generate((2, 2, 3), 5, seed=1)
    made = replace(network, dims=np.array([2, 2, 3]), seed=np.int64(7), n_exc=np.int64(network.n_exc))
    made.save(tmp_path / "network.h5")
    assert Network.load(tmp_path / "network.h5").dims == (2, 2, 3)
    for wrong in ({"dims": (2, 2, 2)}, {"positions": np.zeros((12, 3), int)}):
        with pytest.raises(ValueError, match="grid"):
            replace(network, **wrong)


def test_fractions_are_refused():
    """They were cut off: a grid of 2.9 was one of 2."""
    network = Network.generate((2, 2, 3), 5, seed=1)
    for call in (lambda: Network.generate((2.9, 2, 3), 5, seed=1), lambda: replace(network, n_exc=10.7, n_inh=2)):
        with pytest.raises(TypeError, match="integer"):
            call()


def test_equal_networks():
    one, same, other = (Network.generate((2, 2, 3), 5, seed) for seed in (1, 1, 2))
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != "network"


def test_damaged_network_files(tmp_path):
    path = tmp_path / "network.h5"
    Network.generate((2, 2, 3), 5, seed=1).save(path)
    whole = path.read_bytes()
    for position in range(0, len(whole), 61):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        with pytest.raises((DamagedFile, UserError)):
            Network.load(path)
    for length in (0, 1, 511, 512, 513, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises((DamagedFile, UserError)):
            Network.load(path)


def test_files_of_something_else(tmp_path):
    import h5py

    path = tmp_path / "network.h5"
    with pytest.raises(FileNotFoundError):
        Network.load(path)
    path.write_text("Dear network,\n")
    with pytest.raises((DamagedFile, UserError)):
        Network.load(path)
    with h5py.File(path, "w") as file:
        file["pre"] = [1, 2]
    with pytest.raises((DamagedFile, UserError)):
        Network.load(path)
    for attributes in ({}, {"format": "nalsm counts 1"}, {"format": None}):
        write_arrays(path, {"pre": np.arange(3)}, attributes)
        with pytest.raises(UserError, match="not a network file"):
            Network.load(path)


def test_names_of_files(tmp_path):
    assert network_path(tmp_path, 3) == tmp_path / "Network_3.h5"
    assert log_path("networks", 12).as_posix() == "networks/Network_12_Log.txt"


# ---- networks given by hand -----------------------------------------------------------------------


def test_synapses_may_come_in_any_order():
    whole = Network.generate((3, 3, 3), 20, seed=5)
    sizes = (whole.n_exc, whole.n_inh, whole.n_inputs)
    shuffled = np.random.default_rng(0).permutation(whole.n_synapses)
    network = Network(*(list(values[shuffled]) for values in (whole.pre, whole.post, whole.sign)), *sizes)
    for name in ("pre", "post", "sign"):
        np.testing.assert_array_equal(getattr(network, name), getattr(whole, name))
        assert getattr(network, name).dtype == getattr(whole, name).dtype
    assert network.fingerprint == whole.fingerprint


def test_fingerprint_is_that_of_what_it_computes():
    a = Network([1, 2, 3], [0, 0, 0], [1, -1, -1], 2, 1, 1)
    same = Network([1, 2, 3], [0, 0, 0], [1, -1, -1], 2, 1, 1, [(0, 0, z) for z in range(3)], (1, 1, 3), 7)
    assert a.fingerprint == same.fingerprint
    others = [
        Network([1, 2, 3], [0, 0, 0], [1, -1, 1], 2, 1, 1),
        Network([1, 2, 3], [0, 0, 1], [1, -1, -1], 2, 1, 1),
        Network([0, 2, 3], [1, 0, 0], [1, -1, -1], 2, 1, 1),
        Network([1, 2, 3], [0, 0, 0], [1, -1, -1], 2, 1, 2),
        Network([1, 2], [0, 0], [1, -1], 2, 1, 1),
    ]
    assert len({network.fingerprint for network in [a, *others]}) == 6


def test_arguments_are_not_kept_or_changed():
    pre, post, sign = np.array([2, 1], np.int32), np.array([0, 0], np.int32), np.array([-1, 1], np.int8)
    network = Network(pre, post, sign, 2, 1, 0)
    assert pre.tolist() == [2, 1]
    assert not np.shares_memory(network.pre, pre)
    assert (network.pre.tolist(), network.sign.tolist()) == ([1, 2], [1, -1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pre": [1, 2]}, "one length"),
        ({"sign": [1, -1, 1, 1]}, "one length"),
        ({"post": [[0, 0, 1]]}, "one length"),
        ({"pre": 1, "post": 0, "sign": 1}, "one length"),
        ({"n_exc": 0, "n_inh": 0}, "at least one"),
        ({"n_exc": -1, "n_inh": 3}, "negative numbers"),
        ({"n_inh": -1}, "negative numbers"),
        ({"n_inputs": -1}, "negative numbers"),
        ({"pre": [1, 2, -1]}, "outside the network"),
        ({"pre": [1, 2, 4]}, "outside the network"),
        ({"post": [0, 0, 3]}, "not a liquid neuron"),
        ({"post": [0, 0, -1]}, "not a liquid neuron"),
        ({"post": [0, 0, 2], "pre": [1, 2, 2]}, "connected to itself"),
        ({"pre": [1, 2, 2], "post": [0, 0, 0], "sign": [1, -1, -1]}, "repeated"),
        ({"sign": [1, -1, 0]}, "signs must be"),
        ({"sign": [1, -1, 2]}, "signs must be"),
        ({"sign": [-1, -1, 1]}, "must be positive"),
        ({"sign": [1, 1, 1]}, "inhibitory ones negative"),
    ],
)
def test_networks_that_make_no_sense(change, message):
    fine = {"pre": [1, 2, 3], "post": [0, 0, 1], "sign": [1, -1, 1], "n_exc": 2, "n_inh": 1, "n_inputs": 1}
    Network(**fine)
    with pytest.raises(ValueError, match=message):
        Network(**fine | change)


def test_a_network_without_synapses():
    network = Network([], [], [], 1, 0, 2)
    assert network.n_synapses == 0
    assert network.pre.dtype == np.int32
    assert not network.is_input.any()


@pytest.mark.parametrize("change", [{"pre": [2**32 + 1]}, {"sign": [257]}, {"pre": [1.7]}, {"sign": [1.9]}])
def test_numbers_that_fit_no_neuron_or_sign(change):
    with pytest.raises(ValueError):
        Network(**{"pre": [1], "post": [0], "sign": [1], "n_exc": 2, "n_inh": 0, "n_inputs": 0} | change)


# ---- the log --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("density", "liquid", "inputs"), [(0.1, 7, 79), (0.4, 26, 314), (0.999, 64, 784), (0.0, 0, 0)])
def test_neurons_that_an_astrocyte_watches(density, liquid, inputs):
    """ceil(p R) and ceil(p I), drawn by the seed alone."""
    network = Network.generate((4, 4, 4), 784, seed=1)
    watched = network.watched(density, seed=5)
    assert (watched[:64].sum(), watched[64:].sum()) == (liquid, inputs)
    np.testing.assert_array_equal(watched, network.watched(density, seed=5))
    assert density in (0, 0.999) or np.any(watched != network.watched(density, seed=6))
    assert network.watched(1, seed=5) is None


@pytest.mark.parametrize("density", [-0.1, 1.1, float("nan")])
def test_densities_that_make_no_sense(density):
    with pytest.raises(ValueError, match="density"):
        Network.generate((2, 2, 2), 3, seed=1).watched(density, seed=5)


def test_describe():
    network = Network([1, 2, 0, 2, 4], [0, 0, 1, 1, 2], [1, -1, 1, -1, 1], 2, 1, 4, dims=(1, 1, 3), seed=77)
    text = network.describe()
    assert text.endswith("\n")
    for line in (
        r"grid +1 x 1 x 3",
        r"seed +77",
        r"liquid neurons +3 \(2 excitatory, 1 inhibitory\)",
        r"input neurons +4",
        r"synapses +5",
        r"E->E +2 +2 +1\.0+",
        r"E->I +0 +2 +0\.0+",
        r"I->E +2 +2 +1\.0+",
        r"I->I +0 +0 +-",
        r"liquid +4 +6 +0\.6666+7",
        r"input +1 +12 +0\.08333\d*",
    ):
        assert re.search(f"^{line}$", text, re.MULTILINE), f"{line} is not in\n{text}"


def test_describe_what_is_not_known():
    text = Network([], [], [], 1, 0, 0).describe()
    assert re.search(r"^grid +not recorded$", text, re.MULTILINE)
    assert re.search(r"^seed +not recorded$", text, re.MULTILINE)
    assert re.search(r"^input +0 +0 +-$", text, re.MULTILINE)
    zero = Network.generate((1, 1, 2), 0, seed=0).describe()
    assert re.search(r"^seed +0$", zero, re.MULTILINE), "a seed of zero is a seed"


# ---- other constants ------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1.0, 9.0])
def test_probabilities_with_other_constants(length):
    """Synapses of each type and distance: as many as expected, within four standard errors."""
    scale = {("E", "E"): 0.5, ("E", "I"): 0.02, ("I", "E"): 0.9, ("I", "I"): 0.0}
    network = Network.generate((9, 9, 9), 13, 3, NetworkConstants(0.5, 0.02, 0.9, 0.0, length, 0.31, 0.55))
    assert network.n_exc == round(0.55 * 729)
    assert np.count_nonzero(network.is_input) == math.floor(0.31 * 729 * 13)
    positions, is_inhibitory = network.positions.astype(int), np.arange(729) >= network.n_exc
    squared = ((positions[:, None] - positions[None]) ** 2).sum(axis=2)
    found = np.zeros((729, 729), bool)
    found[network.pre[~network.is_input], network.post[~network.is_input]] = True
    for (a, b), c in scale.items():
        pairs = np.logical_and.outer(is_inhibitory == (a == "I"), is_inhibitory == (b == "I"))
        for low, high in ((1, 4), (5, 20), (21, 81), (82, 10**6)):
            chosen = pairs & (low <= squared) & (squared <= high)
            p = c * np.exp(-squared[chosen] / length**2)
            assert abs(found[chosen].sum() - p.sum()) <= 4 * np.sqrt((p * (1 - p)).sum()) + 1e-9, (a, b, low)


def test_other_constants_are_kept_with_the_network(tmp_path):
    network = Network.generate((3, 3, 3), 10, 1, NetworkConstants(c_ee=0.25, excitatory_share=0.5))
    assert network.constants == {"c_ee": 0.25, "excitatory_share": 0.5}
    network.save(tmp_path / "n.h5")
    assert Network.load(tmp_path / "n.h5").constants == network.constants
    assert "\nconstants          c_ee=0.25, excitatory_share=0.5\n" in network.describe()
    published = Network.generate((3, 3, 3), 10, 1)
    assert published.constants == {}
    assert "constants" not in published.describe()
    assert Network.generate((3, 3, 3), 10, 1, NetworkConstants()).fingerprint == published.fingerprint


@pytest.mark.parametrize("constants", [{"c_ee": 1.5}, {"other": 1.0}, {"c_ee": "x"}, [1], "c_ee"])
def test_constants_of_a_file_are_checked(tmp_path, constants):
    arrays = {name: np.zeros(0, np.int32) for name in ("pre", "post", "sign")}
    numbers = {"n_exc": 1, "n_inh": 0, "n_inputs": 0, "dims": None, "seed": None}
    write_arrays(tmp_path / "n.h5", arrays, {"format": "nalsm network 1", **numbers, "constants": constants})
    with pytest.raises(UserError, match=r"n\.h5 is not valid: c"):
        Network.load(tmp_path / "n.h5")


def test_constants_without_synapses():
    network = Network.generate((3, 3, 3), 10, 1, NetworkConstants(0, 0, 0, 0, 3.0, 0, 1))
    assert (network.n_synapses, network.n_inh) == (0, 0)
    for values in ({"c_ii": -0.1}, {"connection_length": 0}, {"input_density": 1.1}):
        with pytest.raises(ValueError, match=next(iter(values))):
            NetworkConstants(**values)
