"""`jaxlaws plan`: what to train next, by a stored fit. One file for each kind of question."""

from __future__ import annotations

import typer

from jaxlaws.cli.plan_allocate import allocate, isoflop, overtraining
from jaxlaws.cli.plan_design import design
from jaxlaws.cli.plan_rates import batch_size, learning_rate
from jaxlaws.cli.plan_schedule import schedule

plan = typer.Typer(name="plan", help="Choose what to train next by a stored fit.", no_args_is_help=True)
for command in (allocate, isoflop, overtraining, learning_rate, batch_size, schedule, design):
    plan.command()(command)
