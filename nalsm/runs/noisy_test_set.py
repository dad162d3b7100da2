"""The noisy test set of a trained run, presented from the run's weights; its counts go beside the run's own.

The version folder gets a second parameter file, which names the run by the hash of its identity. So noisy
counts are never read together with another run's test counts. It also names the engine that made the noisy
counts, which may differ from the run's: both gave the same spikes in all cases tried, which is not promised.
"""

import numpy as np

from nalsm.datasets.dataset import Dataset
from nalsm.runs.counting import Counting, count_spikes
from nalsm.runs.folder import RunFolder
from nalsm.runs.names import WEIGHTS
from nalsm.runs.noise_folder import NoiseFolder
from nalsm.runs.session import Session
from nalsm.runs.settings import Settings
from nalsm.support.errors import DamagedFile, UserError


class NoiseRun:
    """The presentation of a noisy test set; `run` presents everything that has no counts yet.

    settings : those of the trained run, with the seed of the noise
    """

    def __init__(self, settings: Settings, cluster: Counting | None = None) -> None:
        noise = settings.noise
        if noise is None:
            raise ValueError(f"{settings.dataset} has no noisy test set")
        self.noise = noise
        self.trained = RunFolder(settings.folders.output_dir, settings.version)
        self.session = Session(settings, NoiseFolder(settings.folders.output_dir, settings.version, noise), cluster)

    @property
    def folder(self) -> RunFolder:
        return self.session.folder

    @property
    def dataset(self) -> Dataset:
        return self.session.dataset

    def run(self) -> None:
        """Present the noisy test set. Raises UserError before anything is written if the settings cannot work."""
        session, settings, folder = self.session, self.session.settings, self.session.folder
        trained = self.trained.open()
        data_path = settings.source.find(settings.folders.data_dir)
        session.network = session.load_network()
        network = f"NET_NUM_VAR: network {settings.network_number}"
        self._require_unchanged("network_sha256", session.network.fingerprint, network)
        folder.require_space(settings.sizes.test_samples * session.network.n_liquid + 50e6)
        recorded = None if settings.overwrite else folder.recorded_parameters()
        session.seed = session.choose_seed(recorded or trained)
        dataset = settings.source.load(data_path, settings.quiet)
        flag = "--data-file" if settings.source.own else "--data-dir"
        self._require_unchanged("dataset_sha256", dataset.fingerprint, f"{flag}: {dataset.name} in {data_path}")
        noisy = self.noise.added_to(dataset, session.seed)
        sizes = settings.sizes
        session.dataset = noisy.reduced(
            sizes.train_samples, sizes.valid_samples, sizes.test_samples, seed=trained.identity["seed"]
        )
        session.liquid = session.open_liquid(trained.identity["seed"])
        folder.identity = identity = self._identity()
        if recorded:
            folder.require_same(recorded, identity)
        weights = self._trained_weights()  # before noisy counts are deleted

        with folder.locked(settings.overwrite):
            session.start(identity)
            session.say(
                f"{'going on with' if recorded else 'new'} {folder.subject} of version {settings.version}, "
                f"{settings.model} on {session.dataset.name}, seed {session.seed}: {folder.path}"
            )
            with session.timed("counting"):
                count_spikes(session, weights, {"test": session.dataset.test})

    def _require_unchanged(self, key: str, value: str, what: str) -> None:
        recorded = (self.trained.identity or {})[key]
        if recorded != value:
            raise UserError(
                f"{what} is not the one that version {self.trained.version} was trained with; its SHA-256 is "
                f"{value[:12]}..., {self.trained.parameters_json.name} says {recorded[:12]}..."
            )

    def _trained_weights(self) -> np.ndarray:
        path = self.trained.weights
        try:
            return self.trained.read(path)[0][WEIGHTS]
        except FileNotFoundError:
            raise UserError(
                f"VERSION: {path} is not there: the run is not initialised; start its training program again"
            ) from None
        except DamagedFile as error:
            raise DamagedFile(f"{error}; if the run is unfinished, its training program recomputes it") from None

    def _identity(self) -> dict:
        session, settings = self.session, self.session.settings
        return {
            "run": self.trained.run_hash,
            "noise": self.noise.file_tag,
            "model": settings.model,
            "dataset": session.dataset.name,
            "seed": session.seed,
            "batch_size": settings.sizes.batch_size,
            "test_samples": settings.sizes.test_samples,
            "engine": session.liquid.engine,
        }
