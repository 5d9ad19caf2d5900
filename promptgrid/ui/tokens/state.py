"""What the Tokens page works on: the text, and the one or two tokenizers that read it."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from promptgrid import builtin, tokens
from promptgrid.cases.decoding import read_text
from promptgrid.connections import BUILTIN, DEFAULT_MODEL
from promptgrid.errors import PromptgridError
from promptgrid.prompt import Prompt
from promptgrid.store.drafts import draft, keep_draft
from promptgrid.ui.server import database, library, model_refs
from promptgrid.ui.widgets.callbacks import one_at_a_time
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.live_text import forget_typed
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.token_note import LIVE_CHARS

TEXT, BY, BESIDE, VIEW, WATCH = "tokens_text", "tokens_by", "tokens_beside", "tokens_view", "tokens_watch"
EXAMPLES: Mapping[str, str] = {
    "Chinese": "我喜欢香蕉",
    "Emoji": "Two bananas 🍌🍌 for a family 👩‍👩‍👧, please 👍🏽",
    "Code": "def total(rows):\n    return sum(row['price'] * 1.19 for row in rows)\n",
    "Blanks and numbers": "   1234567  12 345 678\n\n\tunbelievable   strawberry",
}
# Which models are meant, for whoever has never heard the name of an encoding
MODELS_OF: Mapping[str, str] = {
    "o200k_base": "GPT-4o to GPT-5 and later",
    "o200k_harmony": "gpt-oss",
    "cl100k_base": "GPT-4, GPT-3.5",
    "p50k_base": "text-davinci-003",
    "p50k_edit": "the edit models",
    "r50k_base": "GPT-3",
    "gpt2": "GPT-2",
}
_KEPT = "tokens"  # the text of the last visit
_NONE = ""
_LOAD = "tokens_load"
_LARGEST = 10  # MB of a file


def start() -> None:
    """The text of the last visit, or the first example; and the tokenizers that show most at once."""
    if "tokens_kept" not in st.session_state:
        kept = draft(database(), _KEPT)
        st.session_state.tokens_kept = kept if isinstance(kept, str) else EXAMPLES["Chinese"]
    st.session_state.setdefault(BY, DEFAULT_MODEL)
    st.session_state.setdefault(BESIDE, "o200k_base")
    st.session_state.setdefault(VIEW, "Pieces")


def restore() -> None:
    """The text is there again after another view, which does not draw its field."""
    if TEXT not in st.session_state:
        st.session_state[TEXT] = st.session_state.tokens_kept


@one_at_a_time
def keep() -> None:
    """The text survives a refresh."""
    if st.session_state.tokens_kept != st.session_state[TEXT]:
        st.session_state.tokens_kept = st.session_state[TEXT]
        keep_draft(database(), _KEPT, st.session_state[TEXT])


def chosen() -> list[str]:
    """The tokenizers that are compared, one or two."""
    return list(dict.fromkeys(filter(None, [st.session_state[BY] or DEFAULT_MODEL, st.session_state[BESIDE]])))


def tokenizers() -> None:
    """The two choices, and what is not running yet."""
    known = list(dict.fromkeys([*model_refs(), *tokens.ENCODINGS]))
    for label, key, options in (("Tokenizer", BY, known), ("Beside it", BESIDE, [_NONE, *known])):
        own = st.session_state[key] or _NONE
        st.selectbox(
            label,
            options if own in options else [*options, own],
            key=key,
            format_func=named,
            accept_new_options=True,
            width=340,
            help="A model, or an encoding of tiktoken. Or type another ENDPOINT/MODEL.",
        )


def named(ref: str) -> str:
    """As the choices name it."""
    if not ref:
        return "none"
    return f"{ref} · {MODELS_OF[ref]}" if ref in MODELS_OF else ref


def prepare() -> None:
    """Starts the built-in model if it is to count and can. What stands in the way is said."""
    wanted = any(ref.startswith(f"{BUILTIN}/") for ref in chosen())
    if not wanted or not builtin.status().ready or builtin.running():
        return
    try:
        with st.spinner("Starting the built-in model …"):
            builtin.ensure()
    except PromptgridError as error:
        show_error(error)


def load() -> None:
    """Another text: an example, a prompt of the library, or a file."""
    with st.popover("Load", key=_LOAD, on_change="rerun"):
        st.caption("An example")
        with st.container(horizontal=True, gap="xsmall"):
            for name, text in EXAMPLES.items():
                st.button(name, key=f"tokens_example_{name}", on_click=_put, args=(text,))
        names = [entry.name for entry in library().entries() if entry.prompt]
        st.selectbox(
            "A prompt of the library",
            names,
            index=None,
            key="tokens_prompt",
            placeholder="Choose",
            on_change=_put_prompt,
        )
        st.file_uploader("A text file in UTF-8", key="tokens_file", on_change=_put_file, max_upload_size=_LARGEST)
    if error := st.session_state.pop("tokens_error", None):
        show_error(error)


def _put(text: str) -> None:
    st.session_state[TEXT] = st.session_state.tokens_kept = text
    keep_draft(database(), _KEPT, text)
    st.session_state.pop("tokens_page", None)
    forget_typed(WATCH)
    st.session_state[_LOAD] = False
    if st.session_state[VIEW] == "Two languages":
        st.session_state[VIEW] = "Pieces"


def _put_prompt() -> None:
    name = st.session_state.tokens_prompt
    if not name:
        return
    try:
        _put(text_of(library().load(name)[0]))
    except PromptgridError as error:
        st.session_state.tokens_error = error


def _put_file() -> None:
    uploaded = st.session_state.tokens_file
    if uploaded is None:
        return
    try:
        _put(read_text(uploaded.getvalue(), uploaded.name))
    except PromptgridError as error:
        st.session_state.tokens_error = error


def text_of(prompt: Prompt) -> str:
    """The messages of a prompt, one after the other; examples stand as they are kept, an answer beneath its inputs."""
    examples = ["\n".join([*each.inputs.values(), each.reasoning, each.answer]).strip() for each in prompt.examples]
    return "\n\n".join([message.text for message in prompt.messages] + examples)


def tokenize(text: str, ref: str) -> tokens.Tokenization:
    """The tokens; a long text is sent to a server only on demand."""
    if (
        len(text) > LIVE_CHARS
        and not tokens.encoding_of(ref)
        and st.session_state.get(f"tokens_patient_{ref}") != hash(text)
    ):
        return tokens.estimated(text, ref, "A server takes some seconds for a text of this length.")
    return tokens.tokenize(text, ref)


def unknown_note(found: tokens.Tokenization) -> None:
    """Why there are no pieces to show, and what can be done about it."""
    st.caption(f":orange[●] {plain(found.count.reason or 'This endpoint tells how many tokens there are, not which.')}")
    if len(found.text) > LIVE_CHARS and not tokens.encoding_of(found.ref):
        st.button("Ask the server", key=f"tokens_ask_{found.ref}", on_click=_ask, args=(found.ref,))


def _ask(ref: str) -> None:
    """For the text as it stands now: a click leaves the field first."""
    st.session_state[f"tokens_patient_{ref}"] = hash(st.session_state[TEXT])
