"""Open documents of each kind: the sizes of their pages, and each page drawn in grey.

Used in worker processes only.

Modules:

    source  what every source offers; a document opened by the kind that its bytes say
    pdf     PDF pages, drawn by pdfium
    image   TIFF, PNG and JPEG pages, decoded by Pillow; fax pages are left as they are
    text    plain text, laid out as a PDF
"""
