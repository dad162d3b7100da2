"""The bar fits the terminal and tells the time left; in a pipe there are plain lines, none twice."""

import re
import sys

import pexpect
import pytest
from small_runs import ROOT, environment

from nalsm.console.progress import progress
from nalsm.support.tuning import TUNING

NOTE = "best validation accuracy 95.23 %"
PROGRAM = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from nalsm.console.progress import progress
with progress(5000, "readout", "cycles", done=1000) as meter:
    input()
    for _ in range(2):
        meter.update(1000, {NOTE!r})
        meter.bar.refresh()
        input()
    meter.update(2000)
"""


def lines_drawn(output):
    """Return what was drawn after each return of the cursor, without escape sequences."""
    return [text for text in (re.sub(r"\x1b\[\d*[A-Z]", "", part).strip() for part in output.split("\r")) if text]


def terminal(columns):
    return pexpect.spawn(sys.executable, ["-c", PROGRAM], env=environment(), encoding="utf-8", echo=False,
                         timeout=30, dimensions=(24, columns))  # fmt: skip


@pytest.mark.parametrize("columns", [30, 40, 60, 80, 120])
def test_the_bar_fits(columns):
    """Never wider than the terminal; ten cells at 80 columns; the time left at 40; no "?" on a resumed stage."""
    with terminal(columns) as child:
        child.expect("20%")
        begin = child.before + child.after
        for _ in range(3):
            child.sendline()
        child.expect(pexpect.EOF)
        drawn = lines_drawn(begin + child.before)
    assert all(len(line) < columns for line in drawn), drawn
    assert "?" not in "".join(drawn)
    assert all("left" in line for line in drawn[1:]), drawn
    assert (NOTE in drawn[1]) == (columns >= 80)
    for line in drawn[1:] if columns >= 40 else ():
        assert len(line.split("|")[1]) >= 10, line


def test_a_narrower_terminal_leaves_no_stale_line():
    with terminal(80) as child:
        child.expect("20%")
        child.sendline()
        child.expect("40%.*left.*95.23 %")
        child.setwinsize(24, 30)
        child.sendline()
        child.expect("60%, ")
        assert "\x1b[2A\x1b[J" in child.before, "the two lines that the old one has become are not removed"


def test_no_line_twice_in_a_pipe(capsys, monkeypatch):
    monkeypatch.setattr(TUNING, "seconds_between_lines", 0.0)
    with progress(3, "counting", "samples") as meter:
        for _ in range(3):
            meter.update(1)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" samples")[0] for line in lines] == [f"counting: {n} of 3" for n in (1, 2, 3)]
