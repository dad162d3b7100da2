"""The output layer, from spike counts to classes."""

from nalsm.readout.layer import CountBlock, Readout, count_correct, sample_factors

__all__ = ["CountBlock", "Readout", "count_correct", "sample_factors"]
