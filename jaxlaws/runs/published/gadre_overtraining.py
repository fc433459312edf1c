"""104 models of 11 million to 6.9 billion parameters, most of them over-trained: Gadre et al. (2024), arXiv:2403.08540.

One row a model and validation set. Columns: `run`, `model`, `train_set` ("c4_original", "rpj", "rw_original"), `eval_set`
("c4_val" is the C4 of the paper's tables; also "openlm", "paloma_c4_en", "paloma_redpajama", ...), `N` parameters with
embeddings, `N_no_embed`, `D` tokens, `M` = D/N, `C` = 6 N D, `loss` nats a token with its 95 % interval `loss_low`,
`loss_high` over sequences, `lr` peak rate, `lr_end`, `warmup` steps, `batch` tokens a step, and errors, the same in every
row of a model: `error_TASK` = 1 - accuracy, `error_46` their mean and `error_17` the mean over the paper's subset.

The three files of 6.9B models state a batch of one sequence, which is not what they were trained with: empty here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jaxlaws.runs.checks import Finding
from jaxlaws.runs.door import admit
from jaxlaws.runs.published._fetch import Remote, listed, obtain_parts
from jaxlaws.runs.table import Runs

SOURCE = "published:gadre_overtraining"
TRAIN_SETS = ("c4_original", "rpj", "rw_original")
SEQUENCE = 2048

# Tasks on which a 154M model of theirs is clearly better than chance; the average that their error law predicts best.
SUBSET = (
    "arc_easy",
    "bigbench_cs_algorithms",
    "bigbench_dyck_languages",
    "bigbench_novel_concepts",
    "bigbench_operators",
    "bigbench_qa_wikidata",
    "boolq",
    "commonsense_qa",
    "copa",
    "coqa",
    "hellaswag",
    "hellaswag_zeroshot",
    "lambada_openai",
    "piqa",
    "pubmed_qa_labeled",
    "squad",
    "winograd",
)


def load() -> Runs:
    """All models; with a mirror, those of the training sets that it holds."""
    import pandas as pd

    files = {train_set: list(_files(train_set)) for train_set in TRAIN_SETS}
    parts, findings = obtain_parts(files, SOURCE)
    rows = []
    for train_set, paths in parts.items():
        for model, evaluation in zip(paths[0::2], paths[1::2], strict=True):
            rows += list(_rows(_json(model), _json(evaluation)["eval_metrics"]["icl"], train_set))
    frame = pd.DataFrame(rows)
    unknown = frame.loc[frame["batch"].isna(), "run"].unique()
    note = f"{SOURCE}: batch left empty for {', '.join(unknown)}: their files state one sequence a step."
    lost = Finding("source", "drop", int(frame["batch"].isna().sum()), (), tuple(unknown), note)
    return admit(frame, SOURCE, findings=(*findings, lost))


def _files(train_set: str) -> Iterator[Remote]:
    """Files of a training set, in pairs: a model, and its evaluation."""
    known = {remote.path.rsplit("/", 1)[-1]: remote for remote in listed("gadre_overtraining")}
    for name, remote in known.items():
        if "/models/" in remote.path and name.startswith(f"{train_set}-"):
            yield remote
            yield known[f"evaluation_{name.removesuffix('.json')}_heavy.json"]


def _rows(model: dict[str, Any], accuracies: dict[str, float], train_set: str) -> Iterator[dict[str, Any]]:
    told = model["hyperparameters"]
    size, tokens, sequences = float(told["params"]), float(told["tokens"]), told["global_bs"]
    errors = {task: 1.0 - accuracy for task, accuracy in accuracies.items()}
    for result in model["results"]:
        yield {
            "run": model["name"],
            "model": Path(told["model"]).name.removesuffix(".json"),
            "train_set": train_set,
            "eval_set": _eval_set(result["val_data"][0]),
            "N": size,
            "N_no_embed": float(told["params_no_embed"]),
            "D": tokens,
            "M": tokens / size,
            "C": 6.0 * size * tokens,
            "loss": result["loss"],
            "loss_low": result["loss_sequences_lower_95"],
            "loss_high": result["loss_sequences_upper_95"],
            "lr": told["lr"],
            "lr_end": told["cd"],
            "warmup": told["warmup"],
            "batch": sequences * float(SEQUENCE) if sequences > 1 else np.nan,
            "error_17": float(np.mean([errors[task] for task in SUBSET])),
            "error_46": float(np.mean(list(errors.values()))),
            **{f"error_{task}": error for task, error in errors.items()},
        }


def _eval_set(path: str) -> str:
    folder, file = path.split("/")[-2:]
    # The German C4 lies as a file in a folder that it shares.
    return file.split(".")[0] if "de-en" in folder else folder


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8"))
