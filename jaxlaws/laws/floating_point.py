"""Loss of training in few-bit floating point: exponent and mantissa bits, and native four-bit training."""

from __future__ import annotations

import jax.numpy as jnp

from jaxlaws.spec import exponent, fixed, law, least, positive, power, quantity


def _of_format(law, values, params):
    return law(1e9, 1e11, values["E"], values["M"], 128.0, **params)


def _of_bits(law, values, params):
    """Loss in the best format of `P` bits, for the size that some budget leaves where none is given."""
    P, D = values["P"], values["D"]
    best = optimal_format(P, **params)
    return law(values.get("N", 1e22 / (P * D)), D, best["E"], best["M"], values["B"], **params)


@least({"P": lambda E, M: E + M + 1.0}, of=_of_format)
def optimal_format(P, *, n, d, eps, alpha, beta, gamma, delta, nu):
    r"""Exponent and mantissa bits that lose least with `P` bits in all, one of them the sign: $E = \delta P/(\delta+\nu)
    - 1/2$, $M = \nu P/(\delta+\nu) - 1/2$, before rounding to whole bits.
    """
    del n, d, eps, alpha, beta, gamma
    return {"E": delta * P / (delta + nu) - 0.5, "M": nu * P / (delta + nu) - 0.5}


@least()
def critical_data(N, E, M, B, *, n, d, eps, alpha, beta, gamma, delta, nu):
    r"""Tokens beyond which more of them make the loss worse: $[d\,\gamma N^\alpha (E+\frac12)^\delta (M+\frac12)^\nu /
    \log_2 B]^{1/(2\beta)}$.
    """
    del n, eps
    log_power = jnp.log(d * gamma / jnp.log2(B)) + alpha * jnp.log(N)
    log_power = log_power + delta * jnp.log(E + 0.5) + nu * jnp.log(M + 0.5)
    return {"D": jnp.exp(log_power / (2.0 * beta))}


def effective_parameters(N, D, P, B, *, n, d, eps, alpha, beta, gamma, delta, nu):
    """Size of the unquantized model with the loss of `N` parameters in the best format of `P` bits."""
    del d, eps
    extra = power(D, beta) * jnp.log2(B) / (n * _at_best_format(gamma, delta, nu) * power(P, delta + nu))
    return {"N": N * jnp.exp(-jnp.log1p(extra) / alpha)}


@least(of=_of_bits)
def optimal_precision(D, B, *, n, d, eps, alpha, beta, gamma, delta, nu):
    r"""Bits that give the lowest loss for `D` tokens and a cost in proportion to P N D, in their best format:
    $P^{\delta+\nu} = (\delta+\nu-\alpha)\,D^\beta \log_2 B / (n\,\alpha\,\gamma_\rho)$, whatever the budget.
    """
    del d, eps
    s = delta + nu
    level = (s - alpha) / (n * alpha * _at_best_format(gamma, delta, nu)) * power(D, beta) * jnp.log2(B)
    return {"P": power(level, 1.0 / s)}


@least({"C": lambda P, N, D: 6.0 / 16.0 * P * N * D}, of=_of_bits, ranges={"P": (3.0, 16.0)})
def compute_optimal(C, B, *, n, d, eps, alpha, beta, gamma, delta, nu):
    """Bits, parameters and tokens that minimise the loss for a cost of `C` = (6/16) P N D FLOP of 16 bits."""
    del eps
    s = delta + nu
    noise = jnp.log2(B) * (s - alpha) / (n * alpha * _at_best_format(gamma, delta, nu))
    log_power = (alpha + beta) / beta * jnp.log(noise)
    log_power = log_power + jnp.log((s - alpha) / (s + beta) * d * beta / (n * alpha)) + alpha * jnp.log(C / (6 / 16))
    P = jnp.exp(log_power / (s * (alpha + beta) / beta + alpha))
    D = power(power(P, s) / noise, 1.0 / beta)
    return {"P": P, "N": C / (6 / 16 * P * D), "D": D}


