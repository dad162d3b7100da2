"""The output layer: against recorded training, and against the formulas in float64."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nalsm.optimiser import ReadoutConstants
from nalsm.readout import CountBlock, Readout, Team, kernels, sample_factors
from nalsm.runs.readout_training import divided

GOLDEN = Path(__file__).parents[1] / "golden" / "readout_and_analysis.npz"
STATE = {"weights", "biases", "weights_square", "biases_square", "weights_step", "biases_step"}


@pytest.fixture(scope="module")
def recorded():
    with np.load(GOLDEN) as file:
        return {name: file[name] for name in file.files if name.startswith("readout_")}


def random_batches(seed, n_batches=6, batch=20, n_liquid=40, most=60, n_classes=10):
    random = np.random.default_rng(seed)
    rates = random.uniform(0, most, (n_classes, n_liquid))
    labels = random.integers(0, n_classes, (n_batches, batch))
    return random.poisson(rates[labels]).astype(np.uint16), labels


def assert_same_state(a, b):
    assert set(a.state()) == set(b.state()) == STATE
    for name, value in a.state().items():
        np.testing.assert_array_equal(b.state()[name], value, err_msg=name)


class Float64Readout:
    """The same layer from its formulas: normalisation, softmax, cross-entropy, Adadelta."""

    def __init__(self, n_liquid, n_classes=10):
        self.parameters = [np.zeros((n_liquid, n_classes)), np.zeros(n_classes)]
        self.squares, self.steps = ([np.zeros_like(p) for p in self.parameters] for _ in range(2))

    @staticmethod
    def normalise(counts):
        sums = counts.sum(axis=1, keepdims=True, dtype=float)
        x = np.divide(counts, sums, out=np.zeros(counts.shape), where=sums > 0)
        return x / x.max() if x.max() > 0 else x

    @staticmethod
    def softmax(z):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def logits(self, counts):
        return self.normalise(counts) @ self.parameters[0] + self.parameters[1]

    def targets(self, labels):
        classes = np.arange(len(self.parameters[1]))
        return self.softmax(np.where(classes == np.asarray(labels)[:, None], 1.0, -1.0))

    def loss(self, counts, labels):
        cross = -(self.targets(labels) * np.log(self.softmax(self.logits(counts)))).sum(axis=1)
        return cross.mean() + 5e-10 * (self.parameters[0] ** 2).sum() / 2

    def gradient(self, counts, labels):
        error = (self.softmax(self.logits(counts)) - self.targets(labels)) / len(labels)
        return [self.normalise(counts).T @ error + 5e-10 * self.parameters[0], error.sum(axis=0)]

    def train_batch(self, counts, labels):
        for k, gradient in enumerate(self.gradient(counts, labels)):
            self.squares[k] = 0.95 * self.squares[k] + 0.05 * gradient**2
            change = np.sqrt(self.steps[k] + 1e-8) / np.sqrt(self.squares[k] + 1e-8) * gradient
            self.steps[k] = 0.95 * self.steps[k] + 0.05 * change**2
            self.parameters[k] = self.parameters[k] - 0.1 * change

    def accuracy(self, counts, labels):
        return np.mean(self.logits(counts).argmax(axis=1) == labels)


# ---- recorded training ----------------------------------------------------------------------------


def test_recorded_training(recorded):
    counts, labels = recorded["readout_counts"], recorded["readout_labels"]
    n = int(recorded["readout_train_batches"])
    block = CountBlock.pack(counts[:n], labels[:n])
    readout, done = Readout(counts.shape[2]), 0
    for k, steps in enumerate(recorded["readout_steps"]):
        while done < steps:
            if done % n == 0 and steps - done >= n:
                readout.train_block(block)
                done += n
            else:
                readout.train_batch(counts[done % n], labels[done % n])
                done += 1
        np.testing.assert_allclose(readout.weights, recorded["readout_W"][k], rtol=0, atol=1e-5)
        np.testing.assert_allclose(readout.biases, recorded["readout_b"][k], rtol=0, atol=1e-5)
    accuracy = [readout.accuracy(*batch) for batch in zip(counts, labels, strict=True)]
    np.testing.assert_allclose(accuracy, recorded["readout_accuracy_per_batch"], atol=1e-7)
    assert min(accuracy) < 1, "nothing would be said by perfect ones"


# ---- formulas in float64 --------------------------------------------------------------------------


def test_the_float64_gradient_is_that_of_the_loss(recorded):
    """The yardstick below is itself measured: by differences of the loss."""
    counts, labels = random_batches(0, n_batches=1, batch=7, n_liquid=5)
    plain = Float64Readout(5)
    random = np.random.default_rng(1)
    plain.parameters = [random.normal(size=(5, 10)), random.normal(size=10)]
    gradient = plain.gradient(counts[0], labels[0])
    for k, place in ((0, (3, 4)), (0, (0, 9)), (1, (2,))):
        value = plain.parameters[k][place]
        sides = []
        for h in (1e-5, -1e-5):
            plain.parameters[k][place] = value + h
            sides.append(plain.loss(counts[0], labels[0]))
        plain.parameters[k][place] = value
        assert (sides[0] - sides[1]) / 2e-5 == pytest.approx(gradient[k][place], abs=1e-8)


@pytest.mark.parametrize("most", [3, 60, 2000, 60_000])
def test_steps_equal_the_formulas(most):
    """Counts above 255 take the wider type on their way."""
    counts, labels = random_batches(most, most=most)
    assert (counts.max() > 255) == (most > 255)
    readout, plain = Readout(40), Float64Readout(40)
    for _ in range(4):
        for batch, wanted in zip(counts, labels, strict=True):
            readout.train_batch(batch, wanted)
            plain.train_batch(batch, wanted)
    np.testing.assert_allclose(readout.weights, plain.parameters[0], rtol=0, atol=2e-6)
    np.testing.assert_allclose(readout.biases, plain.parameters[1], rtol=0, atol=2e-6)
    assert np.abs(plain.parameters[0]).max() > 1e-3
    for batch, wanted in zip(counts, labels, strict=True):
        assert readout.accuracy(batch, wanted) == pytest.approx(plain.accuracy(batch, wanted))


def test_the_weight_penalty_counts():
    """Large weights make its share of the gradient visible: without data of class or spike, it is all there is."""
    readout = Readout(3)
    state = readout.state()
    state["weights"] = np.full((10, 3), 1e5, np.float32)
    readout.restore(state)
    loss = readout.train_batch(np.zeros((2, 3), int), [0, 1])
    assert loss == pytest.approx(np.log(10) + 5e-10 * 30 * 1e10 / 2, rel=1e-5)
    gradient = 5e-10 * 1e5
    change = np.sqrt(1e-8) / np.sqrt(0.05 * gradient**2 + 1e-8) * gradient
    np.testing.assert_allclose(readout.state()["weights_square"], 0.05 * gradient**2, rtol=1e-4)
    np.testing.assert_allclose(readout.state()["weights_step"], 0.05 * change**2, rtol=1e-4)


def test_factors_are_both_divisions_at_once():
    counts = np.array([[1, 3, 0], [0, 0, 0], [5, 5, 10]], np.uint16)
    x = counts * sample_factors(counts)[:, None]
    np.testing.assert_allclose(x, [[1 / 3, 1, 0], [0, 0, 0], [1 / 3, 1 / 3, 2 / 3]], rtol=1e-6)
    assert sample_factors(counts).dtype == np.float32
    assert sample_factors(np.zeros((2, 3), np.uint8)).tolist() == [0, 0]
    wide = np.full((2, 70_000), 65_535, np.uint16)
    np.testing.assert_allclose(wide * sample_factors(wide)[:, None], 1.0, rtol=1e-6)


def test_accuracy_by_hand():
    readout = Readout(2)
    state = readout.state()
    state["weights"][:3] = [1, 0], [0, 1], [0, 0]
    state["biases"][:] = [0, 0, 0.1, *[-1] * 7]
    readout.restore(state)
    counts = np.array([[9, 1], [1, 9], [0, 0], [300, 0]])
    assert readout.accuracy(counts, [0, 1, 2, 0]) == 1.0
    assert readout.accuracy(counts, [1, 1, 2, 2]) == 0.5
    block = CountBlock.pack(counts.reshape(2, 2, 2), [[0, 1], [1, 0]])
    assert readout.count_correct(block) == 3
    assert readout.predict(block).tolist() == [[0, 1], [2, 0]]


@pytest.mark.parametrize("batch", [1, 2, 3, 4, 5, 7])
def test_any_batch_size(batch):
    """Samples are taken in twos and fours: whatever is left over counts once."""
    counts, labels = random_batches(batch, batch=batch)
    readout, plain = Readout(40), Float64Readout(40)
    for values, wanted in zip(counts, labels, strict=True):
        readout.train_batch(values, wanted)
        plain.train_batch(values, wanted)
    np.testing.assert_allclose(readout.weights, plain.parameters[0], rtol=0, atol=2e-6)
    np.testing.assert_allclose(readout.biases, plain.parameters[1], rtol=0, atol=2e-6)
    assert [readout.accuracy(*b) for b in zip(counts, labels, strict=True)] == [
        pytest.approx(plain.accuracy(*b)) for b in zip(counts, labels, strict=True)
    ]


def test_the_loss_is_that_of_the_formulas():
    counts, labels = random_batches(9)
    readout, plain = Readout(40), Float64Readout(40)
    for batch, wanted in zip(counts, labels, strict=True):
        loss = plain.loss(batch, wanted)
        assert readout.train_batch(batch, wanted) == pytest.approx(loss, rel=1e-6)
        plain.train_batch(batch, wanted)


# ---- blocks, samples without spikes, checkpoints --------------------------------------------------


@pytest.mark.parametrize("most", [60, 2000])
def test_a_block_is_its_batches_one_by_one(most):
    counts, labels = random_batches(2, most=most)
    one, other, third = Readout(40), Readout(40), Readout(40)
    one.train_block(CountBlock.pack(counts, labels))
    for batch, wanted in zip(counts, labels, strict=True):
        other.train_batch(batch, wanted)
    for part in (slice(0, 4), slice(4, 6)):
        third.train_block(CountBlock.pack(counts[part], labels[part]))
    assert_same_state(one, other)
    assert_same_state(one, third)
    singly = [one.predict(CountBlock.pack(counts[k : k + 1])) for k in range(6)]
    whole = CountBlock.pack(counts, labels)
    np.testing.assert_array_equal(one.predict(whole), np.concatenate(singly))
    assert one.count_correct(whole) == np.count_nonzero(np.concatenate(singly) == labels)


def test_order_of_batches_matters():
    counts, labels = random_batches(3)
    one, other = Readout(40), Readout(40)
    one.train_block(CountBlock.pack(counts, labels))
    other.train_block(CountBlock.pack(counts[::-1], labels[::-1]))
    assert not np.array_equal(one.weights, other.weights)


def test_blocks_are_narrow():
    counts, labels = random_batches(4, most=10)
    assert counts.max() <= 255
    block = CountBlock.pack(counts, labels)
    assert block.counts.dtype == np.uint8
    assert block.n_samples == 120
    assert block.nbytes == counts.size + 2 * 4 * labels.size
    for largest, dtype in ((255, np.uint8), (256, np.uint16), (65_535, np.uint16)):
        counts[2, 3, 4] = largest
        block = CountBlock.pack(counts, labels)
        assert block.counts.dtype == dtype
        np.testing.assert_array_equal(block.counts, counts)


@pytest.mark.parametrize("silent", [[0], [0, 7, 19], range(20)])
def test_samples_without_spikes(silent):
    """They count as zero vectors and leave everything finite; so does a batch of nothing else."""
    counts, labels = random_batches(6)
    counts[1, list(silent)] = 0
    readout, plain = Readout(40), Float64Readout(40)
    for batch, wanted in zip(counts, labels, strict=True):
        readout.train_batch(batch, wanted)
        plain.train_batch(batch, wanted)
    for value in readout.state().values():
        assert np.isfinite(value).all()
    np.testing.assert_allclose(readout.weights, plain.parameters[0], rtol=0, atol=2e-6)
    np.testing.assert_allclose(readout.biases, plain.parameters[1], rtol=0, atol=2e-6)
    assert readout.accuracy(counts[1], labels[1]) == pytest.approx(plain.accuracy(counts[1], labels[1]))


def test_a_readout_goes_on_from_its_state():
    """Bit for bit, through NumPy arrays as a checkpoint holds them."""
    counts, labels = random_batches(7)
    whole = Readout(40)
    for _ in range(2):
        whole.train_block(CountBlock.pack(counts, labels))
    first = Readout(40)
    first.train_block(CountBlock.pack(counts, labels))
    state = {name: np.array(value) for name, value in first.state().items()}
    assert {value.dtype for value in state.values()} == {np.dtype(np.float32)}
    second = Readout(40)
    second.restore(state)
    assert_same_state(first, second)
    second.train_block(CountBlock.pack(counts, labels))
    assert_same_state(whole, second)
    assert not np.array_equal(first.weights, second.weights), "the first one was left alone"


def test_returned_parameters_do_not_change():
    counts, labels = random_batches(8)
    readout = Readout(40)
    assert not readout.weights.any()
    assert not readout.biases.any()
    assert (readout.weights.shape, readout.biases.shape) == ((40, 10), (10,))
    readout.train_batch(counts[0], labels[0])
    before, biases = readout.weights, readout.biases
    frozen = Readout.from_parameters(before, biases)
    block = CountBlock.pack(counts, labels)
    predicted = frozen.predict(block)
    for _ in range(3):
        readout.train_block(block)
    np.testing.assert_array_equal(frozen.predict(block), predicted)
    assert not np.array_equal(readout.weights, before)
    np.testing.assert_array_equal(frozen.weights, before)
    np.testing.assert_array_equal(frozen.biases, biases)
    before[:] = 99
    assert readout.weights.max() < 99
    assert frozen.weights.max() < 99


# ---- threads --------------------------------------------------------------------------------------


@given(
    n_liquid=st.integers(1, 700), batches=st.lists(st.integers(1, 120), min_size=1, max_size=3),
    n_classes=st.integers(2, 12), most=st.sampled_from([60, 2000]), size=st.integers(2, 5), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
@example(n_liquid=1000, batches=[250], n_classes=10, most=60, size=5, seed=0)
def test_threads_change_no_bit(n_liquid, batches, n_classes, most, size, seed):
    """Whatever their number, and however samples and neurons are divided: state, loss and predictions are equal."""
    blocks = [
        CountBlock.pack(*random_batches(seed + k, 2, batch, n_liquid, most, n_classes))
        for k, batch in enumerate(batches)
    ]

    class Divided(Team):
        def size_for(self, products):
            return self.size  # also where the work is too little to be divided

    found = []
    for team in (Team(1), Divided(size)):
        with team:
            readout = Readout(n_liquid, n_classes, team)
            losses = [readout.train_blocks(blocks) for _ in range(2)]
            found.append((readout, losses, readout.count_correct_of_blocks(blocks), readout.predict(blocks[0])))
    (one, *results), (other, *same_results) = found
    assert_same_state(one, other)
    assert [str(result) for result in results] == [str(result) for result in same_results]
    assert one.weights.any()


@given(n=st.integers(0, 300), unit=st.integers(1, 70), n_shares=st.integers(1, 20))
def test_parts_are_everything_once(n, unit, n_shares):
    parts = [kernels.part(n, unit, share, n_shares) for share in range(n_shares)]
    assert [k for begin, end in parts for k in range(begin, end)] == list(range(n))
    assert all(begin % unit == 0 for begin, end in parts if begin < end)


def test_a_share_that_fails_leaves_no_other_waiting(monkeypatch):
    original, counts = kernels.train_block, np.ones((1, 100, 400), np.uint8)

    def failing(*arguments):
        if arguments[-1].number == 1:
            raise MemoryError
        return original(*arguments)

    monkeypatch.setattr(kernels, "train_block", failing)
    with Team(3) as team, pytest.raises(MemoryError):
        Readout(400, 10, team).train_block(CountBlock.pack(counts, np.zeros((1, 100), int)))


def test_little_work_is_not_divided():
    with Team(4) as team:
        assert [team.size_for(products) for products in (0, 19_999, 20_000, 250_000)] == [1, 1, 2, 4]
    assert [divided(threads) for threads in (1, 2, 3, 4, 8, 16)] == [(1, 1), (1, 1), (2, 1), (2, 2), (5, 3), (10, 6)]


# ---- other numbers of classes ---------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 3, 10, 11, 26, 1000])
def test_any_number_of_classes(n_classes):
    """Loss, steps of Adadelta, and predictions equal the formulas, whatever part of the last tile is in use."""
    counts, labels = random_batches(n_classes, n_classes=n_classes)
    readout, plain = Readout(40, n_classes), Float64Readout(40, n_classes)
    for _ in range(3):
        for batch, wanted in zip(counts, labels, strict=True):
            loss = plain.loss(batch, wanted)
            gradient = plain.gradient(batch, wanted)
            squares = readout.state()["weights_square"].T, readout.state()["biases_square"]
            assert readout.train_batch(batch, wanted) == pytest.approx(loss, rel=5e-6)
            for name, before, wanted_gradient in zip(("weights", "biases"), squares, gradient, strict=True):
                square = readout.state()[f"{name}_square"].T - np.float32(0.95) * before
                np.testing.assert_allclose(square, 0.05 * wanted_gradient**2, rtol=1e-3, atol=1e-6 * square.max())
            plain.train_batch(batch, wanted)
    assert (readout.weights.shape, readout.biases.shape) == ((40, n_classes), (n_classes,))
    np.testing.assert_allclose(readout.weights, plain.parameters[0], rtol=0, atol=2e-6)
    np.testing.assert_allclose(readout.biases, plain.parameters[1], rtol=0, atol=2e-6)
    assert np.abs(plain.parameters[0][:, labels.ravel()]).max(axis=0).min() > 1e-5, "every shown class has learnt"
    plain.parameters = [readout.weights.astype(float), readout.biases.astype(float)]
    logits = np.stack([plain.logits(batch) for batch in counts])
    np.testing.assert_array_equal(readout.predict(CountBlock.pack(counts)), logits.argmax(axis=2))


@pytest.mark.parametrize("n_classes", [3, 10, 23])
def test_grouping_into_blocks_changes_no_bit(n_classes):
    counts, labels = random_batches(n_classes, n_batches=7, n_classes=n_classes)
    random = np.random.default_rng(n_classes)
    whole = Readout(40, n_classes)
    whole.train_block(CountBlock.pack(counts, labels))
    for _ in range(5):
        edges = [0, *sorted(random.choice(np.arange(1, 7), random.integers(0, 6), replace=False)), 7]
        blocks = [CountBlock.pack(counts[a:b], labels[a:b]) for a, b in pairwise(edges)]
        parts = Readout(40, n_classes)
        for block in blocks:
            parts.train_block(block)
        assert_same_state(whole, parts)
        predicted = np.concatenate([parts.predict(block) for block in blocks])
        np.testing.assert_array_equal(predicted, whole.predict(CountBlock.pack(counts)))


def test_the_state_has_one_row_for_each_class():
    for n_classes in (10, 13):
        counts, labels = random_batches(1, n_classes=n_classes)
        block = CountBlock.pack(counts, labels)
        first, second = Readout(40, n_classes), Readout(40, n_classes)
        first.train_block(block)
        assert first.state()["weights"].shape == (n_classes, 40)
        second.restore(first.state())
        first.train_block(block)
        second.train_block(block)
        assert_same_state(first, second)


@pytest.mark.parametrize("label", [-1, 3, 10**6])
def test_labels_outside_the_classes_are_refused(label):
    counts = np.ones((1, 2, 4), int)
    readout, block = Readout(4, 3), CountBlock.pack(counts, [[0, label]])
    for call in (readout.train_block, readout.count_correct):
        with pytest.raises(ValueError, match=r"label in 0\.\.2"):
            call(block)
    for call in (readout.train_batch, readout.accuracy):
        with pytest.raises(ValueError, match=r"label in 0\.\.2"):
            call(counts[0], [0, label])
    assert not readout.weights.any()


def test_wrong_sizes_are_refused():
    readout = Readout(4, 3)
    with pytest.raises(ValueError, match="5 neurons"):
        readout.predict(CountBlock.pack(np.ones((1, 2, 5), int)))
    with pytest.raises(ValueError, match="label"):
        readout.train_block(CountBlock.pack(np.ones((1, 2, 4), int)))
    for counts in ([[[-1]]], [[[65_536]]], [[[0.5]]], [[1]]):
        with pytest.raises(ValueError, match="counts must be"):
            CountBlock.pack(counts)
    with pytest.raises(ValueError, match="labels must be"):
        CountBlock.pack([[[1], [2]]], [[0]])
    for labels in ([[0.5]], [[2**32]]):
        with pytest.raises(ValueError, match="whole numbers"):
            CountBlock.pack([[[1]]], labels)
    for call in (readout.train_batch, readout.accuracy):
        with pytest.raises(ValueError, match="one sample at least"):
            call(np.ones((0, 4), int), np.zeros(0, int))
        with pytest.raises(ValueError, match="every sample needs a label"):
            call(np.ones((2, 4), int), None)
    with pytest.raises(ValueError, match=r"\[n, R\], not \[4\]"):
        readout.predict(np.ones(4, int))
    with pytest.raises(ValueError, match="do not fit"):
        Readout.from_parameters(np.zeros((4, 3)), np.zeros(4))
    with pytest.raises(ValueError, match="two classes"):
        Readout(4, 1)


def test_fit_starts_anew_and_keeps_the_best_cycle_in_validation():
    (train, train_labels), (valid, valid_labels) = (random_batches(11, n_batches=n, most=1) for n in (4, 3))
    every = Readout(40)
    right, after = [], []
    for _ in range(8):
        for batch, labels in zip(train, train_labels, strict=True):
            every.train_batch(batch, labels)
        right.append(every.count_correct(CountBlock.pack(valid, valid_labels)))
        after.append(every.state())
    assert np.argmax(right) not in (0, 7)

    fitted = Readout(40).fit(train[0], train_labels[0])  # forgotten
    samples = train.reshape(-1, 40), train_labels.ravel()
    fitted.fit(*samples, batch_size=20, cycles=8, validation=(valid.reshape(-1, 40), valid_labels.ravel()))
    for best, readout in (
        (after[np.argmax(right)], fitted), (after[-1], Readout(40).fit(*samples, batch_size=20, cycles=8)),
    ):  # fmt: skip
        for name, value in best.items():
            np.testing.assert_array_equal(readout.state()[name], value, err_msg=name)


def test_fit_uses_all_samples_and_predicts_each_by_itself():
    counts, labels = (array.reshape(120, *array.shape[2:]) for array in random_batches(4))
    counts[7] = 0
    fitted = Readout(40).fit(counts[:90], labels[:90], batch_size=40, cycles=1000)
    steps = Readout(40)
    for _ in range(1000):
        for first in (0, 40, 80):  # the last batch has ten samples
            steps.train_batch(counts[first : min(first + 40, 90)], labels[first : min(first + 40, 90)])
    np.testing.assert_array_equal(fitted.weights, steps.weights)
    predicted = fitted.predict(counts)
    assert fitted.score(counts, labels) == np.mean(predicted == labels) > 0.9
    assert [fitted.predict(counts[k : k + 1])[0] for k in range(120)] == predicted.tolist()
    with pytest.raises(ValueError, match="no samples"):
        fitted.fit(counts[:0], labels[:0])
    with pytest.raises(ValueError, match="chosen by none"):
        fitted.fit(counts, labels, validation=(counts[:0], labels[:0]))


def test_fit_refuses_what_does_not_fit():
    """Labels left over at the end, too: they may be those of other samples."""
    counts, labels, readout = np.ones((6, 4), int), np.zeros(6, int), Readout(4)
    for pair in ((counts, labels[:5]), (counts[:4], labels), (counts[0], labels[:4])):
        for arguments in ((*pair, None), (counts, labels, pair)):
            with pytest.raises(ValueError, match=r"must be \[n, R\] and \[n\]"):
                readout.fit(*arguments[:2], batch_size=2, validation=arguments[2])
    for sizes in ({"batch_size": 0}, {"batch_size": -1}, {"cycles": 0}):
        with pytest.raises(ValueError, match=r"one (sample|cycle) at least"):
            readout.fit(counts, labels, **sizes)


def test_other_constants_of_the_training():
    """The learning rate scales the first step; a penalty keeps the weights small and adds to the loss."""
    random = np.random.default_rng(1)
    counts, labels = random.integers(0, 9, (20, 7)), random.integers(0, 10, 20)
    one, other = Readout(7), Readout(7, constants=ReadoutConstants(readout_learning_rate=0.5))
    one.train_batch(counts, labels)
    other.train_batch(counts, labels)
    np.testing.assert_allclose(other.weights, 5 * one.weights, rtol=1e-6)
    np.testing.assert_allclose(other.biases, 5 * one.biases, rtol=1e-6)
    small = Readout(7, constants=ReadoutConstants(readout_weight_penalty=100.0))
    for _ in range(300):
        one.train_batch(counts, labels)
        loss = small.train_batch(counts, labels)
    assert np.abs(small.weights).sum() < 0.3 * np.abs(one.weights).sum()
    assert loss > 50 * (small.weights**2).sum()
    with pytest.raises(ValueError, match="readout_learning_rate"):
        ReadoutConstants(readout_learning_rate=-1)
