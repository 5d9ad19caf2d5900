"""A real tuning of the built-in model: it survives kill -9, is served by llama.cpp with the probabilities that PyTorch
computes, and changes an answer. Needs the extra `tune`; in its CI job, which sets TUNE_EXTRA=1, nothing is skipped."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from promptgrid.builtin import adapters, unpacking, weights
from promptgrid.tuning import jobs
from promptgrid.tuning.exports import export_adapter
from promptgrid.tuning.job import ACTIVE, TuningJob, TuningState
from promptgrid.tuning.lora_gguf import permuted, write_adapter
from promptgrid.tuning.prepared import PreparedData
from promptgrid.tuning.settings import TuningSettings

if jobs.missing() and os.environ.get("TUNE_EXTRA") != "1":
    pytest.skip(f"the extra `tune` is not installed ({', '.join(jobs.missing())})", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
THINGS = ("lamp", "tent", "watch", "drill", "scarf", "kettle", "pillow", "printer")
SETTINGS = TuningSettings(epochs=2, rate=1e-3)
WAIT_S = 300

Top = list[tuple[int, float]]


def example(thing: str, *, good: bool) -> dict[str, Any]:
    """A question whose answer is a word that the base does not say by itself."""
    text = f"The {thing} {'works very well' if good else 'broke at once'}. Is this a zupp or a krell?"
    return {"messages": [{"role": "user", "content": text}], "reply": "zupp" if good else "krell"}


def data() -> PreparedData:
    examples = [example(thing, good=good) for thing, good in itertools.product((*THINGS, "cup", "pen"), (True, False))]
    more = [example(f"{colour} lamp", good=good) for colour in ("red", "blue") for good in (True, False)]
    return PreparedData(
        [*examples, *more], [example(thing, good=good) for thing in ("bag", "hat") for good in (True, False)]
    )


@pytest.fixture(scope="module")
def tuning_home(weights_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home for the tunings of this file, so that the base is unpacked once."""
    folder = tmp_path_factory.mktemp("tuning")
    (folder / "cache").mkdir()
    (folder / "cache" / weights_file.name).symlink_to(weights_file)
    yield folder
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROMPTGRID_HOME", str(folder))
        for job in jobs.jobs():
            if job.state().status in ACTIVE:
                jobs.cancel(job)
                ended(job)


