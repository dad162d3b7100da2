"""The files of a noisy test set, beside those of the run it belongs to."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nalsm.datasets import Noise
from nalsm.runs.folder import RunFolder
from nalsm.runs.record import RunRecord
from nalsm.support.errors import UserError


class NoiseFolder(RunFolder):
    """The files of a noisy test set in the version folder of its run; their names begin with the noise's file tag."""

    subject = "noisy test set"
    remedy = "give --overwrite to compute it anew"

    def __init__(self, output_dir: str | Path, version: int, noise: Noise) -> None:
        super().__init__(output_dir, version)
        self.noise = noise
        self._all_files = self._tagged("*.*")

    def _tagged(self, name: str) -> str:
        return f"{self.noise.file_tag}_{name}"

    @property
    def parameters_json(self) -> Path:
        return self.path / self._tagged(super().parameters_json.name)

    @property
    def parameters_text(self) -> Path:
        return self.path / self._tagged(super().parameters_text.name)

    @property
    def times(self) -> Path:
        return self.path / self._tagged(super().times.name)

    def counts(self, split: str, batch: int) -> Path:
        return self.path / self._tagged(super().counts(split, batch).name)

    def all_counts(self) -> list[Path]:
        """Return the paths of all its count files; the folder has to be opened or started."""
        identity = self.identity or {}
        n_batches = identity["test_samples"] // identity["batch_size"]
        return [self.counts("test", batch) for batch in range(n_batches)]

    def is_finished(self) -> bool:
        """Return whether all count files are present and undamaged."""
        return all(self.read_if_good(path, say=lambda _text: None) for path in self.all_counts())

    def _require_empty(self) -> None:
        """Accept the files of the run."""

    def _clear(self) -> None:
        for path in self.path.glob(self._tagged("*")):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def open_noise(run: RunRecord, constants: Mapping[str, Any] | None = None) -> NoiseFolder:
    """Return the NoiseFolder of a run; its `identity` is None if the folder has no noisy test set of this run.

    constants : strength of the noise by its name, if not the published one
    Raises UserError if the run's data set has no noisy test set, DamagedFile if the noisy test set's parameters are
    damaged.
    """
    if run.source.noise is None:
        raise UserError(f"VERSION: {run.title}: {run.source.name} has no noisy test set")
    noise = run.source.noise.with_strength(constants or {})
    noisy = NoiseFolder(run.folder.path.parent, run.version, noise)
    recorded = noisy.recorded_parameters()
    if recorded and recorded.identity.get("run") == run.folder.run_hash:
        noisy.open()
    return noisy
