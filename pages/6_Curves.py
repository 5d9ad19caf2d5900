"""Curves: what the temperature does to score, variety and length, and what a score costs."""

import streamlit as st

from promptgrid.ui import curves
from promptgrid.ui.server import database
from promptgrid.ui.shell.page import open_page
from promptgrid.ui.widgets import follow_run, run_select

open_page("Curves")
with st.container(horizontal=True, vertical_alignment="center", key="curves_top"):
    run = run_select.choose_run(database(), "curves", detail="Scores over the temperature are drawn here.")
    found = curves.read_curve(database(), run)
    lines = curves.lines_popover(found)
curves.remember(run, found, lines)
follow_run.watch_run(database(), run)

curves.nothing_to_draw(run, found)
if len(found.temperatures) > 1:
    curves.temperature_charts(run, found, lines)
curves.cost_chart(run, found, lines)
curves.told_in_words(database(), run, found)
