"""Watches what a process does to the files of a folder: counts the operations, records them, or acts at one of them.

For processes under test: `watch` cannot be undone. Operations are seen just before they happen, in whatever thread:
making and opening files to write, syncing, renaming, removing, making folders, changing modes.
"""

import errno
import os
import pickle
import shutil
import signal
import stat
import sys
import threading
from fnmatch import fnmatch

_AUDITED = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND


def watch(root, act):
    """Call act(kind, paths) before each operation under `root`; what it raises is what the operation raises.

    kind : "open", "rename", "remove", "rmdir", "mkdir", "chmod", "sync" (of a file) or "sync folder"
    """
    root = os.path.realpath(root)
    lock = threading.RLock()
    busy = threading.local()
    fsync = os.fsync

    def seen(kind, *paths):
        paths = [os.path.abspath(os.fsdecode(path)) for path in paths if isinstance(path, str | bytes | os.PathLike)]
        if getattr(busy, "now", False) or not paths or not any(path.startswith(root) for path in paths):
            return
        with lock:
            busy.now = True  # what `act` does itself is not watched
            try:
                act(kind, paths)
            finally:
                busy.now = False

    def hook(event, arguments):
        if event not in _AUDITED:
            return
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & _WRITING:
                seen("open", path)
        else:
            seen(event.removeprefix("os."), *arguments[: 2 if event == "os.rename" else 1])

    def watched_fsync(descriptor):
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        seen("sync folder" if is_folder else "sync", os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    os.fsync = watched_fsync
    sys.addaudithook(hook)


class Count:
    """Appends a line for each operation to a file: kind, tab, last path."""

    def __init__(self, path):
        self.file = open(path, "w")  # noqa: SIM115

    def __call__(self, kind, paths):
        self.file.write(f"{kind}\t{paths[-1]}\n")
        self.file.flush()


class At:
    """Does something at one operation.

    where : its number, from 1; or a pattern of its kind and last path, "rename *W_INI.wdata"
    what : the name of a signal, sent to this process; with "cut " before it, a file that is being synced is first
        made half as long; the name of an error number (ENOSPC), raised at this operation and all that write after it,
        or with " once", at this one alone; "rmtree <folder>"; "run <code>"
    """

    def __init__(self, where, what):
        self.where, self.what = where, what
        self.seen = 0
        self.is_past = False

    def __call__(self, kind, paths):
        self.seen += 1
        is_here = not self.is_past and (
            self.seen == self.where or fnmatch(f"{kind} {paths[-1]}", str(self.where).replace("[", "[[]"))
        )
        what, _, more = self.what.partition(" ")
        if what in errno.__dict__:
            writes = kind in ("open", "sync", "rename", "mkdir")
            if is_here or (self.is_past and writes and more != "once"):
                self.is_past = True
                code = getattr(errno, what)
                raise OSError(code, os.strerror(code), paths[-1])
            return
        if not is_here:
            return
        self.is_past = True
        if what == "rmtree":
            shutil.rmtree(more)
        elif what == "run":
            exec(more, {})
        else:
            if what == "cut":
                if kind == "sync":
                    os.truncate(paths[0], os.path.getsize(paths[0]) // 2)
                what = more
            os.kill(os.getpid(), getattr(signal, what))


class Record:
    """Keeps everything that `power_cuts` needs, in a file of pickles: operations, and contents as they are synced."""

    def __init__(self, path):
        self.file = open(path, "wb")  # noqa: SIM115
        self.contents = {}

    def __call__(self, kind, paths):
        if "/tensorboard" in paths[-1] or paths[-1].endswith(".lock"):
            return
        if kind in ("sync", "rename"):
            self._keep_contents(paths[0])
        is_new = kind == "open" and not os.path.exists(paths[0])
        self._write("create" if is_new else kind, *paths)

    def _keep_contents(self, path):
        """A write is known when it is about to be synced or renamed."""
        with open(path, "rb") as file:
            contents = file.read()
        if self.contents.get(path) != contents:
            self.contents[path] = contents
            self._write("data", path, contents)

    def _write(self, *operation):
        pickle.dump(operation, self.file)
        self.file.flush()


def read_record(path):
    """Return the operations of a Record: [(kind, path, ...)]."""
    operations = []
    with open(path, "rb") as file:
        while True:
            try:
                operations.append(pickle.load(file))
            except EOFError:
                return operations
