"""The results store: a record of every finished run, which outlives the version folders.

The store is one JSON file beside the page of results (docs/results.json). Its records are sorted, and each field is
a line of its own, so that a new run or a later measure changes only the lines it has to. Records are merged by their
key, a hash of everything that decides a run's accuracies: the same run from another folder or machine has the same
key, and must have the same digest of its accuracies.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from pathlib import Path

from nalsm.models import MODELS
from nalsm.network import Network, network_path
from nalsm.runs.folder import RunFolder
from nalsm.runs.names import ACCURACY_NAMES
from nalsm.storage.checksum import content_checksum
from nalsm.storage.files import write_text
from nalsm.support.errors import DamagedFile, MachineError, UserError
from nalsm.sweep.plan import Cell
from nalsm.sweep.steps import Places, measures_of, trained_folder

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
    measures : values by name of the measure, with the parameters that they were computed with
    seconds : wall-clock time of each stage; peak_memory_bytes : None where it was not noted
    versions : of the program and its packages; started : date and time
    digest : SHA-256 of the accuracies of all cycles
    """

    key: str
    version: int
    model: str
    dataset: str
    dataset_sha256: str
    knobs: dict[str, float]
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
        return (self.dataset, self.model, network["neurons"], tuple(self.knobs.values()), network["number"], self.seed,
                self.key)  # fmt: skip


def store_path(page: Path) -> Path:
    """Return the path of the store that belongs to a page of results."""
    return Path(page).with_suffix(".json")


def read_store(path: Path) -> dict[str, StoredRun]:
    """Return the records of a store by key; none where the file does not exist yet. Raises DamagedFile."""
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


def _text(run):
    values = asdict(run)
    return "{" + ",\n ".join(f"{json.dumps(f.name)}: {json.dumps(values[f.name])}" for f in fields(run)) + "}"


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
    return {**runs, new.key: replace(old, measures=measures)}


def _name(run):
    return f"run of version {run.version} ({run.model} on {run.dataset}, started {run.started} on {run.machine})"


def taken_into(
    runs: dict[str, StoredRun], cells: Iterable[Cell], places: Places, say: Callable[[str], None]
) -> tuple[dict[str, StoredRun], list[MachineError]]:
    """Return the records with those of the cells' finished runs, and the errors of runs that contradict a record.

    say : is told why a finished run could not be taken
    """
    conflicts = []
    for cell in cells:
        folder = trained_folder(cell, places)
        try:
            if folder:
                runs = merged(runs, record_of(folder, measures_of(folder), places.networks_dir))
        except UserError as error:
            say(f"{cell.title}: the store does not take it: {error}")
        except MachineError as error:
            conflicts.append(error)
    return runs, conflicts


# ---- from a version folder to a record -----------------------------------------------------------


def record_of(folder: RunFolder, measures: dict[str, dict], networks_dir: Path) -> StoredRun:
    """Return the record of an open, finished run.

    measures : values with their parameters, by name
    Raises UserError where the file of the run's network is missing or holds another network, DamagedFile as reading.
    """
    identity, recorded = folder.identity, folder.recorded_parameters().sessions[-1]
    arrays, _ = folder.read(folder.accuracies)
    curves = {split: arrays[name] for split, name in ACCURACY_NAMES.items()}
    best = int(curves["valid"].argmax())
    decisive = _decisive(identity)
    sizes = {name: decisive[name] for name in _SIZES if name in decisive}
    return StoredRun(
        key=content_checksum({}, decisive)[:16],
        version=folder.version,
        model=identity["model"],
        dataset=identity["dataset"],
        dataset_sha256=identity["dataset_sha256"],
        knobs=decisive["knobs"],
        network=_network(networks_dir, identity["network_number"], identity["network_sha256"]),
        seed=identity["seed"],
        sizes=sizes,
        engine=identity["engine"],
        cycle=best + 1,
        accuracies={split: round(float(curve[best]), 8) for split, curve in curves.items()},
        measures=measures,
        seconds=folder.seconds(),
        peak_memory_bytes=folder.peak_bytes(),
        machine=recorded.get("machine", "unknown machine"),
        threads=recorded.get("threads"),
        versions=recorded.get("packages", {}),
        started=recorded.get("started", ""),
        digest=content_checksum({name: arrays[name].astype("<f8") for name in ACCURACY_NAMES.values()}, {}),
    )


def _decisive(identity):
    """Return the part of an identity that decides the accuracies, with the knobs as a dict."""
    unused = (*_DECIDES_NOTHING, *(_INITIALISATION if MODELS[identity["model"]].initialisation is None else ()))
    return {name: value for name, value in identity.items() if name not in unused}


@cache
def _network(networks_dir, number, sha256):
    path = network_path(networks_dir, number)
    if not path.is_file():
        raise UserError(f"--networks-dir: there is no {path}, the network of the run")
    network = Network.load(path)
    if network.fingerprint != sha256:
        raise UserError(f"--networks-dir: {path} is not the network that the run was made with")
    return {
        "number": number, "sha256": sha256, "dims": [int(size) for size in network.dims or ()],
        "neurons": network.n_liquid, "inputs": network.n_inputs, "seed": network.seed,
    }  # fmt: skip
