"""The files of a noisy test set, beside those of the run it belongs to."""

import shutil
from pathlib import Path

from nalsm.datasets import Noise
from nalsm.runs.folder import RunFolder
from nalsm.runs.record import RunRecord
from nalsm.support.errors import UserError


class NoiseFolder(RunFolder):
    """The files of a noisy test set, in the version folder of the run that it belongs to."""

    holds = "noisy test set"
    remedy = "give --overwrite to present it anew"

    def __init__(self, output_dir: str | Path, version: int, noise: Noise) -> None:
        super().__init__(output_dir, version)
        self.noise = noise
        self.large_files = f"{noise.file_tag}_*.*data*"

    @property
    def parameters_json(self) -> Path:
        return self.path / f"{self.noise.file_tag}_VER_{self.version}_params.json"

    @property
    def parameters_text(self) -> Path:
        return self.path / f"{self.noise.file_tag}_VER_{self.version}_params.txt"

    @property
    def times(self) -> Path:
        return self.path / f"{self.noise.file_tag}_VER_{self.version}_times.json"

    def counts(self, split: str, batch: int) -> Path:
        return self.path / f"{self.noise.file_tag}_{super().counts(split, batch).name}"

    def all_counts(self) -> list[Path]:
        """Return the paths of all count files that it should have."""
        identity = self.identity or {}  # of an opened folder
        n_batches = identity["test_samples"] // identity["batch_size"]
        return [self.counts("test", batch) for batch in range(n_batches)]

    def is_finished(self) -> bool:
        """Tell whether all count files are complete and sound."""
        return all(self.read_if_good(path, say=lambda _text: None) for path in self.all_counts())

    def _require_empty(self) -> None:
        """The files of the run are here."""

    def _clear(self) -> None:
        for path in self.path.glob(f"{self.noise.file_tag}_*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def open_noise(run: RunRecord) -> NoiseFolder:
    """Return the NoiseFolder of a run; its `identity` is None if the folder has no noisy test set of this run.

    Raises UserError if the run's data set has no noisy test set, DamagedFile if the noisy test set's parameters are
    damaged.
    """
    if run.source.noise is None:
        raise UserError(f"VERSION: {run.title}: there is no noisy test set of {run.source.name}")
    noisy = NoiseFolder(run.folder.path.parent, run.version, run.source.noise)
    recorded = noisy.recorded_parameters()
    if recorded and recorded.identity.get("run") == run.folder.run_hash:
        noisy.open()
    return noisy
