"""Which law should be trusted on schedules that were not run?

Leaves out one schedule after the other, and ranks two laws by their errors on what was left out, beside the noise between
runs that no law can predict.

    python examples/04_which_law.py
"""

import jaxlaws
from jaxlaws import validate

runs = jaxlaws.shipped("tiny_transformers").where("size == '83k' and seed == 0 and step >= 300")
runs = runs.where("schedule in ('constant_6000', 'cosine_3000', 'two_stage_4500', 'wsd_linear_6000')")

ranking = validate.compare(["progress_noise", "lr_annealing"], runs, validate.leave_out(runs, "schedule"), more=False)
print(ranking)
