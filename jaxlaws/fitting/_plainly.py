"""Compiling fast what runs seldom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax

# XLA on CPUs takes most of a first fit to compile it. With these options the code is there sooner, and as fast. Its older
# emitters would save a third more for point laws; not taken yet, as a process that used them died (docs/performance.md).
POINTS = {"xla_backend_optimization_level": 1, "xla_llvm_disable_expensive_passes": True}
CURVES = {"xla_backend_optimization_level": 1, "xla_cpu_parallel_codegen_split_count": 1}


def plainly(fn: Callable[..., Any], options: Mapping[str, Any] = POINTS) -> Callable[..., Any]:
    """`jit` of a function whose first argument is static, with these options on CPUs."""
    usual = jax.jit(fn, static_argnums=0)
    plain = jax.jit(fn, static_argnums=0, compiler_options=dict(options))

    def run(*arguments: Any) -> Any:
        if jax.default_backend() == "cpu":
            try:
                return plain(*arguments)
            except jax.errors.JaxRuntimeError as error:
                if "compile option" not in str(error):  # another XLA may know other ones
                    raise
        return usual(*arguments)

    return run
