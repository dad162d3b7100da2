"""Counting: every sample is presented from the same weights, and its spikes of each neuron are kept."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from nalsm.ahead import ahead


def none_recorded(_batch, _batch_size):
    return []


def count_spikes(run, weights, splits, recorded_samples=none_recorded):
    """Present every sample that has no good count file in the run's folder yet.

    run : has settings (batch_size, sample_ms), model, seed, liquid, folder, say and progress
    weights : float32 [S], what each presentation starts from
    splits : Split by name; the folder's `counts` and `spikes` name the files of their batches
    recorded_samples : (batch, batch size) -> samples of the batch whose spikes are kept as well
    """
    settings, folder, size = run.settings, run.folder, run.settings.batch_size
    rule = run.model.presentation(settings.knobs)
    batches = [(name, number) for name, split in splits.items() for number in range(len(split) // size)]

    def is_counted(batch):
        paths = [folder.counts(*batch)] + ([folder.spikes(*batch)] if recorded_samples(batch[1], size) else [])
        return all(folder.read_if_good(path, run.say) for path in paths)

    def rasters(batch):
        name, number = batch
        return splits[name].presentation(_samples(number, size), settings.sample_ms, run.seed)

    todo = [batch for batch in batches if not is_counted(batch)]
    total, done = len(batches) * size, (len(batches) - len(todo)) * size
    with run.progress(total, "counting", "samples", done) as bar, ThreadPoolExecutor(1) as writer:
        written = None
        for batch, raster in ahead(rasters, todo):
            record = recorded_samples(batch[1], size)
            presented = run.liquid.present(raster, weights, rule, record=record or False)
            if written:
                written.result()
            written = writer.submit(_write, folder, batch, splits[batch[0]], presented, record)
            bar.update(size)
        if written:
            written.result()


def _samples(number, size):
    return np.arange(number * size, (number + 1) * size)


def _write(folder, batch, split, presented, record):
    """Write the files of one batch, its counts last; `presented` is what the liquid did."""
    number = batch[1]
    samples = _samples(number, len(presented.counts))
    if record:
        arrays = {
            "spike_rec_per_batch": np.argwhere(presented.spikes).astype(np.int32),  # (recorded sample, ms, neuron)
            "scalar_labels_in_batch_arr": split.labels[samples[record]],
            "sample_ids": split.sample_ids[samples[record]],
        }
        folder.write(folder.spikes(*batch), arrays, {"ITER": number})
    arrays = {
        "olc_S_AGG_RES": presented.counts,
        "scalar_labels_in_batch_arr": split.labels[samples],
        "sample_ids": split.sample_ids[samples],
        "ITER": np.int64(number),
    }
    folder.write(folder.counts(*batch), arrays)
