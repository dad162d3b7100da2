"""Ways a file of a run may be damaged, and the rule: the same contents again, or a clear line; never a wrong number."""

import random

from nalsm.storage.files import read_arrays, write_arrays


def flipped(path, random_, _others):
    image = bytearray(path.read_bytes())
    image[random_.randrange(len(image))] ^= 1 << random_.randrange(8)
    path.write_bytes(image)


def cut(path, random_, _others):
    path.write_bytes(path.read_bytes()[: random_.randrange(path.stat().st_size)])


def emptied(path, _random, _others):
    path.write_bytes(b"")


def zeroed(path, _random, _others):
    path.write_bytes(bytes(path.stat().st_size))


def of_another_run(path, _random, others):
    path.write_bytes((others / path.name).read_bytes())


def of_another_batch(path, _random, _others):
    """Another file of the same kind and run, sound but out of place."""
    siblings = sorted(p for p in path.parent.glob(f"*{path.suffix}") if p != path and not p.name.startswith("."))
    path.write_bytes(siblings[0].read_bytes())


def of_another_format(path, _random, _others):
    arrays, attributes = read_arrays(path)
    write_arrays(path, arrays, {**attributes, "format": 0})


ANYWHERE = (flipped, cut, emptied, zeroed)
ALL = (*ANYWHERE, of_another_run, of_another_batch, of_another_format)


def files_of(folder):
    """Return the files of a version folder, in the order of their names, but for hidden ones and reports."""
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith((".", "report")))


def is_possible(damage, path, others):
    """Whether a damage makes sense for a file: formats and places are those of the result files."""
    if damage in ANYWHERE:
        return True
    if path.suffix in (".json", ".txt", ".h5") or (damage == of_another_run and not (others / path.name).exists()):
        return False
    return damage != of_another_batch or len([*path.parent.glob(f"*{path.suffix}")]) > 1


def damage_with(damage, path, seed, others):
    """Damage a file; the seed says where. Returns whether it is another file now."""
    before = path.read_bytes()
    damage(path, random.Random(f"{seed} {damage.__name__} {path.name}"), others)
    return path.read_bytes() != before


# ---- unfinished runs ------------------------------------------------------------------------------

STAGES = {
    "initialising": "open *W_INI*",
    "counting": "open *TRAIN_S_AGG_7_BATCH_3.datasagg*",
    "training": "rename *.files",
}


def leave_at(run, stage):
    """Make a run end at a stage, as a kill leaves it; return the paths of its files."""
    run.clear()
    assert run.lose(STAGES[stage]).returncode != 0
    return files_of(run.folder)


def resume_damaged(run, damaged, where=""):
    """Give the same answers: each damaged file is named and recomputed, or the program ends with one line about one."""
    done = run.run()
    if done.returncode != 0:
        return _refused(done, damaged, where)
    assert done.stderr == "", (where, done)
    for path in damaged:
        # (spikes are recomputed with their batch's counts, the readout's weights at every end of a run)
        if path.suffix not in (".json", ".txt", ".spikes") and path.name != "W_b_by_ITER.evaldata":
            named = [line for line in done.stdout.splitlines() if path.name in line and "recomputed" in line]
            assert named, (where, path.name, done)
    run.finish(where)
    return "recomputed"


# ---- finished runs --------------------------------------------------------------------------------


def look_at_damaged(run, program, flags, reference, damaged, where=""):
    """Run a program that prints results: they are those of the undamaged run, or one line names a damaged file."""
    done = run.program(program, *flags, answers=run.answers_of(program))
    if done.returncode == 0:
        assert (done.stdout, done.stderr) == (reference, ""), (where, program, done)
        return "same result"
    return _refused(done, damaged, (where, program))


def _refused(done, damaged, where):
    """One line names a damaged file."""
    assert done.returncode in (1, 2), (where, done)
    assert done.stderr.count("\n") == 1, (where, done)
    assert any(path.name in done.stderr for path in damaged), (where, done)
    return "refused"
