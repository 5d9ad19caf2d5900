"""A model of one's own: a tiny GPT-2 is made here, trained for seconds on dialogues, and used in a grid like any other.
Needs torch and transformers of the extra `tune`; in its CI job, which sets TUNE_EXTRA=1, nothing is skipped."""

from __future__ import annotations

import importlib.util
import itertools
import math
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from promptgrid import api, connections, loop
from promptgrid.endpoint import Reply, Request
from promptgrid.errors import TuningError
from promptgrid.prompt import Message, Parameters, Prompt
from tests.tuning.serving import NAME, serving

MISSING = [package for package in ("torch", "transformers") if importlib.util.find_spec(package) is None]
if MISSING and os.environ.get("TUNE_EXTRA") != "1":
    pytest.skip(f"the extra `tune` is not installed ({', '.join(MISSING)})", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
COLOURS = {"grass": "green", "snow": "white", "coal": "black", "blood": "red", "the sea": "blue", "a lemon": "yellow"}
END, STEPS = "<|end|>", 120
TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a GPT-2 of 0.2 M parameters and its tokenizer, which has learned the dialogues by heart."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(1)
    tokenizer = _tokenizer()
    model: Any = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(tokenizer), n_positions=96, n_embd=64, n_layer=2, n_head=4, resid_pdrop=0, embd_pdrop=0,
            attn_pdrop=0, bos_token_id=tokenizer.eos_token_id, eos_token_id=tokenizer.eos_token_id,
        )
    )  # fmt: skip
    rows = [tokenizer(f"{_question(thing)}assistant: {colour}{END}")["input_ids"] for thing, colour in COLOURS.items()]
    longest = max(map(len, rows))
    batch = torch.tensor([row + [tokenizer.eos_token_id] * (longest - len(row)) for row in rows])
    labels = torch.tensor([row + [-100] * (longest - len(row)) for row in rows])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(STEPS):
        optimizer.zero_grad()
        model(batch, attention_mask=(labels != -100).long(), labels=labels).loss.backward()
        optimizer.step()
    target = tmp_path_factory.mktemp("own") / NAME
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    return target


def _question(thing: str) -> str:
    return f"user: What colour is {thing}?\n"


def _tokenizer() -> Any:
    from tokenizers import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast

    own = ByteLevelBPETokenizer()
    texts = [f"{_question(thing)}assistant: {colour}" for thing, colour in COLOURS.items()]
    own.train_from_iterator(texts, vocab_size=400, min_frequency=1, special_tokens=[END])
    tokenizer: Any = PreTrainedTokenizerFast(tokenizer_object=own._tokenizer, eos_token=END, pad_token=END)
    tokenizer.chat_template = TEMPLATE
    return tokenizer


@pytest.fixture
def model(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from promptgrid.tuning.folder_model import FolderModel

    with serving(FolderModel(folder), monkeypatch):
        yield


def complete(thing: str = "snow", **fields: Any) -> list[Reply]:
    own = {name: fields.pop(name) for name in ("n", "logprobs") if name in fields}
    parameters = Parameters(**{"max_tokens": 12, **fields})
    request = Request(NAME, (Message("user", f"What colour is {thing}?"),), parameters=parameters, **own)
    return loop.run_sync(connections.connect("openai").complete(request))


@pytest.mark.usefixtures("model")
def test_it_answers_a_grid_with_what_it_has_learned() -> None:
    prompt = Prompt("colours", (Message("user", "What colour is {{ thing }}?"),))
    cases = [{"thing": thing, "expected": colour} for thing, colour in COLOURS.items()]
    plan = api.plan(prompt, cases, models=f"openai/{NAME}", temperatures=[0.0], max_tokens=12, beams=[1, 3])
    frame = api.run(plan)
    assert list(frame["status"].unique()) == ["answered"]
    assert [output.strip() for output in frame["output"]] == list(frame["expected"])
    assert (frame["prompt_tokens"] > 5).all()


@pytest.mark.usefixtures("model")
def test_beams_are_those_of_transformers_the_likeliest_first() -> None:
    (reply,) = complete(beams=4, logprobs=1)
    texts = [beam.text.strip() for beam in reply.beams]
    assert (texts[0], len(set(texts))) == ("white", 4)
    assert reply.beams[0].logprob is not None
    assert reply.beams[0].logprob > math.log(0.5)


@pytest.mark.usefixtures("model")
def test_seeds_temperatures_probabilities_and_stops_do_what_they_say() -> None:
    drawn = [[reply.text for reply in complete(temperature=5.0, seed=seed, n=3)] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len({reply.text for reply in complete(temperature=0.0, n=3)}) == 1
    assert complete(temperature=5.0, top_p=0.01)[0].text.strip() == "white"
    (reply,) = complete(temperature=0.0, logprobs=3)
    assert b"".join(step.data for step in reply.steps).decode() == reply.text
    assert all(len(step.likely) == 3 and step.likely[0].logprob == step.logprob for step in reply.steps)
    (stopped,) = complete(temperature=0.0, stop=["te"])
    assert (stopped.text.strip(), stopped.finish_reason) == ("whi", "stop")
    assert complete(temperature=0.0, max_tokens=1)[0].finish_reason == "length"


def test_a_folder_without_a_model_is_said_to_be_none(tmp_path: Path) -> None:
    from promptgrid.tuning.folder_model import FolderModel

    with pytest.raises(TuningError, match="holds no causal model"):
        FolderModel(tmp_path)


def test_the_command_serves_the_folder_and_prints_how_it_becomes_an_endpoint(folder: Path) -> None:
    command = [sys.executable, "-m", "promptgrid", "serve", str(folder), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            lines = "".join(itertools.takewhile(lambda line: "max_n" not in line, child.stdout or ()))
            (url,) = re.findall(r'base_url = "(http://127\.0\.0\.1:\d+/v1)"', lines)
            with urllib.request.urlopen(f"{url}/models", timeout=60) as answer:
                assert NAME.encode() in answer.read()
        finally:
            child.terminate()
