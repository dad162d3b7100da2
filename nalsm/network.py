"""The liquid's geometry and synapses: generate, save, load, describe.

Neurons are numbered excitatory 0..E-1, inhibitory E..R-1, input R..R+I-1. Liquid neurons sit on an
a x b x c integer grid, each on a random point; a synapse j -> i of the liquid exists with probability

    C * exp(-(D / lambda)^2)        D: Euclidean distance on the grid, lambda = 3

with C by type of pre- and post-synaptic neuron. Inputs reach 15 % of all (liquid, input) pairs. These numbers are the
fields of `NetworkConstants`.

Source: Ivanov and Michmizos, NeurIPS 2021, section 3 and supplement.
"""

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np

from nalsm.storage.checksum import content_checksum
from nalsm.storage.files import read_arrays, write_arrays
from nalsm.support.constants import Constants, as_text, constant, constants_of, differing
from nalsm.support.errors import UserError
from nalsm.support.random_streams import SEED_LIMIT, stream

TO_MAKE_ONE = "make one with nalsm network, or generate_spatial_network.py"  # in messages

_FORMAT = "nalsm network 1"
_MOST_NEURONS = 2**24  # in a network that is loaded, so that a damaged number cannot exhaust the memory
_PAIRS_AT_A_TIME = 4_000_000  # near pairs, to bound the memory


@dataclass(frozen=True)
class NetworkConstants(Constants):
    """What a network is drawn with, with the published values. Raises ValueError for values outside their ranges."""

    heading = "network"
    c_ee: float = constant(0.2, "C of synapses from excitatory to excitatory neurons", 0, 1)
    c_ei: float = constant(0.1, "C of synapses from excitatory to inhibitory neurons", 0, 1)
    c_ie: float = constant(0.3, "C of synapses from inhibitory to excitatory neurons", 0, 1)
    c_ii: float = constant(0.05, "C of synapses from inhibitory to inhibitory neurons", 0, 1)
    connection_length: float = constant(
        3.0, "lambda of the probability of a synapse, C * exp(-(D / lambda)^2)", 0.01, 100, unit="grid units"
    )
    input_density: float = constant(0.15, "share of the pairs of an input and a liquid neuron with a synapse", 0, 1)
    excitatory_share: float = constant(0.8, "share of the liquid neurons that are excitatory", 0, 1)

    @property
    def scale(self) -> np.ndarray:
        """C by type of the pre- and of the post-synaptic neuron, excitatory first: float64 [2, 2]."""
        return np.array([[self.c_ee, self.c_ei], [self.c_ie, self.c_ii]])

    @property
    def near(self) -> float:
        """Distance up to which pairs are drawn one by one, all others by thinning (`_far_pairs`)."""
        return 7 / 3 * self.connection_length


