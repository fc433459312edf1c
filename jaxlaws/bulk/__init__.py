"""A database of fits: very many groups of a source fitted apart, and kept as Parquet.

| to                                                   | use                                                        |
|------------------------------------------------------|------------------------------------------------------------|
| fit every run of a source and keep the fits          | `bulk_fit(source, law, by="run", out="fits")`              |
| go on after a kill, or after new runs have come      | the same call: what is there and unchanged is kept         |
| fit groups of runs, wherever their rows stand        | `by="size"`: rows are sorted into groups on disk first     |
| use all cores of a machine                           | `engine=pool()`                                            |
| use a cluster, or GPUs of several machines           | `engine=ray(address="auto", gpus=1)`                       |
| use an executor that is there already (Dask's, say)  | `engine=executor(client.get_executor())`                   |

What is in memory is a few partitions, whatever the number of groups. One group that cannot be fitted costs that group: it has
a row with its status and reason. Each partition is one file, written whole or not at all; results depend neither on the
engine nor on how groups are cut into partitions.
"""

from jaxlaws.bulk.engines import Engine, executor, pool, ray, serial
from jaxlaws.bulk.fit import bulk_fit
from jaxlaws.bulk.summary import Summary

__all__ = [
    "Engine",
    "Summary",
    "bulk_fit",
    "executor",
    "pool",
    "ray",
    "serial",
]
