"""The trainers of PyTorch themselves, on a model of nine weights: `pytest -m torch`, where torch is installed.

CI has no torch; there, recorded callback arguments stand for them (`test_watch.py`, `test_services.py`).
"""

from __future__ import annotations

import pytest

from .test_services import script

pytestmark = pytest.mark.torch

SETUP = """
    import warnings
    warnings.simplefilter("default")
    import jaxlaws, torch
    from jaxlaws import online
    torch.manual_seed(0)
    x = torch.randn(64, 8)
    y = x @ torch.randn(8, 1)
    told = []
    class Told(online.Watch):
        def __call__(self, step, loss, lr=None):
            told.append((step, loss, lr))
            return super().__call__(step, loss, lr)
    by = online.forecaster(jaxlaws.catalogue["multi_power"].constants["25M"], skip=5.0)
    watch = Told(by, "constant(peak=0.01, total=50)", every=20)
"""

CHECK = """
    assert [step for step, _, _ in told] == [10, 20, 30, 40], told
    assert all(rate == 0.01 for _, _, rate in told), told
    assert told[-1][1] < told[0][1]
    assert [line.step for line in watch.lines] == [20, 40], watch.lines
"""


def test_the_trainer_of_transformers_tells_what_it_logs(python):
    for name in ("torch", "transformers", "accelerate"):
        pytest.importorskip(name)
    run = """
    from transformers import Trainer, TrainingArguments
    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.line = torch.nn.Linear(8, 1)
        def forward(self, x, labels):
            return {"loss": ((self.line(x) - labels) ** 2).mean()}
    arguments = TrainingArguments(
        output_dir="out", max_steps=40, logging_steps=10, learning_rate=1e-2, lr_scheduler_type="constant", report_to=[],
        per_device_train_batch_size=16, save_strategy="no", use_cpu=True, disable_tqdm=True,
    )
    rows = [{"x": a, "labels": b} for a, b in zip(x, y)]
    Trainer(model=Model(), args=arguments, train_dataset=rows, callbacks=[online.hooks.huggingface(watch)]).train()
    """
    script(python, SETUP + run + CHECK)


def test_the_trainer_of_lightning_tells_a_step_in_ten(python):
    pytest.importorskip("torch")
    pytest.importorskip("lightning")
    run = """
    import lightning
    class Model(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.line = torch.nn.Linear(8, 1)
        def training_step(self, batch, index):
            return ((self.line(batch[0]) - batch[1]) ** 2).mean()
        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=1e-2)
    rows = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=16)
    trainer = lightning.Trainer(
        max_steps=40, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[online.hooks.lightning(watch)],
    )
    trainer.fit(Model(), rows)
    """
    script(python, SETUP + run + CHECK)
