"""The noisy test set of a trained run: the run's liquid and weights W_INI, and spike counts beside its own.

The version folder gets a second record, which names the run by the hash of its identity: noisy counts
are never read together with another run's test counts. The engine in it is the one that made the noisy
counts; it need not be the run's engine: both gave the same spikes in all cases tried, which is not promised.
"""

from nalsm.runs.counting import Counting, count_spikes
from nalsm.runs.noise_folder import NoiseFolder
from nalsm.runs.settings import Settings
from nalsm.runs.training import TrainingRun
from nalsm.support.errors import DamagedFile, UserError


class NoiseRun(TrainingRun):
    """Presents the noisy test set once; `settings` are those of the run, `settings.seed` the noise's."""

    def __init__(self, settings: Settings, cluster: Counting | None = None):
        super().__init__(settings, cluster)
        self.noise = settings.source.noise
        self.trained = self.folder
        self.folder = NoiseFolder(settings.output_dir, settings.version, self.noise)

    def run(self):
        """Present what has no counts yet."""
        settings = self.settings
        self.trained.open()
        data_path = settings.source.find(settings.data_dir)
        self.network = self._load_network()
        number = settings.network_number
        self._require_unchanged("network_sha256", self.network.fingerprint, f"NET_NUM_VAR: network {number}")
        self.folder.require_space(settings.test_samples * self.network.n_liquid + 50e6)
        recorded = None if settings.overwrite else self.folder.recorded_parameters()
        self.seed = self._choose_seed(recorded)
        dataset = settings.source.load(data_path, settings.quiet)
        self._require_unchanged("dataset_sha256", dataset.fingerprint, f"--data-dir: {dataset.name} in {data_path}")
        noisy = self.noise.added_to(dataset, self.seed)
        self.dataset = noisy.reduced(*settings.sizes.values(), seed=self.trained.identity["seed"])
        self.liquid = self._open_liquid()
        self.folder.identity = identity = self._identity()
        if recorded:
            self.folder.require_same(recorded, identity)

        with self.folder.locked(settings.overwrite):
            weights = self._trained_weights()
            self._start(identity)
            self.say(
                f"{'going on with' if recorded else 'new'} {self.folder.holds} of version {settings.version}, "
                f"{settings.model} on {self.dataset.name}, seed {self.seed}: {self.folder.path}"
            )
            with self._timed("counting"):
                count_spikes(self, weights, {"test": self.dataset.test})

    def _require_unchanged(self, key, value, what):
        if self.trained.identity[key] != value:
            raise UserError(
                f"{what} is not the one that version {self.settings.version} was trained with; its SHA-256 is "
                f"{value[:12]}..., {self.trained.parameters_json.name} says {self.trained.identity[key][:12]}..."
            )

    def _choose_seed(self, recorded):
        return super()._choose_seed(recorded or self.trained.recorded_parameters())

    def _trained_weights(self):
        path = self.trained.weights
        try:
            return self.trained.read(path)[0]["W_INI"]
        except FileNotFoundError:
            raise UserError(
                f"VERSION: {path} is not there: the run is not initialised; start its training program again"
            ) from None
        except DamagedFile as error:
            raise DamagedFile(f"{error}; its training program makes it again if the run is unfinished") from None

    def _identity(self):
        settings = self.settings
        return {
            "run": self.trained.run_hash,
            "noise": self.noise.file_tag,
            "model": settings.model,
            "dataset": self.dataset.name,
            "seed": self.seed,
            "batch_size": settings.batch_size,
            "test_samples": settings.test_samples,
            "engine": self.liquid.engine,
        }
