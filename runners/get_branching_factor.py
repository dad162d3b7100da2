"""Print the branching factors of a run: asks for its version; --help lists all settings."""

from checkout import ROOT

from nalsm.programs.measures import show_branching_factors

show_branching_factors(ROOT)
