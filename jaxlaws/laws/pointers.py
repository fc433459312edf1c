"""Papers without a law that could be shipped: what they have instead."""

from __future__ import annotations

from jaxlaws.spec import pointer

cooldowns = pointer(
    "cooldowns",
    source="Hägele et al. (2024), Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations, arXiv:2405.18392",
    bibtex="""
    @article{hagele2024scaling,
      title={Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations},
      author={H{\\"a}gele, Alexander and Bakouch, Elie and Kosson, Atli and Ben Allal, Loubna and others},
      journal={arXiv preprint arXiv:2405.18392},
      year={2024}
    }
    """,
    see=("multi_power", "lr_annealing", "progress_noise"),
    text="it compares cooldowns after a constant rate (1-sqrt does best), without a law; the shapes are in `jaxlaws.schedules`",
    aliases=("schedules",),
)

hitchhiker = pointer(
    "hitchhiker",
    source="Choshen, Zhang & Andreas (2024), A Hitchhiker's Guide to Scaling Law Estimation, arXiv:2410.11840",
    bibtex="""
    @article{choshen2024hitchhiker,
      title={A Hitchhiker's Guide to Scaling Law Estimation},
      author={Choshen, Leshem and Zhang, Yang and Andreas, Jacob},
      journal={arXiv preprint arXiv:2410.11840},
      year={2024}
    }
    """,
    see=("chinchilla",),
    text="it studies how to estimate laws: fit on checkpoints, drop the first tenth of training, use at least five models, and "
    "treat relative errors that differ by less than 4 % as ties",
)

regmix = pointer(
    "regmix",
    source="Liu et al. (2024), RegMix: Data Mixture as Regression for Language Model Pre-training, arXiv:2407.01492",
    bibtex="""
    @article{liu2024regmix,
      title={RegMix: Data Mixture as Regression for Language Model Pre-training},
      author={Liu, Qian and Zheng, Xiaosen and Muennighoff, Niklas and Zeng, Guangtao and Dou, Longxu and others},
      journal={arXiv preprint arXiv:2407.01492},
      year={2024}
    }
    """,
    see=("data_mixing_exp", "bimix"),
    text="it regresses the loss on the mixture by boosted trees over 512 runs of 1M parameters, and carries the ranking over to "
    "1B",
)

scale_efficiently = pointer(
    "scale_efficiently",
    source="Tay et al. (2021), Scale Efficiently: Insights from Pre-training and Fine-tuning Transformers, arXiv:2109.10686",
    bibtex="""
    @article{tay2021scale,
      title={Scale Efficiently: Insights from Pre-training and Fine-tuning Transformers},
      author={Tay, Yi and Dehghani, Mostafa and Rao, Jinfeng and Fedus, William and Abnar, Samira and others},
      journal={arXiv preprint arXiv:2109.10686},
      year={2021}
    }
    """,
    see=("power",),
    text="it compares shapes: deeper ones are better at equal compute, and the pretraining loss does not predict the fine-tuned "
    "one; fit `power` to each shape",
)

ul2r = pointer(
    "ul2r",
    source="Tay et al. (2022), Transcending Scaling Laws with 0.1% Extra Compute, arXiv:2210.11399",
    bibtex="""
    @article{tay2022transcending,
      title={Transcending Scaling Laws with 0.1% Extra Compute},
      author={Tay, Yi and Wei, Jason and Chung, Hyung Won and Tran, Vinh Q. and So, David R. and others},
      journal={arXiv preprint arXiv:2210.11399},
      year={2022}
    }
    """,
    see=("power_plus_constant",),
    text="it reports a shift of the compute curve (about a factor 2 at 540B): E + A (s C)^-alpha, where s means nothing "
    "without a baseline that shares A and alpha",
)
