"""How sure are the constants, and what hangs on them?

Final losses of 48 models are simulated from known constants with a noise of 0.3 %, so that one can see whether intervals hold
the truth: of each constant, of a prediction, and of the best size for a budget.

    python examples/03_how_sure.py
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxlaws import bootstrap, fit, laws

truth = {"E": 1.8, "A": 480.0, "B": 2100.0, "alpha": 0.35, "beta": 0.37}
random = np.random.default_rng(3)
N = np.repeat(np.geomspace(2e7, 2e9, 8), 6)
D = N * np.tile(np.geomspace(2.0, 200.0, 6), 8)
loss = (truth["E"] + truth["A"] / N ** truth["alpha"] + truth["B"] / D ** truth["beta"]) * np.exp(
    random.normal(0, 3e-3, 48)
)
models = {"N": N, "D": D, "loss": loss}

found = fit(laws.chinchilla, models)
draws = bootstrap(found, models, by="row", resamples=400)
held = {}
for name, (low, high) in draws.interval().items():
    held[name] = low <= truth[name] <= high
    print(f"{name:6} {found[name]:8.3f}, 95 %: {low:8.3f} to {high:8.3f}; true {truth[name]:g}")


def best_size(p: dict[str, Any], budget: float = 1e22) -> Any:
    """Parameters of the model with the lowest loss for 6 N D = `budget`."""
    ratio = p["alpha"] * p["A"] / (p["beta"] * p["B"])
    return jnp.exp((jnp.log(ratio) + p["beta"] * jnp.log(budget / 6.0)) / (p["alpha"] + p["beta"]))


size = draws.decide(best_size)
true_size = float(best_size(truth))
print(f"best size for 1e22 FLOP: {size.value:.3g}, 95 %: {size.low:.3g} to {size.high:.3g}; true {true_size:.3g}")
