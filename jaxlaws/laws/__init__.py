"""Which laws there are. Each file is a family; each law is a pure function with its units, boxes, source and
constants.

| you have                                         | look at                                        |
|--------------------------------------------------|------------------------------------------------|
| final losses of models of several sizes and data | `chinchilla`, `kaplan_nd`, `overtraining`      |
| one quantity only                                | `power`, `power_plus_constant`                 |
| whole loss curves and their learning rates       | `progress_noise`, `multi_power`, `lr_annealing`|
| validation losses and downstream errors          | `error_from_loss`                              |
| sweeps over learning rate and batch              | `step_law`, `step_law_batch`                   |
| training in few bits, or in floating point       | `precision_train`, `fp_quant`, `fp4_eff`       |
| quantization after or during training            | `precision_ptq`, `qid`, `qat_group`            |
| sparse weights                                   | `sparse_foundation`                            |
| several vocabularies                             | `vocab`, `vocab_isoflop`                       |
| data that are seen more than once                | `data_constrained`, `qqt_utility`              |
| mixtures of experts                              | `joint_moe`, `routed_moe`, `fine_grained_moe`  |

`catalogue` finds them by name; importing this room fills it.
"""

from jaxlaws.laws.acoustic import acoustic
from jaxlaws.laws.bimix import bimix
from jaxlaws.laws.bnsl import bnsl
from jaxlaws.laws.capacity import activation_attack, knowledge_capacity
from jaxlaws.laws.chinchilla import chinchilla
from jaxlaws.laws.continual import cmr, cmr_domain, cmr_general, cmr_loss, dcpt, dcpt_cross
from jaxlaws.laws.diffusion import dit_compute, dit_compute_data, dit_compute_fid, dit_compute_size
from jaxlaws.laws.diloco import diloco, diloco_batch, diloco_lr
from jaxlaws.laws.distillation import distillation, distillation_supervised
from jaxlaws.laws.experts import (
    fine_grained_dense,
    fine_grained_moe,
    joint_moe,
    moe_sparsity_isoflop,
    routed_dense,
    routed_moe,
)
from jaxlaws.laws.filtering import qqt_effective_data, qqt_mixture, qqt_utility, qqt_utility_code
from jaxlaws.laws.fine_tuning import sft_rectified, sft_vanilla
from jaxlaws.laws.floating_point import fp4_eff, fp_quant
from jaxlaws.laws.henighan import henighan, henighan_compute, henighan_size
from jaxlaws.laws.inference import repeated_sampling, rl_sigmoid, train_test_tradeoff
from jaxlaws.laws.kaplan import kaplan_nd
from jaxlaws.laws.lr_annealing import lr_annealing
from jaxlaws.laws.mixtures import (
    data_mixing_exp,
    optimal_mixture_additive,
    optimal_mixture_joint,
    optimal_mixture_simple,
)
from jaxlaws.laws.modality import (
    imitation_data,
    native_multimodal,
    native_multimodal_compute,
    patchification,
    synthetic_images,
    tsfm,
)
from jaxlaws.laws.multi_power import multi_power
from jaxlaws.laws.overtraining import error_from_loss, overtraining
from jaxlaws.laws.parscale import parscale
from jaxlaws.laws.pointers import hitchhiker, regmix, scale_efficiently, ul2r
from jaxlaws.laws.power import power, power_plus_constant
from jaxlaws.laws.precision import precision_ptq, precision_train, precision_unified, precision_unified_weights
from jaxlaws.laws.progress_noise import progress_noise
from jaxlaws.laws.quantization import bit_level_power, compression_eff, qat_group, qid, qid_per_bit
from jaxlaws.laws.repetition import data_constrained, data_pruning, repeated_data_band, token_crisis
from jaxlaws.laws.reward import daa_overopt, gao_bon, gao_rl
from jaxlaws.laws.shapes import m1, m2, m3, m4
from jaxlaws.laws.sparsity import sparse_foundation
from jaxlaws.laws.step_law import step_law, step_law_batch
from jaxlaws.laws.transfer import transfer_bleu, transfer_ce
from jaxlaws.laws.translation import nmt_bivariate, nmt_multilingual
from jaxlaws.laws.vocabulary import vocab, vocab_derivative, vocab_isoflop
from jaxlaws.spec import Law, Pointer, catalogue

# An import above is all that it takes: what it brings is listed and registered here.
__all__ = sorted(name for name, entry in globals().items() if isinstance(entry, Law | Pointer))  # pyright: ignore[reportUnsupportedDunderAll]  # its value cannot be had without running the laws

for _name in __all__:
    catalogue.register(globals()[_name])
