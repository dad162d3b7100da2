"""Confidence intervals of shares: how far an accuracy on few samples can be from that on many.

Source: E. B. Wilson, Journal of the American Statistical Association 22, 209 (1927).
"""

from math import sqrt

_Z = 1.959964  # the middle 95 % of a normal distribution


def share_interval(share: float, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share (0 to 1) seen in n samples: (low, high); (0, 1) for n = 0."""
    if not n:
        return 0.0, 1.0
    z = _Z**2 / n
    middle, half = share + z / 2, _Z * sqrt(share * (1 - share) / n + z / (4 * n))
    return max(0.0, (middle - half) / (1 + z)), min(1.0, (middle + half) / (1 + z))
