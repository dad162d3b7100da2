"""Figures of the paper to compare runs with.

Source: V. A. Ivanov and K. P. Michmizos, "Increasing Liquid State Machine Performance with Edge-of-Chaos
Dynamics Organized by Astrocyte-modulated Plasticity", NeurIPS 2021 (arXiv 2111.01760), tables and supplement.
"""

from dataclasses import dataclass

SOURCE = "Ivanov and Michmizos, NeurIPS 2021"
TRAINING_SAMPLES = 50_000  # that every published accuracy was reached with
_FULL = {
    "train_samples": TRAINING_SAMPLES,
    "valid_samples": 10_000,
    "test_samples": 10_000,
    "sample_ms": 250,
    "cycles": 5_000,
    "init_samples": 50_000,
    "init_ms": 20,
}


@dataclass(frozen=True)
class Accuracy:
    """Mean and standard deviation over networks, percent of the test set."""

    mean: float
    deviation: float
    networks: int = 10

    def __str__(self):
        return f"{self.mean:.2f} ± {self.deviation:.2f}"


# (model, data set, liquid neurons) -> accuracy, each at the model's best setting
ACCURACIES = {
    ("NALSM", "MNIST", 1000): Accuracy(95.96, 0.13),
    ("NALSM", "N-MNIST", 1000): Accuracy(95.90, 0.16),
    ("NALSM", "Fashion-MNIST", 1000): Accuracy(83.05, 0.21),
    ("LSM+AP-STDP", "MNIST", 1000): Accuracy(95.49, 0.09),
    ("LSM+AP-STDP", "N-MNIST", 1000): Accuracy(95.23, 0.16),
    ("LSM", "MNIST", 1000): Accuracy(95.30, 0.10),
    ("LSM", "N-MNIST", 1000): Accuracy(95.02, 0.15),
    ("LSM+STDP", "MNIST", 1000): Accuracy(89.47, 0.45),
    ("LSM+STDP", "N-MNIST", 1000): Accuracy(86.80, 0.51),
    ("NALSM", "MNIST", 8000): Accuracy(97.49, 0.11, networks=5),
    ("NALSM", "N-MNIST", 8000): Accuracy(97.42, 0.07, networks=5),
    ("NALSM", "Fashion-MNIST", 8000): Accuracy(85.61, 0.18, networks=5),
}

# (model, data set) -> mean branching factor over networks of 1000 neurons; NALSM at ASTRO_W_SCALING 0.015
BRANCHING_FACTORS = {("NALSM", "MNIST"): 1.24, ("LSM+AP-STDP", "MNIST"): 0.93, ("LSM+STDP", "MNIST"): 1.42}

# (model, data set) -> mean rank of the test counts (SP) and of the noisy test counts (AP), 1000 neurons
KERNEL_QUALITIES = {
    ("NALSM", "MNIST"): (994.2, 986.4),
    ("LSM+AP-STDP", "MNIST"): (993.1, 992.2),
    ("LSM", "MNIST"): (988.0, 989.6),
    ("LSM+STDP", "MNIST"): (588.4, 178.4),
    ("NALSM", "N-MNIST"): (977.7, 977.6),
}


def is_reduced(identity):
    """Tell whether a run used fewer samples, snapshots or cycles than the published ones; `identity`: its settings."""
    unused = ("init_samples", "init_ms") if identity["model"] == "LSM" else ()  # has no initialisation
    return any(identity[name] < size for name, size in _FULL.items() if name not in unused)
