"""The results store: a record of every finished run, which outlives the version folders.

The store is one JSON file beside the page of results (docs/results.json). Its records are sorted, and each field is
a line of its own, so that a new run or a later measure changes only the lines it has to. Records are merged by their
key, a hash of everything that decides a run's accuracies: the same run from another folder or machine has the same
key, and must have the same digest of its accuracies.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from nalsm.evaluation import MEASURES
from nalsm.evaluation.paper import is_reduced
from nalsm.models import Knobs
from nalsm.runs.names import ACCURACY_NAMES
from nalsm.runs.readouts import PUBLISHED, marked
from nalsm.runs.record import RunRecord
from nalsm.runs.trained_run import TrainedRun
from nalsm.storage.checksum import content_checksum
from nalsm.storage.files import write_text
from nalsm.support.constants import Value, as_text
from nalsm.support.errors import DamagedFile, MachineError, UserError
from nalsm.sweep.plan import Cell
from nalsm.sweep.steps import Places, measures_of, trained_record

_FORMAT = 1
_SIZES = ("batch_size", "train_samples", "valid_samples", "test_samples", "init_samples", "init_ms", "sample_ms",
          "cycles")  # fmt: skip
_INITIALISATION = ("init_samples", "init_ms")  # sizes that a model without initialisation does not use
_DECIDES_NOTHING = ("network_number", "keep_weights_every")  # parts of an identity that no accuracy depends on


@dataclass(frozen=True)
class StoredRun:
    """The record of one finished run.

    key : hash of what decides the accuracies; version : number of the folder that the record was made from
    dataset : as the run recorded it ("simulated N-MNIST" for simulated recordings)
    network : number, sha256, dims, neurons (liquid), inputs, seed
    sizes : batch_size, numbers of samples and of ms, cycles; without init_... for a model without initialisation
    accuracies : fractions by split at `cycle`, the first with the best validation accuracy
    measures : values by name of the measure, with the parameters that they were computed with; the name is followed by
        those parameters that differ from the published ones. None stands for a value that is not a number
    seconds : wall-clock time of each stage; peak_memory_bytes : None where it was not noted
    versions : of the program and its packages; started : date and time
    digest : SHA-256 of the accuracies of all cycles
    constants : those that differ from the published ones, by name; None if none does. `network` has its own
    readout : one of `nalsm.runs.readouts.READOUTS`; with ridge, a cycle is a strength of the penalty
    rates : of images of the user's own, how values became rates (`nalsm.datasets.own_images.SCALES`)
    """

    key: str
    version: int
    model: str
    dataset: str
    dataset_sha256: str
    knobs: Knobs
    network: dict
    seed: int
    sizes: dict[str, int]
    engine: str
    cycle: int
    accuracies: dict[str, float]
    measures: dict[str, dict]
    seconds: dict[str, float]
    peak_memory_bytes: int | None
    machine: str
    threads: int | None
    versions: dict[str, str]
    started: str
    digest: str
    readout: str = PUBLISHED
    constants: dict[str, Value] | None = None
    rates: str | None = None

    @property
    def is_reduced(self) -> bool:
        """Whether it has fewer samples, snapshots, ms or cycles than the published runs."""
        return is_reduced({"model": self.model, "dataset": self.dataset, **self.sizes})

    def measured(self, measure: str, parameters: Mapping[str, float] | None = None) -> dict:
        """Return the values of a measure that were computed with these parameters; empty if there are none.

        parameters : as in `nalsm.evaluation.Measure.is_done`
        """
        found = (values for name, values in self.measures.items() if name.split()[0] == measure)
        known = MEASURES[measure]
        return next((values for values in found if known.agrees(values, self.dataset, parameters)), {})

    @property
    def all_constants(self) -> dict[str, Value]:
        """The constants of the network and of the run that differ from the published ones, by name."""
        return {**self.network.get("constants", {}), **(self.constants or {})}

    @property
    def label(self) -> str:
        """The model, marked if its readout is not the published one."""
        return marked(self.model, self.readout)

    @property
    def test(self) -> float:
        """Test accuracy in percent."""
        return 100 * self.accuracies["test"]

    @property
    def valid(self) -> float:
        """Validation accuracy in percent."""
        return 100 * self.accuracies["valid"]

    @property
    def _order(self):
        network = self.network
        return (self.dataset, self.model, network["neurons"], tuple(self.knobs.items()), network["number"], self.seed,
                self.key)  # fmt: skip


def store_path(page: Path) -> Path:
    """Return the path of the store that belongs to a page of results."""
    return Path(page).with_suffix(".json")


def read_store(path: Path) -> dict[str, StoredRun]:
    """Return the records of a store by key, an empty dict if the file does not exist. Raises DamagedFile."""
    try:
        contents = json.loads(Path(path).read_text(encoding="utf-8"))
        if contents["format"] != _FORMAT:
            raise DamagedFile(f"{path} has format {contents['format']}, not {_FORMAT}: another version wrote it")
        runs = [StoredRun(**record) for record in contents["runs"]]
        if not all(isinstance(run.key, str) and isinstance(run.digest, str) and run._order for run in runs):
            raise ValueError
    except FileNotFoundError:
        return {}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise DamagedFile(f"{path} is not a store of results; restore it, or move it away to begin a new one") from None
    return {run.key: run for run in runs}


def write_store(path: Path, runs: dict[str, StoredRun]) -> list[StoredRun]:
    """Write the records of a store, a line for each field; return them as they are sorted there."""
    ordered = sorted(runs.values(), key=lambda run: run._order)
    records = [_text(run) for run in ordered]
    text = f'{{"format": {_FORMAT}, "runs": [\n' + ",\n".join(records) + "\n]}\n"
    if not Path(path).exists() or Path(path).read_text(encoding="utf-8") != text:
        write_text(path, text)
    return ordered


def _text(run: StoredRun) -> str:
    kept = {f.name: asdict(run)[f.name] for f in fields(run) if getattr(run, f.name) != f.default}
    fields_as_text = (f"{json.dumps(name)}: {json.dumps(value, allow_nan=False)}" for name, value in kept.items())
    return "{" + ",\n ".join(fields_as_text) + "}"


def merged(runs: dict[str, StoredRun], new: StoredRun) -> dict[str, StoredRun]:
    """Return the records with one more; a known run keeps its record and gains the measures that it lacked.

    Raises MachineError, which names both runs, where the same run has other accuracies or other values of a measure.
    """
    old = runs.get(new.key)
    if old is None:
        return {**runs, new.key: new}
    if old.digest != new.digest:
        raise MachineError(
            f"{_name(new)} has other accuracies (digest {new.digest[:12]}) than the stored {_name(old)} (digest "
            f"{old.digest[:12]}), although everything that decides them is the same; the store keeps the old record"
        )
    measures = dict(old.measures)
    for name, values in new.measures.items():
        known = measures.setdefault(name, values)
        if known != values:
            raise MachineError(
                f"{_name(new)} has {name} {values}, but the stored {_name(old)} has {known}; the store keeps the old "
                "record"
            )
    return {**runs, new.key: replace(old, measures=measures, rates=new.rates)}


def _name(run: StoredRun) -> str:
    return f"run of version {run.version} ({run.label} on {run.dataset}, started {run.started} on {run.machine})"


def taken_into(
    runs: dict[str, StoredRun], cells: Iterable[Cell], places: Places, say: Callable[[str], None]
) -> tuple[dict[str, StoredRun], list[MachineError]]:
    """Return the records with those of the cells' finished runs, and the errors of runs that contradict a record.

    say : called with the reason if a finished run cannot be stored
    """
    conflicts: list[MachineError] = []
    for cell in cells:
        record = trained_record(cell, places)
        try:
            if record:
                runs = merged(runs, stored_run(TrainedRun(record, places.networks_dir), measures_of(record, cell)))
        except UserError as error:
            say(f"{cell.title}: not stored: {error}")
        except MachineError as error:
            conflicts.append(error)
    return runs, conflicts


def update_store(
    path: Path, cells: Iterable[Cell], places: Places, say: Callable[[str], None]
) -> tuple[list[StoredRun], list[MachineError]]:
    """Take the cells' finished runs into a store; return its records in order, and what `taken_into` returns.

    Another sweep that updates the same store waits meanwhile, so that neither loses the other's records.
    """
    from filelock import FileLock

    with FileLock(path.with_name(f".{path.name}.lock")):
        runs, conflicts = taken_into(read_store(path), cells, places, say)
        return write_store(path, runs), conflicts


# ---- from a version folder to a record -----------------------------------------------------------


def stored_run(run: TrainedRun, measures: dict[str, dict]) -> StoredRun:
    """Return the record of a finished run for the store.

    measures : values with their parameters, by name
    Raises Missing (a UserError) if a file of the run or of its network is missing or damaged.
    """
    record, curves = run.record, run.accuracies
    identity, session = record.identity, record.sessions[-1]
    decisive = _decisive(record)
    best = run.best_cycle - 1
    return StoredRun(
        key=content_checksum({}, decisive)[:16],
        version=record.version,
        model=record.model.name,
        dataset=record.dataset,
        dataset_sha256=identity["dataset_sha256"],
        knobs=record.knobs,
        network=_network(run),
        seed=record.seed,
        sizes={name: decisive[name] for name in _SIZES if name in decisive},
        engine=identity["engine"],
        cycle=best + 1,
        accuracies={split: round(float(curve[best]), 8) for split, curve in curves.items()},
        measures={_name_of(name, values): _without_nan(values) for name, values in measures.items()},
        seconds=record.folder.seconds(),
        peak_memory_bytes=record.folder.peak_bytes(),
        machine=session.get("machine", "unknown machine"),
        threads=session.get("threads"),
        versions=session.get("packages", {}),
        started=session.get("started", ""),
        digest=content_checksum({ACCURACY_NAMES[split]: curve.astype("<f8") for split, curve in curves.items()}, {}),
        readout=record.readout,
        constants=record.constants or None,
        rates=identity.get("rates"),
    )


def _name_of(measure: str, values: Mapping) -> str:
    """Return the name of a measure and those of its parameters that differ from the published ones."""
    published = MEASURES[measure].parameters
    own = {name: values[name] for name in published if values.get(name, published[name]) != published[name]}
    return " ".join([measure, *as_text(own)])


def _without_nan(values: Mapping) -> dict:
    """Return values as JSON can store them; the branching factor of a silent liquid is NaN."""
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in values.items()}


def _decisive(record: RunRecord) -> dict:
    """Return the part of an identity that decides the accuracies."""
    unused = (*_DECIDES_NOTHING, *(_INITIALISATION if record.model.initialisation is None else ()))
    return {name: value for name, value in record.identity.items() if name not in unused}


_NETWORKS: dict[tuple[Path, int, str], dict] = {}  # of the runs so far; many runs share a network


def _network(run: TrainedRun) -> dict:
    """Return what the store keeps of the network of a run."""
    number, sha256 = run.record.network_number, run.record.identity["network_sha256"]
    key = run.networks_dir, number, sha256
    if key not in _NETWORKS:
        network = run.network
        _NETWORKS[key] = {
            "number": number, "sha256": sha256, "dims": [int(size) for size in network.dims or ()],
            "neurons": network.n_liquid, "inputs": network.n_inputs, "seed": network.seed,
            **({"constants": network.constants} if network.constants else {}),
        }  # fmt: skip
    return _NETWORKS[key]
