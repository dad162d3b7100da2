"""The failures that a program reports in one line, with their exit codes."""


class NalsmError(Exception):
    """A foreseeable failure; its text is the one line shown to the user."""

    exit_code = 1


class UserError(NalsmError):
    """The user's mistake: a wrong answer, a missing file, a folder that is taken (exit code 2)."""

    exit_code = 2


class MachineError(NalsmError):
    """A failure of the machine or of this program: a full disk, a damaged file (exit code 1)."""


class DamagedFile(MachineError):
    """A file that cannot be read, or whose contents do not match its checksum."""
