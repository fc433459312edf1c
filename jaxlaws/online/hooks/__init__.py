"""Callbacks that tell a `Watch` of every step, for trainers that own the loop.

| the loop is                     | use                                                                 |
|---------------------------------|---------------------------------------------------------------------|
| your own: JAX, Flax NNX, Equinox | no callback: call `watch(step, loss, lr)`, or carry the state yourself |
| `keras.Model.fit` on JAX        | `keras(watch)`                                                      |
| `transformers.Trainer`          | `huggingface(watch)`                                                |
| `lightning.Trainer`             | `lightning(watch)`                                                  |

They read scalars only, and import the trainer's package when they are made.
"""

from jaxlaws.online.hooks.huggingface import huggingface
from jaxlaws.online.hooks.keras import keras
from jaxlaws.online.hooks.lightning import lightning

__all__ = ["huggingface", "keras", "lightning"]
