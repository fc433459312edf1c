"""Other people's public runs by name, as they published them: fetched once, checked by sha256, in canonical columns.

| name                 | what it is                                                                      | to fit         |
|----------------------|---------------------------------------------------------------------------------|----------------|
| `chinchilla_epoch`   | 240 final losses over N and D, read off a figure; `_all` has 5 more             | `chinchilla`   |
| `gadre_overtraining` | 104 over-trained models, 8 validation losses, errors on 46 tasks                | `overtraining` |
| `gemstones`          | 220 losses of 22 shapes at a constant rate; `_all` has cooldowns besides        | `gemstones`    |
| `isoflop_collection` | losses along lines of equal compute on three corpora; `_all` adds Chinchilla's  | `chinchilla`   |
| `lr_schedules`       | 235 training logs: WSD and cosine over peaks, horizons and cooldowns            | curve laws     |
| `misfitting`         | 261 end losses over sizes, peak rates and lengths; `_all` every checkpoint      | `chinchilla`   |
| `mixing_laws`        | 274 runs on mixtures of domains, losses on validation sets along the way        | mixture laws   |
| `mpl_curves`         | 27 loss curves: 3 model sizes under 9 schedules                                 | curve laws     |
| `obs_scaling`        | benchmark accuracies of 148 base models, no losses                              | sigmoids       |
| `olmo_ladder`        | losses and task accuracies along 30 runs of five sizes                          | `chinchilla`   |
| `routed_lm`          | last losses of dense and routed models; `_all` has every 10,000 steps           | `routed_moe`   |
| `steplaw`            | 1,911 final losses over peak rate, batch, N, D; `_all` adds mixtures of experts | `step_law`     |
| `vocab_scaling`      | 1,054 checkpoints of 6 sizes with 10 vocabularies; `_all` has 146 more          | `vocab`        |

Files come from their pinned upstream address (needs `pip install jaxlaws[data]`), or from the folder that the environment
variable `JAXLAWS_DATA_DIR` names, which then is used alone. The licences are those of the authors.
"""

from __future__ import annotations

from jaxlaws.errors import DataError, nearest
from jaxlaws.runs.published import (
    chinchilla_epoch,
    gadre_overtraining,
    gemstones,
    isoflop_collection,
    lr_schedules,
    misfitting,
    mixing_laws,
    mpl_curves,
    obs_scaling,
    olmo_ladder,
    routed_lm,
    steplaw,
    vocab_scaling,
)
from jaxlaws.runs.table import Runs

__all__ = ["LOADERS", "names", "published"]

LOADERS = {
    "chinchilla_epoch": chinchilla_epoch.load,
    "chinchilla_epoch_all": chinchilla_epoch.load_all,
    "gadre_overtraining": gadre_overtraining.load,
    "gemstones": gemstones.load,
    "gemstones_all": gemstones.load_all,
    "isoflop_collection": isoflop_collection.load,
    "isoflop_collection_all": isoflop_collection.load_all,
    "lr_schedules": lr_schedules.load,
    "misfitting": misfitting.load,
    "misfitting_all": misfitting.load_all,
    "mixing_laws": mixing_laws.load,
    "mpl_curves": mpl_curves.load,
    "obs_scaling": obs_scaling.load,
    "olmo_ladder": olmo_ladder.load,
    "routed_lm": routed_lm.load,
    "routed_lm_all": routed_lm.load_all,
    "steplaw": steplaw.load,
    "steplaw_all": steplaw.load_all,
    "vocab_scaling": vocab_scaling.load,
    "vocab_scaling_all": vocab_scaling.load_all,
}


def published(name: str) -> Runs:
    """Table of the public data set `name`. Raises `DataError` when it cannot be had here."""
    if name not in LOADERS:
        raise DataError(f"`published({name!r})`: {nearest(name, LOADERS, what='data set')}")
    return LOADERS[name]()


def names() -> list[str]:
    """Names of the public data sets."""
    return sorted(LOADERS)
