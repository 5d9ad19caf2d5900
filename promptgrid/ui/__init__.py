"""The dashboard. Only this package, pages/ and workbench.py import Streamlit.

Each page has its own package or module. `widgets` holds what the pages share, and `shell` the frame around them. As in
Streamlit, a function that is named after a part of the page draws that part.
"""
