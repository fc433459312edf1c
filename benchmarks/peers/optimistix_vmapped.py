"""optimistix' Levenberg-Marquardt or BFGS, vmapped over starts, or over resamples from one start, in float64."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optimistix as optx
from _chinchilla_jax import Centred
from _peer import answer, problem, timed

jax.config.update("jax_enable_x64", True)


def main() -> None:
    arrays, options = problem()
    law = Centred(arrays)
    starts = jnp.asarray(law.starts)
    ones = jnp.ones_like(law.log_loss)
    settings = {"rtol": options["tolerance"], "atol": options["tolerance"]}
    most = options["most"]

    def one(start, weight):
        if options["method"] == "lm":
            solver = optx.LevenbergMarquardt(**settings)
            return optx.least_squares(law.root, solver, start, weight, max_steps=most, throw=False).value
        # The cost is about 1e-3: unscaled, an absolute tolerance would end the search at once.
        solver = optx.BFGS(**settings)
        scaled = lambda x, w: 1e3 * law.cost(x, w)  # noqa: E731  # what is minimised, said where it is minimised
        return optx.minimise(scaled, solver, start, weight, max_steps=most, throw=False).value

    if "weights" in arrays:
        search, given = jax.jit(jax.vmap(one, in_axes=(None, 0))), (starts[0], jnp.asarray(arrays["weights"]))
    else:
        search, given = jax.jit(jax.vmap(one, in_axes=(0, None))), (starts, ones)
    found, seconds = timed(lambda: jax.block_until_ready(search(*given)), options["repeats"])
    answer(**seconds, params=law.raw(found))


if __name__ == "__main__":
    main()
