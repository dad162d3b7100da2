"""The parameter file of a run: what decides its results, what else it was told, and which versions made it.

identity : what decides the results down to the bits
details : everything else, with `sessions`: a run that was resumed with other versions of the packages, of the
    program, or with other threads has an entry for each. `started` is an entry's first session of that kind
run_hash : SHA-256 of the identity as it was when the run began. All other files of the run carry it
"""

import json
from dataclasses import dataclass
from pathlib import Path

from nalsm.models import MODELS
from nalsm.storage.checksum import content_checksum
from nalsm.storage.files import write_text
from nalsm.support.errors import DamagedFile

FORMAT = 3  # 1 had no checksum; 1 and 2 had flat knobs, one session, and snapshots of models that show none
_SESSION = ("started", "command", "machine", "gpu", "cluster", "threads", "packages")
_COMPARED = ("packages", "threads")  # a session that differs in these gets an entry of its own


@dataclass(frozen=True)
class Parameters:
    """Contents of a parameter file, in today's format whatever the file's own is."""

    identity: dict
    details: dict
    run_hash: str

    @property
    def sessions(self) -> list[dict]:
        return self.details["sessions"]

    def with_session(self, session: dict) -> "Parameters":
        """Return parameters that list this session too, unless it is like the last one."""
        if all(self.sessions[-1].get(key) == session.get(key) for key in _COMPARED):
            return self
        return Parameters(self.identity, {**self.details, "sessions": [*self.sessions, session]}, self.run_hash)

    def changed_versions(self, session: dict) -> list[str]:
        """Return what differs in a session from the last one, as in ["numpy 2.4.6 (before: 2.4.5)"]."""
        before, now = self.sessions[-1].get("packages") or {}, session.get("packages") or {}
        return [
            f"{name} {version} (before: {before.get(name, 'not recorded')})"
            for name, version in now.items()
            if before.get(name) != version
        ]

    def write(self, path: Path) -> None:
        """Write the file whole."""
        contents = {"format": FORMAT, "identity": self.identity, "run_hash": self.run_hash, **self.details}
        checked = {**contents, "sha256": content_checksum({}, contents)}
        write_text(path, json.dumps(checked, indent=1) + "\n")

    def as_text(self) -> str:
        """Return a line for each value, for people."""
        values = _flat({**self.identity, **self.details})
        text = "".join(f"{key:<28} {value}\n" for key, value in values)
        return text.encode(errors="backslashreplace").decode()  # the name of a folder may be any bytes


_SET = "--set"
_NAMES = {"network_number": "NET_NUM_VAR", "batch_size": "BATCH_SIZE"}  # as they are asked for
_WORDS = {
    "model": "model", "dataset": "data set", "dataset_sha256": "contents of the data set",
    "network_sha256": "contents of the network", "run": "trained run", "noise": "noise",
}  # fmt: skip


def differences(recorded: dict, wanted: dict) -> list[str]:
    """Return what differs in two identities, in words, as in ["--seed 5 there, 6 here"]."""
    there, here = _named(recorded), _named(wanted)
    names = dict.fromkeys(["model", *here, *there])  # another model has other knobs
    return [
        f"{name} {_shown(name, there, 'not recorded')} there, {_shown(name, here, 'none')} here"
        for name in names
        if there.get(name) != here.get(name)
    ]


def _shown(name: str, values: dict, missing: str) -> object:
    return values.get(name, "the published value" if name.startswith(_SET) else missing)


def _named(identity: dict) -> dict[str, object]:
    """Return the values of an identity under the names that the user knows."""
    model = MODELS.get(identity.get("model", ""))
    all_knobs = model.all_knobs if model else ()
    titles = {knob.name: knob.names for knob in all_knobs}
    constants = identity.get("constants")
    knobs = {**{knob.name: knob.default for knob in all_knobs if knob.default is not None}, **identity.get("knobs", {})}
    return {
        **{titles.get(name, name): value for name, value in knobs.items()},
        **({f"{_SET} {name}": value for name, value in constants.items()} if isinstance(constants, dict) else {}),
        **{
            _NAMES.get(name) or _WORDS.get(name) or "--" + name.replace("_", "-"): value
            for name, value in identity.items()
            if name not in ("knobs", "constants")
        },
    }


def identity_hash(identity: dict) -> str:
    """Return the SHA-256 of an identity, as hex text."""
    return content_checksum({}, identity)


def read_parameters(path: Path, remedy: str) -> Parameters | None:
    """Return the contents of a parameter file, or None if there is no file.

    remedy : ends the text of an error. Raises DamagedFile for a damaged file and for an unknown format.
    """
    try:
        contents = json.loads(path.read_text(encoding="utf-8"))
        found = contents["format"]
        checksum = contents.pop("sha256", None)
        wanted = None if found == 1 else content_checksum({}, contents)
        if (found in (1, 2, FORMAT) and checksum != wanted) or not isinstance(contents["identity"], dict):
            raise ValueError
        if found in (1, 2, FORMAT):
            return _checked(_upgraded(contents) if found < FORMAT else contents)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise DamagedFile(f"{path} is damaged; {remedy}") from None
    raise DamagedFile(
        f"{path} is of format {found}, not {FORMAT}: it is damaged, or of another version of the program; {remedy}"
    )


def _upgraded(contents: dict) -> dict:
    """Return the contents of a file of format 1 or 2 as those of format 3."""
    old = contents["identity"]
    identity = {name: value for name, value in old.items() if not name.startswith("knob_")}
    if "noise" not in identity:
        identity["knobs"] = {name.removeprefix("knob_"): old[name] for name in old if name.startswith("knob_")}
        model = old.get("model")
        if isinstance(model, str) and model in MODELS and not MODELS[model].initialisation:
            identity = {name: value for name, value in identity.items() if name not in ("init_samples", "init_ms")}
    session = {name: contents[name] for name in _SESSION if name in contents}
    others = {name: value for name, value in contents.items() if name not in (*_SESSION, "identity", "format")}
    return {**others, "identity": identity, "run_hash": identity_hash(old), "sessions": [session]}


def _checked(contents: dict) -> Parameters:
    """Return contents of format 3 as Parameters; raises ValueError and LookupError where they are of other kinds."""
    details = {name: value for name, value in contents.items() if name not in ("format", "identity", "run_hash")}
    sessions = details["sessions"]
    if not isinstance(contents["run_hash"], str) or not isinstance(sessions, list) or not sessions:
        raise ValueError
    if not all(isinstance(session, dict) for session in sessions):
        raise ValueError
    if not all(isinstance(session.get("packages", {}), dict) for session in sessions):
        raise ValueError
    return Parameters(contents["identity"], details, contents["run_hash"])


def _flat(values: dict, prefix: str = ""):
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _flat(value, f"{name}.")
        elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            yield from _flat({str(number): item for number, item in enumerate(value, 1)}, f"{name}.")
        else:
            yield name, value
