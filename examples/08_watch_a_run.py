"""Where will this run end, asked while it trains?

A run of a small transformer is told step by step to a forecaster that knows runs of another size. `forecast_while_training.py`
does the same inside a compiled training step.

    python examples/08_watch_a_run.py
"""

import jaxlaws
from jaxlaws import online

runs = jaxlaws.shipped("tiny_transformers").where("kind == 'schedule' and seed == 0")
smaller = runs.where("size == '83k' and step >= 300 and schedule in ('constant_6000', 'cosine_3000', 'two_stage_4500')")
earlier = jaxlaws.fit("progress_noise", smaller, weights="run")

mine = runs.where("size == '197k' and schedule == 'wsd_linear_6000'").frame
watch = online.Watch(online.forecaster(earlier, peak=3e-3), mine["lr_schedule"].iloc[0], every=600)
for row in mine.itertuples():
    watch(row.step, row.loss, row.lr)

end = mine["loss"].iloc[-1]
lines = watch.finish()
for line in lines:
    print(f"step {line.step:4}: {line.loss:.3f}, 90 %: {line.low:.3f} to {line.high:.3f}; sound: {line.sound}")
print(f"it ended at {end:.3f}")
