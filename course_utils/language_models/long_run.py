"""The long run: a GPT trained for about an hour by ``python tools/train_long_gpt.py``, and shipped.

Two minutes don't make a language model, and an hour is more than a lesson may take. So the run lies in
``data/checkpoints``: the weights in bfloat16, half the bytes of what training used, and beside them a JSON
file with the config, the tokenizer, the log of the training and the machine it ran on.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from course_utils.evaluation.language_model import BitsResult
from course_utils.language_models.corpus import Corpus, Windows
from course_utils.language_models.long_run_state import read_state, state_path, write_state
from course_utils.language_models.recipes import (
    Schedule,
    TrainedGPT,
    build_gpt,
    fit_gpt,
    make_optimizer,
    steps_of,
)
from course_utils.language_models.writer import Writer
from course_utils.models.gpt import GPT, GPTConfig
from course_utils.runtime import describe_machine
from course_utils.storage import DataError, course_folder, verify_file, write_atomically, write_json
from course_utils.text.bpe import ByteLevelBPE
from course_utils.training import History

__all__ = ["LONG", "LONG_OPTIONS", "LongRun", "load_long_gpt"]

# Chosen on the validation articles, by short runs.
LONG = Schedule(tokens=9_500_000, batch=16, learning_rate=8e-3, warmup=100)
LONG_OPTIONS: dict[str, Any] = {
    "context": 256,
    "width": 256,
    "layers": 4,
    "heads": 8,
    "positions": "rotary",
    "dropout": 0.15,
}
# sha256 of data/checkpoints/gpt.json, which holds that of the weights
SHIPPED = "cdd3ca685f419f09c099c606be898a3fbae74f27f8666ddc3092e5309eeb92fc"
REPAIR = "git checkout data/checkpoints"


@dataclass
class LongRun:
    """A training run that looks at the validation texts now and then, and keeps the best weights on disk.

    Parameters
    ----------
    corpus : Corpus
    folder : Path
        Where ``gpt.safetensors`` and ``gpt.json`` are written.
    schedule : Schedule
    options : dict
        Fields of `GPTConfig`.
    every : int
        Updates between two looks.
    seed : int
    say : callable
        Told each line of the log.
    """

    corpus: Corpus
    folder: Path
    schedule: Schedule = LONG
    options: dict[str, Any] = field(default_factory=lambda: dict(LONG_OPTIONS))
    every: int = 320
    seed: int = 0
    say: Callable[[str], object] = print
    log: list[dict[str, float]] = field(default_factory=list, init=False)
    history: History = field(default_factory=History, init=False)
    kept: dict[str, Any] = field(default_factory=dict, init=False)  # about the weights on disk

    def train(self) -> GPT:
        """Train to the end of the schedule; the best weights by validation stand in the folder.

        A run that was stopped goes on from its last look.
        """
        torch.manual_seed(self.seed)
        self.model = build_gpt(self.corpus, **self.options)
        config = self.model.config
        self.windows = Windows(self.corpus.stream(), length=config.context + 1, size=self.schedule.batch)
        key = [
            asdict(config),
            asdict(self.schedule),
            self.corpus.version,
            self.seed,
            str(self.folder.resolve()),
        ]
        self.state = state_path(key)
        self.started = time.process_time()
        self._go_on()
        fit_gpt(self.model, self._watched, schedule=self.schedule, history=self.history, seed=self.seed)
        self._look()
        self.state.unlink(missing_ok=True)
        return self.model

    def _go_on(self) -> None:
        """Put everything back to where the last look of a run that was stopped found it."""
        optimizer = make_optimizer(self.model, weight_decay=self.schedule.weight_decay)
        notes = read_state(self.state, self.model, history=self.history, optimizer=optimizer)
        if notes is not None:
            self.log, self.kept = notes["log"], notes["kept"]
            self.started -= self.log[-1]["processor_seconds"]
            self.say(f"going on after step {self.history.last}")

    def _watched(self, generator: torch.Generator) -> Iterator[Tensor]:
        """The batches of a pass; before some of them the model, as it is by then, is looked at."""
        for batch in self.windows(generator):
            looked = self.log[-1]["step"] if self.log else 0
            if self.history.last % self.every == 0 and self.history.last > looked:
                self._look()
                write_state(self.state, self.model, history=self.history, notes=self._notes())
            yield batch

    def _notes(self) -> dict[str, Any]:
        return {"log": self.log, "kept": self.kept}

    def _look(self) -> None:
        """Note how the model does, and keep it if it is the best so far."""
        found = Writer(self.model, self.corpus.bpe).bits(self.corpus.validation)
        self.model.train()
        last = self.log[-1]["step"] if self.log else 0
        recent = self.history.losses[int(last) :]
        entry = {
            "step": self.history.last,
            "tokens": self.history.last * self.schedule.batch * self.model.config.context,
            "seconds": round(self.history.seconds[-1], 1),
            "processor_seconds": round(time.process_time() - self.started, 1),
            "training_loss": round(sum(recent) / len(recent), 4),  # nats per token
            "validation_bits": round(found.bits, 4),  # per character
        }
        best = min((e["validation_bits"] for e in self.log), default=float("inf"))
        self.log.append(entry)
        self.say(json.dumps(entry))
        if found.bits < best:
            self._write()
        else:
            self._write_facts()

    def finish(self) -> BitsResult:
        """Read what was kept, judge it on the test articles, once, and note the result in ``gpt.json``."""
        writer = load_long_gpt(self.folder).writer
        kept = writer.bits(self.corpus.validation)
        found = writer.bits(self.corpus.test)
        facts = _read_facts(self.folder / "gpt.json")
        facts["judged"] = {"validation": asdict(kept), "test": asdict(found)}
        write_json(self.folder / "gpt.json", facts)
        return found

    def _write(self) -> None:
        """Weights in bfloat16, then the facts with their digest."""
        tensors = {name: t.to(torch.bfloat16).contiguous() for name, t in _weights(self.model).items()}
        data = safetensors.torch.save(tensors)
        self.kept = {
            "step": self.history.last,
            "sha256": hashlib.sha256(data).hexdigest(),
            "bytes": len(data),
        }
        write_atomically(self.folder / "gpt.safetensors", data)
        self._write_facts()

    def _write_facts(self) -> None:
        steps = steps_of(self.schedule, context=self.model.config.context)
        facts = {
            "config": asdict(self.model.config),
            "schedule": asdict(self.schedule),
            "steps": steps,
            "finished": self.history.last == steps,
            "seed": self.seed,
            "passes": round(self.history.last / self.windows.batches, 2),
            "machine": describe_machine(),
            "numbers": "bfloat16; training kept float32",
            "products": str(self.model.fast_dtype).removeprefix("torch."),
            "weights": self.kept,
            "log": self.log,
            "tokenizer": self.corpus.bpe.to_json(),
        }
        write_json(self.folder / "gpt.json", facts)


def _weights(model: GPT) -> dict[str, Tensor]:
    """Parameters and buffers by name."""
    return {name: tensor.detach() for name, tensor in model.state_dict().items()}


def load_long_gpt(folder: Path | None = None) -> TrainedGPT:
    """The GPT of the long run, from ``data/checkpoints`` or a folder that the tool has written.

    Returns
    -------
    TrainedGPT
        Its history has an entry for each line of the log, and not for each step; `log` has the bits per
        character of the validation articles, too.

    Raises
    ------
    DataError
        If a file is missing or damaged, or the two don't belong together.
    """
    if folder is None:
        folder = course_folder() / "data" / "checkpoints"
        verify_file(folder / "gpt.json", sha256=SHIPPED, source=REPAIR)
    facts = _read_facts(folder / "gpt.json")
    try:
        data = (folder / "gpt.safetensors").read_bytes()
    except OSError as error:
        raise DataError(
            f"{folder / 'gpt.safetensors'} cannot be read ({error.strerror}); bring it back with: {REPAIR}"
        ) from error
    if hashlib.sha256(data).hexdigest() != facts["weights"]["sha256"]:
        raise DataError(
            f"{folder / 'gpt.safetensors'} is not the file that gpt.json describes; "
            f"bring both back with: {REPAIR}"
        )
    try:
        model = GPT(GPTConfig(**facts["config"]))
        model.load_state_dict({name: t.float() for name, t in safetensors.torch.load(data).items()})
        bpe = ByteLevelBPE.from_json(facts["tokenizer"])
        history = _history(facts)
    except (SafetensorError, RuntimeError, TypeError, KeyError, ValueError) as error:
        raise DataError(
            f"{folder / 'gpt.json'} is damaged ({error}); bring it back with: {REPAIR}"
        ) from error
    kept = {name: value for name, value in facts.items() if name not in ("log", "tokenizer")}
    tokens = facts["weights"]["step"] * facts["schedule"]["batch"] * model.config.context
    return TrainedGPT(model.eval(), bpe, history, tokens, True, tuple(facts["log"]), kept)


def _read_facts(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(facts, dict) or not isinstance(facts["weights"]["sha256"], str):
            raise TypeError("not an object with the weights' digest")
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); bring it back with: {REPAIR}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error}); bring it back with: {REPAIR}") from error
    return facts


def _history(facts: dict[str, Any]) -> History:
    """The log as a history: one entry a look."""
    log = facts["log"]
    return History(
        steps=[int(entry["step"]) for entry in log],
        losses=[float(entry["training_loss"]) for entry in log],
        seconds=[float(entry["seconds"]) for entry in log],
        learning_rates=[0.0 for _ in log],
    )
