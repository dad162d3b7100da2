"""Liquid state machines with neuron-astrocyte plasticity (Ivanov and Michmizos, NeurIPS 2021).

Nothing is imported here: the programs ask their first question before any heavy library loads.
"""

__version__ = "0.1.0"
