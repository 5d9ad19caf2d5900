"""Writes a tuned model as a file to take away."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Literal, get_args

from promptgrid import paths
from promptgrid.builtin import weights
from promptgrid.builtin.adapters import Adapter
from promptgrid.errors import TuningError
from promptgrid.tuning.lora_gguf import write_merged

ExportForm = Literal["adapter", "F16", "Q8_0"]
EXPORT_FORMS: tuple[ExportForm, ...] = get_args(ExportForm)
"""The adapter alone (10 MB), or a whole model with it merged in: in 16 bit (271 MB), or about half of that."""


def export_adapter(adapter: Adapter, target: Path, form: ExportForm) -> None:
    """Writes the tuned model to the file `target`, which is replaced at once when all is written. Takes seconds.

    Raises TuningError if the weights in use are not those that the adapter was made for, BuiltinError if they are
    missing, StoreError if the file cannot be written.
    """
    base = weights.require() if form != "adapter" else adapter.path
    if form != "adapter" and weights.identity() != f"sha256:{adapter.base_sha256}":
        hint = f"Set {weights.OVERRIDE} to the file that it was tuned from, or export the adapter alone."
        raise TuningError(f"{adapter.name} belongs to other weights than {base.name}.", hint=hint)
    with paths.writing(target), tempfile.TemporaryDirectory(prefix=".promptgrid-", dir=target.parent) as folder:
        new = Path(folder) / target.name
        if form == "adapter":
            shutil.copyfile(base, new)
        else:
            write_merged(base, adapter.path, new, form)
        os.replace(new, target)
