"""What may lie on a disk after a power cut, from a record of what a process did to it (`file_operations.Record`).

The model: contents of a file are there once the file was synced; before that they may be there, cut, zeroed or missing.
Changes of a folder (making, renaming, removing) are there once the folder was synced; before that each may be or not.
"""

import random
from collections import defaultdict
from itertools import count
from pathlib import Path

from nalsm.storage.files import TEMPORARY_SUFFIX

_FOLDER = "folder"
DAMAGES = {
    "missing": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "zeroed": lambda data: bytes(len(data)),
    "there": lambda data: data,
}


class Disk:
    """Follows the operations, and says what a power cut may leave."""

    def __init__(self, root):
        self.root = str(root)
        self.numbers = count()
        self.entries = {self.root: _FOLDER}  # path: file number, or _FOLDER, as processes see it
        self.durable = {self.root: _FOLDER}  # the same as it is on the disk for sure
        self.pending = defaultdict(list)  # folder: [{path: file number or None}]
        self.contents = {}  # file number: bytes
        self.synced = {}
        self.promised = {}  # path: bytes, of files that are complete: synced, under their final names, folder synced

    def do(self, kind, path, *more):
        """Follow one operation; see `file_operations`."""
        if kind == "create":
            number = next(self.numbers)
            self.contents[number] = b""
            self._change(path, {path: number})
        elif kind == "mkdir":
            if path not in self.entries:
                self._change(path, {path: _FOLDER})
        elif kind == "data":
            self.contents[self.entries[path]] = more[0]
        elif kind == "sync":
            self.synced[self.entries[path]] = self.contents[self.entries[path]]
        elif kind == "rename":
            self._change(path, {more[0]: self.entries[path], path: None})
        elif kind in ("remove", "rmdir"):
            if path in self.entries:
                self._change(path, {path: None})
        elif kind == "sync folder":
            for change in self.pending.pop(path, []):
                _apply(self.durable, change)
            self._promise(path)

    def _change(self, path, change):
        self.pending[str(Path(path).parent)].append(change)
        _apply(self.entries, change)
        for changed in change:
            self.promised.pop(changed, None)

    def _promise(self, folder):
        for path, number in self.entries.items():
            if number != _FOLDER and str(Path(path).parent) == folder and not path.endswith(TEMPORARY_SUFFIX):
                self.promised[path] = self.contents[number]

    def states(self, random_, n_mixed=2):
        """Yield what may be there now: {path: bytes, or None for a folder}."""
        changes = [change for folder in self.pending.values() for change in folder]
        chosen = [[True] * len(changes), [False] * len(changes)]
        chosen += [[random_.random() < 0.5 for _ in changes] for _ in range(n_mixed)]
        for choice in chosen:
            entries = dict(self.durable)
            for change, is_done in zip(changes, choice, strict=True):
                if is_done:
                    _apply(entries, change)
            for damage in DAMAGES.values():
                yield {
                    path: None if number == _FOLDER else self._content(number, damage)
                    for path, number in entries.items()
                    if self._is_reachable(path, entries)
                }

    def _content(self, number, damage):
        data = self.contents[number]
        return data if self.synced.get(number) == data else damage(data)

    def _is_reachable(self, path, entries):
        return path == self.root or all(
            str(parent) in entries for parent in Path(path).parents if len(str(parent)) >= len(self.root)
        )


def _apply(entries, change):
    for path, number in change.items():
        if number is None:
            entries.pop(path, None)
        else:
            entries[path] = number


def states_of(operations, root, seed=1):
    """Yield (number of operations before the cut, state, broken promises) of every different state.

    States that differ in names of temporary files only count as one. A broken promise is the path of a file that was
    complete.
    """
    disk, seen, random_ = Disk(root), set(), random.Random(seed)
    for n, operation in enumerate([None, *operations]):
        if operation:
            disk.do(*operation)
        for state in disk.states(random_):
            key = frozenset(
                (TEMPORARY_SUFFIX if path.endswith(TEMPORARY_SUFFIX) else path, data) for path, data in state.items()
            )
            broken = [path for path, data in disk.promised.items() if state.get(path) != data]
            if key not in seen or broken:
                seen.add(key)
                yield n, state, broken


def put(state, root):
    """Make the folder `root` hold a state."""
    for path in sorted(state):
        if path == str(root):
            continue
        if state[path] is None:
            Path(path).mkdir()
        else:
            Path(path).write_bytes(state[path])
