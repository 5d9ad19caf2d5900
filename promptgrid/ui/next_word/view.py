"""The Next word page: what a model would say next, what the sliders make of it, and what it then does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from promptgrid import builtin, connections, nextword
from promptgrid.connections import BUILTIN
from promptgrid.errors import PromptgridError
from promptgrid.humanize import many
from promptgrid.nextword import Prediction
from promptgrid.ui.next_word import state
from promptgrid.ui.next_word.background_call import BackgroundCall
from promptgrid.ui.next_word.bars import Sliders, token_bars, token_row
from promptgrid.ui.server import model_refs
from promptgrid.ui.widgets.endpoints import weights_notice
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.live_text import watch_text
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.token_note import token_note

POLL_S = 0.25
PATIENCE_S = 1.5  # an answer within it is drawn at once, without a word about waiting
TEXT_HEIGHT = 76  # px
CARD_WIDTH, CARD_HEIGHT = 215, 118  # px


def header() -> DeltaGenerator:
    """The text and the model that continues it; returns a row for what takes no room."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="next_top"):
        st.text_area("Text", key=state.TEXT, height=TEXT_HEIGHT, on_change=state.changed, width="stretch")
        options = list(dict.fromkeys([*model_refs(), state.model()]))
        st.selectbox(
            "Model",
            options,
            key=state.MODEL,
            accept_new_options=True,
            on_change=state.changed,
            width=330,
            help="Or type another ENDPOINT/MODEL. It must tell the probabilities of its tokens.",
        )
    row = st.container(horizontal=True, gap="small", vertical_alignment="center", key="next_examples")
    with row:
        st.caption("Examples", width="content")
        for number, text in enumerate(state.EXAMPLES):
            key = f"next_example_{number}"
            st.button(plain(text), key=key, type="tertiary", on_click=state.take_example, args=(text,))
        st.fragment(_count)()
    return row


def _count() -> None:
    """The text's tokens, at the edge of its field as one types."""
    if not state.model().startswith(f"{BUILTIN}/") or builtin.status().ready:
        watch_text([state.TEXT], "next_watch", note=token_note(state.model()))


def ready() -> bool:
    """False while the built-in model is not here: its download is drawn then."""
    return not state.model().startswith(f"{BUILTIN}/") or builtin.status().ready or weights_notice()


def body(edge: DeltaGenerator) -> None:
    """All that follows from the text; `edge` is the row for what takes no room."""
    state.take_written()
    _ask()
    seen = state.look()
    _draw_news(edge)
    if seen is None:
        _no_look()
    _trail(seen)
    if seen is not None:
        _next(seen)
    _repeats()
    _perplexity()


def _draw_news(edge: DeltaGenerator) -> None:
    """Draws the page again as soon as the calls under way are further than they are now.

    The page draws everything itself, so that buttons and results always agree.
    """
    before = state.progress()

    def look_for_news() -> None:
        if state.progress() != before:
            st.rerun()

    with edge:
        st.fragment(look_for_news, run_every=POLL_S if state.working() else None)()


def _button(
    name: str, label: str, start: Callable[[], None], *, disabled: bool = False, **look: Any
) -> BackgroundCall[Any] | None:
    """The button that starts a job, or stops it while it runs.

    It does not wait for other jobs: Streamlit forgets a press on a button that is disabled by the time the press comes.
    """
    job = state.job(name)
    if job is not None and job.running:
        st.button("Stop", key=f"next_stop_{name}", on_click=job.stop)
    else:
        st.button(label, key=f"next_{name}", on_click=start, disabled=disabled, **look)
    return job


def _failure(job: BackgroundCall[Any] | None) -> None:
    if job is not None and isinstance(job.error, Exception):
        show_error(job.error)


def _ask() -> None:
    """Asks for the next word, by itself where that costs nothing, and waits a little."""
    if state.asked() is None:
        with suppress(PromptgridError):  # no such endpoint: `_no_look` says so
            if connections.model_facts(state.model()).free:
                state.start_look()
    if (asked := state.asked()) is not None:
        asked.wait(PATIENCE_S)


def _no_look() -> None:
    """What there is instead: a call that takes long, one that failed, or one that would cost money."""
    asked = state.asked()
    if asked is None:
        try:
            connections.model_facts(state.model())
        except PromptgridError as error:
            show_error(error)
            return
    _failure(asked)
    with st.container(horizontal=True, vertical_alignment="center", key="next_waiting"):
        _button("look", "Try again" if asked else "Ask for the next word", state.start_look, type="primary")
        st.caption("The model is reading the text…" if asked is not None and asked.running else "")


def _trail(seen: Prediction | None) -> None:
    here = state.place()
    token_row("next_trail_row", here.text, here.trail, empty="Press a token below to append it and go on.")
    with st.container(horizontal=True, vertical_alignment="center", key="next_actions"):
        label, help_ = f"Write {state.WRITTEN} tokens", "One real call, at the temperature and top_p below"
        writing = _button("write", label, state.start_writing, disabled=seen is None, type="primary", help=help_)
        still = not here.trail
        st.button("Step back", key="next_back", on_click=state.step_back, disabled=still)
        st.button("Back to the text", key="next_clear", on_click=state.clear, disabled=still)
        st.caption("Writing…" if writing is not None and writing.running else "")
    _failure(writing)


