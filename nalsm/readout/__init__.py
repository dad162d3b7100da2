"""The output layer, from spike counts to classes."""

from nalsm.readout.counts import CountBlock, sample_factors
from nalsm.readout.layer import Readout
from nalsm.readout.team import Team

__all__ = ["CountBlock", "Readout", "Team", "sample_factors"]
