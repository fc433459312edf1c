"""Diffusion transformers: best size and data, loss and image quality from compute."""

from __future__ import annotations

from jaxlaws.laws.power import power, rising_power
from jaxlaws.spec import Quantity, positive, quantity, restated

FID = Quantity("FID", "Frechet inception distance", "FID", typical=(5.0, 500.0))
DIFFUSION_LOSS = Quantity("loss", "rectified-flow loss", "mean squared error", typical=(0.3, 1.5))

_SOURCE = "Liang et al. (2024), Scaling Laws for Diffusion Transformers, arXiv:2410.08184; constants second-hand"
_BIBTEX = """
    @article{liang2024scaling,
      title={Scaling Laws for Diffusion Transformers},
      author={Liang, Zhengyang and He, Hao and Yang, Ceyuan and Dai, Bo},
      journal={arXiv preprint arXiv:2410.08184},
      year={2024}
    }
"""
_SETUP = "rectified flow, in-context transformers of 1M to 1B parameters, 1e17 to 6e18 FLOP, C = 6 N D"
_LIMITS = (
    "Read in a third-party text; the prefactor of N_opt has one digit, so the product of N_opt and D_opt is .168 C for C/6.",
    "A variant with cross-attention has the loss exponent .0385.",
)


dit_compute_size = restated(
    rising_power,
    "dit_compute_size",
    inputs={"C": quantity.FLOP},
    output=quantity.PARAMETERS,
    rename={"A": "a", "alpha": "b"},
    params={"a": positive(start=(1e-5, 1e0), unit="parameters")},
    source=_SOURCE,
    bibtex=_BIBTEX,
    evidence="second-hand",
    constants={"in-context": (_SETUP, {"a": 0.0009, "b": 0.5681})},
    limits=_LIMITS,
    doc="Parameters of the best diffusion transformer for `C` FLOP of training, from parabolas at fixed compute.",
)

dit_compute_data = restated(
    rising_power,
    "dit_compute_data",
    inputs={"C": quantity.FLOP},
    output=quantity.TOKENS,
    rename={"A": "a", "alpha": "b"},
    params={"a": positive(start=(1e0, 1e4), unit="tokens")},
    source=_SOURCE,
    bibtex=_BIBTEX,
    evidence="second-hand",
    constants={"in-context": (_SETUP, {"a": 186.8535, "b": 0.4319})},
    limits=_LIMITS,
    doc="Tokens on which to train the best diffusion transformer for `C` FLOP.",
)

dit_compute = restated(
    power,
    "dit_compute",
    inputs={"C": quantity.FLOP},
    output=DIFFUSION_LOSS,
    source=_SOURCE,
    bibtex=_BIBTEX,
    evidence="second-hand",
    constants={"in-context": (_SETUP, {"A": 2.3943, "alpha": 0.0273})},
    limits=_LIMITS,
    doc="Least loss of a diffusion transformer for `C` FLOP of training.",
)

dit_compute_fid = restated(
    power,
    "dit_compute_fid",
    inputs={"C": quantity.FLOP},
    output=FID,
    params={"A": positive(start=(1e4, 1e8), unit="FID")},
    source=_SOURCE,
    bibtex=_BIBTEX,
    evidence="second-hand",
    constants={"in-context": (_SETUP, {"A": 2.2566e6, "alpha": 0.234})},
    limits=(*_LIMITS, "The lower the better; it has a floor that the form has not."),
    doc="Least FID of a diffusion transformer for `C` FLOP of training.",
)