def _next(seen: Prediction) -> None:
    if seen.api == "chat":
        st.caption("This endpoint does not continue texts: the text is sent as a message, and these begin its answer.")
    sampling = state.job("sample")
    _bars(seen, sampling)
    with st.container(horizontal=True, vertical_alignment="center", key="next_sampling"):
        help_ = "So many real calls for one token, at this temperature and top_p"
        _button("sample", f"Sample {state.SAMPLES} times", state.start_sampling, help=help_)
        st.caption(plain(_met(seen, sampling)), width="stretch")
    _failure(sampling)
    if seen.fewer:
        told = f"{many(len(seen.chances.tokens), 'token')} told, {seen.requested} asked for"
        st.caption(f"The endpoint gives fewer alternatives than it was asked for: {told}.")


def _bars(seen: Prediction, sampling: BackgroundCall[Any] | None) -> None:
    text_only = seen.chances.tokens[0].id is None
    counted = _counted(seen, sampling)
    token_bars(state.BARS, seen, on_choose=state.choose, counted=counted, text_only=text_only)


def _counted(seen: Prediction, sampling: BackgroundCall[Any] | None) -> tuple[Sliders, nextword.TokenTally] | None:
    if sampling is None or not sampling.items or sampling.about[0] != seen.place:
        return None
    at: Sliders = sampling.about[1]
    return at, nextword.tally(seen.chances, nextword.reshape(seen.chances, *at), state.flat(sampling))


def _met(seen: Prediction, sampling: BackgroundCall[Any] | None) -> str:
    """Whether the counts meet the curve, in words."""
    counted = _counted(seen, sampling)
    if counted is None or sampling is None:
        return "Draws the next token again and again, and counts what comes."
    found = counted[1]
    if sampling.running:
        return f"{found.drawn} of {state.SAMPLES} drawn"
    shares = nextword.reshape(seen.chances, *counted[0]).tokens
    likely = [place for place, share in enumerate(shares) if share.high * found.drawn >= 1]
    met = sum(found.within[place] for place in likely)
    return (
        f"{found.drawn} drawn in {sampling.took:.1f} s. {many(len(likely), 'token')} could be expected at least once: "
        f"{met} came as often as chance allows in 95 of 100 cases."
    )


def _repeats() -> None:
    st.subheader("The text sent ten times", help="What a temperature does to whole sentences, not to one token")
    with st.container(horizontal=True, vertical_alignment="center", key="next_repeating"):
        empty = not state.place().text
        repeating = _button("repeat", f"Send it {state.REPEATS} times", state.start_repeating, disabled=empty)
        st.caption(_sent(repeating), width="stretch")
    _texts(state.flat(repeating))
    _failure(repeating)


def _sent(repeating: BackgroundCall[Any] | None) -> str:
    texts = state.flat(repeating)
    if repeating is None or not texts:
        return "Sending…" if repeating is not None and repeating.running else ""
    temperature, top_p = repeating.about[1]
    alike = many(len(set(texts)), "different text")
    return f"{len(texts)} sent at temperature {temperature:g}, top_p {top_p:g}: {alike}"


def _texts(texts: list[str]) -> None:
    if texts:
        with st.grid(5, min_column_width=CARD_WIDTH, gap="small", key="next_texts") as grid:
            for text, count in state.alike(texts):
                with grid.cell():
                    st.caption(f"{count} of {len(texts)}")
                    st.code(text or " ", language=None, wrap_lines=True, height=CARD_HEIGHT)


def _perplexity() -> None:
    st.subheader("How surprising is the text itself?", help="Each token of the text above, judged by those before it")
    with st.container(horizontal=True, vertical_alignment="center", key="next_scoring"):
        empty = not state.place().text
        scoring = _button("score", "Measure perplexity", state.start_scoring, disabled=empty)
        st.caption(plain(_scored(scoring)), width="stretch")
    _score_row(scoring)
    _failure(scoring)


def _score_row(scoring: BackgroundCall[Any] | None) -> None:
    if scoring is not None and scoring.items:
        token_row("next_score_row", "", [step for step, _ in list(scoring.items)])


def _scored(scoring: BackgroundCall[Any] | None) -> str:
    if scoring is None or not scoring.items:
        return ""
    steps = [step for step, _ in list(scoring.items)]
    total, value = scoring.items[-1][1], nextword.perplexity(steps)
    if scoring.running:
        return f"{len(steps)} of {many(total, 'token')}"
    if value is None:
        return "One token: nothing stands before it, so nothing could foresee it."
    known = sum(step.logprob is not None for step in steps)
    cut = f" Only the first {nextword.MAX_SCORED} tokens are measured." if total == nextword.MAX_SCORED else ""
    return (
        f"Perplexity {value:,.1f} over {many(known, 'token')}: on average the model was as unsure as among so many "
        f"equally likely tokens. The first token counts for nothing.{cut}"
    )
