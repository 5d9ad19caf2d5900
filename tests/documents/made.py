"""Documents as tests need them: small PDFs written by hand, and texts as if they were stored."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from promptgrid.store.documents.collections import StoredText


def pdf(pages: Sequence[str], *, encrypted: bool = False) -> bytes:
    """A PDF with these lines of ASCII text, one a page ("": a page with a rectangle and no text)."""
    kids = " ".join(f"{3 + 2 * number} 0 R" for number in range(len(pages)))
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode()]
    for number, text in enumerate(pages):
        drawn = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET" if text else "0 0 99 99 re f"
        page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {4 + 2 * number} 0 R"
        objects.append(f"{page} /Resources << /Font << /F1 {font} >> >> >>".encode())
        objects.append(f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream".encode())
    body, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    key = f"<{'ab' * 32}>"
    lock = f"/Encrypt << /Filter /Standard /V 1 /R 2 /O {key} /U {key} /P -4 >> /ID [{key} {key}]" if encrypted else ""
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    trailer = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {lock} >>\nstartxref\n{len(body)}\n%%EOF".encode()
    return body + head + table + trailer


def stored(text: str, name: str = "a.txt", pages: Sequence[int] = ()) -> StoredText:
    """A document with this text."""
    return StoredText(name, "", name.rpartition(".")[2], text, hashlib.sha256(text.encode()).hexdigest(), tuple(pages))


class Counting:
    """Makes vectors without weights, and writes the text of each into a file."""

    def __init__(self, path: str) -> None:
        self._path = path

    def passage(self, texts: list[str]) -> list[list[float]]:
        with open(self._path, "a", encoding="utf-8") as file:
            file.writelines(f"{text}\n" for text in texts)
        return [[1.0, float(len(text)), 2.0] for text in texts]
