"""Work on a Dask cluster.

`connection` finds the cluster and its workers, or starts local ones. `tasks` submits a bounded number of tasks at a
time and says in one line why a cluster is lost. `counting` presents the batches of a run. `cells` runs whole cells of a
sweep. `same_bits` refuses workers that would compute other bits. Nothing of Dask is imported here.
"""