@dataclass(frozen=True, eq=False)
class Network:
    """Synapses of one liquid, sorted by post-synaptic, then by pre-synaptic neuron.

    pre, post : int32 [S], neuron numbers; post is always a liquid neuron
    sign : int8 [S], +1 or -1, of the starting weight
    n_exc, n_inh, n_inputs : numbers of neurons of each type
    positions : int16 [R, 3] or None, grid point of each liquid neuron
    dims : the grid's three sizes, or None
    seed : the seed it was generated from, or None
    constants : those of `NetworkConstants` that differed from the published ones when it was generated, by name

    Synapses may be given in any order. Raises ValueError if a synapse's neuron does not exist, a synapse is
    repeated or connects a neuron to itself, a sign is not +1 or -1, or the synapse of an excitatory
    (inhibitory) neuron is negative (positive), or if positions are not the points of the grid. Networks with equal
    fingerprints are equal.
    """

    pre: np.ndarray
    post: np.ndarray
    sign: np.ndarray
    n_exc: int
    n_inh: int
    n_inputs: int
    positions: np.ndarray | None = field(default=None, repr=False)
    dims: tuple[int, int, int] | None = None
    seed: int | None = None
    constants: dict[str, float] = field(default_factory=dict)

    def __post_init__(self):
        pre, post, sign = (np.asarray(values) for values in (self.pre, self.post, self.sign))
        if not pre.ndim == post.ndim == sign.ndim == 1 or not len(pre) == len(post) == len(sign):
            raise ValueError("pre, post and sign must be three vectors of one length")
        for name, values in (("pre", pre), ("post", post), ("sign", sign)):
            if len(values) and not np.all(values == values.astype(np.int8 if name == "sign" else np.int32)):
                raise ValueError(f"{name} must contain whole numbers that fit int32 (sign: int8)")
        order = np.lexsort((pre, post))
        fields = {
            "pre": pre[order].astype(np.int32),
            "post": post[order].astype(np.int32),
            "sign": sign[order].astype(np.int8),
        }
        for name in ("n_exc", "n_inh", "n_inputs"):
            fields[name] = operator.index(getattr(self, name))
        fields["dims"] = None if self.dims is None else tuple(map(operator.index, self.dims))
        fields["seed"] = None if self.seed is None else operator.index(self.seed)
        for name, value in fields.items():
            object.__setattr__(self, name, value)
        self._check()

    def _check(self):
        if self.n_exc < 0 or self.n_inh < 0 or self.n_inputs < 0 or self.n_liquid < 1:
            raise ValueError("a network needs at least one liquid neuron and no negative numbers of neurons")
        if self.positions is not None and np.shape(self.positions) != (self.n_liquid, 3):
            raise ValueError(f"positions have the shape {np.shape(self.positions)}, not {(self.n_liquid, 3)}")
        self._check_grid()
        if not self.n_synapses:
            return
        if self.pre.min() < 0 or self.pre.max() >= self.n_neurons:
            raise ValueError("a pre-synaptic neuron is outside the network")
        if self.post.min() < 0 or self.post.max() >= self.n_liquid:
            raise ValueError("a post-synaptic neuron is not a liquid neuron")
        if np.any(self.pre == self.post):
            raise ValueError("a neuron is connected to itself")
        if np.any((np.diff(self.pre) == 0) & (np.diff(self.post) == 0)):
            raise ValueError("a synapse is repeated")
        if np.any(np.abs(self.sign) != 1):
            raise ValueError("signs must be +1 or -1")
        if np.any(self.sign[self.pre < self.n_exc] < 0) or np.any(self.sign[self.is_inhibitory] > 0):
            raise ValueError("excitatory synapses must be positive, inhibitory ones negative")

    def _check_grid(self):
        dims, positions = self.dims, self.positions
        if dims is not None and (len(dims) != 3 or min(dims) < 1 or math.prod(dims) != self.n_liquid):
            raise ValueError(f"a grid of {dims} does not have one point for each of {self.n_liquid} liquid neurons")
        if positions is None or dims is None:
            return
        positions = np.asarray(positions)
        if not np.all((positions >= 0) & (positions < dims)) or len(np.unique(positions, axis=0)) < len(positions):
            raise ValueError(f"positions are not all the points of a grid of {dims}, each once")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    @property
    def n_liquid(self) -> int:
        return self.n_exc + self.n_inh

    @property
    def n_neurons(self) -> int:
        return self.n_liquid + self.n_inputs

    @property
    def n_synapses(self) -> int:
        return len(self.pre)

    @property
    def is_inhibitory(self) -> np.ndarray:
        """bool [S], True for synapses of inhibitory neurons."""
        return (self.pre >= self.n_exc) & (self.pre < self.n_liquid)

    @property
    def is_input(self) -> np.ndarray:
        """bool [S], True for synapses of input neurons."""
        return self.pre >= self.n_liquid

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the synapses and sizes: networks with equal fingerprints give equal results."""
        return content_checksum(
            {"pre": self.pre, "post": self.post, "sign": self.sign}, [self.n_exc, self.n_inh, self.n_inputs]
        )

    def watched(self, density: float, seed: int) -> np.ndarray | None:
        """Return the neurons that an astrocyte of this density watches: bool [N], or None for all of them.

        The astrocyte watches ceil(density * R) liquid neurons and ceil(density * I) inputs, drawn without
        replacement. Raises ValueError for a density outside 0..1.

        Source: Ivanov and Michmizos, NeurIPS 2021, Figure 4 (neuron-astrocyte density).
        """
        if not 0 <= density <= 1:
            raise ValueError(f"the density must be a number from 0 to 1, not {density}")
        if density == 1:
            return None
        random = stream(seed, "astrocyte")
        chosen = np.zeros(self.n_neurons, bool)
        for first, size in ((0, self.n_liquid), (self.n_liquid, self.n_inputs)):
            chosen[first + random.choice(size, math.ceil(round(density * size, 9)), replace=False)] = True
        return chosen

    @classmethod
    def generate(
        cls, dims: Sequence[int], n_inputs: int, seed: int, constants: NetworkConstants | None = None
    ) -> "Network":
        """Draw a network on a grid of `dims` = (a, b, c) points.

        Every liquid synapse exists independently with exactly the probability of the module's docstring.
        Exactly floor(0.15 * R * I) input synapses exist, and all choices of them are equally likely.
        constants : in place of the published ones
        Raises ValueError for sizes below 1, negative numbers of inputs, and seeds outside 0..2**63-1, TypeError for
        fractions.
        """
        dims = tuple(map(operator.index, dims))
        if len(dims) != 3 or min(dims) < 1 or n_inputs < 0:
            raise ValueError(f"cannot make a network of {dims} neurons with {n_inputs} inputs")
        constants = constants or NetworkConstants()
        random = stream(seed, "network")
        grid = np.stack(np.meshgrid(*map(np.arange, dims), indexing="ij"), axis=-1).reshape(-1, 3)
        positions = random.permutation(grid).astype(np.int16)  # [R, 3]
        n_liquid = len(positions)
        n_exc = round(_exactly(constants.excitatory_share) * n_liquid)

        near = _near_pairs(positions, n_exc, random, constants)
        far = _far_pairs(positions, n_exc, random, constants)
        inputs = _input_pairs(n_liquid, n_inputs, random, constants)
        pre, post = np.concatenate([near, far, inputs], axis=1)

        sign = np.where(pre < n_exc, 1, -1).astype(np.int8)
        from_input = pre >= n_liquid
        sign[from_input] = random.choice(np.array([-1, 1], dtype=np.int8), size=from_input.sum())
        return cls(pre, post, sign, n_exc, n_liquid - n_exc, n_inputs, positions, dims, int(seed), differing(constants))

    def save(self, path: Path | str) -> None:
        """Write the network to `path` (HDF5 with a checksum; the file is written whole or not at all)."""
        arrays = {"pre": self.pre, "post": self.post, "sign": self.sign}
        if self.positions is not None:
            arrays["positions"] = self.positions
        numbers = {name: getattr(self, name) for name in ("n_exc", "n_inh", "n_inputs", "dims", "seed")}
        constants = {"constants": self.constants} if self.constants else {}
        write_arrays(Path(path), arrays, {"format": _FORMAT, **numbers, **constants})

    @classmethod
    def load(cls, path: Path | str) -> "Network":
        """Read a network written by `save`.

        Raises FileNotFoundError, DamagedFile, and UserError if the file is not a network file or its network
        is not valid.
        """
        arrays, attributes = read_arrays(Path(path))
        if attributes.get("format") != _FORMAT:
            raise UserError(f"{path} is not a network file")
        try:
            return cls(**_network_fields(arrays, attributes))
        except (ValueError, KeyError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else error
            raise UserError(f"the network in {path} is not valid: {reason}; {TO_MAKE_ONE}") from None

    def describe(self) -> str:
        """Return the text of the log file: sizes, seed, and number and density of each type of synapse."""
        n = {"E": self.n_exc, "I": self.n_inh, "input": self.n_inputs}
        lines = [
            f"grid               {' x '.join(map(str, self.dims)) if self.dims else 'not recorded'}",
            f"seed               {self.seed if self.seed is not None else 'not recorded'}",
            f"liquid neurons     {self.n_liquid} ({self.n_exc} excitatory, {self.n_inh} inhibitory)",
            f"input neurons      {self.n_inputs}",
            f"synapses           {self.n_synapses}",
            *([f"constants          {', '.join(as_text(self.constants))}"] if self.constants else []),
            "",
            f"{'type':<12}{'synapses':>12}{'possible':>14}{'density':>12}",
        ]
        pre_type = np.digitize(self.pre, [self.n_exc, self.n_liquid])
        post_type = np.digitize(self.post, [self.n_exc])
        for row, pre in enumerate(("E", "I")):
            for column, post in enumerate(("E", "I")):
                count = np.count_nonzero((pre_type == row) & (post_type == column))
                lines.append(_log_line(f"{pre}->{post}", count, n[pre] * n[post] - (n[pre] if pre == post else 0)))
        lines.append(_log_line("liquid", np.count_nonzero(pre_type < 2), self.n_liquid * (self.n_liquid - 1)))
        lines.append(_log_line("input", np.count_nonzero(pre_type == 2), self.n_liquid * self.n_inputs))
        return "\n".join(lines) + "\n"


def _network_fields(arrays, attributes):
    """Return the arguments of Network from a file's contents; raises ValueError and KeyError."""
    fields = {name: arrays[name] for name in ("pre", "post", "sign")}
    fields["positions"] = arrays.get("positions")
    for name, array in fields.items():
        if array is not None and array.dtype.kind not in "iu":
            raise ValueError(f"{name} contains {array.dtype}, not whole numbers")
    for name in ("n_exc", "n_inh", "n_inputs"):
        fields[name] = _whole_number(name, attributes[name], _MOST_NEURONS)
    seed, dims = attributes["seed"], attributes["dims"]
    fields["seed"] = None if seed is None else _whole_number("seed", seed, SEED_LIMIT - 1)
    if dims is not None:
        if not isinstance(dims, list):
            raise ValueError(f"dims is {dims!r:.40}, not three numbers")
        fields["dims"] = tuple(_whole_number("dims", size, _MOST_NEURONS) for size in dims)
    fields["constants"] = _checked_constants(attributes.get("constants", {}))
    return fields


