"""The output layer: one linear layer from the liquid's spike counts to the classes.

For a normalised batch x (`nalsm.readout.counts`):

    logits = x W + b
    loss   = mean cross-entropy of softmax(logits) against softmax(targets) + 5e-10 * sum(W^2) / 2

The targets are +1 for the sample's class and -1 for all others. Adadelta follows the gradient of the loss.

`fit`, `predict` and `score` follow scikit-learn's conventions; a training program trains in `train_cycle`s and keeps
checkpoints in between.

Source: Ivanov and Michmizos, NeurIPS 2021, supplement; Adadelta: M. D. Zeiler, arXiv 1212.5701.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from nalsm.optimiser import PUBLISHED, ReadoutConstants
from nalsm.readout import kernels
from nalsm.readout.counts import CountBlock, largest_share
from nalsm.readout.team import ALONE, Team

_LINE = 16  # int64s that keep a counter away from the lines of the cache that threads write other things to
_STATE = kernels.Layer._fields


class Readout:
    """The output layer with its optimiser. All weights and biases start at zero.

    n_liquid : number of liquid neurons, R
    n_classes : number of classes C, at least 2; labels are 0..C-1
    team : threads that share the work; their number changes no bit
    constants : learning rate and penalty of the weights
    """

    def __init__(
        self, n_liquid: int, n_classes: int = 10, team: Team = ALONE, constants: ReadoutConstants = PUBLISHED
    ) -> None:
        if n_liquid < 1 or n_classes < 2:
            raise ValueError(f"a readout needs a neuron and two classes at least, not {n_liquid} and {n_classes}")
        self.n_liquid, self.n_classes, self._team = n_liquid, n_classes, team
        self._objective = _objective(n_classes, constants)
        rows = -(-n_classes // kernels.ROWS) * kernels.ROWS  # the kernels work on tiles of ten rows
        shapes = {"weights": (rows, n_liquid), "biases": (n_classes,)}
        self._layer = kernels.Layer(*(np.zeros(shapes[name.split("_")[0]], np.float32) for name in _STATE))
        self._largest: float | None = None  # set by `fit`

    @classmethod
    def from_parameters(cls, weights: np.ndarray, biases: np.ndarray, team: Team = ALONE) -> Readout:
        """Return a readout with these parameters (copied) and a fresh optimiser.

        weights : [R, C]; biases : [C]. Raises ValueError for other shapes.
        """
        weights, biases = np.asarray(weights), np.asarray(biases)
        if weights.ndim != 2 or biases.shape != weights.shape[1:]:
            raise ValueError(f"weights {list(weights.shape)} and biases {list(biases.shape)} do not fit together")
        n_liquid, n_classes = weights.shape
        readout = cls(n_liquid, n_classes, team)
        readout._layer.weights[: readout.n_classes] = weights.T
        readout._layer.biases[:] = biases
        return readout

    @property
    def weights(self) -> np.ndarray:
        """A copy of the weights: float32 [R, C]."""
        return self._layer.weights[: self.n_classes].T.copy()

    @property
    def biases(self) -> np.ndarray:
        """A copy of the biases: float32 [C]."""
        return self._layer.biases.copy()

    def train_batch(self, counts: np.ndarray, labels: np.ndarray) -> float:
        """Make one step on a batch and return its loss.

        counts : integers [B, R]; labels : integers [B]
        Raises ValueError for other shapes, counts or labels, and for no samples.
        """
        return self.train_block(_one_batch(counts, labels))

    def train_block(self, block: CountBlock) -> float:
        """Make one step on each batch of a block; see `train_blocks`."""
        return self.train_blocks([block])

    def train_blocks(self, blocks: Sequence[CountBlock]) -> float:
        """Make one step on each batch of the blocks, in order; return the sum of their losses.

        Raises ValueError for another number of neurons, or for labels outside 0..C-1.
        """
        batches = [kernels.Batches(block.counts, block.factors, self._labels(block)) for block in blocks]
        rooms = {size: self._room(size) for size in {block.counts.shape[1] for block in blocks}}
        n_shares = self._team.size_for(max(rooms, default=0) * self.n_liquid)
        arrived = np.zeros((len(blocks), _LINE), np.int64)

        def work(share: int) -> float:
            loss = 0.0
            try:
                for some, counter in zip(batches, arrived, strict=True):
                    room, own = rooms[some.counts.shape[1]], kernels.Share(share, n_shares, counter)
                    loss += kernels.train_block(some, self._layer, self._objective, room, own)
            except BaseException:
                arrived[:] = np.iinfo(np.int64).max // 2  # no other share is to wait for this one
                raise
            return loss

        return self._team.work(work, n_shares)[0]

    def _room(self, batch_size: int) -> kernels.Room:
        logits, errors = np.zeros((2, batch_size, len(self._layer.weights)), np.float32)
        return kernels.Room(logits, errors, np.empty(batch_size))

    def train_cycle(self, groups: Iterable[Sequence[CountBlock]]) -> float:
        """Make one step on each batch of all groups of blocks, in order; return the mean of their losses."""
        loss, n_batches = 0.0, 0
        for blocks in groups:
            loss += self.train_blocks(blocks)
            n_batches += sum(len(block.counts) for block in blocks)
        return loss / n_batches

    def fit(
        self,
        counts: np.ndarray,
        labels: np.ndarray,
        *,
        batch_size: int = 250,
        cycles: int = 1000,
        validation: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> Readout:
        """Train from zero weights in batches, `cycles` times over all samples in their order; return the readout.

        counts : integers [n, R]; labels : integers [n]
        validation : (counts, labels) of other samples. The readout is then that of the first cycle with the highest
            accuracy on them, as in a run; None: that of the last cycle
        Afterwards the class of a sample does not depend on what else is predicted: all counts are divided by the mean
        `largest_share` of the training batches. Raises ValueError as `train_batch`, and for no cycles.
        """
        if cycles < 1:
            raise ValueError(f"a readout is trained for one cycle at least, not {cycles}")
        train = CountBlock.of_batches(counts, labels, batch_size)
        valid = CountBlock.of_batches(*validation, batch_size) if validation else []
        if not train or (validation and not valid):
            raise ValueError("a readout cannot be fitted to no samples, or chosen by none")
        self.restore({name: np.zeros_like(array) for name, array in self.state().items()})
        best, kept = -1, self.state()
        for _ in range(cycles):
            self.train_cycle([train])
            right = self.count_correct_of_blocks(valid)
            if valid and right > best:
                best, kept = right, self.state()
        if valid:
            self.restore(kept)
        self._largest = float(np.mean([largest_share(batch) for block in train for batch in block.counts]))
        return self

    def predict(self, counts: CountBlock | np.ndarray) -> np.ndarray:
        """Return the class with the largest logit for each sample: int32 [batches, B] of a block, [n] of counts.

        counts : a block, or integers [n, R]; without `fit`, these are normalised as one batch
        Of equal logits the first counts. Raises ValueError for another number of neurons.
        """
        if not isinstance(counts, CountBlock):
            return self.predict(_one_batch(counts, None, self._largest))[0]
        block = counts
        self._require_fitting(block)
        n_shares = self._team.size_for(block.counts.size)
        shares = self._team.work(lambda share: self._predict(block, share, n_shares)[0], n_shares)
        return np.concatenate(shares).reshape(block.factors.shape)

    def _predict(self, block: CountBlock, share: int, n_shares: int) -> tuple[np.ndarray, slice]:
        """Return the classes of a share of a block's samples, and where these are among all."""
        samples = slice(*kernels.part(block.n_samples, kernels.SAMPLES, share, n_shares))
        counts, factors = block.counts.reshape(-1, self.n_liquid)[samples], block.factors.ravel()[samples]
        return kernels.predict(counts, factors, self._layer.weights, self._layer.biases), samples

    def count_correct(self, block: CountBlock) -> int:
        """Return how many samples of a block are classified correctly; see `count_correct_of_blocks`."""
        return self.count_correct_of_blocks([block])

    def count_correct_of_blocks(self, blocks: Sequence[CountBlock]) -> int:
        """Return how many samples of the blocks are classified correctly; raises ValueError as `train_blocks` does."""
        labels = [self._labels(block).ravel() for block in blocks]
        n_shares = self._team.size_for(sum(block.counts.size for block in blocks))

        def work(share: int) -> int:
            found = 0
            for block, wanted in zip(blocks, labels, strict=True):
                classes, samples = self._predict(block, share, n_shares)
                found += int(np.count_nonzero(classes == wanted[samples]))
            return found

        return sum(self._team.work(work, n_shares))

    def accuracy(self, counts: np.ndarray, labels: np.ndarray) -> float:
        """Return the fraction of samples that `predict` gets right; arguments and errors as of `train_batch`."""
        block = _one_batch(counts, labels, self._largest)
        return self.count_correct(block) / block.n_samples

    score = accuracy  # scikit-learn's name

    def state(self) -> dict[str, np.ndarray]:
        """Return copies of weights [C, R], biases [C] and the optimiser's averages by name, for a checkpoint."""
        return {name: value[: self.n_classes].copy() for name, value in self._layer._asdict().items()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Continue from a state that `state` returned; raises ValueError for another size."""
        for name, value in self._layer._asdict().items():
            value[: self.n_classes] = state[name]

    def _require_fitting(self, block: CountBlock) -> None:
        if block.counts.shape[2] != self.n_liquid:
            raise ValueError(f"the counts are of {block.counts.shape[2]} neurons, the readout has {self.n_liquid}")

    def _labels(self, block: CountBlock) -> np.ndarray:
        """Return the labels of a block that fits; raises ValueError for one that does not."""
        self._require_fitting(block)
        labels = block.labels
        if labels is None or labels.min(initial=0) < 0 or labels.max(initial=0) >= self.n_classes:
            raise ValueError(f"every sample needs a label in 0..{self.n_classes - 1}")
        return labels


def _one_batch(counts: np.ndarray, labels: np.ndarray | None, largest: float | None = None) -> CountBlock:
    counts = np.asarray(counts)
    if counts.ndim != 2:
        raise ValueError(f"counts must be [n, R], not {list(counts.shape)}")
    if labels is not None and not len(counts):
        raise ValueError("a batch has one sample at least, not 0")
    return CountBlock.pack(counts[None], None if labels is None else np.asarray(labels)[None], largest)


def _objective(n_classes: int, constants: ReadoutConstants) -> kernels.Objective:
    """Return the constants with the target probabilities: softmax of +1 for a sample's class and -1 for each other."""
    total = math.exp(1.0) + (n_classes - 1) * math.exp(-1.0)
    numbers = (
        math.exp(1.0) / total, math.exp(-1.0) / total, constants.readout_learning_rate, constants.readout_weight_penalty
    )  # fmt: skip
    return kernels.Objective(*map(np.float32, numbers))
