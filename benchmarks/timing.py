"""Shared by the benchmarks: repetitions, and processes of their own."""

import multiprocessing
import statistics
import time
from concurrent.futures import ProcessPoolExecutor


def median_seconds(function, repetitions=5):
    """Return the median time of a call; one call before it is not counted."""
    function()
    return statistics.median(seconds_of(function) for _ in range(repetitions))


def seconds_of(function):
    """Return the time of one call."""
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def in_fresh_process(function, *arguments):
    """Return what a function of a module returns, called in a process that has done nothing else."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()
