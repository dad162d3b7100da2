"""Write a page of pictures on a run: asks for its version; --compare 1 2 3 puts several side by side."""

from checkout import ROOT

from nalsm.programs.report import report

report(ROOT)
