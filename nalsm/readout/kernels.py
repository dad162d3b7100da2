"""The readout's loops, for Numba. `nalsm.readout.layer` states the equations.

Nearly all the work is in two products of a batch's counts ([B, R], small integers) with ten rows: weights of ten
classes, or their gradient. Both loops are written out row by row, for two and for four samples at a time, so that sums
stay in registers, counts are converted where they are used, and every loaded value is used several times. More classes
than ten are worked on in tiles of ten rows. Rows that fill up the last tile have zero weights and zero errors.

The work on a batch is divided into shares, one for each thread: of the samples where a sum goes over neurons, of the
neurons where it goes over samples. So no sum is divided: the compiler may reorder sums (once, when it vectorises them),
but the number of threads never does, and the same build gives the same bits.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from nalsm.readout.barrier import wait_for_all
from nalsm.support.compiling import compiled

f32 = np.float32

ROWS = 10  # of a tile
_PREDICTED = 250  # samples that are predicted at a time
SAMPLES, NEURONS = 2, 16  # a share has a multiple of them: what a loop takes at a time
RHO = f32(0.95)
EPSILON = f32(1e-8)

_REORDERED = {"reassoc", "contract", "nsz"}


class Layer(NamedTuple):
    """Parameters of the layer and Adadelta's averages of squared gradients and of squared steps.

    weights, weights_square, weights_step : float32 [P, R]; biases, biases_square, biases_step : float32 [C]
    """

    weights: np.ndarray
    biases: np.ndarray
    weights_square: np.ndarray
    biases_square: np.ndarray
    weights_step: np.ndarray
    biases_step: np.ndarray


class Objective(NamedTuple):
    """What is minimised, and how fast.

    own_target, other_target : float32, the wanted probabilities of the sample's class and of each other class
    rate, penalty : float32, learning rate and penalty of the weights
    """

    own_target: np.float32
    other_target: np.float32
    rate: np.float32
    penalty: np.float32


class Batches(NamedTuple):
    """Batches to learn from: counts [batches, B, R], factors and labels [batches, B]."""

    counts: np.ndarray
    factors: np.ndarray
    labels: np.ndarray


class Room(NamedTuple):
    """What all shares of the work on a block write to and read from.

    logits, errors : float32 [B, P], zeros; losses : float64 [B]
    """

    logits: np.ndarray
    errors: np.ndarray
    losses: np.ndarray


class Share(NamedTuple):
    """One share of the work: its number (0..of - 1), and the counter int64 [1], 0, at which all shares wait."""

    number: int
    of: int
    arrived: np.ndarray


@compiled(fastmath=_REORDERED)
def weighted_sums(counts: np.ndarray, weights: np.ndarray, first: int, out: np.ndarray) -> None:
    """out [B, first:first + 10] = counts [B, R] x weights [10, R], a tile."""
    n_samples = counts.shape[0]
    for sample in range(0, n_samples, 2):
        other = min(sample + 1, n_samples - 1)
        row, other_row = counts[sample], counts[other]
        a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = a8 = a9 = f32(0)
        b0 = b1 = b2 = b3 = b4 = b5 = b6 = b7 = b8 = b9 = f32(0)
        for r in range(weights.shape[1]):
            x, y = f32(row[r]), f32(other_row[r])
            a0, b0 = a0 + x * weights[0, r], b0 + y * weights[0, r]
            a1, b1 = a1 + x * weights[1, r], b1 + y * weights[1, r]
            a2, b2 = a2 + x * weights[2, r], b2 + y * weights[2, r]
            a3, b3 = a3 + x * weights[3, r], b3 + y * weights[3, r]
            a4, b4 = a4 + x * weights[4, r], b4 + y * weights[4, r]
            a5, b5 = a5 + x * weights[5, r], b5 + y * weights[5, r]
            a6, b6 = a6 + x * weights[6, r], b6 + y * weights[6, r]
            a7, b7 = a7 + x * weights[7, r], b7 + y * weights[7, r]
            a8, b8 = a8 + x * weights[8, r], b8 + y * weights[8, r]
            a9, b9 = a9 + x * weights[9, r], b9 + y * weights[9, r]
        for k, a in enumerate((a0, a1, a2, a3, a4, a5, a6, a7, a8, a9)):
            out[sample, first + k] = a
        for k, b in enumerate((b0, b1, b2, b3, b4, b5, b6, b7, b8, b9)):
            out[other, first + k] = b


def part(n: int, unit: int, share: int, n_shares: int) -> tuple[int, int]:
    """Return where a share (0..n_shares - 1) of n things begins and ends, in whole units but for the last."""
    n_units = -(-n // unit)
    return n_units * share // n_shares * unit, min(n_units * (share + 1) // n_shares * unit, n)


_part = njit(part)


@compiled(fastmath={"contract"})
def add_outer_products(counts: np.ndarray, begin: int, errors: np.ndarray, first: int, out: np.ndarray) -> None:
    """out [10, n] += errors [B + 3, first:first + 10] x counts [B, begin:begin + n].

    The last three rows of errors are zero.
    """
    last = counts.shape[0] - 1
    for s in range(0, last + 1, 4):
        row0, row1 = counts[s][begin:], counts[min(s + 1, last)][begin:]
        row2, row3 = counts[min(s + 2, last)][begin:], counts[min(s + 3, last)][begin:]
        e0 = of_four_samples(errors, s, first)
        e1 = of_four_samples(errors, s, first + 1)
        e2 = of_four_samples(errors, s, first + 2)
        e3 = of_four_samples(errors, s, first + 3)
        e4 = of_four_samples(errors, s, first + 4)
        e5 = of_four_samples(errors, s, first + 5)
        e6 = of_four_samples(errors, s, first + 6)
        e7 = of_four_samples(errors, s, first + 7)
        e8 = of_four_samples(errors, s, first + 8)
        e9 = of_four_samples(errors, s, first + 9)
        for r in range(out.shape[1]):
            w, x, y, z = f32(row0[r]), f32(row1[r]), f32(row2[r]), f32(row3[r])
            out[0, r] += e0[0] * w + e0[1] * x + e0[2] * y + e0[3] * z
            out[1, r] += e1[0] * w + e1[1] * x + e1[2] * y + e1[3] * z
            out[2, r] += e2[0] * w + e2[1] * x + e2[2] * y + e2[3] * z
            out[3, r] += e3[0] * w + e3[1] * x + e3[2] * y + e3[3] * z
            out[4, r] += e4[0] * w + e4[1] * x + e4[2] * y + e4[3] * z
            out[5, r] += e5[0] * w + e5[1] * x + e5[2] * y + e5[3] * z
            out[6, r] += e6[0] * w + e6[1] * x + e6[2] * y + e6[3] * z
            out[7, r] += e7[0] * w + e7[1] * x + e7[2] * y + e7[3] * z
            out[8, r] += e8[0] * w + e8[1] * x + e8[2] * y + e8[3] * z
            out[9, r] += e9[0] * w + e9[1] * x + e9[2] * y + e9[3] * z


@compiled
def of_four_samples(errors: np.ndarray, sample: int, k: int) -> tuple[float, float, float, float]:
    return errors[sample, k], errors[sample + 1, k], errors[sample + 2, k], errors[sample + 3, k]


@compiled
def forward(
    counts: np.ndarray, factors: np.ndarray, weights: np.ndarray, biases: np.ndarray, logits: np.ndarray
) -> None:
    """Fill logits [B, C of P] from counts [B, R], factors [B], weights [P, R] and biases [C]; P is a multiple of 10."""
    for first in range(0, len(weights), ROWS):
        weighted_sums(counts, weights[first : first + ROWS], first, logits)
    for b in range(len(counts)):
        for k in range(len(biases)):
            logits[b, k] = logits[b, k] * factors[b] + biases[k]


@compiled
def errors_and_losses(
    logits: np.ndarray,
    labels: np.ndarray,
    objective: Objective,
    weight: float,
    n_classes: int,
    errors: np.ndarray,
    losses: np.ndarray,
) -> None:
    """Fill errors [n, C of P] with weight * d cross-entropy / d logits, losses [n] with the cross-entropies.

    logits : [n, C of P]; labels : [n]
    weight : of a sample in the mean over its batch
    """
    for b in range(len(labels)):
        largest = f32(-np.inf)
        for k in range(n_classes):
            largest = max(largest, logits[b, k])
        total = f32(0)
        for k in range(n_classes):
            errors[b, k] = math.exp(logits[b, k] - largest)
            total += errors[b, k]
        log_total = largest + math.log(total)
        losses[b] = 0.0
        for k in range(n_classes):
            target = objective.own_target if k == labels[b] else objective.other_target
            errors[b, k] = (errors[b, k] / total - target) * weight
            losses[b] += target * (log_total - logits[b, k])


@compiled(fastmath={"contract"})
def adadelta(
    values: np.ndarray, squares: np.ndarray, steps: np.ndarray, gradients: np.ndarray, rate: float, penalty: float
) -> None:
    """Move values ([n], like all others) by one step of Adadelta; penalty * values joins the gradient."""
    one = f32(1)
    for i in range(len(values)):
        gradient = gradients[i] + penalty * values[i]
        squares[i] = RHO * squares[i] + (one - RHO) * gradient * gradient
        change = math.sqrt(steps[i] + EPSILON) / math.sqrt(squares[i] + EPSILON) * gradient
        steps[i] = RHO * steps[i] + (one - RHO) * change * change
        values[i] -= rate * change


@compiled
def train_block(batches: Batches, layer: Layer, objective: Objective, room: Room, share: Share) -> float:
    """Do a share of one step on each batch, in place; share 0 returns the sum of the batches' losses.

    All shares have to run at the same time, each in a thread of its own, with the same room and counter.
    """
    counts, factors, labels = batches
    logits, errors, losses = room
    batch_size, n_neurons = counts.shape[1:]
    n_rows, n_classes = len(layer.weights), len(layer.biases)
    first, last = _part(batch_size, SAMPLES, share.number, share.of)
    begin, end = _part(n_neurons, NEURONS, share.number, share.of)
    # Its own copies: what another core has written is slow to read, and two cores that write to the same line of the
    # cache wait for each other.
    squares, steps = layer.weights_square[:, begin:end].copy(), layer.weights_step[:, begin:end].copy()
    scaled = np.zeros((batch_size + 3, n_rows), f32)
    gradient, bias_gradient = np.empty((n_rows, end - begin), f32), np.empty(n_classes, f32)
    loss = 0.0
    for batch in range(len(counts)):
        own = factors[batch, first:last]
        forward(counts[batch, first:last], own, layer.weights, layer.biases, logits[first:last])
        errors_and_losses(
            logits[first:last], labels[batch, first:last], objective, f32(1) / f32(batch_size), n_classes,
            errors[first:last], losses[first:last],
        )  # fmt: skip
        if share.number == 0:
            loss += 0.5 * objective.penalty * sum_of_squares(layer.weights.ravel())
        wait_for_all(share.arrived, (2 * batch + 1) * share.of)
        for b in range(batch_size):
            for k in range(n_classes):
                scaled[b, k] = errors[b, k] * factors[batch, b]
        gradient[:] = 0
        for row in range(0, n_rows, ROWS):
            add_outer_products(counts[batch], begin, scaled, row, gradient[row : row + ROWS])
        for row in range(n_rows):
            own_weights = layer.weights[row, begin:end]
            adadelta(own_weights, squares[row], steps[row], gradient[row], objective.rate, objective.penalty)
        if share.number == 0:
            bias_gradient[:] = 0
            for b in range(batch_size):
                for k in range(n_classes):
                    bias_gradient[k] += errors[b, k]
            adadelta(layer.biases, layer.biases_square, layer.biases_step, bias_gradient, objective.rate, f32(0))
            loss += losses.sum() / batch_size
        wait_for_all(share.arrived, (2 * batch + 2) * share.of)
    layer.weights_square[:, begin:end] = squares
    layer.weights_step[:, begin:end] = steps
    return loss


@compiled(fastmath=_REORDERED)
def sum_of_squares(values: np.ndarray) -> np.floating:
    total = f32(0)
    for i in range(len(values)):
        total += values[i] * values[i]
    return total


@compiled
def predict(counts: np.ndarray, factors: np.ndarray, weights: np.ndarray, biases: np.ndarray) -> np.ndarray:
    """Return the class with the largest logit (the first of equals) of counts [n, R], factors [n]: int32 [n]."""
    classes = np.zeros(len(counts), np.int32)
    logits = np.empty((_PREDICTED, len(weights)), f32)
    for first in range(0, len(counts), _PREDICTED):
        some = counts[first : first + _PREDICTED]
        forward(some, factors[first : first + _PREDICTED], weights, biases, logits)
        for b in range(len(some)):
            for k in range(1, len(biases)):
                if logits[b, k] > logits[b, classes[first + b]]:
                    classes[first + b] = k
    return classes
