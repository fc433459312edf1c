"""What loss will a larger model reach on more data?

Fits the Chinchilla law to three small transformers that ship with jaxlaws, trained at a constant rate, without the largest
one's second half, and predicts that.

    python examples/01_size_and_data.py
"""

import jaxlaws

runs = jaxlaws.shipped("tiny_transformers").where("schedule == 'constant_6000' and step >= 1000")
seen = runs.where("N < 1e5 or D < 3.1e6")
later = runs.where("N > 1e5 and D >= 3.1e6")

found = jaxlaws.fit("chinchilla", seen)
print(found)  # parameters, agreement of starts, and what to doubt: three sizes are few

score = found.score(later)
print(f"\n{len(later)} points of the largest model that were not fitted: {100 * score['mape']:.1f} % mean error")
print(f"at N = 2e5, D = 2e7: {float(found.predict(N=2e5, D=2e7)):.3f} nats a byte")
