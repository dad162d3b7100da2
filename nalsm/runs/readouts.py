"""The readouts that a run can have."""

PUBLISHED = "published"  # `nalsm.readout.layer`, trained in cycles
RIDGE = "ridge"  # `nalsm.readout.ridge`: another readout, in seconds
READOUTS = (PUBLISHED, RIDGE)

STRENGTHS = tuple(10.0 ** (half / 2) for half in range(-12, 1))  # of the penalty that ridge regression tries, 1e-6 to 1


def marked(name: str, readout: str) -> str:
    """Return a name, of a model for example, that says so if the readout is another than the published one."""
    return name if readout == PUBLISHED else f"{name} ({readout} readout)"


def point(readout: str, number: int) -> str:
    """Return in words what the n-th accuracy of a run (from 1) belongs to: a cycle, or a strength of the penalty."""
    return f"cycle {number}" if readout == PUBLISHED else f"strength {STRENGTHS[number - 1]:.2g}"
