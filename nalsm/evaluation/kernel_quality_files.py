"""What kernel quality is computed from, and the file KERNEL_QUALITY_<v>.evaldata that keeps the ranks."""

from nalsm.runs.folder import identity_hash
from nalsm.runs.noise_folder import open_noise
from nalsm.runs.record import counts_of, runner
from nalsm.support.errors import DamagedFile, UserError


def test_counts(folder):
    """Return (counts, labels) of the test set of an open run; raises UserError where files are missing."""
    identity = folder.identity
    paths = [folder.counts("test", batch) for batch in range(identity["test_samples"] // identity["batch_size"])]
    try:
        return counts_of(folder, paths)
    except FileNotFoundError as error:
        raise UserError(
            f"VERSION: there is no {error.filename}: the run is unfinished; {runner(folder)} with the same answers "
            "goes on with it"
        ) from None


def noisy_counts(folder):
    """Return (counts, labels) of the noisy test set of an open run; raises UserError where files are missing."""
    noisy = open_noise(folder)
    path = noisy.parameters_json
    if noisy.identity:
        try:
            return counts_of(noisy, noisy.all_counts())
        except FileNotFoundError as error:
            path = error.filename
        except DamagedFile as error:
            raise DamagedFile(f"{error}; {runner(folder, noise=True)} makes it again") from None
    raise UserError(
        f"VERSION: there is no {path}: the noisy test set of the run was not presented, or not to its end; start "
        f"{runner(folder, noise=True)} first"
    )


def write(folder, ranks, attributes):
    """Keep the ranks of each draw: `ranks` has int64 [draws] under SP and AP, attributes how they were drawn."""
    folder.write(folder.kernel_quality, ranks, {**attributes, "noise": identity_hash(open_noise(folder).identity)})


def read(folder):
    """Return the ranks of an open run as `write` got them, or None where there are none of its noisy test set."""
    try:
        arrays, attributes = folder.read(folder.kernel_quality)
        noisy = open_noise(folder).identity
    except (FileNotFoundError, DamagedFile):
        return None
    return arrays if noisy and attributes.get("noise") == identity_hash(noisy) else None
