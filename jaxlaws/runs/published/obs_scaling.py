"""Benchmark accuracies of 148 base models: Ruan et al. (2024), Observational Scaling Laws, arXiv:2405.10938.

One row a model. Columns: `run` the model's name, `family`, `N` parameters, `D` tokens, `C` training FLOP (6 N D; `D` and
`C` are empty for 25 models), and accuracies from 0 to 1, empty where not measured: `MMLU`, `ARC-C`, `HellaSwag`,
`Winograd`, `TruthfulQA`, `GSM8K`, `XWinograd`, `HumanEval`. There are no losses.
"""

from __future__ import annotations

from jaxlaws.runs.door import admit
from jaxlaws.runs.published._fetch import listed, obtain
from jaxlaws.runs.readers import load as read_file
from jaxlaws.runs.table import Runs


def load() -> Runs:
    """All models."""
    (path,) = obtain([f for f in listed("obs_scaling") if f.path.endswith("base_llm_benchmark_eval.csv")])
    frame = read_file(path)[0].rename(columns={"Model": "run", "Model Family": "family"})
    units = {"Model Size (B)": ("N", 1e9), "Pretraining Data Size (T)": ("D", 1e12), "FLOPs (1E21)": ("C", 1e21)}
    for column, (name, unit) in units.items():
        frame.insert(2, name, frame.pop(column).astype(float) * unit)
    return admit(frame[["run", "family", "N", "D", "C", *frame.columns[5:]]], "published:obs_scaling")
