"""The state of the Tokens page: the text, and one or two tokenizers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import streamlit as st

from promptgrid import builtin, tokens
from promptgrid.cases.decoding import read_text
from promptgrid.connections import BUILTIN, DEFAULT_MODEL
from promptgrid.errors import PromptgridError
from promptgrid.prompt import Prompt
from promptgrid.store.drafts import draft, keep_draft
from promptgrid.ui.server import database, library, model_refs, prompts
from promptgrid.ui.widgets.callbacks import leaving_error, one_at_a_time
from promptgrid.ui.widgets.feedback import show_error, show_left_error, showing_errors
from promptgrid.ui.widgets.live_text import LIVE_CHARS, forget_typed
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.undo import offer_undo, undo_note

TEXT, BY, BESIDE, VIEW, WATCH = "tokens_text", "tokens_by", "tokens_beside", "tokens_view", "tokens_watch"
EXAMPLES: Mapping[str, str] = {
    "Chinese": "我喜欢香蕉",
    "Emoji": "Two bananas 🍌🍌 for a family 👩‍👩‍👧, please 👍🏽",
    "Code": "def total(rows):\n    return sum(row['price'] * 1.19 for row in rows)\n",
    "Blanks and numbers": "   1234567  12 345 678\n\n\tunbelievable   strawberry",
}
# The models that use an encoding
MODELS_OF: Mapping[str, str] = {
    "o200k_base": "GPT-4o to GPT-5 and later",
    "o200k_harmony": "gpt-oss",
    "cl100k_base": "GPT-4, GPT-3.5",
    "p50k_base": "text-davinci-003",
    "p50k_edit": "the edit models",
    "r50k_base": "GPT-3",
    "gpt2": "GPT-2",
}
_DRAFT = "tokens"  # the text of the last visit
_NONE = ""
_LOAD = "tokens_load"
UNDO = "tokens"
_LARGEST = 10  # MB of a file


def start() -> None:
    """On the first visit in a session, sets the text to that of the last session, else to the first example, and
    selects two tokenizers."""
    if "tokens_saved" not in st.session_state:
        saved = draft(database(), _DRAFT)
        st.session_state.tokens_saved = saved if isinstance(saved, str) else EXAMPLES["Chinese"]
    st.session_state.setdefault(BY, DEFAULT_MODEL)
    st.session_state.setdefault(BESIDE, "o200k_base")
    st.session_state.setdefault(VIEW, "Pieces")


@one_at_a_time
def save() -> None:
    if st.session_state.tokens_saved != st.session_state[TEXT]:
        st.session_state.tokens_saved = st.session_state[TEXT]
        with showing_errors():
            keep_draft(database(), _DRAFT, st.session_state[TEXT])


def selected_tokenizers() -> list[str]:
    """Returns the one or two selected tokenizers, each an encoding or ENDPOINT/MODEL."""
    return list(dict.fromkeys(filter(None, [st.session_state[BY] or DEFAULT_MODEL, st.session_state[BESIDE]])))


def tokenizers() -> None:
    refs = list(dict.fromkeys([*model_refs(), *tokens.ENCODINGS]))
    for label, key, options in (("Tokenizer", BY, refs), ("Compare with", BESIDE, [_NONE, *refs])):
        ref = st.session_state[key] or _NONE
        st.selectbox(
            label,
            options if ref in options else [*options, ref],
            key=key,
            format_func=title,
            accept_new_options=True,
            width=340,
            help="A model, or an encoding of tiktoken. Or type another ENDPOINT/MODEL.",
        )


def title(ref: str) -> str:
    """Returns the name under which the tokenizer `ref` (an encoding or ENDPOINT/MODEL) stands in the selectors."""
    if not ref:
        return "none"
    return f"{ref} · {MODELS_OF[ref]}" if ref in MODELS_OF else ref


def prepare() -> None:
    """Starts the built-in model's server if it is selected as a tokenizer and installed; shows the error if the start
    fails."""
    needed = any(ref.startswith(f"{BUILTIN}/") for ref in selected_tokenizers())
    if not needed or not builtin.status().ready or builtin.running():
        return
    try:
        with st.spinner("Starting the built-in model …"):
            builtin.ensure()
    except PromptgridError as error:
        show_error(error)


def load() -> None:
    """Draws the popover that loads another text: an example, a prompt of the library, or a file."""
    with st.popover("Load", key=_LOAD, on_change="rerun"):
        st.caption("Examples")
        with st.container(horizontal=True, gap="xsmall"):
            for name, text in EXAMPLES.items():
                st.button(name, key=f"tokens_example_{name}", on_click=_replace, args=(text,))
        st.selectbox(
            "Prompt of the library",
            list(prompts()),
            index=None,
            key="tokens_prompt",
            placeholder="Choose",
            on_change=_put_prompt,
        )
        st.file_uploader("Text file in UTF-8", key="tokens_file", on_change=_put_file, max_upload_size=_LARGEST)
    show_left_error("tokens_error")
    undo_note(UNDO)


def _replace(text: str) -> None:
    """Puts another text into the field. What the user has typed there can be brought back."""
    before = st.session_state[TEXT]
    _put(text)
    if before.strip() and before not in (text, *EXAMPLES.values()):
        offer_undo(UNDO, "Another text has replaced yours.", partial(_put, before))


def _put(text: str) -> None:
    st.session_state[TEXT] = text  # `save` stores it
    st.session_state.pop("tokens_page", None)
    forget_typed(WATCH)
    st.session_state[_LOAD] = False
    if st.session_state[VIEW] in ("Two languages", "Meaning"):
        st.session_state[VIEW] = "Pieces"


@leaving_error("tokens_error")
def _put_prompt() -> None:
    if name := st.session_state.tokens_prompt:
        _replace(text_of(library().load(name)[0]))


@leaving_error("tokens_error")
def _put_file() -> None:
    if uploaded := st.session_state.tokens_file:
        _replace(read_text(uploaded.getvalue(), uploaded.name))


def text_of(prompt: Prompt) -> str:
    """Returns the messages of a prompt, then its examples: inputs, reasoning and answer, one per line."""
    examples = ["\n".join([*e.inputs.values(), e.reasoning, e.answer]).strip() for e in prompt.examples]
    return "\n\n".join([message.text for message in prompt.messages] + examples)


def tokenize(text: str, ref: str) -> tokens.Tokenization:
    """Returns the tokens of the text by the tokenizer `ref`. For a tokenizer on a server and a text longer than
    `LIVE_CHARS`, returns only an estimate until the user asks the server."""
    if (
        len(text) > LIVE_CHARS
        and not tokens.encoding_of(ref)
        and st.session_state.get(f"tokens_patient_{ref}") != hash(text)
    ):
        return tokens.estimated(text, ref, "A server takes several seconds for a text of this length.")
    return tokens.tokenize(text, ref)


def unknown_note(tokenization: tokens.Tokenization) -> None:
    """Shows why the tokens themselves are not known. For a text longer than `LIVE_CHARS`, adds a button that asks the
    server for them."""
    reason = tokenization.count.reason or "This endpoint reports the number of tokens, not the tokens."
    st.caption(f":orange[●] {plain(reason)}")
    if len(tokenization.text) > LIVE_CHARS and not tokens.encoding_of(tokenization.ref):
        st.button("Ask the server", key=f"tokens_ask_{tokenization.ref}", on_click=_ask, args=(tokenization.ref,))


def _ask(ref: str) -> None:
    """Notes that the user has asked the server of the tokenizer `ref` for the tokens of the current text."""
    st.session_state[f"tokens_patient_{ref}"] = hash(st.session_state[TEXT])
