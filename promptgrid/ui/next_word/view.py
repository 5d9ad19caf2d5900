"""Draws the parts of the Next word page: the text, the likeliest next tokens, samples, and perplexity."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from promptgrid import connections, nextword
from promptgrid.errors import PromptgridError
from promptgrid.humanize import many
from promptgrid.nextword import Prediction
from promptgrid.text import one_line
from promptgrid.ui.next_word import state
from promptgrid.ui.next_word.bars import Sliders, token_bars, token_row
from promptgrid.ui.next_word.beams import calls_label, draw_beams, progress_line, search_fields
from promptgrid.ui.next_word.beside import beside
from promptgrid.ui.next_word.state import BackgroundCall
from promptgrid.ui.server import answers_now, model_refs
from promptgrid.ui.widgets.endpoints import weights_notice
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.live_text import token_note, watch_text
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.undo import undo_note

POLL_S = 0.25
PATIENCE_S = 1.5  # a reply within this time is drawn without a note about waiting
NAME_CHARS = 40  # of the text that a measurement names
TEXT_HEIGHT = 76  # px
CARD_WIDTH, CARD_HEIGHT = 215, 118  # px


def header() -> DeltaGenerator:
    """Draws the text, the model and the row of examples. Returns that row, which is passed to `body` as `edge`."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="next_top"):
        key, text = state.text_key(), state.place().text
        st.text_area("Text", text, TEXT_HEIGHT, key=key, on_change=state.take_text, args=(key,), width="stretch")
        st.selectbox(
            "Model",
            model_refs(state.model()),
            key=state.MODEL_KEY,
            accept_new_options=True,
            on_change=state.take_model,
            width=330,
            help="Or type another ENDPOINT/MODEL. It must report the probabilities of its tokens.",
        )
    row = st.container(horizontal=True, gap="small", vertical_alignment="center", key="next_examples")
    with row:
        st.caption("Examples", width="content")
        for number, text in enumerate(state.EXAMPLES):
            key = f"next_example_{number}"
            st.button(plain(text), key=key, type="tertiary", on_click=state.take_example, args=(text,))
        st.fragment(_count)()
    undo_note(state.UNDO)
    return row


def _count() -> None:
    """Shows the text's number of tokens at the edge of its field, updated while the user types."""
    if answers_now(state.model()):
        watch_text([state.text_key()], "next_watch", note=token_note(state.model()))


def ready() -> bool:
    """Returns whether the model can answer. If it is the built-in one and not installed yet, draws its download and
    returns False."""
    return answers_now(state.model()) or weights_notice()


def body(edge: DeltaGenerator) -> None:
    """Draws the page below the text. `edge` is the row of examples from `header`. The invisible element that polls is
    drawn there, because in this row it makes no gap."""
    state.take_written()
    _ask()
    state.start_wanted()
    prediction = state.current_prediction()
    _poll(edge)
    if prediction is None:
        _no_prediction()
    _trail(prediction)
    if prediction is not None:
        _next(prediction)
        beside(prediction)
    _repeats()
    _beams()
    _perplexity()


def _poll(edge: DeltaGenerator) -> None:
    """Reruns the whole page when a call has made progress, so that buttons and results always agree. The element that
    polls is drawn in `edge`."""
    before = state.progress()

    def rerun_on_progress() -> None:
        if state.progress() != before:
            st.rerun()

    with edge:
        st.fragment(rerun_on_progress, run_every=POLL_S if state.working() else None)()


def _button(name: str, label: str, *, disabled: bool = False, **options: Any) -> BackgroundCall[Any] | None:
    """Draws the button that starts the call `name`, or Stop while it runs; returns the latest call of that name (None:
    there is none). `options` are further arguments of the button.

    The button stays enabled during other calls: Streamlit drops a press if the button is disabled when the press
    arrives.
    """
    call = state.call_of(name)
    if call is not None and call.running:
        st.button("Stop", key=f"next_stop_{name}", on_click=call.stop)
    else:
        st.button(label, key=f"next_{name}", on_click=state.want, args=(name,), disabled=disabled, **options)
    return call


def _failure(call: BackgroundCall[Any] | None) -> None:
    if call is not None and isinstance(call.error, Exception):
        show_error(call.error)


def _ask() -> None:
    """Starts the prediction of the next token if the model costs nothing, and waits up to `PATIENCE_S` for it."""
    if state.prediction_call() is None:
        with suppress(PromptgridError):  # `_no_prediction` shows the error
            if connections.model_facts(state.model()).free:
                state.start_predicting()
    if (call := state.prediction_call()) is not None:
        call.wait(PATIENCE_S)


def _no_prediction() -> None:
    """Shows why there are no bars: the call is slow, has failed, or would cost money."""
    call = state.prediction_call()
    if call is None:
        try:
            connections.model_facts(state.model())
        except PromptgridError as error:
            show_error(error)
            return
    _failure(call)
    with st.container(horizontal=True, vertical_alignment="center", key="next_waiting"):
        _button("predict", "Try again" if call else "Ask for the next word", type="primary")
        st.caption("Reading the text …" if call is not None and call.running else "")


