"""The state of the Next word page: the text, the tokens added to it (the trail), and the calls in progress."""

from __future__ import annotations

import collections
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

import streamlit as st

from promptgrid import nextword
from promptgrid.connections import DEFAULT_MODEL
from promptgrid.endpoint.base import TokenStep
from promptgrid.errors import PromptgridError
from promptgrid.humanize import many
from promptgrid.loop import Background
from promptgrid.nextword import Continuation, ModelClient, Prediction
from promptgrid.prompt import Parameters
from promptgrid.store.drafts import draft, keep_draft
from promptgrid.ui.next_word.bars import sliders
from promptgrid.ui.server import database, stop_when_left
from promptgrid.ui.widgets.callbacks import one_at_a_time
from promptgrid.ui.widgets.undo import offer_undo

T = TypeVar("T")

EXAMPLES = ("The quick brown fox", "我今天真")
TEXT, MODEL, BARS = "next_text", "next_model", "next_bars"
MODEL_KEY = "next_model_choice"
_DRAFT, _EXAMPLES_TAKEN, _WANTED = "next_word", "next_examples_taken", "next_wanted"
CALLS = ("predict", "beside", "write", "sample", "repeat", "beams", "score")
CallsProgress = list[tuple[int, bool] | None]
UNDO = "next_word"
WRITTEN, SAMPLES, REPEATS = 20, 50, 10


@dataclass
class BackgroundCall(Background, Generic[T]):
    """A call to a model that the page has started.

    `items` are the results so far, `about` says what the call was started for (such as its text), `took` is its
    duration in seconds, set when it ends.
    """

    about: Any
    items: list[T] = field(default_factory=list)
    took: float = 0.0

    def start(self, source: AsyncIterator[T] | Coroutine[Any, Any, T]) -> None:
        """Starts the call. If `source` is an iterator, its items are the results; if it is a coroutine, its result is
        the only one."""
        self._start(self._collect(source))

    async def _collect(self, source: AsyncIterator[T] | Coroutine[Any, Any, T]) -> None:
        try:
            if isinstance(source, Coroutine):
                self.items.append(await source)
                return
            async for item in source:
                self.items.append(item)
        finally:
            self.took = time.monotonic() - self.began


def begin() -> None:
    """Sets the text and the model on the first visit in a session: to those of the last session, else to the first
    example and the default model."""
    if TEXT not in st.session_state:
        saved = draft(database(), _DRAFT)
        saved = saved if isinstance(saved, dict) else {}
        st.session_state[TEXT] = str(saved.get("text") or EXAMPLES[0])
        st.session_state.setdefault(MODEL, str(saved.get("model") or DEFAULT_MODEL))
    st.session_state[MODEL_KEY] = model()  # assigned again to survive a visit to another page


def text_key() -> str:
    """Returns the key of the text area. When an example replaces the text, the key changes: with the next press the
    browser may still report the old text, under the old key."""
    return f"{TEXT}_{st.session_state.get(_EXAMPLES_TAKEN, 0)}"


def model() -> str:
    return str(st.session_state.get(MODEL) or DEFAULT_MODEL)


def place() -> Continuation:
    """Returns the text on the screen with its trail (the tokens that were added to it)."""
    return Continuation(str(st.session_state.get(TEXT) or ""), st.session_state.get("next_trail", ()))


@one_at_a_time
def take_text(key: str) -> None:
    """Takes the text of the text area with this key, unless an example has replaced that text area."""
    if key == text_key():
        _change(TEXT, st.session_state[key] or "")


@one_at_a_time
def take_model() -> None:
    _change(MODEL, st.session_state[MODEL_KEY] or DEFAULT_MODEL)


@one_at_a_time
def take_example(text: str) -> None:
    before = st.session_state[TEXT]
    st.session_state[_EXAMPLES_TAKEN] = st.session_state.get(_EXAMPLES_TAKEN, 0) + 1
    _change(TEXT, text)
    if before.strip() and before not in EXAMPLES and before != text:
        offer_undo(UNDO, "The example has replaced your text.", partial(take_example, before))


def _change(name: str, value: str) -> None:
    """Sets the text (if `name` is TEXT) or the model (if it is MODEL) to `value`, removes all added tokens (the trail),
    stops all calls and saves the draft."""
    st.session_state[name] = value
    st.session_state.next_trail = ()
    for call in CALLS:
        _drop(call)
    keep_draft(database(), _DRAFT, {"text": st.session_state[TEXT], "model": model()})


def move(to: Continuation) -> None:
    """Replaces the added tokens (the trail) by those of `to`, and drops the samples, which were drawn after the old
    ones."""
    st.session_state.next_trail = to.trail
    _drop("sample")


def _drop(name: str) -> None:
    """Stops the call with this name, one of CALLS, and forgets its results."""
    if (call := call_of(name)) is not None:
        call.stop()
    st.session_state.pop(f"next_call_{name}", None)


def step_back() -> None:
    move(place().back())


def clear() -> None:
    """Removes all added tokens. They can be brought back until the text is another."""
    before = place()
    move(Continuation(before.text))
    if len(before.trail) > 1:
        offer_undo(UNDO, f"Removed {many(len(before.trail), 'token')}.", partial(_bring_back, before))


