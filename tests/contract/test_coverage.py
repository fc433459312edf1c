"""Every law that our two source tables list is in the catalogue: as a law, a restatement, an alias or a pointer, and found by paper."""

from __future__ import annotations

import pytest

from jaxlaws.spec import catalogue

# arXiv id: names under which its laws were listed. A name that ends with _ stands for all that begin with it.
LISTED = {
    # Loss over learning-rate curves.
    "2408.11029": "lr_annealing lr_annealing_n",
    "2505.07796": "cpt_annealing",
    "2512.13705": "fm_annealing",
    "2503.12811": "multi_power",
    "2509.19189": "fsl_practical fsl_theory",
    "2602.14208": "fsl_batch",
    "2602.06797": "fsl_opt_lr",
    "2507.02119": "collapse collapse_schedule",
    "2501.18965": "convex_bound",
    "2310.07831": "convex_bound",
    "2602.07145": "convex_dominance",
    # Size, data, steps, batch.
    "2001.08361": "kaplan_n kaplan_d kaplan_c kaplan_cmin kaplan_nd kaplan_ns kaplan_bcrit kaplan_smin",
    "2403.06563": "su_n su_d su_nsmin su_bcrit su_hyper su_smin su_traj",
    "1812.06162": "steps_examples",
    "2410.21676": "cbs_zhang steps_to_target",
    "2505.13738": "power_lines",
    "2607.01487": "three_term",
    "2505.23971": "cbs_branched",
    "2203.15556": "chinchilla",
    "2404.10102": "chinchilla_besiroglu",
    "2608.07222": "skaling",
    "2506.10972": "farseer",
    "2403.08540": "gadre_overtrain gadre_error overtraining error_from_loss",
    "2502.06857": "gemstones",
    # Hyper-parameters.
    "2404.06395": "minicpm_nd minicpm_bs",
    "2401.02954": "deepseek_",
    "2503.04715": "step_law step_law_batch",
    "2406.19146": "porian_",
    "2509.02046": "optimizers_wen",
    "2507.21184": "lr_batch_surface poly5",
    # Theory, and what could not be obtained.
    "2405.18392": "schedules",
    "2404.19484": "compute_only",
    "2409.05782": "scale_time",
    "2402.01092": "dmft",
    "2210.16859": "maloney",
    "2409.04777": "opt_laws",
    # Precision, sparsity, vocabulary.
    "2411.04330": "precision_train precision_ptq precision_unified",
    "2501.02423": "fp_quant",
    "2411.17691": "qid qid_per_bit",
    "2505.14302": "qat_group",
    "2502.16440": "compression_eff",
    "2501.06218": "bit_level_power",
    "2309.08520": "sparse_foundation",
    "2505.14669": "fp4_eff",
    "2407.13623": "vocab vocab_law",
    # Transfer, modality.
    "2402.04177": "transfer_bleu_loglaw transfer_ce",
    "2109.07740": "nmt_bivariate",
    "2302.09650": "nmt_multilingual",
    "2010.14701": "henighan",
    "2410.18647": "imitation_data",
    "2312.04567": "synthetic_images",
    "2410.12360": "tsfm",
    "2106.09488": "acoustic",
    "2502.03738": "patchification",
    "2109.10686": "scale_efficiently",
    "2210.11399": "ul2r",
    "2504.07951": "native_multimodal",
    "2410.08184": "dit_compute",
    # Repetition, filtering, mixtures.
    "2305.16264": "data_constrained",
    "2205.10487": "repeated_data_band",
    "2305.13230": "token_crisis",
    "2404.07177": "qqt_utility",
    "2206.14486": "data_pruning",
    "2403.16952": "data_mixing_exp",
    "2407.01492": "regmix",
    "2405.14908": "bimix",
    "2507.09404": "optimal_mixture_additive optimal_mixture_joint",
    "2406.01375": "dcpt dcpt_cross",
    "2407.17467": "cmr",
    # Experts.
    "2202.01169": "routed_moe",
    "2402.07871": "fine_grained_moe",
    "2501.12370": "moe_sparsity_isoflop",
    "2502.05172": "joint_moe",
    # After pretraining, and shapes of curves.
    "2502.08606": "distillation",
    "2505.10475": "parscale",
    "2402.02314": "sft_rectified",
    "2210.10760": "gao_bon gao_rl",
    "2406.02900": "daa_overopt",
    "2404.05405": "knowledge_capacity",
    "2312.02780": "activation_attack",
    "2503.09799": "diloco",
    "2510.13786": "rl_sigmoid",
    "2407.21787": "repeated_sampling",
    "2104.03113": "train_test_tradeoff",
    "2210.14891": "bnsl",
    "2209.06640": "m1 m2 m3 m4",
    "2410.11840": "hitchhiker",
}

ENTRIES = [*catalogue.values(), *catalogue.pointers.values()]


@pytest.mark.parametrize("paper", LISTED)
def test_every_listed_law_is_in_the_catalogue_under_its_paper(paper):
    here = {name for entry in ENTRIES if paper in entry.papers for name in (entry.name, *entry.aliases)}
    assert here, f"nothing in the catalogue names arXiv:{paper}"
    for name in LISTED[paper].split():
        found = any(one.startswith(name) for one in here) if name.endswith("_") else name in here
        assert found, f"arXiv:{paper} has {sorted(here)}, and no {name}"
