"""Cores and memory."""

import os

import numpy as np

from nalsm.support.resources import cores, memory_bytes, peak_memory_bytes


def test_cores_are_those_the_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {3, 5, 7}, raising=False)
    assert cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert cores() == 6


def test_memory_is_in_bytes():
    before = peak_memory_bytes()
    held = np.ones(100_000_000, np.uint8)
    assert 10e6 < before <= peak_memory_bytes() < memory_bytes()  # another test may have held more before
    assert peak_memory_bytes() > held.nbytes
