"""Plain text laid out in pages and written as a small PDF, which pdfium draws.

pdfium contains a Courier with all of windows-1252 (umlauts, accents, the euro), while the only
scalable font in Pillow has no letter beyond ASCII; so text is converted by way of a PDF and no
font package is needed. A text with characters that this font lacks is refused, and the error
shows them: a fax with silent gaps is worse than none.

A page is A4: 80 columns of 10 point Courier, 61 lines. Tabs stop at every eighth column, a form
feed starts a page, and longer lines are broken, at a space where there is one.
"""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Iterator

from fsfax.document.limits import Limits, check_pages
from fsfax.document.pdf_file import pdf_file
from fsfax.errors import DocumentDamaged, DocumentEmpty, DocumentUnsupported

COLUMNS = 80
LINES = 61
TAB = 8

_POINTS = 10
_LEADING = 12
_PAGE = (595.28, 841.89)
_LEFT, _TOP = 57.6, 780.0
_CODE = "windows-1252"
_SHOWN = 8

_REPLACEMENTS = str.maketrans(
    {
        **dict.fromkeys("─━═┄┅┈┉╌╍", "-"),
        **dict.fromkeys("│┃║┆┇┊┋╎╏", "|"),
        **dict.fromkeys("┌┐└┘├┤┬┴┼╔╗╚╝╠╣╦╩╬╭╮╯╰┏┓┗┛┣┫┳┻╋", "+"),
        "\u2010": "-",
        "\u2011": "-",
        "\u2012": "-",
        "\u2015": "-",
        "\u2212": "-",
        "\u2032": "'",
        "\u2033": '"',
        "\u00ad": "",
        "\u200b": "",
        "\u200c": "",
        "\u200d": "",
        "\u2060": "",
        "\ufeff": "",
        "→": "->",
        "←": "<-",
        "✓": "x",
        "✔": "x",
    }
)


def decode_text(data: bytes) -> str:
    """Return decoded text: UTF-16 with a byte order mark, UTF-8, windows-1252, or else Latin-1.

    Raises:
        DocumentDamaged: it has the byte order mark of UTF-16 and is not UTF-16.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError as error:
            raise DocumentDamaged(
                "the text starts as UTF-16 and goes on as something else; save it as UTF-8"
            ) from error
    for code in ("utf-8-sig", _CODE):
        try:
            return data.decode(code)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def lay_out(text: str) -> list[list[str]]:
    """Return text as pages of lines, none longer than `COLUMNS`."""
    pages: list[list[str]] = []
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0b", "\n")
    for sheet in text.removesuffix("\f").split("\f"):
        lines = [part for line in sheet.removesuffix("\n").split("\n") for part in _fold(line)]
        pages += [lines[at : at + LINES] for at in range(0, max(1, len(lines)), LINES)]
    return pages


def _fold(line: str) -> Iterator[str]:
    line = "".join(char for char in line.expandtabs(TAB).rstrip() if char >= " ")
    while len(line) > COLUMNS:
        cut = line.rfind(" ", COLUMNS // 2, COLUMNS + 1)
        if cut < 0:
            yield line[:COLUMNS]
            line = line[COLUMNS:]
        else:
            yield line[:cut].rstrip()
            line = line[cut:].lstrip()
    yield line


def text_pdf(data: bytes, limits: Limits) -> bytes:
    """Return a PDF of a text.

    Raises:
        DocumentEmpty: there is nothing but blanks.
        DocumentTooLarge: too many pages.
        DocumentUnsupported: characters that the font lacks (``characters``).
    """
    text = unicodedata.normalize("NFC", decode_text(data)).translate(_REPLACEMENTS)
    if not text.strip():
        raise DocumentEmpty("the text holds nothing but blanks; there is nothing to fax")
    check_pages(text.count("\f") + text.count("\n") // LINES, limits) if len(text) > COLUMNS else 0
    pages = lay_out(text)
    check_pages(len(pages), limits)
    return _pdf([_content(lines) for lines in pages])


def _content(lines: list[str]) -> bytes:
    out = [f"BT /F {_POINTS} Tf {_LEADING} TL 1 0 0 1 {_LEFT} {_TOP} Tm".encode()]
    for line in lines:
        out.append(b"<" + _encode(line).hex().encode() + b"> Tj T*")
    out.append(b"ET")
    return b"\n".join(out)


def _encode(line: str) -> bytes:
    try:
        return line.encode(_CODE)
    except UnicodeEncodeError:
        # Ligatures, full-width letters and superscripts have a compatibility form.
        line = unicodedata.normalize("NFKC", line)
    try:
        return line.encode(_CODE)
    except UnicodeEncodeError as error:
        missing = sorted({char for char in line if not _has(char)})
        raise DocumentUnsupported(
            "the text has characters that plain text cannot be faxed with: "
            f"{' '.join(missing[:_SHOWN])}{' …' if len(missing) > _SHOWN else ''}; "
            "print it to a PDF and send that",
            code="characters",
        ) from error


def _has(char: str) -> bool:
    try:
        char.encode(_CODE)
    except UnicodeEncodeError:
        return False
    return True


def _pdf(contents: list[bytes]) -> bytes:
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(contents)))
    bodies = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {len(contents)}"
        f"/MediaBox[0 0 {_PAGE[0]} {_PAGE[1]}]/Resources<</Font<</F 3 0 R>>>>>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding/WinAnsiEncoding>>",
    ]
    for number, content in enumerate(contents):
        bodies.append(f"<</Type/Page/Parent 2 0 R/Contents {5 + 2 * number} 0 R>>".encode())
        bodies.append(b"<</Length %d>>stream\n%b\nendstream" % (len(content), content))
    return pdf_file(bodies)
