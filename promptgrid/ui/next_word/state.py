"""What the Next word page has on its screen: a place in a text, the look at what comes next, and calls under way."""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any

import streamlit as st

from promptgrid import nextword
from promptgrid.connections import DEFAULT_MODEL
from promptgrid.endpoint.base import TokenStep
from promptgrid.errors import PromptgridError
from promptgrid.nextword import Continuation, ModelClient, Prediction
from promptgrid.store.drafts import draft, keep_draft
from promptgrid.ui.next_word.background_call import BackgroundCall
from promptgrid.ui.next_word.bars import sliders
from promptgrid.ui.server import database
from promptgrid.ui.widgets.callbacks import one_at_a_time

EXAMPLES = ("The quick brown fox", "我今天真")
TEXT, MODEL, BARS = "next_text", "next_model", "next_bars"
_DRAFT = "next_word"
JOBS = ("look", "write", "sample", "repeat", "score")
RowsProgress = list[tuple[int, bool] | None]
WRITTEN, SAMPLES, REPEATS = 20, 50, 10


def begin() -> None:
    """The text and the model of the last visit, else an example on the built-in model."""
    if TEXT not in st.session_state:
        kept = draft(database(), _DRAFT)
        kept = kept if isinstance(kept, dict) else {}
        st.session_state[TEXT] = str(kept.get("text") or EXAMPLES[0])
        st.session_state.setdefault(MODEL, str(kept.get("model") or DEFAULT_MODEL))
    st.session_state[TEXT] = st.session_state[TEXT]  # kept while another page is shown
    st.session_state[MODEL] = st.session_state.get(MODEL) or DEFAULT_MODEL


def model() -> str:
    return str(st.session_state.get(MODEL) or DEFAULT_MODEL)


def place() -> Continuation:
    """The text on the screen with its trail."""
    return Continuation(str(st.session_state.get(TEXT) or ""), st.session_state.get("next_trail", ()))


@one_at_a_time
def changed() -> None:
    """Another text, or another model: what was added belonged to the old one."""
    st.session_state.next_trail = ()
    for name in JOBS:
        _drop(name)
    keep_draft(database(), _DRAFT, {"text": st.session_state.get(TEXT) or "", "model": model()})


def take_example(text: str) -> None:
    st.session_state[TEXT] = text
    changed()


def move(to: Continuation) -> None:
    """Goes to another place of the same text."""
    st.session_state.next_trail = to.trail
    _drop("sample")


def _drop(name: str) -> None:
    """Stops a call and forgets what it brought."""
    if (known := job(name)) is not None:
        known.stop()
    st.session_state.pop(f"next_job_{name}", None)


def step_back() -> None:
    """Takes the last added token away."""
    move(place().back())


def clear() -> None:
    """Takes all that was added away."""
    move(Continuation(place().text))


def choose(number: int) -> None:
    """Appends the chosen token of the look on the screen."""
    seen = look()
    if seen is not None and number < len(seen.chances.tokens):
        token = seen.chances.tokens[number]
        move(seen.place.after([TokenStep(token.data, token.logprob, token.id, seen.chances.tokens[:10])]))


def job(name: str) -> BackgroundCall[Any] | None:
    found: BackgroundCall[Any] | None = st.session_state.get(f"next_job_{name}")
    return found


def start(name: str, make: Callable[[ModelClient], Any], about: Any) -> None:
    """Sets a call going, in the place of the last one of that name."""
    if (old := job(name)) is not None:
        old.stop()
    new = st.session_state[f"next_job_{name}"] = BackgroundCall(about)
    try:
        new.start(make(ModelClient(model(), database())))
    except PromptgridError as error:
        new.start(_failed(error))


async def _failed(error: PromptgridError) -> None:
    raise error


def working() -> bool:
    """Something was asked that has not come yet."""
    return any(found is not None and found.running for found in map(job, JOBS))


def progress() -> RowsProgress:
    """How far each call is, to be compared."""
    return [None if found is None else (len(found.items), found.running) for found in map(job, JOBS)]


def asked() -> BackgroundCall[Prediction] | None:
    """The call for the next word at the place on the screen, whatever became of it."""
    found = job("look")
    return found if found is not None and found.about == (model(), place()) else None


def look() -> Prediction | None:
    """The look at the place on the screen, if there is one."""
    found = asked()
    return found.items[0] if found is not None and found.items else None


def start_look() -> None:
    here = place()
    start("look", lambda client: nextword.predict(client, here), (model(), here))


def start_writing() -> None:
    here, (temperature, top_p) = place(), sliders(BARS)
    start(
        "write",
        lambda client: nextword.generated_tokens(client, here, WRITTEN, temperature=temperature, top_p=top_p),
        here,
    )


def take_written() -> None:
    """What was written is the trail now."""
    done = job("write")
    if done is not None and done.items and not done.running:
        if done.about == place():
            move(done.about.after(done.items[0]))
        st.session_state.pop("next_job_write")


def start_sampling() -> None:
    _start_many("sample", nextword.token_samples, SAMPLES)


def start_repeating() -> None:
    _start_many("repeat", nextword.text_samples, REPEATS)


def _start_many(name: str, ask: Callable[..., Any], count: int) -> None:
    seen, at = look(), sliders(BARS)
    here = place() if name == "sample" else Continuation(place().text)
    api = seen.api if seen else "completion"
    start(name, lambda client: ask(client, here, count, temperature=at[0], top_p=at[1], api=api), (here, at))


def start_scoring() -> None:
    text = place().text
    start("score", lambda client: nextword.scored_tokens(client, text), text)


def flat(done: BackgroundCall[Any] | None) -> list[Any]:
    """The samples, or texts, that have come."""
    return [] if done is None else [one for some in list(done.items) for one in some]


def alike(texts: list[str]) -> list[tuple[str, int]]:
    """Each text once, with how often it came, in the order of the first."""
    return list(collections.Counter(texts).items())