def _checked_constants(values):
    if not isinstance(values, dict) or not set(values) <= {name for name, _ in constants_of(NetworkConstants)}:
        raise ValueError(f"constants is {values!r:.40}, not a table of constants of a network")
    return differing(NetworkConstants(**values))


def _exactly(value):
    """Return a number with the decimals that it is written with, so that a product can be rounded exactly."""
    return Fraction(repr(float(value)))


def _whole_number(name, value, highest):
    if type(value) is not int or not 0 <= value <= highest:
        raise ValueError(f"{name} is {value!r:.40}, not a whole number from 0 to {highest}")
    return value


def _log_line(name, count, possible):
    density = f"{count / possible:.6f}" if possible else "-"
    return f"{name:<12}{count:>12}{possible:>14}{density:>12}"


def _connection_probability(pre, post, squared_distance, n_exc, constants):
    """C * exp(-(D / lambda)^2) for arrays of liquid neurons."""
    c = constants.scale[(pre >= n_exc).astype(np.intp), (post >= n_exc).astype(np.intp)]
    return c * np.exp(-squared_distance / constants.connection_length**2)


def _squared_distance(positions, a, b):
    difference = positions[a].astype(np.int32) - positions[b]
    return np.einsum("sd,sd->s", difference, difference)


def _near_pairs(positions, n_exc, random, constants):
    """Draw the synapses between neurons up to `near` apart, pair by pair: int [2, n] (pre, post)."""
    from scipy.spatial import cKDTree

    tree = cKDTree(positions)
    chosen = []
    neighbours = min(4 / 3 * math.pi * constants.near**3, len(positions))
    size = max(1, int(_PAIRS_AT_A_TIME / max(neighbours, 1)))
    for first in range(0, len(positions), size):
        block = np.arange(first, min(first + size, len(positions)))
        pairs = tree.query_ball_point(positions[block], constants.near, return_sorted=True)
        pre = np.repeat(block, [len(p) for p in pairs])
        post = np.concatenate([np.asarray(p, dtype=np.int64) for p in pairs])
        probability = _connection_probability(pre, post, _squared_distance(positions, pre, post), n_exc, constants)
        kept = (random.random(len(pre)) < probability) & (pre != post)
        chosen.append(np.stack([pre[kept], post[kept]]))
    return np.concatenate(chosen, axis=1)


