"""Ranks against recorded figures, numpy.linalg.matrix_rank and the laws they follow."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nalsm.evaluation import inertia, mean_rank
from nalsm.evaluation.kernel_quality import rank, ranks
from nalsm.support.errors import UserError

GOLDEN = Path(__file__).parents[1] / "golden"


def test_rank_as_recorded():
    figures = np.load(GOLDEN / "readout_and_analysis.npz")
    matrix = figures["readout_counts"].reshape(-1, figures["readout_counts"].shape[2]).T
    assert rank(matrix) == figures["rank"] == 40


shapes = st.tuples(st.integers(1, 25), st.integers(1, 25))
whole_numbers = arrays(np.uint16, shapes, elements=st.integers(0, 80))


@given(matrix=whole_numbers, n_copies=st.integers(0, 5), silent=st.booleans())
@settings(max_examples=100, deadline=None)
def test_rank_is_matrix_rank(matrix, n_copies, silent):
    matrix = np.concatenate([matrix, *[matrix[:1]] * n_copies, np.zeros((int(silent), matrix.shape[1]), np.uint16)])
    assert rank(matrix) == np.linalg.matrix_rank(matrix.astype(np.float32))


@pytest.mark.parametrize("shape", [(128, 128), (128, 3), (3, 128)])
@pytest.mark.parametrize("beyond", [-64, -2, -1, 0, 1, 2, 64])
def test_rank_near_the_tolerance(beyond, shape, monkeypatch):
    """A singular value at or beside the tolerance: the same rank, by matrix_rank itself where it is near."""
    original, called = np.linalg.matrix_rank, []
    monkeypatch.setattr(np.linalg, "matrix_rank", lambda matrix: called.append(1) or original(matrix))
    matrix = np.zeros(shape, np.int64)
    matrix[0, 0], matrix[1, 1] = 2**23, 128 + beyond  # the tolerance is 128
    found = rank(matrix)
    assert bool(called) == (beyond == 0)
    assert found == original(matrix.astype(np.float32)) == (2 if beyond > 0 else 1)


@given(matrix=whole_numbers, factor=st.sampled_from([1, 60, 800]))
@settings(max_examples=50, deadline=None)
def test_rank_is_that_of_all_singular_values(matrix, factor):
    """Also for products that float32 cannot hold, and where the largest eigenvalue is hard to find."""
    matrix = matrix.astype(np.int64) * factor + np.eye(*matrix.shape, dtype=np.int64)
    values = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)
    assert rank(matrix) == np.count_nonzero(values > values[0] * max(matrix.shape) * np.finfo(np.float32).eps)


@given(matrix=arrays(np.float64, (12, 12), elements=st.integers(-9, 9)))
@settings(max_examples=50, deadline=None)
def test_positive_eigenvalues(matrix):
    """Without a shift by 1/3, eigenvalues of exactly 0 would make their signs a matter of rounding."""
    symmetric = matrix + matrix.T - np.eye(12) / 3
    wanted = np.count_nonzero(np.linalg.eigvalsh(symmetric) > 0)
    assert inertia.positive_eigenvalues(symmetric) == wanted


@pytest.fixture
def counted():
    """Counts and labels of 60 samples, six of each class, of 30 neurons."""
    random = np.random.default_rng(3)
    labels = random.permutation(np.repeat(np.arange(10), 6))
    base = random.poisson(6, (60, 8)) @ random.integers(0, 3, (8, 30))  # rank 8
    return (base + (random.random((60, 30)) < 0.02)).astype(np.uint16), labels


def test_a_draw_takes_samples_of_each_class_once(counted):
    labels = counted[1]
    assert set(ranks(np.eye(60, dtype=np.uint16), labels, per_class=4, draws=20)) == {40}  # 40 different samples
    assert set(ranks(np.eye(10, dtype=np.uint16)[labels], labels, per_class=2, draws=20)) == {10}  # of all classes
    per_class = np.eye(60, dtype=np.uint16)[:, labels == 3]
    assert set(ranks(per_class, labels, per_class=4, draws=20)) == {4}  # four of class 3
    everything = ranks(counted[0], labels, per_class=6, draws=5)
    assert set(everything) == {np.linalg.matrix_rank(counted[0].astype(np.float32))}


def test_ranks_depend_on_seed_and_draw_alone(counted):
    one = ranks(*counted, per_class=2, draws=30, seed=4, workers=1)
    updates = []
    many = ranks(*counted, per_class=2, draws=40, seed=4, workers=3, update=updates.append)
    assert list(many[:30]) == list(one)
    assert len(set(one)) > 1
    assert sum(updates) == 40
    assert list(ranks(*counted, per_class=2, draws=30, seed=5)) != list(one)
    assert mean_rank(*counted, per_class=2, draws=30, seed=4) == one.mean()
    order = np.random.default_rng(0).permutation(30)
    assert list(ranks(counted[0][:, order], counted[1], per_class=2, draws=30, seed=4)) == list(one)


def test_ranks_refuse(counted):
    counts, labels = counted
    with pytest.raises(UserError, match="class 0 has 6 samples, a draw takes 7"):
        mean_rank(counts, labels, per_class=7)
    with pytest.raises(UserError, match="class 4 has 0 samples"):
        mean_rank(counts[labels != 4], labels[labels != 4], per_class=2)
    with pytest.raises(ValueError, match="shape"):
        mean_rank(counts, labels[1:], per_class=2)
    for wrong in (counts / counts.sum(axis=1, keepdims=True), -counts.astype(int)):  # rank() holds for counts only
        with pytest.raises(ValueError, match="whole numbers from 0 on"):
            mean_rank(wrong, labels, per_class=2)
    for sizes in ({"draws": 0}, {"per_class": 0}):
        with pytest.raises(ValueError, match="1 or more"):
            mean_rank(counts, labels, **sizes)


def test_other_numbers_of_classes(counted):
    """Classes beyond the tenth are not left out silently; fewer than ten are enough if that is all there are."""
    counts, labels = counted
    with pytest.raises(ValueError, match="numbers of the 10 classes"):
        mean_rank(counts, labels + 5, per_class=2)
    every = np.eye(60, dtype=np.uint16)
    assert mean_rank(every, np.arange(60) % 20, per_class=2, draws=2, classes="abcdefghijklmnopqrst") == 40
    assert mean_rank(every, np.arange(60) % 3, per_class=2, draws=2, classes="abc") == 6


def test_ranks_use_one_thread_for_each_operation(counted, monkeypatch):
    from threadpoolctl import threadpool_info

    seen = []
    original = inertia.positive_eigenvalues
    monkeypatch.setattr(
        inertia, "positive_eigenvalues", lambda matrix: seen.append(threadpool_info()) or original(matrix)
    )
    ranks(*counted, per_class=2, draws=2)
    assert len(seen) == 4
    blas = [library["num_threads"] for libraries in seen for library in libraries if library["user_api"] == "blas"]
    assert set(blas) == {1}
