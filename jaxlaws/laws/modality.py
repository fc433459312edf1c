"""Images, robots, time series and multimodal models: generic forms under the papers' names."""

from __future__ import annotations

from jaxlaws.laws.chinchilla import chinchilla
from jaxlaws.laws.power import power, power_plus_constant
from jaxlaws.spec import Quantity, quantity, real, restated

ENVIRONMENTS = Quantity("m", "training objects, environments, or pairs of them", "number", typical=(1.0, 64.0))
GAP = Quantity("gap", "share of the highest score that is missing", "fraction", typical=(0.01, 1.0))
PATCHES = Quantity("patches", "tokens an image is cut into", "tokens", typical=(50.0, 5e4))
TSFM_LOSS = Quantity("loss", "negative log-likelihood of the next values", "nats/value", "raw", (-1.0, 2.0))

imitation_data = restated(
    power,
    "imitation_data",
    inputs={"m": ENVIRONMENTS},
    output=GAP,
    rename={"A": "a", "alpha": "b"},
    source="Lin et al. (2024), Data Scaling Laws in Imitation Learning for Robotic Manipulation, arXiv:2410.18647",
    bibtex="""
    @article{lin2024data,
      title={Data Scaling Laws in Imitation Learning for Robotic Manipulation},
      author={Lin, Fanqi and Hu, Yingdong and Sheng, Pingyue and Wen, Chuan and You, Jiacheng and Gao, Yang},
      journal={arXiv preprint arXiv:2410.18647},
      year={2024}
    }
    """,
    evidence="read",
    limits=(
        "No constants are shipped: two write-ups quote exponents .32, .26, .35 (objects, environments, pairs), the printed "
        "score tables give .47 to .84, and the fitted equations are only in a figure.",
        "In the number of demonstrations it does not hold: scores level off near 800 and are not monotone.",
    ),
    doc="Missing share of the highest score of a policy that was trained with `m` objects, environments or pairs.",
)

synthetic_images = restated(
    power,
    "synthetic_images",
    inputs={"D": quantity.IMAGES},
    output=quantity.LOSS,
    rename={"A": "a", "alpha": "k"},
    source="Fan et al. (2023), Scaling Laws of Synthetic Images for Model Training ... for Now, arXiv:2312.04567",
    bibtex="""
    @article{fan2023scaling,
      title={Scaling Laws of Synthetic Images for Model Training ... for Now},
      author={Fan, Lijie and Chen, Kaifeng and Krishnan, Dilip and Katabi, Dina and Isola, Phillip and Tian, Yonglong},
      journal={arXiv preprint arXiv:2312.04567},
      year={2023}
    }
    """,
    evidence="second-hand",
    limits=(
        "Holds from about .125M to 4M images (ViT-B; 8M for ViT-L) and levels off beyond: fit a window, or `bnsl`.",
        "Prompts, guidance scale and generator all change the exponent, which is smaller than with real images.",
        "No exponent was seen.",
    ),
    doc="Loss of an image classifier after training on `D` synthetic images.",
)

tsfm = restated(
    power_plus_constant,
    "tsfm",
    inputs={"x": quantity.ANY},
    output=TSFM_LOSS,
    params={"E": real(start=(-0.5, 1.0), box=(-1e3, 1e3), unit="nats/value")},
    source="Yao et al. (2024), Towards Neural Scaling Laws for Time Series Foundation Models, arXiv:2410.12360",
    bibtex="""
    @article{yao2024towards,
      title={Towards Neural Scaling Laws for Time Series Foundation Models},
      author={Yao, Qingren and Yang, Chao-Han Huck and Jiang, Renhe and Liang, Yuxuan and Jin, Ming and Pan, Shirui},
      journal={arXiv preprint arXiv:2410.12360},
      year={2024}
    }
    """,
    evidence="second-hand",
    limits=(
        "The paper fits simple powers of size, data and compute apart; log-likelihood losses may be negative, so an offset of "
        "either sign is fitted here.",
        "In and out of distribution the slopes in size and compute are alike and the offsets differ.",
        "Constants are only in figures.",
    ),
    doc="Log-likelihood loss of a time-series model from `x`: parameters, data or compute.",
)

patchification = restated(
    power_plus_constant,
    "patchification",
    inputs={"n": PATCHES},
    output=quantity.LOSS,
    source="Wang et al. (2025), Scaling Laws in Patchification: An Image Is Worth 50,176 Tokens And More, arXiv:2502.03738",
    bibtex="""
    @article{wang2025scaling,
      title={Scaling Laws in Patchification: An Image Is Worth 50,176 Tokens And More},
      author={Wang, Feng and Yu, Yaodong and Wei, Guoyizhe and Shao, Wei and Zhou, Yuyin and Yuille, Alan and Xie, Cihang},
      journal={arXiv preprint arXiv:2502.03738},
      year={2025}
    }
    """,
    evidence="unverified",
    limits=(
        "No parametric law was seen: only that loss and accuracy improve down to patches of one pixel.",
        "At a fixed model; (224/p)^2 tokens for patches of p pixels, up to 50 176.",
    ),
    doc="Loss of a vision model that cuts its images into `n` patches. Unverified: the form is this library's, not the "
    "paper's.",
)

_NATIVE = "Shukor et al. (2025), Scaling Laws for Native Multimodal Models, arXiv:2504.07951"
_NATIVE_BIBTEX = """
    @article{shukor2025scaling,
      title={Scaling Laws for Native Multimodal Models},
      author={Shukor, Mustafa and Fini, Enrico and da Costa, Victor Guilherme Turrisi and Cord, Matthieu and Susskind, Joshua
              and El-Nouby, Alaaeldin},
      journal={arXiv preprint arXiv:2504.07951},
      year={2025}
    }
"""

native_multimodal = restated(
    chinchilla,
    "native_multimodal",
    inputs={"N": quantity.ACTIVE, "D": quantity.TOKENS},
    source=_NATIVE,
    bibtex=_NATIVE_BIBTEX,
    evidence="checked",
    derived=("compute_optimal",),
    limits=(
        "A and B are not printed, so there is no set to evaluate. E, alpha, beta: early fusion 1.904, .301, .335 (interleaved "
        "1.966, .2971, .338), late fusion 1.891, .2903, .3383, sparse early fusion 2.158, .710, .372.",
        "The printed late-fusion exponents of N_opt and D_opt add up to 1.098: they contradict its own alpha and beta.",
        "Early fusion costs 6 N D; late fusion 6 (N_v D_v + N D).",
    ),
    doc="Loss of a multimodal model with `N` active parameters after `D` multimodal tokens.",
)

native_multimodal_compute = restated(
    power,
    "native_multimodal_compute",
    inputs={"C": quantity.FLOP},
    source=_NATIVE,
    bibtex=_NATIVE_BIBTEX,
    evidence="read",
    constants={
        "45-45-10": (
            "captions, interleaved and text as 45 : 45 : 10; amplitude and exponent are printed apart, that they belong "
            "together is our reading",
            {"A": 29.574, "alpha": 0.0492},
        )
    },
    limits=("Without a floor: do not extrapolate it far.",),
    doc="Least loss of a multimodal model for `C` FLOP of training, early fusion.",
)