def _far_pairs(positions, n_exc, random, constants):
    """Draw the synapses between neurons more than `near` apart: int [2, n] (pre, post).

    Few of very many pairs are connected. So candidates are drawn with an upper bound of the probability of
    such pairs, and each is kept with its own probability divided by this bound.
    """
    n = len(positions)
    bound = constants.scale.max() * np.exp(-((constants.near / constants.connection_length) ** 2))
    n_candidates = random.binomial(n * n, bound)
    pre, post = np.divmod(random.choice(n * n, size=n_candidates, replace=False), n)
    squared = _squared_distance(positions, pre, post)
    probability = _connection_probability(pre, post, squared, n_exc, constants)
    probability = np.where(squared > constants.near**2, probability, 0.0)
    kept = random.random(n_candidates) < probability / bound
    return np.stack([pre[kept], post[kept]])


def _input_pairs(n_liquid, n_inputs, random, constants):
    """Draw floor(0.15 * R * I) input synapses without replacement: int [2, n] (pre, post)."""
    possible = n_liquid * n_inputs
    size = math.floor(_exactly(constants.input_density) * possible)
    chosen = random.choice(possible, size=size, replace=False, shuffle=False)
    source, post = np.divmod(chosen, max(n_liquid, 1))
    return np.stack([n_liquid + source, post])


def network_path(folder: Path | str, number: int) -> Path:
    """Return networks/Network_<n>.h5."""
    return Path(folder) / f"Network_{number}.h5"


def log_path(folder: Path | str, number: int) -> Path:
    """Return networks/Network_<n>_Log.txt."""
    return Path(folder) / f"Network_{number}_Log.txt"
