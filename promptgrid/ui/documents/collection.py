"""Chooses a collection, makes one, adds files, and lists its documents."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from pathlib import Path

import streamlit as st

from promptgrid.documents import adding, samples
from promptgrid.documents.adding import Addition, Source
from promptgrid.errors import DocumentsError, PromptgridError
from promptgrid.humanize import many
from promptgrid.store import Database
from promptgrid.store.documents import collections
from promptgrid.store.documents.collections import CollectionInfo
from promptgrid.ui.documents.passage import passage_query
from promptgrid.ui.links import follow_address, set_query
from promptgrid.ui.widgets.feedback import announce_error, show_error
from promptgrid.ui.widgets.fields import keep_selection
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.undo import offer_undo

PAGE = "documents"
_CHOSEN = "documents_collection"
_NOTES_SHOWN = 20


def choose_collection(database: Database) -> CollectionInfo:
    """Draws the selector of the collection and returns the selected one: at first the one in the address
    (`?collection=`), else the one changed last. Without any, offers those that come with Promptgrid, and stops the
    page."""
    infos = {info.id: info for info in collections.listed(database)}
    if not infos:
        _nothing_yet(database)
        st.stop()
    named = st.query_params.get("collection", "")
    first = next((info.id for info in infos.values() if named and named in (info.id, info.name)), "")
    if named and not first and _CHOSEN not in st.session_state:
        show_error(DocumentsError(f'There is no collection "{named}".', hint="Choose another."))
    follow_address(_CHOSEN)
    keep_selection(_CHOSEN, infos, first or next(iter(infos)))
    left, add, more = st.columns([6, 1, 1], vertical_alignment="bottom")
    chosen = left.selectbox(
        "Collection", list(infos), format_func=lambda one: collection_label(infos[one]), key=_CHOSEN
    )
    set_query({"collection": chosen, **passage_query(chosen)})
    with add.popover("Add", width="stretch"):
        _add_files(database, infos[chosen])
    with more.popover("More", width="stretch"):
        _other_actions(database, infos[chosen])
    return infos[chosen]


def collection_label(info: CollectionInfo) -> str:
    """Returns the collection's name and size in one line, not escaped: a selectbox shows its options literally."""
    unread = f" · {info.unread:,} without text" if info.unread else ""
    return f"{info.name} · {many(info.documents, 'document')} · {info.chars:,} characters{unread}"


def document_table(database: Database, info: CollectionInfo) -> None:
    """Draws the documents as a table; a selected one can be read and taken out."""
    import pandas as pd

    infos = collections.documents_of(database, info.id)
    if not infos:
        st.caption("No documents yet: press Add.")
        return
    rows = [
        {
            "Document": one.name,
            "Title": one.title,
            "Kind": one.kind,
            "Characters": one.chars if one.text_digest else None,
            "File": adding.state_of_file(one),
            "Note": one.note,
        }
        for one in infos
    ]
    event = st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        placeholder="no text",
        key=f"documents_table_{info.id}_{info.updated}",
        on_select="rerun",
        selection_mode="single-row",
    )
    if selected := event["selection"]["rows"]:
        one = infos[selected[0]]
        st.button(
            "Take out of the collection", key="documents_remove", on_click=_remove, args=(database, info, one.name)
        )
        text = next((text.text for text in collections.texts(database, info.id) if text.name == one.name), "")
        st.code(text, language=None, wrap_lines=True, height=420)


def _nothing_yet(database: Database) -> None:
    with st.container(border=True, key="documents_empty"):
        st.markdown("**No documents yet**")
        st.caption(
            "A collection is what answers are looked up in: notes, manuals, tables. Try one that comes with"
            " Promptgrid, with questions whose answers are marked in it, or add your own."
        )
        with st.container(horizontal=True):
            for at, name in enumerate(samples.sample_names()):
                _sample_button(database, name, primary=not at)
        _new_collection(database)


