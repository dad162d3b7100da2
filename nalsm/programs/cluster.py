"""The cluster that a program's settings name."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nalsm.runs.counting import Counting


def cluster_of(address: str | None) -> "Counting | None":
    """Return what counts on the cluster of an address, None without one. Dask loads only if it is needed."""
    if address is None:
        return None
    from nalsm.cluster.counting import Cluster

    return Cluster(address)
