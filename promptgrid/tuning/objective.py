"""What a tuning minimises, and what it measures on the held-out examples. Only the tuning's process imports it.

An encoded example is a prompt and one reply (for dpo two), as lists of token ids; the reply ends with the end of turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import cross_entropy, logsigmoid
from transformers import GenerationConfig

from promptgrid.tuning.settings import TuningSettings

_ROW = 512  # tokens; the attention's time grows with the square of a row, the padding's share with the rows
_START, _PADDING = 0, -1  # parts of a row that belong to no pair
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

    Only at these tokens the vocabulary's scores are computed, and the pairs stand one behind another without padding:
    together this takes less than half the time, and changes no value.
    """
    base = model.get_base_model()
    rows = _packed(pairs)
    longest = max(len(row.ids) for row in rows)
    ids, positions, parts = (
        torch.tensor([[*values, *[padding] * (longest - len(values))] for values in listed])
        for listed, padding in (
            ([row.ids for row in rows], 0),
            ([row.positions for row in rows], 0),
            ([row.parts for row in rows], _PADDING),
        )
    )
    visible = (parts[:, :, None] == parts[:, None, :]) | (parts[:, None, :] == _START)
    visible &= torch.ones(longest, longest, dtype=torch.bool).tril()
    hidden = base.model(
        input_ids=ids, position_ids=positions, attention_mask=visible[:, None], use_cache=False
    ).last_hidden_state
    places = [(number, place) for number, row in enumerate(rows) for place in row.before_replies]
    scores = base.lm_head(hidden[[row for row, _ in places], [place for _, place in places]]).float()
    right = torch.tensor([token for _, reply in pairs for token in reply])
    of_pair = torch.tensor([number for number, (_, reply) in enumerate(pairs) for _ in reply])
    logps = -cross_entropy(scores, right, reduction="none")
    misses = torch.zeros(len(pairs), dtype=torch.long).index_add(0, of_pair, (scores.argmax(-1) != right).long())
    return torch.zeros(len(pairs)).index_add(0, of_pair, logps), misses == 0


@dataclass(slots=True)
class _Row:
    """Several pairs as one row of tokens: first those with which all prompts begin, then the rest of each pair, which
    sees only them and itself. `parts` says for each token to which pair it belongs; `before_replies` has the places of
    the tokens that a reply's tokens follow."""

    ids: list[int]
    positions: list[int]
    parts: list[int]
    before_replies: list[int]


def _packed(pairs: Sequence[Pair]) -> list[_Row]:
    """Puts the pairs, in their order, into as few rows as have room for them."""
    start = _common_start([prompt for prompt, _ in pairs])
    common = pairs[0][0][:start]
    rows: list[_Row] = []
    for number, (prompt, reply) in enumerate(pairs, start=_START + 1):
        rest = [*prompt[start:], *reply]
        if not rows or len(rows[-1].ids) + len(rest) > _ROW:
            rows.append(_Row([*common], [*range(start)], [_START] * start, []))
        row = rows[-1]
        row.ids += rest
        row.positions += range(start, start + len(rest))
        row.parts += [number] * len(rest)
        end = len(row.ids) - 1
        row.before_replies += range(end - len(reply), end)
    return rows


def in_parts(examples: Sequence[EncodedExample], most: int) -> Iterator[Sequence[EncodedExample]]:
    """Cuts the examples, in their order, into parts of at most `most` that stand in one row: what a part's gradients
    need of the memory grows with its tokens. An example that is longer than a row is a part of its own."""
    part: list[EncodedExample] = []
    for example in examples:
        pairs = [pair for one in (*part, example) for pair in one.pairs]
        if part and (len(part) == most or len(_packed(pairs)) > 1):
            yield part
            part = []
        part.append(example)
    yield part


def _common_start(prompts: Sequence[Sequence[int]]) -> int:
    """Returns the number of tokens with which all prompts begin, but for the last of each."""
    least = min(map(len, prompts)) - 1
    first = prompts[0]
    return next((at for at in range(least) if any(prompt[at] != first[at] for prompt in prompts)), least)


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
