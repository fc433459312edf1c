"""Su et al.'s re-estimated laws: Kaplan's forms under their names. `su_traj` stands with the steps."""

from __future__ import annotations

from jaxlaws.laws.critical_batch import steps_to_target
from jaxlaws.laws.kaplan import kaplan_d, kaplan_n
from jaxlaws.laws.kaplan_training import kaplan_bcrit, kaplan_ns, kaplan_smin, su_traj
from jaxlaws.spec import quantity, restated

_SOURCE = "Su et al. (2024), Unraveling the Mystery of Scaling Laws: Part I, arXiv:2403.06563"
_SEEN = (
    "Only the abstract was read (Kaplan's forms hold up to 33B, constants depend on the setup and can be estimated from 1M "
    "to 60M models); no constants of theirs could be confirmed, so none ship."
)


def _as(form, name, inputs, what):
    return restated(
        form,
        name,
        inputs=inputs,
        source=_SOURCE,
        bibtex=su_traj.bibtex,
        papers=("2001.08361",),
        evidence="unverified",
        limits=(_SEEN, *form.limits),
        doc=f"{what}, in Su et al.'s estimation: unverified, since their text was not had.",
    )


su_n = _as(kaplan_n, "su_n", {"N": quantity.PARAMETERS}, "Loss of a converged model")
su_d = _as(kaplan_d, "su_d", {"D": quantity.TOKENS}, "Loss of a large model on D tokens")
su_nsmin = _as(
    kaplan_ns, "su_nsmin", {"N": quantity.PARAMETERS, "step": quantity.STEP}, "Loss after steps at a large batch"
)
su_bcrit = _as(kaplan_bcrit, "su_bcrit", {"loss": quantity.LOSS}, "Critical batch")
su_smin = _as(
    kaplan_smin,
    "su_smin",
    {"step": quantity.STEP, "batch": quantity.BATCH, "loss": quantity.LOSS},
    "Steps at a large batch",
)
su_hyper = _as(steps_to_target, "su_hyper", {"batch": quantity.BATCH}, "Steps to a loss at a batch")

__all__ = ["su_bcrit", "su_d", "su_hyper", "su_n", "su_nsmin", "su_smin", "su_traj"]
