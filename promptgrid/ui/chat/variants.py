"""Draws the right side of the Chat page: the variants that answer, the documents, and the context window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from promptgrid import tokens
from promptgrid.chat import MAX_VARIANTS, ChatVariant, Settings
from promptgrid.connections import DEFAULT_MODEL
from promptgrid.errors import PromptgridError
from promptgrid.store import conversations
from promptgrid.store.conversations import Conversation
from promptgrid.tokens import POLICIES, POLICY_WORDS
from promptgrid.ui.chat import actions
from promptgrid.ui.chat.documents import documents_fields
from promptgrid.ui.server import database, model_refs
from promptgrid.ui.widgets.context_window import limit_slider
from promptgrid.ui.widgets.explain import explain
from promptgrid.ui.widgets.fields import keep_selection, number_field, parameter_field
from promptgrid.ui.widgets.undo import offer_undo

SYSTEM_HEIGHT = 90  # px


def side(conversation: Conversation, settings: Settings) -> tuple[ChatVariant, DeltaGenerator]:
    """Draws the variants and the fields that limit how much of the conversation is sent. Returns (the variant whose
    context window is selected, an empty place in which the caller draws that window)."""
    for number, variant in enumerate(settings.variants, 1):
        _variant(conversation.id, variant, number, alone=len(settings.variants) == 1)
    if len(settings.variants) < MAX_VARIANTS:
        st.button(
            "Add a variant",
            key="chat_add_variant",
            icon=":material/add:",
            on_click=actions.attempt(_add),
            args=(conversation.id,),
            type="tertiary",
            help="The same conversation on another model, temperature or system message, side by side.",
        )
    selected = _window_variant(conversation.id, settings)
    place = st.container(gap="xsmall")
    documents_fields(conversation.id, settings)
    _memory(conversation.id, settings, selected)
    explain("chat")
    return selected, place


@actions.attempt
def _change(conversation_id: str, number: int, name: str, key: str) -> None:
    value: Any = st.session_state[key]
    if name == "model" and not value:
        value = DEFAULT_MODEL
    actions.save_settings(conversation_id, actions.settings_of(conversation_id).changed(number, **{name: value}))


def _variant(conversation_id: str, variant: ChatVariant, number: int, *, alone: bool) -> None:
    def saved(name: str, action: Callable[..., None] = _change) -> dict[str, Any]:
        """Returns the arguments of the widget for the variant's field `name`: its key, and the callback `action` that
        saves a change. `action` gets the id of the conversation, the id of the variant, `name` and the key."""
        key = f"chat_{name}_{conversation_id}_{variant.id}"
        return {"key": key, "on_change": action, "args": (conversation_id, variant.id, name, key)}

    with st.container(border=True, gap="small", key=f"chat_variant_{conversation_id}_{variant.id}"):
        label, options = "Model" if alone else f"Model of variant {number}", model_refs(variant.model)
        note, index = "Or type another ENDPOINT/MODEL.", options.index(variant.model)
        st.selectbox(label, options, index, help=note, accept_new_options=True, **saved("model"))
        with st.container(horizontal=True, vertical_alignment="bottom"):
            shape: dict[str, Any] = {"value": variant.temperature, "step": 0.1, "placeholder": "model's", "width": 130}
            parameter_field("temperature", **shape, **saved("temperature"))
            st.space("stretch")
            if not alone:
                key, ids = f"chat_remove_{conversation_id}_{variant.id}", (conversation_id, variant.id)
                st.button("Remove", key=key, on_click=_remove, args=ids, type="tertiary")
        st.checkbox("Own system message", variant.system is not None, **saved("own", _own_system))
        if variant.system is not None:
            look: dict[str, Any] = {"height": SYSTEM_HEIGHT, "label_visibility": "collapsed"}
            st.text_area("System message", variant.system, **look, **saved("system"))


def _window_variant(conversation_id: str, settings: Settings) -> ChatVariant:
    if len(settings.variants) > 1:
        names = {variant.id: f"{number} {variant.model}" for number, variant in enumerate(settings.variants, 1)}
        key = f"chat_window_{conversation_id}"
        keep_selection(key, names, settings.variants[0].id)
        return settings.variant(st.selectbox("Window of variant", list(names), key=key, format_func=names.__getitem__))
    return settings.variants[0]


def _memory(conversation_id: str, settings: Settings, variant: ChatVariant) -> None:
    st.selectbox(
        "When the window is full",
        POLICIES,
        index=POLICIES.index(settings.policy),
        key=f"chat_policy_{conversation_id}",
        format_func=POLICY_WORDS.__getitem__,
        on_change=_set,
        args=(conversation_id, "policy", f"chat_policy_{conversation_id}"),
    )
    try:
        model_limit = tokens.context_limit(variant.model)
    except PromptgridError:
        model_limit = None
    key = f"chat_limit_{conversation_id}"
    limit_slider(
        model_limit,
        settings.limit,
        key=key,
        on_change=lambda: _set(conversation_id, "limit", key, model_limit),
    )
    number_field(
        "Room for the reply, in tokens",
        1,
        value=settings.room,
        step=32,
        key=f"chat_room_{conversation_id}",
        on_change=_set,
        args=(conversation_id, "room", f"chat_room_{conversation_id}"),
        help="The window keeps this room free; it is also the limit of a reply.",
    )


@actions.attempt
def _add(conversation_id: str) -> None:
    actions.save_settings(conversation_id, actions.settings_of(conversation_id).with_one_more())


@actions.attempt
def _remove(conversation_id: str, number: int) -> None:
    settings = actions.settings_of(conversation_id)
    actions.save_settings(conversation_id, settings.without(number))
    at, variant = next((at, one) for at, one in enumerate(settings.variants) if one.id == number)
    text, restore = f"Removed the variant {at + 1}, {variant.model}.", actions.attempt(_restore)
    offer_undo(actions.undo_key(conversation_id), text, partial(restore, conversation_id, at, variant))


def _restore(conversation_id: str, at: int, variant: ChatVariant) -> None:
    settings = actions.settings_of(conversation_id)
    variants = (*settings.variants[:at], variant, *settings.variants[at:])
    actions.save_settings(conversation_id, replace(settings, variants=variants))


@actions.attempt
def _own_system(conversation_id: str, number: int, name: str, key: str) -> None:
    """If the checkbox with the widget key `key` is on, gives the variant with the id `number` its own system message, a
    copy of the conversation's; if it is off, removes that message. `name` is not used: callbacks of all fields receive
    it."""
    conversation = conversations.load(database(), conversation_id)
    first = next((node.text for node in actions.on_screen(conversation) if node.role == "system"), "")
    settings, system = actions.settings_of(conversation_id), first if st.session_state[key] else None
    before = settings.variant(number).system
    actions.save_settings(conversation_id, settings.changed(number, system=system))
    if before and system is None and before != first:
        restore = partial(actions.attempt(_restore_system), conversation_id, number, before, key)
        offer_undo(actions.undo_key(conversation_id), "Removed the variant's own system message.", restore)


def _restore_system(conversation_id: str, number: int, system: str, key: str) -> None:
    actions.save_settings(conversation_id, actions.settings_of(conversation_id).changed(number, system=system))
    st.session_state[key] = True


@actions.attempt
def _set(conversation_id: str, name: str, key: str, unset: int | None = None) -> None:
    value: Any = st.session_state[key]
    changed: dict[str, Any] = {name: None if value == unset else value}
    actions.save_settings(conversation_id, replace(actions.settings_of(conversation_id), **changed))
