"""What a tuning minimises, and what it measures on the held-out examples. Only the tuning's process imports it.

An encoded example is a prompt and one reply (for dpo two), as lists of token ids; the reply ends with the end of turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import cross_entropy, logsigmoid
from transformers import DynamicCache, GenerationConfig

from promptgrid.tuning.settings import TuningSettings

_WORTH = 8  # tokens
Pair = tuple[Sequence[int], Sequence[int]]
"""The token ids of a prompt and of one reply to it."""


@dataclass(slots=True)
class EncodedExample:
    """The token ids of a `prompt`, its `reply` and the `rejected` one (empty for sft); for dpo also the sums of the
    base's log-probabilities of both replies, in `reference`."""

    prompt: list[int]
    reply: list[int]
    rejected: list[int]
    reference: tuple[float, float] = (0.0, 0.0)

    @property
    def length(self) -> int:
        return len(self.prompt) + max(len(self.reply), len(self.rejected))

    @property
    def pairs(self) -> list[Pair]:
        """The prompt with its reply and, for dpo, with the rejected one."""
        return [(self.prompt, reply) for reply in (self.reply, self.rejected) if reply]


def encoded(example: Mapping[str, Any], tokenizer: Any) -> EncodedExample:
    """Returns the example's token ids, in the form in which llama.cpp sends it to the model."""
    text = tokenizer.apply_chat_template(example["messages"], tokenize=False, add_generation_prompt=True)

    def ids(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    end = [tokenizer.eos_token_id]
    rejected = example.get("rejected")
    return EncodedExample(ids(text), ids(example["reply"]) + end, ids(rejected) + end if rejected else [])


def reply_scores(model: Any, pairs: Sequence[Pair]) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the sum of the log-probabilities of each reply's tokens, and whether each of them is the most probable
    one, so that the model gives just this reply at temperature 0; both of shape (pairs,).

    Only at these tokens the vocabulary's scores are computed, and the tokens with which all prompts begin are computed
    once: together this halves the time, and changes no value.
    """
    base = model.get_base_model()
    start = _common_start([prompt for prompt, _ in pairs])
    longest = max(len(prompt) + len(reply) for prompt, reply in pairs) - start
    ids = torch.zeros((len(pairs), longest), dtype=torch.long)  # what stands behind a reply changes nothing before it
    rows: list[int] = []
    columns: list[int] = []
    targets: list[int] = []
    for row, (prompt, reply) in enumerate(pairs):
        rest = [*prompt[start:], *reply]
        ids[row, : len(rest)] = torch.tensor(rest)
        rows += [row] * len(reply)
        columns += range(len(rest) - len(reply) - 1, len(rest) - 1)
        targets += reply
    before = DynamicCache() if start else None
    if before is not None:
        base.model(input_ids=torch.tensor([pairs[0][0][:start]]), cache=before, use_cache=True)
        before.batch_repeat_interleave(len(pairs))
    hidden = base.model(input_ids=ids, cache=before, use_cache=before is not None).last_hidden_state
    scores = base.lm_head(hidden[rows, columns]).float()
    of_pair, right = torch.tensor(rows), torch.tensor(targets)
    logps = -cross_entropy(scores, right, reduction="none")
    misses = torch.zeros(len(pairs), dtype=torch.long).index_add(0, of_pair, (scores.argmax(-1) != right).long())
    return torch.zeros(len(pairs)).index_add(0, of_pair, logps), misses == 0


def _common_start(prompts: Sequence[Sequence[int]]) -> int:
    """Returns the number of tokens with which all prompts begin, but for the last of each; 0 if it is not worth it."""
    least = min(map(len, prompts)) - 1
    first = prompts[0]
    count = next((at for at in range(least) if any(prompt[at] != first[at] for prompt in prompts)), least)
    return count if count >= _WORTH and len(prompts) > 1 else 0


def loss_of(model: Any, examples: Sequence[EncodedExample], settings: TuningSettings, of_tokens: int) -> torch.Tensor:
    """Returns the part of a batch's loss that these examples are; `of_tokens` is the number of reply tokens in the
    whole batch.

    sft: the mean over the batch's reply tokens of their negative log-probability. dpo (R. Rafailov et al., "Direct
    Preference Optimization", 2023), plus the sft loss of the preferred replies (R. Y. Pang et al., "Iterative Reasoning
    Preference Optimization", 2024): without it, both replies may become less probable.
    """
    sums, _ = reply_scores(model, [pair for example in examples for pair in example.pairs])
    if settings.method == "sft":
        return -sums.sum() / of_tokens
    chosen, rejected = sums[0::2], sums[1::2]
    references = torch.tensor([example.reference for example in examples])
    margin = (chosen - references[:, 0]) - (rejected - references[:, 1])
    # summed with the weight that each example has in the batch's mean of tokens
    share = torch.tensor([len(example.reply) / of_tokens for example in examples])
    return (share * -logsigmoid(settings.beta * margin)).sum() - settings.imitate * chosen.sum() / of_tokens


def generated(model: Any, tokenizer: Any, prompts: Sequence[Sequence[int]], most: int) -> list[str]:
    """Returns the model's reply of at most `most` tokens to each prompt, at temperature 0."""
    longest = max(map(len, prompts))
    end = tokenizer.eos_token_id
    ids = torch.tensor([[end] * (longest - len(prompt)) + list(prompt) for prompt in prompts])
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    form = GenerationConfig(do_sample=False, max_new_tokens=most, eos_token_id=end, pad_token_id=end)
    replies = model.generate(input_ids=ids, attention_mask=mask, generation_config=form)
    return list(tokenizer.batch_decode(replies[:, longest:], skip_special_tokens=True))
