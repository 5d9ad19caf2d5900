"""The only Streamlit inside the package: the frame of a page, and the widgets that pages share."""

from promptgrid.ui.feedback import empty_state, show_error
from promptgrid.ui.frame import FootLine, start_page
from promptgrid.ui.matrix import Badge, MatrixCell, MatrixColumn, MatrixRow, matrix
from promptgrid.ui.messages import message_list
from promptgrid.ui.plain import plain
from promptgrid.ui.state import open_page
from promptgrid.ui.token_bar import token_bar
from promptgrid.ui.watch import forget_typed, watch_text
from promptgrid.ui.words_diff import show_words_diff

__all__ = [
    "Badge",
    "FootLine",
    "MatrixCell",
    "MatrixColumn",
    "MatrixRow",
    "empty_state",
    "forget_typed",
    "matrix",
    "message_list",
    "open_page",
    "plain",
    "show_error",
    "show_words_diff",
    "start_page",
    "token_bar",
    "watch_text",
]
