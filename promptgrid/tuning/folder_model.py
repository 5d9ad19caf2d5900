"""A causal language model of your own: a folder as transformers writes it, with its tokenizer. Needs the extra `tune`.

transformers itself writes the texts and searches for beams; the probabilities are those of the model before temperature
and top_p, by one more pass over each text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promptgrid.endpoint.counting import spelt
from promptgrid.errors import TuningError


@dataclass(frozen=True, slots=True)
class Writing:
    """How texts are to be written: `n` of them, each of at most `max_tokens` tokens (None: as many as the context has
    room for). With `beams`, they are the `n` best of a search that wide, ranked with the `length_penalty`. With `top`,
    each token comes with its log probability and that many likeliest tokens at its place."""

    max_tokens: int | None = None
    temperature: float = 1.0
    top_p: float = 1.0
    n: int = 1
    beams: bool = False
    length_penalty: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    top: int | None = None


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token with its log probability, and the likeliest tokens at its place, which have none themselves."""

    data: bytes
    logprob: float
    likely: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class WrittenText:
    """A text that the model wrote, and its number of tokens. `ended` tells that it ended by itself, or at a stop."""

    text: str
    tokens: int
    ended: bool
    steps: tuple[TokenLogprob, ...] = ()


class FolderModel:
    """The model and the tokenizer in a folder, in 32 bit on the CPU. Runs no code of the folder and fetches nothing."""

    def __init__(self, folder: Path) -> None:
        """Raises TuningError if the folder has no causal model with its tokenizer."""
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        except (OSError, ValueError, KeyError, ImportError) as error:
            hint = "It is a folder with config.json, weights and tokenizer, as `save_pretrained` writes it."
            raise TuningError(f"{folder} holds no causal model that can be loaded: {error}.", hint=hint) from error
        self._model = model.eval()

    @property
    def context(self) -> int | None:
        """The most tokens of a prompt and its text; None if the model does not say."""
        most = getattr(self._model.config, "max_position_embeddings", None)
        return most if isinstance(most, int) else None

    def chat_ids(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """Returns the tokens of a chat, with the beginning of the model's turn. Raises ValueError if the tokenizer has
        no chat template, or if its template refuses the messages."""
        if not self._tokenizer.chat_template:
            raise ValueError(
                "This tokenizer has no chat template. Set tokenizer.chat_template and save it again, or use a prompt "
                "with apiType completion."
            )
        from jinja2 import TemplateError

        try:
            text = self._tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
        except TemplateError as error:
            raise ValueError(f"The chat template refuses the messages: {error}") from error
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def text_ids(self, text: str) -> list[int]:
        """Returns the tokens of a text that is to be continued."""
        return list(self._tokenizer(text)["input_ids"])

    def spellings(self, ids: Sequence[int]) -> list[str]:
        """Returns the tokens as the vocabulary spells them."""
        return [str(spelling) for spelling in self._tokenizer.convert_ids_to_tokens(list(ids))]

    def written(self, ids: Sequence[int], writing: Writing) -> list[WrittenText]:
        """Returns the texts after the tokens `ids` of a prompt, of a search the best first."""
        import torch

        if writing.seed is not None:
            torch.manual_seed(writing.seed)
        with torch.inference_mode():
            prompt = torch.tensor([list(ids)])
            rows = self._model.generate(
                prompt, attention_mask=torch.ones_like(prompt), **self._ways(len(ids), writing)
            ).tolist()
            return [self._text(list(ids), row[len(ids) :], writing) for row in _copied(rows, writing)]

    def _ways(self, prompt: int, writing: Writing) -> dict[str, Any]:
        room = (self.context or 1024) - prompt
        ways: dict[str, Any] = {
            "max_new_tokens": room if writing.max_tokens is None else writing.max_tokens,
            "pad_token_id": self._tokenizer.pad_token_id or self._tokenizer.eos_token_id or 0,
            "do_sample": False,
        }
        if writing.stop:
            ways |= {"stop_strings": list(writing.stop), "tokenizer": self._tokenizer}
        if writing.beams:
            beams = {"num_beams": writing.n, "num_return_sequences": writing.n, "early_stopping": "never"}
            return {**ways, **beams, "length_penalty": writing.length_penalty}
        if writing.temperature == 0:
            return ways
        drawn = {"do_sample": True, "temperature": writing.temperature, "top_p": writing.top_p, "top_k": 0}
        return {**ways, **drawn, "num_return_sequences": writing.n}

    def _text(self, prompt: list[int], row: list[int], writing: Writing) -> WrittenText:
        ends = self._model.generation_config.eos_token_id
        ends = set(ends if isinstance(ends, list) else [ends])
        end = next((place for place, token in enumerate(row) if token in ends), None)
        own = row[:end]
        text = self._tokenizer.decode(own, skip_special_tokens=True)
        cut = min((place for stop in writing.stop if (place := text.find(stop)) >= 0), default=None)
        steps = () if writing.top is None else self._steps(prompt, own, writing.top)
        return WrittenText(text[:cut], len(own) + (end is not None), end is not None or cut is not None, steps)

    def _steps(self, prompt: list[int], own: list[int], top: int) -> tuple[TokenLogprob, ...]:
        import torch

        if not own:
            return ()
        logits = self._model(torch.tensor([prompt + own])).logits[0, len(prompt) - 1 : -1]
        logprobs = torch.log_softmax(logits.float(), dim=-1)
        best = logprobs.topk(min(top, logprobs.shape[-1]), dim=-1) if top else None
        steps = []
        for place, token in enumerate(own):
            pairs = zip(best.indices[place].tolist(), best.values[place].tolist(), strict=True) if best else ()
            likely = tuple(TokenLogprob(self._bytes(other), value) for other, value in pairs)
            steps.append(TokenLogprob(self._bytes(token), float(logprobs[place, token]), likely))
        return tuple(steps)

    def _bytes(self, token: int) -> bytes:
        pieces = spelt(self.spellings([token]), "")
        return pieces[0] if pieces else self._tokenizer.decode([token]).encode("utf-8", "replace")


def _copied(rows: list[list[int]], writing: Writing) -> list[list[int]]:
    """Returns a row for each text: at temperature 0 all are the same, and one was written."""
    return rows * writing.n if len(rows) < writing.n else rows
