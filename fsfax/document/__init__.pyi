# The names of this package for other packages, and the module each is imported from.

from .convert import Conversion as Conversion
from .convert import ConvertedPage as ConvertedPage
from .convert import Converter as Converter
from .inspection import InspectedPage as InspectedPage
from .inspection import Inspection as Inspection
from .inspection import inspect as inspect
from .line_time import seconds_on_line as seconds_on_line
from .render import Comparison as Comparison
from .render import FaxBitmap as FaxBitmap
from .render import compare as compare
from .render import read_pages as read_pages
from .render import to_pdf as to_pdf
from .render import to_png as to_png
