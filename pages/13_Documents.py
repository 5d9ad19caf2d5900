"""Documents: what is looked up for an answer, and does the search find it?"""

import streamlit as st

from promptgrid.ui.documents import asking, collection, marking, passage, proposing, searching
from promptgrid.ui.server import database
from promptgrid.ui.shell.page import open_page
from promptgrid.ui.widgets.undo import undo_note

open_page("Documents")
undo_note(collection.PAGE)
passage.draw_passage(database())
info = collection.choose_collection(database())
asking.prompt_links(info)
chunker = searching.chunker_fields()
# With a state of its own: after a press in a tab, what is announced above would open the first one again.
search_tab, measure_tab, gold_tab, documents_tab = st.tabs(
    ["Search", "Measure", "Gold", "Documents"], key="documents_tab", on_change="rerun"
)
with gold_tab:
    proposing.propose_gold(database(), info, chunker)
    marking.mark(database(), info)
with documents_tab:
    collection.document_table(database(), info)
if chunker is not None:
    with search_tab:
        searching.search(database(), info, chunker)
    with measure_tab:
        searching.measure(database(), info, chunker)
