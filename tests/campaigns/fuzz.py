"""Fuzzing guided by coverage, with Atheris (pip install '.[fuzz]'): python tests/campaigns/fuzz.py --help

One target at a time: bytes that reach new code are kept and changed further. Prints how many were tried; a failure ends
the campaign with its traceback and leaves the bytes in the corpus folder.
"""

import argparse
import faulthandler
import os
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "tools"), str(Path(__file__).resolve().parents[2])]

TARGETS = (
    "network_files", "count_files", "parameters", "recordings", "packed_recordings", "packed_events", "idx", "npz",
)  # fmt: skip
FORGED = ("network_files", "count_files", "packed_recordings")


def reader_target(name):
    """Return (what is called with bytes, first bytes) for a reader of files."""
    import fuzzing

    reader = fuzzing.READERS[name]
    folder = Path(tempfile.mkdtemp(prefix="nalsm-fuzz-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    (folder / reader.file).parent.mkdir(parents=True, exist_ok=True)
    return lambda image: reader.feed(image, folder), reader.seeds()


def forged_target(name):
    """Return the same for files with the right checksum: the bytes choose what is wrong in them."""
    import forged_files

    feed, _ = reader_target(name)
    make = forged_files.FORGED[name]
    seeds = [bytes([k, 0, change, 0, k, 0, k]) for change in range(8) for k in range(16)]
    return lambda image: feed(make(forged_files.Choices(image))), seeds


def questions_target():
    """Return the same for all programs: a byte chooses it, others its flags, the rest is standard input."""
    import atheris
    import fuzzed_programs
    from made_runs import made_run

    place = Path(tempfile.mkdtemp(prefix="nalsm-fuzz-"))
    made_run(place, 7)

    def ask(image):
        data = atheris.FuzzedDataProvider(image)
        name = fuzzed_programs.PROGRAMS[data.ConsumeIntInRange(0, len(fuzzed_programs.PROGRAMS) - 1)]
        arguments = []
        for _ in range(data.ConsumeIntInRange(0, 5)):
            flag = data.PickValueInList(list(fuzzed_programs.FLAGS))
            if data.ConsumeBool():
                value = data.PickValueInList(list(fuzzed_programs.NASTY))
            else:
                value = data.ConsumeUnicode(12)
            arguments.append(data.PickValueInList([f"{flag}={value}", flag, value, f"{flag}={value[:3]}"]))
        if name == "datasets" and data.ConsumeBool():
            arguments.insert(0, data.PickValueInList(list(fuzzed_programs.COMMANDS)))
        fuzzed_programs.check(place, name, arguments, data.ConsumeBytes(4000))

    seeds = [bytes([k]) + b"\0-1\n7\n1\n20\n1\n0.015\n" for k in range(len(fuzzed_programs.PROGRAMS))]
    return ask, seeds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=(*TARGETS, *(f"forged_{name}" for name in FORGED), "questions"))
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--corpus", help="folder of bytes to begin with and to add to (default: a temporary one)")
    wanted = parser.parse_args()
    import atheris

    with atheris.instrument_imports(include=["nalsm", "zipfile", "gzip", "click"]):
        import nalsm.datasets.fashion_mnist
        import nalsm.programs.noise
        import nalsm.storage.plain_hdf5  # noqa: F401

        if wanted.target == "questions":
            feed, seeds = questions_target()
        elif wanted.target.startswith("forged_"):
            feed, seeds = forged_target(wanted.target.removeprefix("forged_"))
        else:
            feed, seeds = reader_target(wanted.target)
    corpus = Path(wanted.corpus or tempfile.mkdtemp(prefix=f"nalsm-fuzz-{wanted.target}-"))
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    limits = (
        f"-max_total_time={round(60 * wanted.minutes)}",
        "-timeout=30",
        "-rss_limit_mb=3000",
        "-malloc_limit_mb=2500",
    )
    size = f"-max_len={max(4096, 2 * max(map(len, seeds)))}"
    faulthandler.enable()
    atheris.Setup(
        [sys.argv[0], *limits, size, "-print_final_stats=1", f"-artifact_prefix={corpus}/", str(corpus)], feed
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