def _at_best_format(gamma, delta, nu):
    """gamma (E+.5)^delta (M+.5)^nu for one bit in the best format, without the power of the bits."""
    s = delta + nu
    return gamma * jnp.exp(delta * jnp.log(delta / s) + nu * jnp.log(nu / s))


@law(
    inputs={
        "N": quantity.PARAMETERS,
        "D": quantity.TOKENS,
        "E": quantity.EXPONENT_BITS,
        "M": quantity.MANTISSA_BITS,
        "B": quantity.GROUP,
    },
    output=quantity.LOSS,
    params={
        "n": positive(start=(1e1, 1e4)),
        "d": positive(start=(1e2, 1e6)),
        "eps": positive(start=(0.5, 3.0), unit="nats/token"),
        "alpha": exponent(start=(0.1, 1.0)),
        "beta": exponent(start=(0.1, 1.0)),
        "gamma": positive(start=(1e2, 1e6)),
        "delta": exponent(start=(1.0, 6.0), box=(1e-2, 20.0)),
        "nu": exponent(start=(1.0, 6.0), box=(1e-2, 20.0)),
    },
    linear=("n", "d", "eps"),
    source="Sun et al. (2025), Scaling Laws for Floating Point Quantization Training, arXiv:2501.02423",
    bibtex="""
    @article{sun2025floating,
      title={Scaling Laws for Floating Point Quantization Training},
      author={Sun, Xingwu and Li, Shuaipeng and Xie, Ruobing and Han, Weidong and Wu, Kan and others},
      journal={arXiv preprint arXiv:2501.02423},
      year={2025}
    }
    """,
    aliases=("capybara",),
    evidence="checked",
    constants={
        "Capybara": (
            "Table 2: 358 runs, 41M to 679M parameters, 1e10 to 1e11 tokens, nats/token; checked to 70B",
            {
                "n": 69.2343,
                "d": 68973.0621,
                "eps": 1.9061,
                "alpha": 0.2368,
                "beta": 0.5162,
                "gamma": 11334.5197,
                "delta": 3.1926,
                "nu": 2.9543,
            },
        ),
    },
    derived={
        "optimal_format": optimal_format,
        "critical_data": critical_data,
        "effective_parameters": effective_parameters,
        "optimal_precision": optimal_precision,
        "compute_optimal": compute_optimal,
    },
    limits=(
        "Channel-wise scaling is the same with a constant log2 B of 13.1567; the constants of tensor-wise scaling are "
        "not printed.",
        "`alpha` and `beta` stand in two places each: the last term is not free of the first two.",
        "As stored, the paper's equation for critical data has lost a square root; `critical_data` is derived anew.",
    ),
)
def fp_quant(N, D, E, M, B, *, n, d, eps, alpha, beta, gamma, delta, nu):
    r"""Loss of training in floating point with `E` exponent and `M` mantissa bits: $n/N^\alpha + d/D^\beta + \epsilon +
    \frac{D^\beta}{N^\alpha} \frac{\log_2 B}{\gamma (E+1/2)^\delta (M+1/2)^\nu}$.

    The sign is one more bit: P = E + M + 1. `B` (above 1) is how many elements share a scale. `n`, `d`, `eps`, `alpha`,
    `beta` give the loss in full precision; `gamma`, `delta` and `nu` say how much that format loses with each.

    >>> found = fp_quant.derived["optimal_format"](8.0, **fp_quant.constants["Capybara"].params)
    >>> round(found["E"]), round(found["M"])
    (4, 3)
    """
    size = power(N, -alpha)
    noise = power(D, beta) * size * jnp.log2(B) / gamma * power(E + 0.5, -delta) * power(M + 0.5, -nu)
    return n * size + d * power(D, -beta) + eps + noise


_QUARTET = (
    "Table 6: C4, Llama-like, 30M to 200M parameters without embeddings, 25 to 800 tokens a parameter, nats/token; "
)


