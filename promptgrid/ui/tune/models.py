"""The tuned models: what they were made of, and what can be done with them."""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import BinaryIO

import streamlit as st

from promptgrid import builtin
from promptgrid.builtin import adapters
from promptgrid.builtin.adapters import Adapter
from promptgrid.errors import TuningError
from promptgrid.tuning.exports import ExportForm, export_adapter
from promptgrid.ui.widgets.downloads import Download, downloads
from promptgrid.ui.widgets.feedback import announce_error
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.undo import offer_undo

PAGE = "tune"
_FORMS: dict[ExportForm, str] = {
    "adapter": "Adapter, 10 MB",
    "F16": "Whole model, 16 bit, 271 MB",
    "Q8_0": "Whole model, 8 bit, 145 MB",
}


def model_list() -> None:
    """Draws the tuned models, each with its accuracy, its files to take away, and Delete, which can be undone."""
    for adapter in adapters.adapters():
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"tuned_{adapter.name}"):
            st.markdown(f"**{plain(f'builtin/{builtin.MODEL}+{adapter.name}')}**", width="stretch")
            st.caption(plain(_gain(adapter)), width="content")
            with st.popover("More"):
                _details(adapter)


def _details(adapter: Adapter) -> None:
    settings = adapter.settings
    st.caption(plain(f"Made {adapter.made}; {settings.get('method')}, rank {settings.get('rank')}, "
                     f"learning rate {settings.get('rate'):g}, base {adapter.base_sha256[:12]}, "
                     f"data {adapter.data_sha256[:12]}"))  # fmt: skip
    offers = [
        Download(
            label,
            partial(_write, adapter, form),
            f"{adapter.name}-{form}.gguf",
            "application/octet-stream",
            f"tuned_{form}_{adapter.name}",
        )
        for form, label in _FORMS.items()
    ]
    downloads(f"tuned_{adapter.name}", offers, width="stretch")
    st.button("Delete", key=f"tuned_delete_{adapter.name}", on_click=_delete, args=(adapter.name,))


def _write(adapter: Adapter, form: ExportForm, out: BinaryIO) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.gguf"
        export_adapter(adapter, path, form)
        with path.open("rb") as file:
            shutil.copyfileobj(file, out)


def _delete(name: str) -> None:
    try:
        adapters.delete(name)
    except TuningError as error:  # another tab has deleted it
        announce_error(error)
    else:
        offer_undo(PAGE, f"Deleted the tuned model {name}.", partial(_undelete, name))


def _undelete(name: str) -> None:
    adapters.undelete(name)


def _gain(adapter: Adapter) -> str:
    """Returns the held-out accuracy of the base and of the adapter, as `held out 36 % → 96 %`."""
    points = [point["accuracy"] for point in adapter.curve if point["accuracy"] is not None]
    return f"held out {100 * points[0]:.0f} % → {100 * max(points[1:]):.0f} %" if len(points) > 1 else ""
