"""Work one step ahead of its use."""

from concurrent.futures import ThreadPoolExecutor


def prefetch(make, items):
    """Yield (item, make(item)), the next one being made in a thread meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        waiting = None
        for item in items:
            following = item, pool.submit(make, item)
            if waiting:
                yield waiting[0], waiting[1].result()
            waiting = following
        if waiting:
            yield waiting[0], waiting[1].result()
