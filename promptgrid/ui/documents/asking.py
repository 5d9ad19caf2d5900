"""Links to a run of the prompts that ask a collection."""

from __future__ import annotations

import streamlit as st

from promptgrid.documents.embedders import LOCAL, is_available
from promptgrid.store.documents.collections import CollectionInfo
from promptgrid.ui import links, server
from promptgrid.ui.widgets.plain import plain

_SHOWN = 3


def prompt_links(info: CollectionInfo) -> None:
    """Draws, for each prompt of the library that retrieves from the collection, a link to a run of it with three
    retrievers and two numbers of chunks."""
    names = [name for name, prompt in server.prompts().items() if prompt.parameters.collection in (info.name, info.id)]
    retrievers = f"bm25,{'hybrid' if is_available(LOCAL) else 'none'},oracle"
    query = {"techniques": "zero-shot", "temperatures": "0", "retrievers": retrievers, "chunks": "2,5"}
    with st.container(horizontal=True):
        for name in names[:_SHOWN]:
            label = f"Run {name} with 3 retrievers, 2 and 5 chunks"
            st.page_link(links.RUN, label=plain(label), icon=":material/play_arrow:",
                         query_params={"prompts": name, **query})  # fmt: skip
