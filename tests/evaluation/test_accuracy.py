"""The accuracies a run is judged by."""

import numpy as np
import pytest
from made_runs import made_record

from nalsm.evaluation.accuracy import accuracy_of
from nalsm.support.errors import UserError


def test_accuracy_at_the_first_of_equal_cycles(tmp_path):
    record = made_record(tmp_path, 7, "training", model="LSM+AP-STDP", dataset="simulated N-MNIST")
    folder = record.folder
    with pytest.raises(UserError, match=r"unfinished; give LSM_APSTDP_RUN_MAIN_SIM_N_MNIST\.py"):
        accuracy_of(record)
    values = {"VAL": [0.1, 0.8, 0.7, 0.8], "TST": [0.9, 0.6, 0.95, 0.7], "TRAIN": [0.2, 0.3, 0.4, 0.5]}
    folder.write(folder.accuracies, {f"ACUM_{name}_ACC_l": np.array(value) for name, value in values.items()})
    assert accuracy_of(record) == (2, 4, 0.8, 0.6, 0.3)
