"""What theory says of exponents, and papers whose laws could not be had."""

from __future__ import annotations

from jaxlaws.laws.chinchilla import chinchilla
from jaxlaws.spec import pointer, positive, quantity, restated

dmft = restated(
    chinchilla,
    "dmft",
    inputs={"N": quantity.PARAMETERS, "step": quantity.STEP},
    rename={"A": "c_N", "B": "c_t", "alpha": "r_N", "beta": "r_t"},
    params={"c_N": positive(start=(1e0, 1e4)), "c_t": positive(start=(1e0, 1e4))},
    source="Bordelon, Atanasov & Pehlevan (2024), A Dynamical Model of Neural Scaling Laws, arXiv:2402.01092",
    bibtex="""
    @inproceedings{bordelon2024dynamical,
      title={A Dynamical Model of Neural Scaling Laws},
      author={Bordelon, Blake and Atanasov, Alexander and Pehlevan, Cengiz},
      booktitle={International Conference on Machine Learning},
      year={2024},
      note={arXiv:2402.01092}
    }
    """,
    limits=(
        "Exponents are the theory's, for kernel eigenvalues k^-b and target power k^-a a mode: r_t = (a - 1)/b and r_N = "
        "min(a - 1, 2b); amplitudes are only of that order.",
        "Early in training a finite width costs 1/N, later N^-r_N; repeated data add a term P^-r_N.",
        "Along C = N t the loss falls as C^(-r_t r_N/(r_t + r_N)): with (a, b) = (2, 1) as C^-1/2.",
    ),
    doc="Loss of a width-N model after some steps, online, as the sum of its two limits.",
)

maloney = pointer(
    "maloney",
    source="Maloney, Roberts & Sully (2022), A Solvable Model of Neural Scaling Laws, arXiv:2210.16859",
    bibtex="""
    @article{maloney2022solvable,
      title={A Solvable Model of Neural Scaling Laws},
      author={Maloney, Alexander and Roberts, Daniel A. and Sully, James},
      journal={arXiv preprint arXiv:2210.16859},
      year={2022}
    }
    """,
    see=("kaplan_nd", "chinchilla"),
    text="a covariance spectrum of exponent 1 + alpha gives a test loss of exponent alpha in size and data alike, a plateau "
    "where the spectrum ends, and a best size proportional to the data; one summary names the exponents otherwise, and the "
    "closed form was not seen",
)

scale_time = pointer(
    "scale_time",
    source="Boopathy & Fiete (2024), Unified Neural Network Scaling Laws and Scale-time Equivalence, arXiv:2409.05782",
    bibtex="""
    @article{boopathy2024unified,
      title={Unified Neural Network Scaling Laws and Scale-time Equivalence},
      author={Boopathy, Akhilan and Fiete, Ila},
      journal={arXiv preprint arXiv:2409.05782},
      year={2024}
    }
    """,
    see=("power", "kaplan_ns"),
    text="only the abstract was read: size p and training time t are said to be interchangeable, f(p, t) = F(p t); give the "
    "product N x step as the input of a power",
)

compute_only = pointer(
    "compute_only",
    source="Guo (2024), More Compute Is What You Need, arXiv:2404.19484",
    bibtex="""
    @article{guo2024more,
      title={More Compute Is What You Need},
      author={Guo, Zhen},
      journal={arXiv preprint arXiv:2404.19484},
      year={2024}
    }
    """,
    see=("power", "power_plus_constant"),
    text="only the abstract was read: bits a character are said to fall linearly in the logarithm of compute, however it is "
    "split between size and data; the slope could not be confirmed",
)

opt_laws = pointer(
    "opt_laws",
    source="Xie et al. (2024), Optimization Hyper-parameter Laws for Large Language Models, arXiv:2409.04777",
    bibtex="""
    @article{xie2024optimization,
      title={Optimization Hyper-parameter Laws for Large Language Models},
      author={Xie, Xingyu and Ding, Kuangyu and Yan, Shuicheng and Toh, Kim-Chuan and Wei, Tianwen},
      journal={arXiv preprint arXiv:2409.04777},
      year={2024}
    }
    """,
    see=("multi_power", "lr_batch_basin"),
    text="a regression over peak rate, warm-up, size and data, derived from a stochastic differential equation; its formula "
    "was not obtained",
)

meituan_lr = pointer(
    "meituan_lr",
    source="Li et al. (2025), Predictable Scale: Part I, Step Law -- Optimal Hyperparameter Scaling Law in Large Language Model "
    "Pretraining, arXiv:2503.04715, table of rival rules",
    bibtex="""
    @article{li2025predictable,
      title={Predictable Scale: Part I, Step Law -- Optimal Hyperparameter Scaling Law in Large Language Model Pretraining},
      author={Li, Houyi and Zheng, Wenzhen and others},
      journal={arXiv preprint arXiv:2503.04715},
      year={2025}
    }
    """,
    see=("step_law", "power"),
    text="a rule that the best rate is a power of the loss is tabled without constants",
)
