"""Documents: inspect them, convert them to TIFF-F, show and compare faxes. Knows nothing of calls.

    with Converter() as converter:
        conversion = converter.convert("letter.pdf", "letter.tif", resolution="fine")

The conversion of a document, step by step:

    1.  ask      the caller's greenlet sends requests to worker processes  convert, process.pool
    2.  receive  a confined process answers one request after another      process.worker, .tasks
    3.  sniff    find the kind from the first bytes; check the limits      kinds, limits
    4.  open     open it and read the sizes of its pages: PDF by pdfium,   sources.source, .pdf,
                 images by Pillow, text laid out as a PDF                  .image, .text
    5.  place    put each page on one or more fax pages                    geometry
    6.  draw     draw a fax page in grey, one byte a pel                   sources.pdf, .image
    7.  cut      make it black and white, one bit a pel                    bilevel
    8.  smooth   fill gaps in horizontal edges and remove single pels      edges
    9.  pad      add white rows at the foot                                fax_page
    10. code     code the rows as one strip, MMR or MH                     ccitt, mmr
    11. write    put the strips of all pages into a TIFF-F, atomically     tiff_f, files

Steps 3 to 5 are the task ``plan``; steps 6 to 10, which `fax_page` calls in this order, are the
task ``draw``, for some pages at a time and in all workers at once. A page that already is a fax
page of the wanted geometry is not drawn again: its strip is copied, or its pels are recoded.

Modules:

    convert      `Converter`: documents to TIFF-F in a pool of worker processes
    process      the confined worker processes: pool, worker, tasks
    sources      open documents of each kind: PDF, images, text
    fax_page     one fax page: drawn, made black and white, padded, coded
    geometry     paper, resolution, and where a page goes on a fax page
    bilevel      grey to black and white: thresholds, pictures, tints
    edges        horizontal edges smoothed, in C or with numpy (edges.c)
    ccitt        MH, MR and MMR coded and decoded by libtiff
    mmr          MMR coded in C, where it was compiled (mmr.c)
    compiled     the compiled libraries of this package loaded
    tiff_f       TIFF-F files written and read as bytes
    inspection   what is in a document: pages, sizes, coding, problems
    line_time    how long a fax takes on the line, estimated from its bytes
    render       a fax as PDF or PNG; two faxes compared pel by pel
    files        documents read and results written, with errors that say what to do
    limits       limits on bytes, pages and pixels
    kinds        the kind of a document, from its first bytes
    fetch        a document fetched from a URL into a file
    office       which office documents LibreOffice is asked to convert
    libreoffice  an office document converted to PDF by a confined LibreOffice
    pdf_file     PDF objects put together as a file

The names of ``__init__.pyi`` are imported when they are first used: a worker process imports
this package too and must not load gevent.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
