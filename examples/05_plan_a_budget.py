"""How large a model, on how much data, for a budget; and what does a smaller one cost?

Published constants are planned with as a fit of your own is: `plan` takes either.

    python examples/05_plan_a_budget.py
"""

from jaxlaws import laws, plan

law = laws.chinchilla.constants["besiroglu"]
best = plan.allocate(law, [1e21, 1e22, 1e23])
print(best)

served = plan.allocate(law, loss=2.1, cost=plan.budget.Lifetime(tokens=1e13))
print(served)  # least compute for a loss of 2.1 where 1e13 tokens will be served: smaller, and trained for longer

print(plan.overtraining(law, 1e23, factors=(0.25, 0.5, 1.0)))
