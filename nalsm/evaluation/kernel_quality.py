"""Kernel quality: the rank of a matrix of spike counts, which is how many directions the liquid's answers span.

A draw takes 100 samples of each class without replacement; their counts are a float32 matrix
[R, 1000], and its rank is what numpy.linalg.matrix_rank returns: the number of singular values above

    tolerance = largest singular value * max(R, 1000) * eps,   eps that of float32.

The mean over 1,000 draws is SP (separation) for the test counts, AP (approximation) for the counts of
the noisy test set.

The product of the matrix with its transpose is exact, because counts are whole numbers, and the roots of its
eigenvalues are the singular values. Only how many of them are above the tolerance is computed, which is
quicker than the singular values themselves and far more exact than float32 near the tolerance. If one is so
near that float32 might put it on the other side, matrix_rank itself is called.

KERNEL_QUALITY_<v>.evaldata keeps the rank of each draw, with the parameters of the draws.

Source: Ivanov and Michmizos, NeurIPS 2021; R. Legenstein and W. Maass, Neural Networks 20:323, 2007.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from nalsm.datasets import DataSource
from nalsm.datasets.noise import NoiseConstants
from nalsm.evaluation.measure import Measure
from nalsm.evaluation.paper import Published, published_kernel_quality
from nalsm.models import Knobs
from nalsm.runs.noise_folder import open_noise
from nalsm.runs.record import RunRecord, read_counts
from nalsm.support.constants import as_text, constants_of
from nalsm.support.errors import DamagedFile, UserError
from nalsm.support.random_streams import stream
from nalsm.support.resources import cores

PER_CLASS = 100  # samples of each class in a published draw
_TEN = tuple(map(str, range(10)))  # classes of the published data sets
_EPS = float(np.finfo(np.float32).eps)
# How near the tolerance is too near, as a share of the largest singular value: the error that LAPACK's guide gives for
# computed singular values. Those of matrices of counts were found to be off by a thousandth of it.
_DOUBT = _EPS / 2
_EXACT = 2.0**24  # float32 has every whole number below it
_CLOSE = 1e-6  # relative error of the largest eigenvalue; the doubt is 5e-4 of the tolerance of 1,000 samples
_ITERATIONS, _SMALLEST = 50, 1e-30


def mean_rank(
    counts: np.ndarray,
    labels: np.ndarray,
    per_class: int = 100,
    draws: int = 1000,
    seed: int = 0,
    classes: Sequence[str] = _TEN,
) -> float:
    """Return the mean of `ranks`: float."""
    return float(np.mean(ranks(counts, labels, per_class, draws, seed, classes=classes)))


def ranks(
    counts: np.ndarray,
    labels: np.ndarray,
    per_class: int = 100,
    draws: int = 1000,
    seed: int = 0,
    workers: int | None = None,
    update: Callable[[int], None] | None = None,
    classes: Sequence[str] = _TEN,
) -> np.ndarray:
    """Return the rank of each draw: int64 [draws].

    counts : whole numbers [samples, R]; labels : numbers of the classes [samples]
    per_class : samples of each class in a draw
    seed : decides, with a draw's number, the samples of the draw, whatever the number of workers
    workers : draws at the same time; None: one for each CPU core
    update : called with 1 after each draw
    classes : names of all classes, in the order of their numbers
    Raises UserError if a class has fewer than `per_class` samples, ValueError if the shapes do not fit, for counts that
    are not whole numbers from 0 on, for labels of other classes, and for no draws or samples.
    """
    from threadpoolctl import threadpool_limits

    import nalsm.evaluation.inertia  # noqa: F401 - loads its library, before the number of threads is set

    counts, labels = np.asarray(counts), np.asarray(labels)
    if counts.ndim != 2 or labels.shape != counts.shape[:1]:
        raise ValueError(f"counts have the shape {counts.shape} and labels {labels.shape}, not [n, R] and [n]")
    if counts.dtype.kind not in "iub" or counts.min(initial=0) < 0:
        raise ValueError("counts must be whole numbers from 0 on, as they were counted")
    if not np.isin(labels, np.arange(len(classes))).all():
        raise ValueError(f"labels must be numbers of the {len(classes)} classes, from 0 on; `classes` names them")
    if draws < 1 or per_class < 1:
        raise ValueError(f"draws and per_class must be 1 or more, not {draws} and {per_class}")
    require_samples(labels, per_class, classes)
    members_of = [np.flatnonzero(labels == label) for label in range(len(classes))]

    def rank_of_draw(number):
        random = stream(seed, "kernel quality", number)
        chosen = np.concatenate([random.choice(members, per_class, replace=False) for members in members_of])
        return rank(counts[chosen].T)

    found = np.zeros(draws, np.int64)
    # one thread for each operation is quicker for matrices of this size, with the same bits on any number of cores
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(workers or cores()) as pool:
        try:
            for number, value in enumerate(pool.map(rank_of_draw, range(draws))):
                found[number] = value
                if update:
                    update(1)
        finally:
            pool.shutdown(cancel_futures=True)  # so that a signal ends it at once
    return found


def require_samples(labels: np.ndarray, per_class: int, classes: Sequence[str]) -> None:
    """Raise UserError unless every class has as many samples as a draw takes; labels : int [samples]."""
    sizes = np.bincount(np.asarray(labels, np.int64), minlength=len(classes))
    fewest = int(sizes.argmin())
    if sizes[fewest] < per_class:
        works = f"--per-class {sizes[fewest]} works" if sizes[fewest] else "the test set needs more samples"
        raise UserError(
            f"class {classes[fewest]} has {sizes[fewest]} samples, a draw takes {per_class} of each class; {works}"
        )


def rank(matrix: np.ndarray) -> int:
    """Return what numpy.linalg.matrix_rank returns for a matrix of whole numbers from 0 on as float32."""
    from nalsm.evaluation.inertia import positive_eigenvalues  # imports SciPy and Numba

    gram = _gram(matrix)
    if not gram.any():
        return 0
    limits = np.sqrt(_largest_eigenvalue(gram)) * (max(matrix.shape) * _EPS + np.array([-_DOUBT, _DOUBT]))
    above_low, above_high = (positive_eigenvalues(_shifted(gram, limit**2)) for limit in limits)
    return above_low if above_low == above_high else int(np.linalg.matrix_rank(matrix.astype(np.float32)))


def _gram(matrix: np.ndarray) -> np.ndarray:
    """Return the smaller product of a matrix and its transpose: float64 [n, n], exact."""
    short = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    single = short.astype(np.float32)
    product = single @ single.T
    # Sums of whole numbers from 0 on only grow, and float32 is exact below 2^24. No entry exceeds all of the diagonal.
    if product.diagonal().max(initial=0) < _EXACT:
        return product.astype(np.float64)
    double = short.astype(np.float64)
    return double @ double.T


def _shifted(gram: np.ndarray, by: float) -> np.ndarray:
    """Return a copy of a matrix whose eigenvalues are smaller by so much."""
    shifted = gram.copy()
    np.einsum("ii->i", shifted)[:] -= by
    return shifted


def _largest_eigenvalue(gram: np.ndarray) -> np.ndarray:
    """Return bounds of the largest eigenvalue of a symmetric matrix without negative entries: [lower, upper].

    Power iteration; the bounds are those of Collatz and Wielandt. They are far closer to each other than the doubt, or
    all eigenvalues are computed.
    """
    vector = gram.sum(axis=1)
    active = vector > 0
    for _ in range(_ITERATIONS):
        vector = np.maximum(vector / vector.max(), _SMALLEST)
        product = gram @ vector
        ratios = product[active] / vector[active]
        if ratios.max() - ratios.min() <= _CLOSE * ratios.max():
            return np.array([ratios.min(), ratios.max()])
        vector = product
    return np.repeat(np.linalg.eigvalsh(gram)[-1], 2)


# ---- counts and ranks of a run --------------------------------------------------------------------


class KeptRanks(NamedTuple):
    """Ranks of the draws (int64 [draws]) by "SP" and "AP", with the parameters draws, per_class and seed.

    parameters : also the strength of the noise if it is not the published one
    """

    ranks: dict[str, np.ndarray]
    parameters: dict[str, Any]


def test_counts(run: RunRecord) -> tuple[np.ndarray, np.ndarray]:
    """Return (counts [n, R], labels [n]) of the test set of a run. Raises UserError if files are missing."""
    try:
        return run.read_counts("test")
    except FileNotFoundError as error:
        raise UserError(
            f"VERSION: there is no {error.filename}: the run is unfinished; give {run.program} the same answers to "
            "resume it"
        ) from None


def noisy_counts(run: RunRecord, constants: Mapping[str, Any] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the same of the noisy test set of a run. Raises UserError if files are missing.

    constants : strength of the noise by its name, if not the published one
    """
    noisy = open_noise(run, constants)
    path = noisy.parameters_json
    if noisy.identity:
        try:
            return read_counts(noisy, noisy.all_counts())
        except FileNotFoundError as error:
            path = error.filename
        except DamagedFile as error:
            raise DamagedFile(f"{error}; {run.noise_program} recomputes it") from None
    raise UserError(
        f"VERSION: there is no {path}: the noisy test set of the run was not presented, or not to its end; start "
        f"{run.noise_program} first"
    )