def _trail(prediction: Prediction | None) -> None:
    at = state.place()
    token_row("next_trail_row", at.text, at.trail, empty="Press a token below to append it.")
    with st.container(horizontal=True, vertical_alignment="center", key="next_actions"):
        label, note = f"Write {state.WRITTEN} tokens", "One real call, at the temperature and top_p below"
        writing = _button("write", label, disabled=prediction is None, type="primary", help=note)
        empty_trail = not at.trail
        st.button("Step back", key="next_back", on_click=state.step_back, disabled=empty_trail)
        st.button("Back to the text", key="next_clear", on_click=state.clear, disabled=empty_trail)
        st.caption("Writing …" if writing is not None and writing.running else "")
    _failure(writing)


def _next(prediction: Prediction) -> None:
    if prediction.api == "chat":
        st.caption("This endpoint does not continue texts: the text is a message, and these tokens start the reply.")
    sampling = state.call_of("sample")
    text_only = prediction.chances.tokens[0].id is None
    counted = _counted(prediction, sampling)
    token_bars(state.BARS, prediction, on_choose=state.choose, counted=counted, text_only=text_only)
    with st.container(horizontal=True, vertical_alignment="center", key="next_sampling"):
        note = "Real calls for one token each, at this temperature and top_p"
        _button("sample", f"Sample {state.SAMPLES} times", help=note)
        st.caption(plain(_sampling_result(prediction, sampling)), width="stretch")
    _failure(sampling)
    if prediction.fewer:
        counts = f"{len(prediction.chances.tokens)} instead of {prediction.requested}"
        st.caption(f"The endpoint returns fewer alternatives than requested: {counts}.")


def _counted(
    prediction: Prediction, sampling: BackgroundCall[Any] | None
) -> tuple[Sliders, nextword.TokenTally] | None:
    if sampling is None or not sampling.items or sampling.about[0] != prediction.place:
        return None
    values: Sliders = sampling.about[1]
    return values, nextword.tally(
        prediction.chances, nextword.reshape(prediction.chances, *values), state.flat(sampling)
    )


def _sampling_result(prediction: Prediction, sampling: BackgroundCall[Any] | None) -> str:
    """Returns in words how many tokens were drawn, and for how many of the likely ones the count agrees with the
    probability."""
    counted = _counted(prediction, sampling)
    if counted is None or sampling is None:
        return "Draws the next token many times and counts the results."
    tally = counted[1]
    if sampling.running:
        return f"{tally.draws} of {state.SAMPLES} drawn"
    shares = nextword.reshape(prediction.chances, *counted[0]).tokens
    likely = [place for place, share in enumerate(shares) if share.high * tally.draws >= 1]
    within = sum(tally.within[place] for place in likely)
    return (
        f"{tally.draws} drawn in {sampling.took:.1f} s. Expected at least once: {many(len(likely), 'token')}; "
        f"{within} of them within the range that holds 95 % of such counts."
    )


def _repeats() -> None:
    st.subheader("The same text ten times", help="What the temperature does to whole sentences")
    with st.container(horizontal=True, vertical_alignment="center", key="next_repeating"):
        empty = not state.place().text
        repeating = _button("repeat", f"Send it {state.REPEATS} times", disabled=empty)
        st.caption(_repeating_result(repeating), width="stretch")
    _texts(state.flat(repeating))
    _failure(repeating)


def _repeating_result(repeating: BackgroundCall[Any] | None) -> str:
    texts = state.flat(repeating)
    if repeating is None or not texts:
        return "Sending …" if repeating is not None and repeating.running else ""
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


def _beams() -> None:
    st.subheader("The likeliest whole text", help="Beam search follows several beginnings at a time")
    search_fields()
    with st.container(horizontal=True, vertical_alignment="center", key="next_beaming"):
        beaming = _button("beams", calls_label(), disabled=not state.place().text)
        st.caption(progress_line(beaming), width="stretch")
    draw_beams(beaming)
    _failure(beaming)


def _perplexity() -> None:
    st.subheader("How surprising is the text?", help="The probability of each token of the text, given those before it")
    with st.container(horizontal=True, vertical_alignment="center", key="next_scoring"):
        empty = not state.place().text
        note = "One call; on a llama.cpp server one for each token."
        cost = "" if _is_free() else " · 1 call or more"
        scoring = _button("score", f"Measure perplexity{cost}", disabled=empty, help=note)
        st.caption(plain(_scoring_result(scoring)), width="stretch")
    if scoring is not None and scoring.items:
        token_row("next_score_row", "", [step for step, _ in list(scoring.items)])
    _failure(scoring)


def _is_free() -> bool:
    with suppress(PromptgridError):  # `_no_prediction` shows the error
        return connections.model_facts(state.model()).free
    return False


def _scoring_result(scoring: BackgroundCall[Any] | None) -> str:
    if scoring is None or not scoring.items:
        return ""
    steps = [step for step, _ in list(scoring.items)]
    total, value = scoring.items[-1][1], nextword.perplexity(steps)
    if scoring.running:
        return f"{len(steps)} of {many(total, 'token')}"
    if value is None:
        return "The text is one token, so there is nothing to predict it from."
    known = sum(step.logprob is not None for step in steps)
    cut = f" Only the first {nextword.MAX_SCORED} tokens are measured." if total == nextword.MAX_SCORED else ""
    return (
        f"Perplexity {value:,.1f} over {many(known, 'token')} of “{one_line(scoring.about, NAME_CHARS)}”: on average "
        f"the model was as uncertain as between that many equally likely tokens. The first token does not count.{cut}"
    )
