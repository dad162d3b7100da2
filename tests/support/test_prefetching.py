"""What is computed ahead, in a thread of its own."""

import threading

import pytest

from nalsm.support.prefetching import prefetch


def test_order_is_kept_and_one_result_waits():
    made = []

    def make(item):
        made.append(item)
        return item * item

    seen = []
    for item, result in prefetch(make, range(5)):
        seen.append((item, result))
        assert len(made) <= item + 3
    assert seen == [(i, i * i) for i in range(5)]
    assert threading.active_count() < 10

    def fail(item):
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        list(prefetch(fail, range(3)))