def usual_per_class(run: RunRecord, labels: np.ndarray) -> int:
    """Return the samples of each class in a draw, if nothing else is asked for: 100, or as many as all classes have.

    labels : of the test set. Only classes of own data may have fewer than 100.
    """
    if not run.source.own:
        return PER_CLASS
    return min(PER_CLASS, max(1, int(np.bincount(labels, minlength=len(run.source.classes)).min())))


def write(
    run: RunRecord,
    found: Mapping[str, np.ndarray],
    per_class: int,
    seed: int,
    constants: Mapping[str, Any] | None = None,
) -> None:
    """Keep the ranks of the draws (int64 [draws]) under "SP" and "AP", with the parameters of the draws.

    constants : as in `noisy_counts`; kept too
    """
    parameters = {"draws": len(found["SP"]), "per_class": per_class, "seed": seed, **(constants or {})}
    run.folder.write(run.folder.kernel_quality, found, {**parameters, "noise": open_noise(run, constants).run_hash})


def kept_ranks(run: RunRecord) -> KeptRanks | None:
    """Return what `write` kept, or None if there is nothing sound that belongs to the run's noisy test set."""
    try:
        arrays, attributes = run.folder.read(run.folder.kernel_quality)
        constants = {name: attributes[name] for name, _ in constants_of(NoiseConstants) if name in attributes}
        noisy = open_noise(run, constants)
    except (FileNotFoundError, DamagedFile, UserError):
        return None
    if not noisy.identity or attributes.get("noise") != noisy.run_hash:
        return None
    draws = attributes.get("draws", len(arrays["SP"]))  # the first files did not say it
    others = {name: attributes.get(name) for name in ("per_class", "seed")}
    return KeptRanks(arrays, {"draws": draws, **others, **constants})


