"""Compute one step ahead of its use."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def prefetch(make: Callable[[Item], Made], items: Iterable[Item]) -> Generator[tuple[Item, Made], None, None]:
    """Yield (item, make(item)) while a thread already makes the next one."""
    with ThreadPoolExecutor(1) as pool:
        waiting = None
        for item in items:
            following = item, pool.submit(make, item)
            if waiting:
                yield waiting[0], waiting[1].result()
            waiting = following
        if waiting:
            yield waiting[0], waiting[1].result()
