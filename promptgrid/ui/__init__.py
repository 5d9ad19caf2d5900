"""The dashboard. Only this package, pages/ and workbench.py import Streamlit.

Each page has a package or a module of its own; `widgets` holds what pages share, `shell` the frame around them. As in
Streamlit, a function that is named after a part of the page draws that part.
"""