def _sample_button(database: Database, name: str, *, primary: bool = False) -> None:
    language = {"en": "English", "zh": "Chinese"}.get(name.rpartition("-")[2], "")
    st.button(f"Use the {language} sample {name}", key=f"documents_sample_{name}", on_click=_add_sample,
              args=(database, name), type="primary" if primary else "secondary")  # fmt: skip


def _new_collection(database: Database) -> None:
    with st.form("documents_new", border=False):
        st.text_input("New collection", key="documents_new_name", placeholder="Its name")
        st.form_submit_button("Create", on_click=_create, args=(database,))


def _create(database: Database) -> None:
    try:
        collection_id = collections.create(database, st.session_state["documents_new_name"])
    except PromptgridError as error:
        announce_error(error)
        return
    _select(collection_id)


def _add_sample(database: Database, name: str) -> None:
    additions = samples.add_sample(database, name)
    for _ in additions:
        pass
    _select(collections.find(database, name).id)


def _select(collection_id: str) -> None:
    st.session_state[_CHOSEN] = collection_id
    st.query_params["collection"] = collection_id


def _add_files(database: Database, info: CollectionInfo) -> None:
    """Draws the fields for uploads and for a folder of this machine, and carries an addition out."""
    files = st.file_uploader(
        "Files", type=[kind.removeprefix(".") for kind in adding.KINDS], accept_multiple_files=True,
        key=f"documents_files_{info.id}",
    )  # fmt: skip
    folder = st.text_input("or a folder on this machine", key=f"documents_folder_{info.id}", placeholder="~/manuals")
    encoding = st.text_input("Encoding, if not UTF-8", key=f"documents_encoding_{info.id}", placeholder="gb18030")
    if not st.button("Add", key="documents_add", type="primary", disabled=not (files or folder.strip())):
        return
    try:
        sources = [Source(file.name, data=file.getvalue()) for file in files]
        left_out: list[str] = []
        if folder.strip():
            listing = adding.sources_of(Path(folder.strip()))
            sources, left_out = [*sources, *listing.sources], list(listing.left_out)
        unread = _carry_out(adding.add(database, info.id, sources, encoding=encoding.strip()), len(sources))
    except PromptgridError as error:
        show_error(error)
        return
    for note in [*left_out, *unread][:_NOTES_SHOWN]:
        st.caption(plain(note))
    if not (left_out or unread):
        st.rerun()


def _carry_out(additions: Generator[Addition, None, object], total: int) -> list[str]:
    """Reads the files under a progress bar, and returns why files were not read. What was read stays if the page is
    left."""
    unread = []
    bar = st.progress(0.0, "Reading…")
    for addition in additions:
        if addition.ending == "unread":
            unread.append(f"Not read: {addition.note}")
        bar.progress(addition.done / max(total, 1), plain(f"{addition.done:,} of {total:,} · {addition.name}"))
    bar.empty()
    return unread


def _other_actions(database: Database, info: CollectionInfo) -> None:
    _new_collection(database)
    here = {one.name for one in collections.listed(database)}
    for name in samples.sample_names():
        if name not in here:
            _sample_button(database, name)
    st.button("Delete the collection", key="documents_delete", on_click=_delete, args=(database, info))


def _delete(database: Database, info: CollectionInfo) -> None:
    collections.delete(database, info.id)
    st.session_state.pop(_CHOSEN, None)
    st.query_params.pop("collection", None)
    offer_undo(PAGE, f"Deleted the collection {info.name}.", partial(_restore, database, info.id))


def _restore(database: Database, collection_id: str) -> None:
    collections.restore(database, collection_id)
    _select(collection_id)


def _remove(database: Database, info: CollectionInfo, name: str) -> None:
    documents = {one.name: one for one in collections.documents_of(database, info.id)}
    texts = {one.name: one for one in collections.texts(database, info.id)}
    removed, text = documents[name], texts.get(name)
    collections.remove(database, info.id, [name])

    def restore() -> None:
        new = collections.NewDocument(removed, text.text if text else None, text.pages if text else ())
        collections.put(database, info.id, [new])

    offer_undo(PAGE, f"Took {name} out of {info.name}; its file is untouched.", restore)
