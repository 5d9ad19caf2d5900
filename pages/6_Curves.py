"""Curves: what the temperature does to score, variety and length, and what a score costs."""

import streamlit as st

from promptgrid.ui import compare_run, curves_view, open_page, run_choice
from promptgrid.ui.state import database

open_page("Curves")
with st.container(horizontal=True, vertical_alignment="center", key="curves_top"):
    run = run_choice.choose_run(database(), "curves", detail="Scores over the temperature are drawn here.")
    found = curves_view.read_curve(database(), run)
    lines = curves_view.lines_popover(found)
curves_view.remember(run, found, lines)
compare_run.watch_run(database(), run)

curves_view.nothing_to_draw(run, found)
if len(found.temperatures) > 1:
    curves_view.temperature_charts(run, found, lines)
curves_view.cost_chart(run, found, lines)
curves_view.told_in_words(database(), run, found)