def _read(run: RunRecord) -> dict | None:
    kept = kept_ranks(run)
    return kept and {**{name: round(float(kept.ranks[name].mean()), 6) for name in ("SP", "AP")}, **kept.parameters}


def draws_text(parameters: Mapping[str, Any]) -> str:
    """Return the parameters of draws (draws, per_class, seed, and noise if it is not the published one) in words."""
    noise = as_text({name: parameters[name] for name in vars(NoiseConstants()) if name in parameters})
    draws = "{draws} draws of {per_class} samples of each class, seed {seed}".format(**parameters)
    return ", ".join([draws, *noise])


def _published(model: str, dataset: str, n_liquid: int, knobs: Knobs | None = None) -> dict[str, Published]:
    figure = published_kernel_quality(model, dataset, n_liquid, knobs)
    return {"SP": figure.sp, "AP": figure.ap} if figure else {}


_PARAMETERS = {"draws": 1000, "per_class": PER_CLASS, "seed": 0, **vars(NoiseConstants())}


def _impossible(settings: Mapping[str, Any], source: DataSource) -> str:
    if not source.noise:
        return f"it needs a noisy test set, and there is none of {source.name}"
    n_classes = len(source.classes)
    if not source.own and settings["test_samples"] < PER_CLASS * n_classes:
        return (
            f"{settings['test_samples']} test samples are too few for it: a draw takes {PER_CLASS} of each of "
            f"{n_classes} classes"
        )
    return ""


MEASURE = Measure(
    name="kernel_quality",
    title="kernel quality",
    formula="mean rank of counts [liquid, samples] over draws; SP of the test set, AP of the noisy test set",
    files=lambda run: [run.folder.kernel_quality],
    read=_read,
    published=_published,
    text=lambda values: f"SP {values['SP']:.2f}, AP {values['AP']:.2f} ({draws_text(values)})",
    parameters=_PARAMETERS,
    impossible=_impossible,
    column="SP / AP",
    cell=lambda values: f"{values['SP']:.1f} / {values['AP']:.1f}",
)
