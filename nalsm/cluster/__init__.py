"""Work on a Dask cluster: the forms of its address, and what is in this package.

`connection` finds the cluster and its workers, or starts local ones; `tasks` keeps a bounded number of
tasks on their way and says in one line why a cluster is lost; `counting` presents batches; `cells` spreads
whole cells of a sweep; `same_bits` refuses workers that would compute other bits.

Nothing of Dask is imported here: an address is checked while the questions are asked.
"""

import importlib.util
import re

from nalsm.support.errors import UserError

EXPECTED = "tcp://HOST:PORT or tls://HOST:PORT of a Dask scheduler, or local:N for N worker processes on this machine"
_REMOTE = re.compile(r"(tcp|tls)://([\w.-]+|\[[0-9a-fA-F:.]+\]):(\d{1,5})", re.ASCII)
_LOCAL = re.compile(r"local:(\d{1,4})", re.ASCII)


def check_address(address, _answers=None):
    """Raise UserError unless an address (None: no cluster) has one of the forms, and Dask is installed."""
    if address is None:
        return
    remote = _REMOTE.fullmatch(address)
    good_port = remote and 1 <= int(remote[3]) <= 65535
    if not good_port and not local_workers(address):
        shown = ascii(address) if len(address) <= 60 else f"{ascii(address[:56])[:-1]}...'"
        raise UserError(f"--cluster: read {shown}, expected {EXPECTED}")
    if importlib.util.find_spec("distributed") is None:
        raise UserError("--cluster: Dask is not installed; install it: pip install '.[cluster]'")


def local_workers(address):
    """Return N of local:N, 0 for any other address."""
    local = _LOCAL.fullmatch(address)
    return int(local[1]) if local else 0
