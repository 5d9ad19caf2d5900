"""Writes a GGUF file that has the metadata of another one and weights of another form."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gguf import GGUFReader, GGUFWriter, LlamaFileType


def copied_header(reader: GGUFReader, target: Path, file_type: LlamaFileType) -> GGUFWriter:
    """Returns a writer of `target` with all metadata of the reader's file, but this file type."""
    from gguf import GGUFValueType, GGUFWriter

    writer = GGUFWriter(target, reader.fields["general.architecture"].contents())
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name not in ("general.architecture", "general.file_type"):
            inner = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), field.types[0], inner)
    writer.add_file_type(file_type)
    return writer


def write(writer: GGUFWriter) -> None:
    """Writes what was added to the writer, and closes its file. Raises OSError."""
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
