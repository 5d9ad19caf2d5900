"""Tunes the model epoch by epoch, keeps the best, and can stop and go on at any step. Only the tuning's process imports
this module."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import torch

from promptgrid import files
from promptgrid.answers import read_answer, read_expected
from promptgrid.errors import TuningError
from promptgrid.prompt import AnswerRule
from promptgrid.tuning import base
from promptgrid.tuning.job import TuningJob, TuningState
from promptgrid.tuning.objective import EncodedExample, encoded, generated, in_parts, loss_of, reply_scores
from promptgrid.tuning.settings import batches, best_epoch, rate_at

_SAVE_EVERY_S = 0.5
_JUDGED_AT_ONCE = 16
_SPARE_TOKENS = 8  # that a reply may have beyond the longest expected one
_CLIP = 1.0  # the largest norm of a step's gradient
_NO_BF16 = "this CPU computes 16-bit numbers (bf16) no faster: 32-bit ones instead, half as fast as where it does"


class Stopped(Exception):
    """Raised inside a tuning that another process asked to "pause" or "cancel"; `wanted` is which."""

    def __init__(self, wanted: str) -> None:
        super().__init__(wanted)
        self.wanted = wanted


class Tuning:
    """One tuning in progress: the model, the optimizer, and the state that others read."""

    def __init__(self, job: TuningJob, model: Any, tokenizer: Any) -> None:
        self.job, self.model, self.tokenizer = job, model, tokenizer
        self.settings = job.settings()
        self.state = job.state()
        self.learn, self.held_out = self._encoded("learn"), self._encoded("held_out")
        self.expected = [example["reply"] for example in job.examples("held_out")]
        trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(trainable, lr=self.settings.rate, weight_decay=0.0)
        self.trainable = trainable
        self.best: dict[str, Any] = {}  # the tensors of the adapter to keep
        self.epoch = 0
        self.cpu_before = 0.0
        self.saved_at = 0.0
        self.judging_s = 0.0
        per_epoch = -(-len(self.learn) // self.settings.batch)
        self.per_epoch = per_epoch
        self.update(steps=per_epoch * self.settings.epochs, at_a_time=self.state.at_a_time or self.settings.batch)

    def run(self) -> TuningState:
        """Carries the tuning out, from its checkpoint if it has one, and returns the last state; `best` has the tensors
        of the adapter to keep. Raises Stopped, with a checkpoint saved, and TuningError if memory does not suffice."""
        self._restore()
        if not self.state.curve:
            self._judge(loss=None)
        try:
            while self.state.step < self.state.steps:
                self._epoch()
        except Stopped as stopped:
            if stopped.wanted == "pause":
                self._save()
            raise
        return self.state

    def update(self, **values: Any) -> None:
        """Changes the state, and writes it for others to read unless it was written a moment ago."""
        urgent = bool(values.keys() - {"step", "left_s", "cpu_s", "peak_bytes"})
        values |= {"cpu_s": self.cpu_before + time.process_time(), "peak_bytes": peak_bytes()}
        self.state = replace(self.state, **values)
        if urgent or time.monotonic() - self.saved_at > _SAVE_EVERY_S:
            self.job.write_state(self.state)
            self.saved_at = time.monotonic()

    def _encoded(self, part: Any) -> list[EncodedExample]:
        examples = [encoded(example, self.tokenizer) for example in self.job.examples(part)]
        short = [example for example in examples if example.length <= self.settings.longest]
        if part == "learn" and (count := len(examples) - len(short)):
            note = f"{count:,} examples have more than {self.settings.longest:,} tokens and are left out"
            self.update(notes=[*self.state.notes, note], examples=len(short))
        return short if part == "learn" else examples

    def _epoch(self) -> None:
        """Carries out the rest of the present epoch, judges it and saves the checkpoint."""
        number = self.state.step // self.per_epoch + 1
        self.update(status="tuning")
        started, first = time.monotonic(), self.state.step
        for chosen in batches(len(self.learn), self.settings, number)[first % self.per_epoch :]:
            self.heed()
            loss = self._step([self.learn[index] for index in chosen])
            step = self.state.step + 1
            self.job.add_step(step=step, epoch=number, loss=round(loss, 5))
            pace = (time.monotonic() - started) / (step - first)
            left = pace * (self.state.steps - step) + self.judging_s * (self.settings.epochs - number + 1)
            self.update(step=step, left_s=round(left, 1))
        losses = [step["loss"] for step in self.job.steps() if step["epoch"] == number]
        self._judge(loss=sum(losses) / len(losses))
        self._save()

    def _step(self, batch: Sequence[EncodedExample]) -> float:
        """Changes the adapter by one batch and returns the batch's loss. Computes fewer examples at a time if memory
        does not suffice; raises TuningError if it does not even for one."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(self.state.step, self.state.steps, self.settings.rate)
        tokens = sum(len(example.reply) for example in batch)

        def gradients() -> float:
            self.optimizer.zero_grad()
            total = 0.0
            for part in in_parts(batch, self.state.at_a_time):
                with self._precision():
                    loss = loss_of(self.model, part, self.settings, tokens)
                loss.backward()
                total += float(loss.detach())
            return total

        total = self._within_memory(gradients)
        torch.nn.utils.clip_grad_norm_(self.trainable, _CLIP)
        self.optimizer.step()
        return total

    def _within_memory(self, compute: Callable[[], float]) -> float:
        while True:
            try:
                return compute()
            except (MemoryError, RuntimeError) as error:
                if not _is_of_memory(error):
                    raise
                if self.state.at_a_time == 1:
                    hint = "Close other programs, or leave long examples out with --longest."
                    raise TuningError("The memory does not suffice for one example at a time.", hint=hint) from error
            fewer = self.state.at_a_time // 2
            note = f"the memory did not suffice: {fewer} examples at a time instead of {self.state.at_a_time}"
            self.update(at_a_time=fewer, notes=[*self.state.notes, note])

    def _precision(self) -> AbstractContextManager[Any]:
        if not self.settings.bf16:
            return nullcontext()
        if not base.bf16_is_faster():
            if _NO_BF16 not in self.state.notes:
                self.update(notes=[*self.state.notes, _NO_BF16])
            return nullcontext()
        half: AbstractContextManager[Any] = torch.autocast("cpu", torch.bfloat16)
        return half

    def _judge(self, *, loss: float | None) -> None:
        """Measures loss and accuracy on the held-out examples, adds them to the curve, and keeps the adapter if it is
        the best so far. `loss` is that of the epoch before; None before the first, when the model is the base."""
        self.update(status="judging")
        started = time.monotonic()
        self.model.eval()
        with torch.inference_mode(), self._precision():
            held_out_loss, accuracy, exact = self._held_out_loss(is_base=loss is None)
            if self.settings.rule is not None and self.settings.method == "sft":
                accuracy = self._accuracy(exact)
        self.model.train()
        self.judging_s = time.monotonic() - started
        epoch = self.state.step // self.per_epoch
        point = {
            "epoch": epoch,
            "step": self.state.step,
            "loss": loss,
            "held_out_loss": held_out_loss,
            "accuracy": accuracy,
        }
        point["cpu_s"] = round(self.cpu_before + time.process_time(), 1)
        curve = [*self.state.curve, point]
        best = best_epoch(curve[1:]) if len(curve) > 1 else 0
        if best == epoch and epoch:
            self.best = base.adapter_state(self.model)
        self.update(curve=curve, best=best)

    def _held_out_loss(self, *, is_base: bool) -> tuple[float, float | None, list[bool]]:
        """Returns the mean negative log-probability of the tokens of the (preferred) replies, for dpo the share of
        pairs whose preferred reply gained more (for the base: has the higher log-probability), and whether the model
        gives just this reply."""
        total, right, exact = 0.0, 0, list[bool]()
        for part in self._parts(self.held_out):
            sums, matches = self._scores(part)
            chosen, rejected = (sums, []) if self.settings.method == "sft" else (sums[0::2], sums[1::2])
            total -= sum(chosen)
            exact += matches
            for example, *pair in zip(part, chosen, rejected, strict=False):
                if is_base:
                    example.reference = (pair[0], pair[1])
                right += pair[0] > pair[1] if is_base else _gain(pair, example, 0) > _gain(pair, example, 1)
        tokens = sum(len(example.reply) for example in self.held_out)
        share = right / len(self.held_out)
        return total / tokens, share if self.settings.method == "dpo" else None, exact

    def _scores(self, examples: Sequence[EncodedExample]) -> tuple[list[float], list[bool]]:
        sums, exact = reply_scores(self.model, [pair for example in examples for pair in example.pairs])
        return sums.tolist(), exact.tolist()

    def _accuracy(self, exact: Sequence[bool]) -> float:
        """Returns the share of held-out examples whose answer, read out of the model's reply, is the expected one. The
        reply is generated unless it is known to be just the `exact` one."""
        rule = self.settings.rule or AnswerRule()
        unsure = [index for index, is_exact in enumerate(exact) if not is_exact]
        most = _SPARE_TOKENS + max(len(example.reply) for example in self.held_out)
        right, indices = len(exact) - len(unsure), iter(unsure)
        for part in self._parts([self.held_out[index] for index in unsure]):
            for reply in generated(self.model, self.tokenizer, [example.prompt for example in part], most):
                accepted = {one.text for one in read_expected(rule, self.expected[next(indices)]) if not one.problem}
                right += read_answer(rule, reply).answer in accepted
        return right / len(exact)

    def _parts(self, examples: Sequence[EncodedExample]) -> Iterator[Sequence[EncodedExample]]:
        for part in _cut(examples, min(_JUDGED_AT_ONCE, 2 * self.state.at_a_time)):
            self.heed()
            yield part

    def heed(self) -> None:
        """Raises Stopped if another process asked for a pause or for the end."""
        if wanted := self.job.wanted():
            raise Stopped(wanted)

    def _save(self) -> None:
        """Saves the checkpoint: adapter, optimizer, best adapter so far and curve."""
        content = {
            "adapter": base.adapter_state(self.model),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
            "references": [[*example.reference] for example in [*self.learn, *self.held_out]],
            "step": self.state.step,
            "curve": list(self.state.curve),
            "best_epoch": self.state.best,
            "cpu_s": self.state.cpu_s,
        }
        with files.replacing(self.job.checkpoint) as file:
            torch.save(content, file)

    def _restore(self) -> None:
        """Goes back to the checkpoint, or to the beginning if there is none."""
        content: dict[str, Any] = {"step": 0, "curve": [], "best_epoch": 0, "cpu_s": 0.0}
        if self.job.checkpoint.is_file():
            content = torch.load(self.job.checkpoint, weights_only=True)
            base.set_adapter_state(self.model, content["adapter"])
            self.optimizer.load_state_dict(content["optimizer"])
            self.best = content["best"]
            for example, reference in zip([*self.learn, *self.held_out], content["references"], strict=True):
                example.reference = tuple(reference)
        elif self.settings.method == "dpo":
            self._refer()
        self.job.forget_steps(content["step"])
        self.cpu_before = content["cpu_s"] - time.process_time() if content["step"] else 0.0
        self.update(step=content["step"], curve=content["curve"], best=content["best_epoch"])

    def _refer(self) -> None:
        """Computes the base's log-probabilities of the replies to learn from, once: the adapter changes nothing yet."""
        self.update(status="judging")
        with torch.inference_mode(), self._precision():
            for part in self._parts(self.learn):
                sums, _ = self._scores(part)
                for example, chosen, rejected in zip(part, sums[0::2], sums[1::2], strict=True):
                    example.reference = (chosen, rejected)


def _gain(pair: Sequence[float], example: EncodedExample, which: int) -> float:
    return pair[which] - example.reference[which]


def peak_bytes() -> int:
    """The most memory that this process has held so far, in bytes; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    import sys

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _cut(examples: Sequence[EncodedExample], size: int) -> Iterator[Sequence[EncodedExample]]:
    return (examples[start : start + size] for start in range(0, len(examples), size))


def _is_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or "allocate memory" in str(error) or "out of memory" in str(error)
