"""Which learning rate, which batch and which schedule should the next run use?

Rate and batch from a loss surface fitted to the sweep that ships with jaxlaws, twenty runs of a small transformer; the schedule
from published constants of a law of curves.

    python examples/06_rate_batch_and_schedule.py
"""

from jaxlaws import laws, plan, schedules, shipped

sweep = shipped("tiny_transformers").where("kind == 'sweep'").frame
final = sweep.sort_values("step").groupby("run").tail(1)
final = final.assign(lr=[schedules.parse(spec).args["peak"] for spec in final["lr_schedule"]])  # not the last rate

# All runs saw 4 096 000 bytes, of which small batches make the most; so the batch is what the machine likes, and held.
surface = plan.surface(final, near=0.08, starts=8)
for batch in (1024, 2048, 4096):
    best = plan.learning_rate(surface, N=24576, D=4_096_000, batch=batch)
    low, high = best.lr_flat[0]
    print(f"batch {batch}: rate {best.lr[0]:.4f}, flat to 0.25 % from {low:.4f} to {high:.4f}")

chosen = plan.schedule(laws.multi_power.constants["25M"], total=2400, peak=3e-4, warmup=200, knots=16)
print(chosen)
optax_schedule = chosen.as_optax()  # a function of the number of updates, for `optax.adamw`
