"""From a sweep's file to its cells, every mistake in it found before anything runs.

A file is TOML. A [[runs]] entry names a model, a data set and a number that its versions begin at; all other
keys are flags of the training programs without their dashes, with _ for -. A knob may be a list, and so may
the seed: a run for each value. Every entry is run on `count` networks: number `first` and those after it, made
from the seeds 1, 2, ... with the grid `dims`. [settings] and [networks] hold what all entries share.

A cell's version is first_version + 100 * (place of its knobs and seed) + (place of its network, from 1), and its
seed is its network's unless the file gives one: neither changes when networks are added.

[constants] gives constants of `nalsm.constants` other values in all entries that they matter to, constants in an
entry in this entry.

data_file is a data file of one's own, in place of dataset; a relative path begins at the folder of the sweep's file.
"""

import itertools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nalsm.console.questions import parse_path
from nalsm.constants import (
    BRANCHING,
    GROUPS,
    NETWORK,
    NOISE,
    TABLE,
    checked,
    is_used,
    require_fitting,
    require_used,
)
from nalsm.datasets import DATA_SOURCES, OWN, DataSource, own_source, source_of
from nalsm.evaluation import MEASURES
from nalsm.models import MODELS
from nalsm.runs.answer_checks import HIGHEST_NUMBER
from nalsm.runs.questions import questions_for
from nalsm.runs.readouts import marked
from nalsm.runs.settings import DEFAULT_FOLDERS, completed
from nalsm.support.constants import Value, as_text
from nalsm.support.errors import UserError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_SIMULATED = "simulated N-MNIST"  # may stand for a data set: the recordings have to be simulated ones
_MOST_NETWORKS = 99  # a hundred versions are set aside for each value of the knobs
_ENTRY_KEYS = {"model", "dataset", "first_version", "networks", "measures", "constants"}
_FILE_KEYS = {"title", "text", "only_with_data", "settings", "networks", "constants", "runs"}
_NETWORK_KEYS = {"dims", "first", "count"}
_NOT_IN_FILES = {
    "version",
    "network_number",
    "overwrite",
    "quiet",
    "dry_run",
    *DEFAULT_FOLDERS,
}  # the sweep answers these
_DECIDES_NOTHING = (
    *_NOT_IN_FILES, "seed", "gpu", "threads", "cluster", "memory_budget", "batches_per_block", "keep_weights_every",
)  # fmt: skip


@dataclass(frozen=True)
class PlannedNetwork:
    """A network as generate_spatial_network.py is to make it; `kind` is its answer for the data set.

    constants : (name, value) of those that differ from the published ones
    """

    number: int
    kind: str
    dims: tuple[int, int, int]
    seed: int
    constants: tuple[tuple[str, Value], ...] = ()

    @property
    def n_liquid(self) -> int:
        a, b, c = self.dims
        return a * b * c


