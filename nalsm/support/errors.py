"""The two kinds of failure a program reports in one line, and their exit codes."""


class NalsmError(Exception):
    """A foreseeable failure; its text is the one line shown to the user."""

    exit_code = 1


class UserError(NalsmError):
    """The user's mistake: a wrong answer, a missing file, a folder that is taken (exit code 2)."""

    exit_code = 2


class MachineError(NalsmError):
    """The machine's failure, or ours: a full disk, a damaged file (exit code 1)."""


class DamagedFile(MachineError):
    """A file whose contents do not match their checksum, or that cannot be read at all."""
