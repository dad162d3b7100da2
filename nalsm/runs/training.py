"""One run from settings to result: initialise the liquid, count its spikes, train the readout.

Each stage writes its result to the version folder and uses what it finds there. A run that was interrupted
at any point resumes with the same answers and ends with bit-identical results.
"""

from functools import partial

from nalsm.datasets.dataset import Dataset
from nalsm.datasets.events import SnapshotConstants, starting_at
from nalsm.runs.counting import Counting, count_spikes
from nalsm.runs.folder import RunFolder
from nalsm.runs.history import Result
from nalsm.runs.initialisation import initialise
from nalsm.runs.names import SPLITS
from nalsm.runs.readout_training import train_readout
from nalsm.runs.readouts import PUBLISHED, RIDGE, marked
from nalsm.runs.recording import RecordingConstants, recorded_samples, recording_of
from nalsm.runs.ridge_training import train_ridge
from nalsm.runs.session import Session
from nalsm.runs.settings import Settings, common_divisors
from nalsm.support.constants import chosen
from nalsm.support.errors import UserError


class TrainingRun:
    """A training run; `run` does everything that is not done yet."""

    def __init__(self, settings: Settings, cluster: Counting | None = None) -> None:
        self.session = Session(settings, RunFolder(settings.folders.output_dir, settings.version), cluster)

    @property
    def settings(self) -> Settings:
        return self.session.settings

    @property
    def folder(self) -> RunFolder:
        return self.session.folder

    def prepare(self) -> bool:
        """Load everything and check that it fits; return whether the folder already contains this run.

        Nothing is written. Raises UserError if the settings cannot work.
        """
        session, settings, folder = self.session, self.settings, self.folder
        data_path = settings.source.find(settings.folders.data_dir)
        session.network = session.load_network()
        folder.require_space(self.expected_bytes())
        recorded = None if settings.overwrite else folder.recorded_parameters()
        session.seed = session.choose_seed(recorded)
        dataset = settings.source.load(data_path, settings.quiet)
        if settings.source.own:
            session.say_own_data(settings.source.own)
            if recorded and recorded.identity.get("dataset_sha256") != dataset.fingerprint:
                raise UserError(
                    f"DATA_FILE: {data_path} is not what version {settings.version} began with: it has changed, or is "
                    f"another file; put the old one back, or {folder.remedy}"
                )
        sizes = settings.sizes
        self._require_enough(dataset)
        session.dataset = dataset.reduced(
            sizes.train_samples, sizes.valid_samples, sizes.test_samples, seed=session.seed
        )
        session.dataset = starting_at(session.dataset, chosen(SnapshotConstants, settings.constants))
        session.liquid = session.open_liquid(session.seed)
        if recorded:
            folder.require_same(recorded, self._identity())
        return recorded is not None

    def _require_enough(self, dataset: Dataset) -> None:
        """Raise UserError, with flags that work, if the data set has fewer samples than the run is to use."""
        sizes = self.settings.sizes
        there = {name: len(getattr(dataset, name)) for name in sizes.of_splits}
        short = [name for name, size in sizes.of_splits.items() if size > there[name]]
        if not short:
            return
        smallest = min(there, key=lambda name: there[name])
        if not there[smallest]:
            raise UserError(f"--{smallest}-samples: {dataset.name} has none of them; add some to the data set")
        batch = min(sizes.batch_size, there[smallest])
        fitting = {name: min(size, there[name]) // batch * batch for name, size in sizes.of_splits.items()}
        n_batches = fitting["train"] // batch
        block = max(d for d in common_divisors([n_batches]) if d <= sizes.batches_per_block)
        flags = " ".join(f"--{name}-samples {size}" for name, size in fitting.items())
        raise UserError(
            f"--{short[0]}-samples: {dataset.name} has {there[short[0]]:,} of them, not {sizes.of_splits[short[0]]:,}; "
            f"these work: {flags} --batch-size {batch} --batchs-per-block {block}"
        )

    def run(self) -> Result:
        """Return the Result. Raises UserError before anything is written if the settings cannot work."""
        recorded = self.prepare()
        session, settings, folder = self.session, self.settings, self.folder
        identity = self._identity()
        with folder.locked(settings.overwrite):
            session.start(identity)
            model = marked(settings.model, settings.readout or PUBLISHED)
            session.say(
                f"{'going on with' if recorded else 'new run'} version {settings.version}, {model} on "
                f"{session.dataset.name}, seed {session.seed}: {folder.path}"
            )
            with session.timed("initialisation"):
                weights = initialise(session)
            with session.timed("counting"):
                splits = {name: getattr(session.dataset, name) for name in SPLITS}
                count_spikes(session, weights, splits, partial(recorded_samples, constants=self._recording))
            with session.timed("readout"):
                return train_ridge(session) if settings.readout == RIDGE else train_readout(session)

    def expected_bytes(self) -> float:
        """Return the room on the disk that the run needs, in bytes."""
        settings, network = self.settings, self.session.network
        n_samples = sum(settings.sizes.of_splits.values())
        n_kept = settings.sizes.cycles // settings.keep_weights_every if settings.keep_weights_every else 0
        kept = n_kept * 4 * (network.n_liquid + 1) * len(settings.source.classes)
        spikes = self._recorded_samples() * settings.sizes.sample_ms * network.n_neurons / 4
        return (
            n_samples * network.n_liquid + 8 * network.n_synapses + 2 * kept + spikes + 50e6
        )  # kept in parts, then in one file

    @property
    def _recording(self) -> RecordingConstants:
        settings = self.settings
        return recording_of(settings.sizes.of_splits.values(), settings.constants)

    def _recorded_samples(self) -> int:
        """Return how many samples have their spikes kept; 0 for the published choice, whose room is negligible."""
        sizes = self.settings.sizes
        if self._recording == RecordingConstants():
            return 0
        return sum(
            len(recorded_samples(batch, sizes.batch_size, self._recording))
            for size in sizes.of_splits.values()
            for batch in range(size // sizes.batch_size)
        )

    def _identity(self) -> dict:
        """Return what decides the results, down to the bits."""
        session, settings, own = self.session, self.settings, self.settings.source.own
        cycles = {"cycles": settings.sizes.cycles, "keep_weights_every": settings.keep_weights_every}
        snapshots = {"init_samples": settings.sizes.init_samples, "init_ms": settings.sizes.init_ms}
        return {
            "model": settings.model,
            "dataset": session.dataset.name,
            "dataset_sha256": session.dataset.fingerprint,
            **({"rates": own.rates} if own and own.rates else {}),
            "network_number": settings.network_number,
            "network_sha256": session.network.fingerprint,
            "seed": session.seed,
            "knobs": settings.knobs,
            **({"constants": settings.constants} if settings.constants else {}),
            "batch_size": settings.sizes.batch_size,
            **{f"{name}_samples": size for name, size in settings.sizes.of_splits.items()},
            **(snapshots if session.model.initialisation else {}),
            "sample_ms": settings.sizes.sample_ms,
            **({"readout": RIDGE} if settings.readout == RIDGE else cycles),
            "engine": session.liquid.engine,
        }
