"""Curves: how do score, variety and length depend on a parameter, and what does a score cost?"""

import streamlit as st

from promptgrid.ui import curves
from promptgrid.ui.server import database
from promptgrid.ui.shell.page import open_page
from promptgrid.ui.widgets import follow_run, run_select

open_page("Curves")
with st.container(horizontal=True, vertical_alignment="center", key="curves_top"):
    run = run_select.choose_run(database(), "curves", detail="This page draws scores over a parameter.")
    curve = curves.read_curve(database(), run)
    lines = curves.lines_popover(curve)
curves.write_address(run, curve, lines)
follow_run.watch_run(database(), run)

curves.missing_values(run, curve)
if len(curve.values) > 1:
    curves.curve_charts(run, curve, lines)
    curves.retrieval_charts(run, curve, lines)
curves.cost_chart(run, curve, lines)
curves.remarks(database(), run, curve)
