"""Compiling fast what runs seldom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

# Of programs for point laws, which are long and do little work, XLA on CPUs compiles plain code in half the time; it runs as
# fast. Sums over curves gain nothing.
_PLAINLY = {
    "xla_cpu_use_fusion_emitters": False,
    "xla_llvm_disable_expensive_passes": True,
    "xla_backend_optimization_level": 1,
}


def plainly(fn: Callable[..., Any]) -> Callable[..., Any]:
    """`jit` of a function whose first argument is static, with plain code on CPUs."""
    usual = jax.jit(fn, static_argnums=0)
    plain = jax.jit(fn, static_argnums=0, compiler_options=_PLAINLY)

    def run(*arguments: Any) -> Any:
        if jax.default_backend() == "cpu":
            try:
                return plain(*arguments)
            except jax.errors.JaxRuntimeError as error:
                if "compile option" not in str(error):  # another XLA may know other ones
                    raise
        return usual(*arguments)

    return run
