"""What would this run have reached under another learning-rate schedule?

Fits a law of whole loss curves to three schedules of a small transformer and predicts three others at every step. `--plot
FILE` draws both.

    python examples/02_another_schedule.py --plot fit.svg
"""

import argparse

import jaxlaws

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--plot", help="a .svg, .png, .pdf or .html file")
options = arguments.parse_args()

runs = jaxlaws.shipped("tiny_transformers").where("size == '83k' and seed == 0 and step >= 300")
seen = runs.where("schedule in ('constant_6000', 'cosine_3000', 'two_stage_4500')")
unseen = runs.where("schedule in ('cosine_6000', 'wsd_linear_6000', 'wsd_1-sqrt_6000')")

found = jaxlaws.fit("progress_noise", seen, weights="run")
score = found.score(unseen)
for run, one in score["by_run"].items():
    print(f"{run:22} mean error {one['mae']:.4f} nats, at worst {one['worst']:.4f}")

later = jaxlaws.schedules.wsd(3e-3, warmup=200, hold=9600, total=12000, end=3e-4, decay="1-sqrt")
print(f"twice as long, cooled down over the last fifth: {found.predict(schedule=later)[-1]:.3f} nats")

if options.plot:
    from jaxlaws import plot

    shown = [
        some.select(some.column("step") % 100 == 0) for some in (seen, unseen)
    ]  # every second point: a smaller file
    plot.save(plot.fit_chart(found, *shown), options.plot)
