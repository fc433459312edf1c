"""Where partitions are fitted.

| you have                                    | use                                                                     |
|---------------------------------------------|-------------------------------------------------------------------------|
| one machine, and memory for one process     | `serial()`: this process; its threads search on all cores               |
| one machine with many cores                 | `pool(workers)`: fresh processes, one Python each                       |
| a cluster, GPUs on several machines         | `ray(address=...)`: actors with as many CPUs and GPUs as you say        |
| an executor of somebody else's              | `executor(theirs)`: anything that is a `concurrent.futures.Executor`    |

An engine takes partitions when it has room for them, so that a source is read no faster than it is fitted, and gives results
in any order. A worker that dies costs its partition another try; one that dies `RETRIES` times is given up and named.
"""

from jaxlaws.bulk.engines._flow import Engine, Lost
from jaxlaws.bulk.engines.executor import executor
from jaxlaws.bulk.engines.pool import pool
from jaxlaws.bulk.engines.ray import ray
from jaxlaws.bulk.engines.serial import serial

__all__ = [
    "Engine",
    "Lost",
    "executor",
    "pool",
    "ray",
    "serial",
]
