"""The output layer, from spike counts to classes."""

from nalsm.readout.counts import CountBlock, sample_factors
from nalsm.readout.layer import Readout

__all__ = ["CountBlock", "Readout", "sample_factors"]
