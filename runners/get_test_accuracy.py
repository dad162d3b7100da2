"""Print the test accuracy of a run: asks for its version; --help lists all settings."""

from checkout import ROOT

from nalsm.programs.measures import show_test_accuracy

show_test_accuracy(ROOT)
