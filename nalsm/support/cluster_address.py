"""The address of a Dask cluster, as it is given to --cluster. It is checked without loading Dask."""

import importlib.util
import re
from typing import Any

from nalsm.support.errors import UserError

EXPECTED = "tcp://HOST:PORT or tls://HOST:PORT of a Dask scheduler, or local:N for N worker processes on this machine"
_REMOTE = re.compile(r"(tcp|tls)://([\w.-]+|\[[0-9a-fA-F:.]+\]):(\d{1,5})", re.ASCII)
_LOCAL = re.compile(r"local:(\d{1,4})", re.ASCII)


def check_address(address: str | None, _answers: dict[str, Any] | None = None) -> None:
    """Raise UserError unless an address has one of the forms (or is None: no cluster) and Dask is installed."""
    if address is None:
        return
    remote = _REMOTE.fullmatch(address)
    good_port = remote and 1 <= int(remote[3]) <= 65535
    if not good_port and not local_workers(address):
        shown = ascii(address) if len(address) <= 60 else f"{ascii(address[:56])[:-1]}...'"
        raise UserError(f"--cluster: read {shown}, expected {EXPECTED}")
    if importlib.util.find_spec("distributed") is None:
        raise UserError("--cluster: Dask is not installed; install it: pip install '.[cluster]'")


def local_workers(address: str) -> int:
    """Return N of local:N, 0 for any other address."""
    local = _LOCAL.fullmatch(address)
    return int(local[1]) if local else 0