@dataclass(frozen=True)
class Cell:
    """One run of a sweep.

    dataset : its name as a run records it
    knobs : values by name, in the order of the questions; of options only what is not the default
    given : settings that the file gives, by name; `settings` has all others too, with their defaults
    constants : of the network, the run and its measures, those that differ from the published ones, by name
    """

    model: str
    source: DataSource
    dataset: str
    knobs: dict
    network: PlannedNetwork
    version: int
    given: dict
    settings: dict
    measures: tuple[str, ...]
    constants: dict[str, Value]

    @property
    def title(self) -> str:
        seed = "" if self.has_own_seed else f", seed {self.settings['seed']}"
        return f"version {self.version}, {self.setting}, network {self.network.number}{seed}"

    @property
    def full_knobs(self) -> dict:
        """The value of every knob by name, those of options that have their default too."""
        return {knob.name: knob.of(self.knobs) for knob in MODELS[self.model].all_knobs}

    @property
    def has_own_seed(self) -> bool:
        """Whether the seed is that of the network, which a file does not change."""
        return self.settings["seed"] == self.network.seed

    @property
    def readout(self) -> str:
        """One of `nalsm.runs.readouts.READOUTS`."""
        return self.settings["readout"]

    @property
    def label(self) -> str:
        """The model, marked if its readout is not the published one."""
        return marked(self.model, self.readout)

    @property
    def setting(self) -> str:
        """What the cells of an entry have in common, except their networks."""
        return ", ".join([f"{self.label} on {self.dataset}", *self.knob_labels])

    @property
    def knob_labels(self) -> list[str]:
        """The knobs with their values, and the constants that differ from the published ones."""
        return [*MODELS[self.model].describe_knobs(self.knobs), *as_text(self.constants)]

    def constants_of(self, program: str) -> dict[str, Value]:
        """Return the constants that a program of `nalsm.constants` sets."""
        return {name: value for name, value in self.constants.items() if TABLE[name].program == program}

    def parameters_of(self, measure: str) -> dict[str, Any] | None:
        """Return the parameters that a measure is to be computed with; None: those of the published figures."""
        known = MEASURES[measure].parameters
        own = {name: value for name, value in self.constants.items() if name in known}
        return ({} if self.source.own else {**known}) | own if own else None

    @property
    def deciding(self) -> dict[str, Any]:
        """The knobs and the other settings that decide the results, by name, and the grid; without the seed."""
        settings = {name: value for name, value in self.settings.items() if name not in _DECIDES_NOTHING}
        return {**settings, "grid": " x ".join(map(str, self.network.dims))}

    @property
    def run(self) -> tuple:
        """What decides the run: equal for two cells that would compute the same."""
        values = tuple(self.constants.items()), tuple(self.deciding.items())
        return self.model, self.dataset, self.settings["seed"], self.network.seed, *values


@dataclass(frozen=True)
class Sweep:
    """The cells of a file, in the order they are run: all entries on the first network, then on the second, ..."""

    path: Path
    title: str
    text: str
    only_with_data: bool
    cells: tuple[Cell, ...]


def read_sweep(path: Path, networks: int | None = None) -> Sweep:
    """Return the Sweep of a file; `networks`: how many for each entry, instead of what the file says.

    Raises UserError that says where in the file the mistake is.
    """
    path = Path(path)
    contents = _toml(path)
    _refuse_unknown(contents, _FILE_KEYS, f"{path}")
    shared_networks = _section(contents, "networks", path)
    shared_settings = _section(contents, "settings", path)
    shared_constants = checked(_section(contents, "constants", path), GROUPS.values(), f"{path}, constants")
    entries = contents.get("runs")
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise UserError(f"{path}: it lists no runs; each is a [[runs]] entry with model, dataset, first_version")
    columns = []
    for number, entry in enumerate(entries, 1):
        where = f"{path}: [[runs]] entry {number}"
        own_networks = {**shared_networks, **_section(entry, "networks", where)}
        if networks is not None and "count" not in _section(entry, "networks", where):
            own_networks["count"] = networks
        whole = {**shared_settings, **entry, "networks": own_networks}
        columns.append(_Entry(where, whole, shared_constants, path.parent).cells())
    rounds = itertools.zip_longest(*columns)  # the cells on the first network, on the second, ...
    cells = tuple(cell for group in rounds for some in group if some for cell in some)
    return Sweep(path, str(contents.get("title", path.stem)), str(contents.get("text", "")).strip(),
                 bool(contents.get("only_with_data", False)), cells)  # fmt: skip


def computed_measures() -> list[str]:
    """Return the names of all measures but the accuracy, which a finished run has."""
    return [name for name in MEASURES if name != "accuracy"]


