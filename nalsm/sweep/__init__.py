"""Sweeps: a list of runs in a file, made one after another, and the page of what came out.

The way of the data: a file is read into cells (`plan`), a cell is a few programs to start (`steps`), they
are started where their results are not there yet (`execute`), the results are gathered (`findings`) and
written as tables and pictures (`page`). Start it with `python -m nalsm.sweep FILE.toml`.
"""
