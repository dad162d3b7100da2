"""The constants of the readout's training; `nalsm.readout.layer` states the equations.

They are here because `nalsm.readout` imports the compiler, and the questions need to know them before.

Source: Ivanov and Michmizos, NeurIPS 2021, supplement.
"""

from dataclasses import dataclass

from nalsm.support.constants import Constants, constant


@dataclass(frozen=True)
class ReadoutConstants(Constants):
    """The constants of the readout, with their published values. Raises ValueError for values outside their ranges."""

    heading = "readout"
    readout_learning_rate: float = constant(0.1, "learning rate of Adadelta", 0, 1e3)
    readout_weight_penalty: float = constant(5e-10, "of the loss: penalty * sum(W^2) / 2", 0, 1e3)


PUBLISHED = ReadoutConstants()