def _quartet(e_N: float, e_D: float) -> dict[str, float]:
    baseline = {"E": 1.35, "A": 1.52e5, "B": 5.25e5, "alpha": 0.589, "beta": 0.544, "gamma": 0.274}
    return baseline | {"e_N": e_N, "e_D": e_D}


@law(
    inputs={"N": quantity.PARAMETERS, "D": quantity.TOKENS},
    output=quantity.LOSS,
    params={
        "E": positive(start=(0.5, 3.0), unit="nats/token"),
        "A": positive(start=(1e3, 1e6)),
        "B": positive(start=(1e3, 1e6)),
        "alpha": exponent(start=(0.2, 1.0)),
        "beta": exponent(start=(0.2, 1.0)),
        "gamma": exponent(start=(0.15, 1.0)),
        "e_N": fixed(1.0, positive(start=(0.2, 1.0), box=(1e-3, 10.0))),
        "e_D": fixed(1.0, positive(start=(0.2, 1.0), box=(1e-3, 10.0))),
    },
    linear=("E",),
    redundant=(("A", "e_N"), ("B", "e_D")),
    source="Castro et al. (2025), Quartet: Native FP4 Training Can Be Optimal for Large Language Models, arXiv:2505.14669",
    bibtex="""
    @article{castro2025quartet,
      title={Quartet: Native FP4 Training Can Be Optimal for Large Language Models},
      author={Castro, Roberto L. and Panferov, Andrei and Tabesh, Soroush and Sieberling, Oliver and Chen, Jiale and others},
      journal={arXiv preprint arXiv:2505.14669},
      year={2025}
    }
    """,
    evidence="checked",
    constants={
        "baseline": (_QUARTET + "the text calls it FP8, the appendix BF16", _quartet(1.0, 1.0)),
        "Quartet": (_QUARTET + "MXFP4 forward and backward", _quartet(0.65, 0.95)),
        "LUQ-INT4": (_QUARTET + "LUQ, INT4: off by .18 nats at 25 tokens a parameter", _quartet(0.49, 0.15)),
        "forward-stochastic": (
            _QUARTET + "few bits in the forward pass only, stochastic rounding",
            _quartet(0.42, 1.0),
        ),
        "forward-nearest": (_QUARTET + "few bits in the forward pass only, round to nearest", _quartet(0.59, 1.0)),
        "forward-QuEST": (_QUARTET + "few bits in the forward pass only, QuEST", _quartet(0.64, 1.0)),
        "backward-stochastic": (_QUARTET + "few bits in the backward pass only, stochastic", _quartet(1.0, 0.88)),
        "backward-nearest": (_QUARTET + "few bits in the backward pass only, round to nearest", _quartet(1.0, 0.93)),
        "backward-QuEST": (_QUARTET + "few bits in the backward pass only, QuEST", _quartet(1.0, 0.83)),
    },
    limits=(
        "Fit in two stages: the baseline with both efficiencies at 1, then these with the rest fixed. All at once, "
        "e_N trades off with A and e_D with B.",
        "One pair of efficiencies is too little for a poor method: LUQ-INT4 is not reproduced (3.91 against 3.73).",
    ),
)
def fp4_eff(N, D, *, E, A, B, alpha, beta, gamma, e_N, e_D):
    r"""Loss of a model trained with a format that is worth a share of its parameters and of its tokens: $E +
    [A/(e_N N)^\alpha + B/(e_D D)^\beta]^\gamma$.

    `N` excludes embeddings. `e_N` belongs to the precision of the forward pass and `e_D` to the backward pass; both are
    1 at the baseline, where `E`, `A`, `B`, `alpha`, `beta` and the common power `gamma` are fitted. To compare formats
    at equal cost, evaluate at N s and D t/s for a forward pass s times and training t times as fast.
    """
    return E + power(A * power(e_N * N, -alpha) + B * power(e_D * D, -beta), gamma)