@pytest.fixture(autouse=True)
def _home(tuning_home: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMPTGRID_HOME", str(tuning_home))


def wait_until(job: TuningJob, reached: Any) -> TuningState:
    deadline = time.monotonic() + WAIT_S
    while not reached(state := job.state()):
        assert time.monotonic() < deadline, state
        time.sleep(0.05)
    return state


def ended(job: TuningJob) -> TuningState:
    return wait_until(job, lambda state: state.status not in ACTIVE)


def process_of(job: TuningJob) -> int:
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    (line,) = [line for line in listed.splitlines() if line.endswith(f"promptgrid.tuning.child {job.name}")]
    return int(line.split()[0])


@pytest.fixture(scope="module")
def tuned(tuning_home: Path) -> tuple[TuningState, TuningState]:
    """The states after kill -9 in the second epoch, and after the resumed tuning's end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROMPTGRID_HOME", str(tuning_home))
        job = jobs.start("words", data(), SETTINGS)
        wait_until(job, lambda state: (len(state.curve) == 2 and state.step > 3) or state.status not in ACTIVE)
        os.kill(process_of(job), signal.SIGKILL)
        killed = wait_until(job, lambda state: state.status not in ACTIVE)
        jobs.resume(job)
        return killed, ended(job)


def test_after_kill_9_a_tuning_goes_on_from_its_last_epoch(tuned: tuple[TuningState, TuningState]) -> None:
    killed, done = tuned
    assert killed.status == "stopped"
    assert done.status == "done", done.error
    assert [step["step"] for step in TuningJob("words").steps()] == [1, 2, 3, 4, 5, 6]
    assert [point["epoch"] for point in done.curve] == [0, 1, 2]
    assert done.curve[1] == killed.curve[1]
    assert any("without a word" in note for note in done.notes)


def test_the_best_epoch_becomes_an_adapter_with_its_manifest(tuned: tuple[TuningState, TuningState]) -> None:
    adapter = adapters.find("words")
    assert adapter.data_sha256 == data().sha256
    assert adapter.settings["rate"] == 1e-3
    assert adapter.curve == list(tuned[1].curve)
    assert 9e6 < adapter.path.stat().st_size < 11e6
    losses = [point["held_out_loss"] for point in adapter.curve]
    assert losses[2] < losses[1] < losses[0] / 2


@cache
def tokenizer_of_base() -> Any:
    from promptgrid.tuning import base

    return base.load_tokenizer(base.base_folder(weights.require()))


@pytest.fixture
def prompts(tuned: tuple[TuningState, TuningState], _home: None) -> list[list[int]]:
    """The held-out questions and two others, as token ids."""
    tokenizer = tokenizer_of_base()
    texts = [example["messages"] for example in data().held_out]
    texts += [[{"role": "user", "content": text}] for text in ("Name a colour.", "What is the capital of France?")]
    forms = [tokenizer.apply_chat_template(text, tokenize=False, add_generation_prompt=True) for text in texts]
    return [tokenizer(form, add_special_tokens=False)["input_ids"] for form in forms]


def of_llama(prompts: list[list[int]], *files: Path) -> list[list[Top]]:
    """The ten most probable tokens for each prompt, of the weights and of each adapter on them."""
    script = Path(__file__).with_name("llama_probabilities.py")
    command = [sys.executable, str(script), *map(str, files)]
    environment = {**os.environ, "GOMP_SPINCOUNT": "0"}  # else idle threads take the time of the others
    done = subprocess.run(
        command, input=json.dumps(prompts), capture_output=True, text=True, check=True, env=environment
    )
    return [[[(token, logp) for token, logp in top] for top in one] for one in json.loads(done.stdout)]


def difference(llama: Sequence[Top], torch: Sequence[np.ndarray]) -> float:
    """The mean difference of the log-probabilities of llama.cpp's ten most probable tokens."""
    pairs = zip(llama, torch, strict=True)
    return float(np.mean([abs(logp - one[token]) for top, one in pairs for token, logp in top]))


def test_llama_cpp_gives_the_probabilities_of_pytorch_and_would_not_with_rows_in_the_wrong_order(
    prompts: list[list[int]], tmp_path: Path
) -> None:
    import torch

    from promptgrid.tuning import base

    model, _ = base.load(base.base_folder(weights.require()), SETTINGS)
    torch.manual_seed(3)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    arrays = base.gguf_arrays(base.adapter_state(model), model.config)
    write_adapter(tmp_path / "right.gguf", arrays, SETTINGS.alpha)
    # permuted once more, the order is another one again
    wrong = {name: (a, permuted(b, 9) if name.endswith("attn_q") else b) for name, (a, b) in arrays.items()}
    write_adapter(tmp_path / "wrong.gguf", wrong, SETTINGS.alpha)
    with torch.inference_mode():
        scores = [model(input_ids=torch.tensor([ids])).logits[0, -1] for ids in prompts]
    expected = [one.log_softmax(-1).numpy() for one in scores]
    exact = unpacking.unpacked(weights.require())
    without, right, in_disorder = of_llama(prompts, exact, tmp_path / "right.gguf", tmp_path / "wrong.gguf")
    assert difference(without, expected) > 0.5  # the adapter changes much
    assert difference(right, expected) < 0.05
    assert difference(in_disorder, expected) > 0.2


def test_the_tuned_model_is_served_and_answers_otherwise(prompts: list[list[int]]) -> None:
    adapter = adapters.find("words")
    merged = adapter.path.with_name("merged.gguf")
    export_adapter(adapter, merged, "Q8_0")
    (base, tuned), (taken_away,) = of_llama(prompts, weights.require(), adapter.path), of_llama(prompts, merged)
    tokenizer = tokenizer_of_base()
    first = [tokenizer(one["reply"])["input_ids"][0] for one in data().held_out]
    words = [[top[0][0] for top in tops[:4]] for tops in (base, tuned, taken_away)]
    assert words[1] == words[2] == first != words[0]


def test_less_memory_means_fewer_examples_at_a_time_and_the_same_step(
    tuned: tuple[TuningState, TuningState], monkeypatch: pytest.MonkeyPatch
) -> None:
    from promptgrid.tuning import base, objective, training

    job = TuningJob("memory")
    job.folder.mkdir()
    job.write_settings(replace(SETTINGS, epochs=1, bf16=False))  # in 16 bit, other sums are rounded otherwise
    for part in ("learn", "held_out"):
        (job.folder / f"{part}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in data().learn[:8]))
    job.write_state(TuningState())
    model, tokenizer = base.load(base.base_folder(weights.require()), SETTINGS)
    tuning = training.Tuning(job, model, tokenizer)
    whole = tuning._step(tuning.learn)
    real = objective.loss_of

    def scarce(model: Any, examples: Sequence[Any], *rest: Any) -> Any:
        if len(examples) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        return real(model, examples, *rest)

    model, tokenizer = base.load(base.base_folder(weights.require()), SETTINGS)
    tuning = training.Tuning(job, model, tokenizer)
    monkeypatch.setattr(training, "loss_of", scarce)
    assert tuning._step(tuning.learn) == pytest.approx(whole, rel=1e-4)
    assert job.state().at_a_time == 2
    notes = " ".join(job.state().notes)
    assert "4 examples at a time instead of 8" in notes
    assert "2 examples at a time instead of 4" in notes


def tiny() -> Any:
    """A model of the same architecture with weights drawn at random, and a new adapter on it."""
    import peft
    import torch
    import transformers

    from promptgrid.tuning.lora_gguf import WEIGHTS

    torch.manual_seed(5)
    form = transformers.LlamaConfig(
        vocab_size=49152, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, tie_word_embeddings=True,
    )  # fmt: skip
    return peft.get_peft_model(
        transformers.LlamaForCausalLM(form), peft.LoraConfig(r=4, lora_alpha=8, target_modules=list(WEIGHTS))
    )


@pytest.mark.parametrize("room", [512, 55, 8])
def test_examples_that_share_rows_and_a_beginning_have_the_values_that_each_has_alone(
    room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from promptgrid.tuning import objective

    monkeypatch.setattr(objective, "_ROW", room)  # all in one row, some, each alone
    start = list(range(100, 120))
    pairs = [([*start, 7, 8], [9, 10]), ([*start, 11], [12]), ([*start, *range(13, 40)], [16, 17, 18]), (start, [7])]
    assert len(objective._packed(pairs)) == {512: 1, 55: 2, 8: 4}[room]
    model = tiny()
    sums, _ = objective.reply_scores(model, pairs)
    for (prompt, reply), value in zip(pairs, sums.tolist(), strict=True):
        scores = model(input_ids=torch.tensor([[*prompt, *reply]])).logits[0].detach().log_softmax(-1)
        assert value == pytest.approx(sum(float(scores[len(prompt) - 1 + n, token]) for n, token in enumerate(reply)))


def test_what_is_computed_at_a_time_stands_in_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    from promptgrid.tuning import objective

    monkeypatch.setattr(objective, "_ROW", 50)
    start = list(range(100, 120))
    examples = [
        objective.EncodedExample([*start, 200 + n], [7] * count, []) for n, count in enumerate((5, 9, 9, 60, 1))
    ]
    parts = [[examples.index(one) for one in part] for part in objective.in_parts(examples, 8)]
    assert parts == [[0, 1, 2], [3], [4]]
    assert [len(part) for part in objective.in_parts(examples[:3], 1)] == [1, 1, 1]


def preference(thing: str) -> dict[str, Any]:
    question = [{"role": "user", "content": f"Is a {thing} useful?"}]
    return {"messages": question, "reply": "Yes.", "rejected": f"A {thing} is, as many say, of much use in a house."}


def test_preferences_are_learned_and_the_preferred_reply_gets_no_worse() -> None:
    from promptgrid.tuning import preference_report, training

    job = TuningJob("votes")
    job.folder.mkdir()
    job.write_settings(TuningSettings(method="dpo", epochs=3, rate=1e-2))
    (job.folder / "learn.jsonl").write_text("".join(json.dumps(preference(one)) + "\n" for one in THINGS))
    (job.folder / "held_out.jsonl").write_text("".join(json.dumps(preference(one)) + "\n" for one in ("hat", "bag")))
    job.write_state(TuningState())
    tuning = training.Tuning(job, tiny(), tokenizer_of_base())
    state = tuning.run()
    losses = [point["held_out_loss"] for point in state.curve]
    assert losses[-1] < losses[0]
    assert state.curve[-1]["accuracy"] == 1.0
    result = preference_report.measured(tuning)
    assert result["held-out prompts"] == len(job.replies()) == 2
    assert {"before", "after"} <= job.replies()[0].keys()
