"""Which laws there are. Each file is a family; each law is a pure function with its units, boxes, source and
constants.

| you have                                         | look at                                                          |
|--------------------------------------------------|------------------------------------------------------------------|
| final losses of models of several sizes and data | `chinchilla`, `kaplan_nd`, `overtraining`, `skaling`             |
| one quantity only                                | `power`, `power_plus_constant`, `rising_power`                   |
| whole loss curves and their learning rates       | `limited_progress`, `progress_noise`, `multi_power`, `lr_annealing` |
| validation losses and downstream errors          | `error_from_loss`, `sigmoid`                                     |
| sweeps over learning rate and batch              | `step_law`, `step_law_batch`, `lr_batch_basin`                   |
| training in few bits, or in floating point       | `precision_train`, `fp_quant`, `fp4_eff`                         |
| quantization after or during training            | `precision_ptq`, `qid`, `qat_group`                              |
| sparse weights                                   | `sparse_foundation`                                              |
| several vocabularies                             | `vocab`, `vocab_isoflop`                                         |
| data that are seen more than once                | `data_constrained`, `qqt_utility`                                |
| mixtures of experts                              | `joint_moe`, `routed_moe`, `fine_grained_moe`                    |
| size, batch and steps, or steps to a loss        | `three_term`, `su_traj`, `steps_to_target`                       |
| a lab's rule for size, rate or batch             | `kaplan_size`, `deepseek_lr`, `porian_size`, `minicpm_bs`        |
| losses over shares of domains                    | `data_mixing_exp`, `bimix`, `optimal_mixture_joint`              |
| continual pretraining on a domain                | `dcpt`, `cmr`                                                    |
| a teacher, or fine-tuning samples                | `distillation`, `sft_rectified`                                  |
| rewards that a policy over-optimises             | `gao_bon`, `gao_rl`                                              |
| parallel streams, replicas, repeated samples     | `parscale`, `diloco`, `repeated_sampling`                        |
| translation, images, sound, time series, robots  | `nmt_bivariate`, `henighan`, `acoustic`, `tsfm`                  |
| a curve that bends, breaks or levels off         | `bnsl`, `m4`, `m3`                                               |

`catalogue` finds them by name; importing this room fills it.
"""

from jaxlaws.laws.acoustic import acoustic
from jaxlaws.laws.bimix import bimix
from jaxlaws.laws.bnsl import bnsl
from jaxlaws.laws.capacity import activation_attack, knowledge_capacity
from jaxlaws.laws.chinchilla import chinchilla
from jaxlaws.laws.collapse import collapse, collapse_schedule
from jaxlaws.laws.continual import cmr, cmr_domain, cmr_general, cmr_loss, dcpt, dcpt_cross
from jaxlaws.laws.convex import convex_bound, convex_dominance
from jaxlaws.laws.critical_batch import (
    cbs_branched,
    cbs_zhang,
    cbs_zhang_data,
    microsoft_lr,
    noise_scale_lr,
    power_lines,
    power_lines_batch,
    power_lines_critical,
    scion_rules,
    steps_to_target,
    surge_lr,
)
from jaxlaws.laws.deepseek import deepseek_batch, deepseek_data, deepseek_lr, deepseek_size
from jaxlaws.laws.diffusion import dit_compute, dit_compute_data, dit_compute_fid, dit_compute_size
from jaxlaws.laws.diloco import diloco, diloco_batch, diloco_lr
from jaxlaws.laws.distillation import distillation, distillation_supervised
from jaxlaws.laws.downstream import sigmoid
from jaxlaws.laws.experts import (
    fine_grained_dense,
    fine_grained_moe,
    joint_moe,
    moe_sparsity_isoflop,
    routed_dense,
    routed_moe,
)
from jaxlaws.laws.farseer import farseer
from jaxlaws.laws.filtering import qqt_effective_data, qqt_mixture, qqt_utility, qqt_utility_code
from jaxlaws.laws.fine_tuning import sft_rectified, sft_vanilla
from jaxlaws.laws.floating_point import fp4_eff, fp_quant
from jaxlaws.laws.fm_annealing import fm_annealing
from jaxlaws.laws.functional import fsl_batch, fsl_opt_lr, fsl_practical, fsl_theory
from jaxlaws.laws.gemstones import gemstones, gemstones_shape
from jaxlaws.laws.henighan import henighan, henighan_compute, henighan_size
from jaxlaws.laws.inference import repeated_sampling, rl_sigmoid, train_test_tradeoff
from jaxlaws.laws.kaplan import (
    kaplan_batch,
    kaplan_c,
    kaplan_d,
    kaplan_data,
    kaplan_lr,
    kaplan_n,
    kaplan_nd,
    kaplan_size,
    kaplan_steps,
)
from jaxlaws.laws.kaplan_training import kaplan_bcrit, kaplan_ns, kaplan_smin, su_traj
from jaxlaws.laws.limited_progress import limited_progress
from jaxlaws.laws.lr_annealing import cpt_annealing, lr_annealing, lr_annealing_n
from jaxlaws.laws.minicpm import minicpm_bs, minicpm_nd
from jaxlaws.laws.mixtures import (
    data_mixing_exp,
    data_mixing_targets,
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
from jaxlaws.laws.optimizers import optimizers_wen, optimizers_wen_setting, optimizers_wen_size
from jaxlaws.laws.overtraining import error_from_loss, overtraining
from jaxlaws.laws.parscale import parscale
from jaxlaws.laws.pointers import cooldowns, hitchhiker, regmix, scale_efficiently, ul2r
from jaxlaws.laws.porian import porian_batch, porian_loss, porian_lr, porian_size
from jaxlaws.laws.power import power, power_plus_constant, rising_power
from jaxlaws.laws.precision import precision_ptq, precision_train, precision_unified, precision_unified_weights
from jaxlaws.laws.progress_noise import progress_noise
from jaxlaws.laws.quantization import bit_level_power, compression_eff, qat_group, qid, qid_per_bit
from jaxlaws.laws.rate_and_batch import lr_batch_basin, lr_batch_surface, poly5
from jaxlaws.laws.repetition import (
    data_constrained,
    data_constrained_once,
    data_pruning,
    repeated_data_band,
    token_crisis,
)
from jaxlaws.laws.reward import daa_overopt, gao_bon, gao_rl
from jaxlaws.laws.shapes import m1, m2, m3, m4
from jaxlaws.laws.skaling import skaling
from jaxlaws.laws.sparsity import sparse_foundation
from jaxlaws.laws.step_law import step_law, step_law_batch
from jaxlaws.laws.su import su_bcrit, su_d, su_hyper, su_n, su_nsmin, su_smin
from jaxlaws.laws.theory import compute_only, dmft, maloney, meituan_lr, opt_laws, scale_time
from jaxlaws.laws.three_term import three_term
from jaxlaws.laws.transfer import transfer_bleu, transfer_ce
from jaxlaws.laws.translation import nmt_bivariate, nmt_multilingual
from jaxlaws.laws.vocabulary import vocab, vocab_derivative, vocab_isoflop
from jaxlaws.spec import Law, Pointer, catalogue

# An import above is all that it takes: what it brings is listed and registered here.
__all__ = sorted(name for name, entry in globals().items() if isinstance(entry, Law | Pointer))  # pyright: ignore[reportUnsupportedDunderAll]  # its value cannot be had without running the laws

for _name in __all__:
    catalogue.register(globals()[_name])