def _bring_back(before: Continuation) -> None:
    if place().text == before.text:
        move(before)


def choose(number: int) -> None:
    """Adds the token with this number in the current prediction to the text."""
    prediction = current_prediction()
    if prediction is not None and number < len(prediction.chances.tokens):
        token = prediction.chances.tokens[number]
        move(prediction.place.after([TokenStep(token.data, token.logprob, token.id, prediction.chances.tokens[:10])]))


def call_of(name: str) -> BackgroundCall[Any] | None:
    """Returns the latest call with this name, which is one of CALLS; None if there is none."""
    call: BackgroundCall[Any] | None = st.session_state.get(f"next_call_{name}")
    return call


def want(name: str) -> None:
    """Handles the press of a button that starts the call with this name: `start_wanted` starts it."""
    st.session_state.setdefault(_WANTED, set()).add(name)


def start_wanted() -> None:
    """Starts the calls whose buttons were pressed, with the text and the model that are on the screen now: an example
    may have been pressed in the same moment. Calls that depend on the prediction wait while it is in progress."""
    wanted: set[str] = st.session_state.get(_WANTED, set())
    predicting = prediction_call()
    for name in sorted(wanted):
        if name in ("predict", "score") or predicting is None or not predicting.running:
            STARTS[name]()
            wanted.discard(name)


def start(name: str, make: Callable[[ModelClient], Any], about: Any, ref: str = "") -> None:
    """Starts a call under this name, one of CALLS, and stops the previous one. `make` returns the iterator or the
    coroutine of the call for a client of the model `ref`, by default the selected one. `about` says what it is for."""
    if (previous := call_of(name)) is not None:
        previous.stop()
    call = st.session_state[f"next_call_{name}"] = BackgroundCall(about)
    try:
        call.start(make(ModelClient(ref or model(), database())))
    except PromptgridError as error:
        call.start(_failed(error))
    stop_when_left(call)


async def _failed(error: PromptgridError) -> None:
    raise error


def working() -> bool:
    return any(call is not None and call.running for call in map(call_of, CALLS))


def progress() -> CallsProgress:
    """Returns, for each call in CALLS, its number of results and whether it is running (None: no call). Two different
    values mean that a call has made progress."""
    return [None if call is None else (len(call.items), call.running) for call in map(call_of, CALLS)]


def prediction_call() -> BackgroundCall[Prediction] | None:
    """Returns the call that predicts the next token after the text and added tokens on the screen; it may be running,
    done or failed. None if there is none."""
    call = call_of("predict")
    return call if call is not None and call.about == (model(), place()) else None


def current_prediction() -> Prediction | None:
    """Returns the prediction of the next token after the text and added tokens on the screen; None until it has
    arrived."""
    call = prediction_call()
    return call.items[0] if call is not None and call.items else None


def start_predicting() -> None:
    at = place()
    start("predict", lambda client: nextword.predict(client, at), (model(), at))


def start_writing() -> None:
    at, (temperature, top_p) = place(), sliders(BARS)
    start(
        "write",
        lambda client: nextword.generated_tokens(client, at, WRITTEN, temperature=temperature, top_p=top_p),
        at,
    )


def take_written() -> None:
    """When the call by which the model continues the text has ended, adds its tokens to the text, unless the text or
    its added tokens have changed meanwhile."""
    call = call_of("write")
    if call is not None and call.items and not call.running:
        if call.about == place():
            move(call.about.after(call.items[0]))
        st.session_state.pop("next_call_write")


def start_sampling() -> None:
    _start_many("sample", nextword.token_samples, SAMPLES)


def start_repeating() -> None:
    _start_many("repeat", nextword.text_samples, REPEATS)


def _start_many(name: str, ask: Callable[..., Any], count: int) -> None:
    prediction, values = current_prediction(), sliders(BARS)
    at = place() if name == "sample" else Continuation(place().text)
    api = prediction.api if prediction else "completion"
    start(name, lambda client: ask(client, at, count, temperature=values[0], top_p=values[1], api=api), (at, values))


def start_beams() -> None:
    at, early = place(), bool(st.session_state.get("next_beams_early"))
    penalty = st.session_state.get("next_beams_penalty")
    search = Parameters(
        beams=st.session_state.get("next_beams_width"), max_tokens=WRITTEN, length_penalty=penalty, early_stop=early
    )
    start("beams", lambda client: nextword.compared_texts(client, at, search), at)


def start_scoring() -> None:
    text = place().text
    start("score", lambda client: nextword.scored_tokens(client, text), text)


STARTS: Mapping[str, Callable[[], None]] = {
    "predict": start_predicting,
    "write": start_writing,
    "sample": start_sampling,
    "repeat": start_repeating,
    "beams": start_beams,
    "score": start_scoring,
}


def flat(call: BackgroundCall[Any] | None) -> list[Any]:
    """Returns the items in all lists that the call has brought so far, as one list; [] if there is no call."""
    return [] if call is None else [item for batch in list(call.items) for item in batch]


def alike(texts: list[str]) -> list[tuple[str, int]]:
    """Returns (text, count) for each different text, in order of arrival."""
    return list(collections.Counter(texts).items())
