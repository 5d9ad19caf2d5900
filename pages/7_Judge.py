"""Judge: which of two replies is better, without knowing where they come from?"""

import streamlit as st

from promptgrid.ui import links
from promptgrid.ui.judge.page import arena_of, blind, open_results, revealed
from promptgrid.ui.server import database
from promptgrid.ui.shell.page import open_page
from promptgrid.ui.widgets.judge_name import name_popover
from promptgrid.ui.widgets.run_select import choose_run

open_page("Judge", blind=True)
with st.container(horizontal=True, vertical_alignment="center", key="judge_top"):
    detail = "This page shows two replies to the same case side by side, and you say which is better."
    run = choose_run(database(), "judge", detail=detail, on_change=st.query_params.clear)
    name_popover(database(), "judge_name_field")

links.set_parameter("run", run.id)
arena = arena_of(database(), run)
if revealed():
    open_results(database(), run, arena)
else:
    blind(database(), run, arena)
