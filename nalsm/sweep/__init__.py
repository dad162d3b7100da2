"""Sweeps: a file lists runs, which are made one after another; a page shows their results.

A file is read into cells (`plan`). A cell is a few programs to start (`steps`), and those without results are started
(`execute`). Finished runs are taken into the results store (`store`), gathered over networks and compared with the
paper (`findings`), and written as tables and pictures (`page`). Start it with `python -m nalsm.sweep FILE.toml`.
"""
