"""Threads that share a piece of work, all at the same time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

_WORTH_A_THREAD = 10_000  # products with a row of weights or errors; fewer take less time than waiting for each other

Result = TypeVar("Result")


class Team:
    """A number of threads; a context manager that ends them.

    The calling thread only waits for them, so that a signal, which reaches no other thread, leaves none of them alone
    where they wait for each other.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._pool = ThreadPoolExecutor(size)
        if size > 1:  # a pool starts its threads when they are needed; here all are needed at once
            everyone = Barrier(size)
            self.work(lambda _share: everyone.wait(), size)

    def __enter__(self) -> "Team":
        return self

    def __exit__(self, *_error: object) -> None:
        self._pool.shutdown()

    def __reduce__(self) -> tuple[type["Team"], tuple[int]]:
        return Team, (self.size,)  # a copy has threads of its own

    def size_for(self, products: int) -> int:
        """Return how many threads are worth while for so many products with a row of weights."""
        return max(1, min(self.size, products // _WORTH_A_THREAD))

    def work(self, function: Callable[[int], Result], n_shares: int) -> list[Result]:
        """Return function(share) of all shares 0..n_shares - 1, each in a thread; a single one in the caller's own."""
        if n_shares == 1:
            return [function(0)]
        return list(self._pool.map(function, range(n_shares)))


ALONE = Team(1)
