"""Where forecasts go beside the loss: functions of (step, scalars) for `Watch(writers=[...])`.

| the tracker is | use                                     |
|----------------|-----------------------------------------|
| TensorBoard    | `tensorboard("runs/a/forecast")`        |
| W&B            | `wandb(run)`, the run as `wandb.init` gives it |
| MLflow         | `mlflow(run_id)`, or the active run     |
| a CSV file     | `csv("forecast.csv")`                   |
| anything else  | any function of (step, dict of floats)  |
"""

from jaxlaws.online.writers.csv import csv
from jaxlaws.online.writers.mlflow import mlflow
from jaxlaws.online.writers.tensorboard import tensorboard
from jaxlaws.online.writers.wandb import wandb

__all__ = ["csv", "mlflow", "tensorboard", "wandb"]
