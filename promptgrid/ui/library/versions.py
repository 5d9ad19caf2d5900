"""The versions of the selected prompt: their labels and notes, what differs between two of them, and rolling back."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from promptgrid.errors import PromptgridError
from promptgrid.humanize import moment
from promptgrid.library import versions as marked
from promptgrid.prompt import Prompt, dumps
from promptgrid.store import plans
from promptgrid.store.plans import StoredVersion
from promptgrid.ui import links
from promptgrid.ui.library.actions import PAGE, act
from promptgrid.ui.server import database, library
from promptgrid.ui.widgets.callbacks import close_popover
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.fields import keep_selection
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.undo import offer_undo
from promptgrid.ui.widgets.words_diff import show_words_diff

DIFF_HEIGHT = 420  # px


def versions(name: str) -> None:
    """Draws the versions of the prompt: two selectors, the actions on the first of the two versions, and the difference
    between them word by word."""
    try:
        listed = plans.listed_versions(database(), name)
    except PromptgridError as error:
        show_error(error)
        return
    by_version = {version.version: version for version in listed}
    key, other_key = f"library_version_{name}", f"library_against_{name}"
    current = next((version.version for version in listed if version.current), listed[0].version)
    earlier = next((version.version for version in listed if version.version != current), current)
    keep_selection(key, by_version, earlier)
    keep_selection(other_key, by_version, current)
    with st.container(horizontal=True, vertical_alignment="bottom", key="library_versions"):
        first = by_version[_selector("Version", by_version, key)]
        second = by_version[_selector("Compared with", by_version, other_key)]
        _label_popover(name, first)
        _note_popover(name, first)
        st.button("Roll back to it", key="library_roll_back", on_click=_roll_back, args=(name,), disabled=first.current)
    if first.note:
        st.caption(plain(first.note))
    _difference(name, first, second)


def _selector(label: str, by_version: Mapping[str, StoredVersion], key: str) -> str:
    return str(
        st.selectbox(label, list(by_version), key=key, format_func=lambda version: version_words(by_version[version]))
    )


def version_words(version: StoredVersion) -> str:
    """Returns the version as an option of a selector: its first digits, labels, when it was stored, and its note."""
    parts = [version.version[:6], *version.labels, "current" if version.current else moment(version.stored)]
    return " · ".join([*parts, version.note] if version.note else parts)


def _label_popover(name: str, version: StoredVersion) -> None:
    with st.popover("Label", key="library_label"):
        with st.form("library_label_form", border=False):
            st.text_input("Label of this version", key="library_label_text", placeholder="production")
            st.form_submit_button("Put it on", on_click=_put_label, args=(name, version.version), width="stretch")
        st.caption(plain(f"{name}@LABEL names the version that has the label, on the command line too."))
        for label in version.labels:
            remove = (name, version.version, label)
            st.button(f"Remove {label}", key=f"library_unlabel_{label}", on_click=_remove_label, args=remove)


def _note_popover(name: str, version: StoredVersion) -> None:
    with st.popover("Note", key="library_note"), st.form("library_note_form", border=False):
        st.text_input("Note on this version", version.note, max_chars=marked.MAX_NOTE, key=_note_key(name, version))
        st.form_submit_button("Save", on_click=_set_note, args=(name, version), width="stretch")


def _note_key(name: str, version: StoredVersion) -> str:
    return f"library_note_{name}_{version.version}"


def _difference(name: str, first: StoredVersion, second: StoredVersion) -> None:
    if first.version == second.version:
        st.caption("Saving and running store a version. Two different ones are compared here word by word.")
        return
    try:
        texts = [dumps(_prompt(name, version.version)) for version in (first, second)]
    except PromptgridError as error:
        show_error(error)
        return
    query = {"prompts": ",".join(_ref(name, version) for version in (first, second))}
    st.page_link(links.RUN, label="Run the two against each other", query_params=query)
    names = [f"{version.version[:6]}" for version in (first, second)]
    show_words_diff(texts[0], texts[1], names[0], names[1], height=DIFF_HEIGHT, key=f"library_diff_{name}")


def _ref(name: str, version: StoredVersion) -> str:
    return name if version.current else f"{name}@{version.version[:6]}"


def _prompt(name: str, version: str) -> Prompt:
    """Returns the version of the prompt: that of its file, or a stored one."""
    try:
        prompt = library().load(name)[0]
    except PromptgridError:
        return plans.prompt_at(database(), name, version)
    return prompt if prompt.version == version else plans.prompt_at(database(), name, version)


def _put_label(name: str, version: str) -> None:
    label = str(st.session_state.library_label_text or "").strip()

    def put() -> str:
        before = marked.set_label(library(), _prompt(name, version), label)
        text = f"{name}@{label} is {version[:6]}" + (f", before {before[:6]}." if before else ".")
        offer_undo(PAGE, text, lambda: _label_again(name, label, before))
        st.session_state.library_label_text = ""
        close_popover()
        return ""

    act(put)


def _remove_label(name: str, version: str, label: str) -> None:
    def remove() -> str:
        marked.remove_label(library(), name, label)
        offer_undo(PAGE, f"Removed the label {label}.", lambda: _label_again(name, label, version))
        close_popover()
        return ""

    act(remove)


def _label_again(name: str, label: str, version: str) -> None:
    """Puts the label on the version that had it; removes it if `version` is empty."""
    if version:
        marked.set_label(library(), _prompt(name, version), label)
    else:
        marked.remove_label(library(), name, label)


def _set_note(name: str, version: StoredVersion) -> None:
    note = str(st.session_state[_note_key(name, version)] or "")

    def change() -> str:
        before = marked.set_note(library(), _prompt(name, version.version), note)
        offer_undo(PAGE, f"Changed the note on {version.version[:6]}.", lambda: _note_again(name, version, before))
        close_popover()
        return ""

    act(change)


def _note_again(name: str, version: StoredVersion, note: str) -> None:
    marked.set_note(library(), _prompt(name, version.version), note)
    st.session_state[_note_key(name, version)] = note


def _roll_back(name: str) -> None:
    version = str(st.session_state[f"library_version_{name}"])

    def roll_back() -> str:
        before, etag = plans.roll_back(database(), library(), name, version)
        offer_undo(PAGE, f"Rolled {name} back to {version[:6]}.", lambda: _forward_again(name, before, etag))
        return ""

    act(roll_back)


def _forward_again(name: str, content: bytes, etag: str) -> None:
    """Undoes a roll back: gives the file its earlier content again, unless it has been changed since."""
    library().replace(name, content, etag)