def require_no_conflicts(sweeps: list[Sweep]) -> None:
    """Raise UserError if two cells have the same version, are the same run, or give one number to two networks."""
    versions: dict[int, Cell] = {}
    numbers: dict[int, PlannedNetwork] = {}
    runs: dict[tuple, Cell] = {}
    for path, cell in ((sweep.path, cell) for sweep in sweeps for cell in sweep.cells):
        network = cell.network
        if cell.version in versions:
            other = versions[cell.version]
            raise UserError(
                f"{path}: version {cell.version} is used twice, for {cell.title} and for {other.title}; "
                "choose another first_version"
            )
        first = runs.setdefault(cell.run, cell)
        if first is not cell:
            raise UserError(f"{path}: {cell.title} is the same run as version {first.version}; leave one of them out")
        if numbers.setdefault(network.number, network) != network:
            raise UserError(
                f"{path}: network {network.number} is used twice, as {_described(network)} and as "
                f"{_described(numbers[network.number])}; choose another `first` in networks"
            )
        versions[cell.version] = cell


def _described(network):
    constants = "".join(f", {text}" for text in as_text(dict(network.constants)))
    return f"{' x '.join(map(str, network.dims))} for {network.kind} from seed {network.seed}{constants}"


def _toml(path):
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(
            f"{path}: {error.strerror}; name the file of a sweep, such as sweeps/paper_mnist.toml"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{path} is not TOML: {error}") from None


def _section(contents, name, where):
    section = contents.get(name, {})
    if not isinstance(section, dict):
        raise UserError(f"{where}: {name} is {section!r}, expected a table of settings")
    return section


def _refuse_unknown(contents, known, where):
    unknown = sorted(set(contents) - set(known))
    if unknown:
        raise UserError(f"{where}: {unknown[0]} is not known here; there are {', '.join(sorted(known))}")


class _Entry:
    """One [[runs]] entry, with what the file shares."""

    def __init__(self, where, contents, shared_constants, folder):
        self.where, self.folder = where, folder
        self.contents = contents
        self.model = self._one_of("model", MODELS)
        self.source = self._source()
        self.dataset = self.source.name if self.source.own else contents["dataset"]
        self.first_version = self._whole("first_version", contents.get("first_version"), 0, HIGHEST_NUMBER)
        self.questions = questions_for(self.model, self.source.family, root=Path())
        self.measures = self._measures()
        self.constants = self._constants(shared_constants)

    def cells(self):
        """Return the cells of each network: a list for each, one cell for each value of the knobs."""
        networks = self._networks()
        given = self._given()
        listed = {name: value if isinstance(value, list) else [value] for name, value in given.items()}
        choices = [dict(zip(listed, values, strict=True)) for values in itertools.product(*listed.values())]
        return [
            [self._cell(choice, 100 * place + k, network) for place, choice in enumerate(choices)]
            for k, network in enumerate(networks, 1)
        ]

    def _cell(self, given, offset, network):
        given = {"seed": network.seed, **given}
        settings = {question.name: question.default for question in self.questions} | given
        settings = completed(settings, self.source)
        for question in self.questions:
            if question.check and question.name not in _NOT_IN_FILES:
                self._blamed(question.check, settings[question.name], settings)
        for measure in self.measures:
            reason = MEASURES[measure].impossible({**settings, "constants": self.constants}, self.source)
            if reason:
                raise UserError(f"{self.where}: measures has {measure}, but {reason}")
        model = MODELS[self.model]
        self._blamed(require_fitting, self.constants, model, self.source, settings)
        knobs = model.recorded(given)
        given = {name: value for name, value in given.items() if name not in {knob.name for knob in model.all_knobs}}
        version = self._whole("first_version", self.first_version + offset, 0, HIGHEST_NUMBER)
        return Cell(
            self.model, self.source, self.dataset, knobs, network, version, given, settings, self.measures,
            self.constants,
        )  # fmt: skip

    def _given(self):
        """Return the settings of the entry by name, parsed; knobs and the seed as they are given, values or lists."""
        by_key = {
            flag.strip("-").replace("-", "_"): question
            for question in self.questions
            for flag in question.flags or (question.flag,)
            if question.name not in _NOT_IN_FILES
        }
        own = {key: value for key, value in self.contents.items() if key not in _ENTRY_KEYS}
        _refuse_unknown(own, {**dict.fromkeys(_ENTRY_KEYS), **by_key}, self.where)
        given = {by_key[key].name: self._parsed(by_key[key], value) for key, value in own.items()}
        for question in self.questions:
            if question.prompt and question.name not in _NOT_IN_FILES and question.name not in given:
                key = next(key for key, known in by_key.items() if known is question)
                raise UserError(f"{self.where}: {key} is missing, expected {question.expected}")
        return given

    def _parsed(self, question, value):
        if isinstance(value, list) and question.name in ("seed", *(knob.name for knob in MODELS[self.model].all_knobs)):
            if not value:
                raise UserError(f"{self.where}: {question.title} is an empty list, expected {question.expected}")
            return [self._parsed(question, one) for one in value]
        return self._blamed(question.parse, str(value))

    def _networks(self):
        wanted = self.contents["networks"]
        _refuse_unknown(wanted, _NETWORK_KEYS, f"{self.where}, networks")
        dims = wanted.get("dims")
        if not isinstance(dims, list) or len(dims) != 3:
            raise UserError(f"{self.where}, networks: dims is {dims!r}, expected three sizes, such as [10, 10, 10]")
        dims = tuple(self._whole("dims", size, 1, 10**6) for size in dims)
        first = self._whole("first", wanted.get("first"), 0, HIGHEST_NUMBER - _MOST_NETWORKS)
        count = self._whole("count", wanted.get("count"), 1, _MOST_NETWORKS)
        kind = self.source.network_kind
        constants = tuple((name, value) for name, value in self.constants.items() if TABLE[name].program == NETWORK)
        return [PlannedNetwork(first + k, kind, dims, k + 1, constants) for k in range(count)]

    def _constants(self, shared):
        """Return the constants of the entry: its own, and of the shared ones those that matter to it."""
        where, model = f"{self.where}, constants", MODELS[self.model]
        own = checked(_section(self.contents, "constants", self.where), GROUPS.values(), where)
        require_used(own, model, self.source, where)
        for name in own:
            if not self._is_measured(name):
                raise UserError(f"{where}: {name} is of a measure that the entry does not list in measures")
        fitting = {name: value for name, value in shared.items() if is_used(name, model, self.source)}
        both = {**{name: value for name, value in fitting.items() if self._is_measured(name)}, **own}
        return {name: both[name] for name in TABLE if name in both}

    def _is_measured(self, name):
        """Tell whether a constant is one of a run, or of a measure that the entry lists."""
        needed = {NOISE: "kernel_quality", BRANCHING: "branching_factor"}.get(TABLE[name].program)
        return needed is None or needed in self.measures

    def _source(self):
        """Return the DataSource, and make the path of a data file absolute."""
        path = self.contents.get("data_file")
        if path is None:
            return source_of(self._one_of("dataset", [*DATA_SOURCES, _SIMULATED]))
        if not isinstance(path, str) or self.contents.get("dataset", OWN) != OWN:
            raise UserError(f"{self.where}: data_file is {path!r}, expected the path of a data file, and no dataset")
        whole = self._blamed(parse_path, str(self.folder / Path(path).expanduser()), "data_file")
        self.contents = {**self.contents, "data_file": str(whole)}
        return self._blamed(own_source, whole, self.contents.get("rates"))

    def _measures(self):
        measures = self.contents.get("measures", [])
        for measure in measures if isinstance(measures, list) else [measures]:
            if measure not in computed_measures():
                known = ", ".join(computed_measures())
                raise UserError(f"{self.where}: measures has {measure!r}, expected a list of {known}")
        return tuple(measures)

    def _one_of(self, key, known):
        value = self.contents.get(key)
        if not isinstance(value, str) or value not in known:
            raise UserError(f"{self.where}: {key} is {value!r}, expected one of {', '.join(known)}")
        return value

    def _whole(self, key, value, low, high):
        if type(value) is not int or not low <= value <= high:
            raise UserError(f"{self.where}: {key} is {value!r}, expected a whole number from {low} to {high}")
        return value

    def _blamed(self, function, *arguments):
        try:
            return function(*arguments)
        except UserError as error:
            raise UserError(f"{self.where}: {error}") from None
