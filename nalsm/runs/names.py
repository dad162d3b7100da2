"""Names of the stages of a run, and of its files and the arrays in them: those of the authors' program."""

STAGES = ("initialisation", "counting", "readout")  # in their order; a run records the seconds of each
SPLITS = ("valid", "test", "train")  # in the order in which they are presented

# Files; {v} is the version, {i} the number of the batch.
COUNT_FILES = {
    "valid": "VALIDATION_{v}_S_AGG_BATCH_{i}.datasagg",
    "test": "TEST_{v}_S_AGG_BATCH_{i}.datasagg",
    "train": "TRAIN_S_AGG_{v}_BATCH_{i}.datasagg",
}
SPIKE_FILES = {
    "valid": "VALIDATION_{v}_SPIKES_BATCH_{i}.spikes",
    "test": "TEST_{v}_SPIKES_BATCH_{i}.spikes",
    "train": "TRAIN_S_AGG_{v}_BATCH_{i}.spikes",
}

OWN_DATA = "own_data"  # in the parameters of a run on a data file: its `nalsm.datasets.own.OwnData`

# Arrays.
WEIGHTS = "W_INI"  # float32 [S], in the order of the network's synapses
COUNTS = "olc_S_AGG_RES"  # uint16 [B, R]
LABELS = "scalar_labels_in_batch_arr"  # [B] in count files, [recorded samples] in spike files
SAMPLE_IDS = "sample_ids"  # like LABELS
BATCH = "ITER"  # number of the batch; in spike files an attribute
SPIKES = "spike_rec_per_batch"  # int32 [n_spikes, 3]: recorded sample, ms, neuron (liquid neurons first, then inputs)
ACCURACY_NAMES = {"valid": "ACUM_VAL_ACC_l", "train": "ACUM_TRAIN_ACC_l", "test": "ACUM_TST_ACC_l"}  # float64 [cycles]
BEST_WEIGHTS, BEST_BIASES = "W_best", "b_best"  # float32 [R, classes], [classes], at the best validation cycle
LAST_WEIGHTS, LAST_BIASES = "W_last", "b_last"  # likewise, after the last cycle
KEPT_CYCLES = "cycles_kept"  # int64 [n], counted from 1
KEPT_WEIGHTS, KEPT_BIASES = "W_kept", "b_kept"  # float32 [n, R, classes], [n, classes]
