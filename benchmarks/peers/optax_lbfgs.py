"""optax' L-BFGS with its zoom line search, as its documentation runs it, vmapped over starts in float64."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax
import optax.tree_utils as otu
from _chinchilla_jax import Centred
from _peer import answer, problem, timed

jax.config.update("jax_enable_x64", True)


def main() -> None:
    arrays, options = problem()
    law = Centred(arrays)
    ones = jnp.ones_like(law.log_loss)
    optimiser = optax.lbfgs()

    def cost(x):
        return 1e3 * law.cost(x, ones)

    def one(start):
        value_and_grad = optax.value_and_grad_from_state(cost)

        def step(carry):
            x, state = carry
            value, grad = value_and_grad(x, state=state)
            updates, state = optimiser.update(grad, state, x, value=value, grad=grad, value_fn=cost)
            return optax.apply_updates(x, updates), state

        def going(carry):
            _, state = carry
            count, grad = otu.tree_get(state, "count"), otu.tree_get(state, "grad")
            return (count == 0) | ((count < options["most"]) & (otu.tree_norm(grad) >= 1e-8))

        return jax.lax.while_loop(going, step, (start, optimiser.init(start)))[0]

    search = jax.jit(jax.vmap(one))
    starts = jnp.asarray(law.starts)
    found, seconds = timed(lambda: jax.block_until_ready(search(starts)), options["repeats"])
    answer(**seconds, params=law.raw(found))


if __name__ == "__main__":
    main()
