"""What is written on a PDF's pages, not in them: values of form fields, notes and comments."""

import ctypes
from collections.abc import Callable, Iterator

import pypdfium2 as pdfium
from pypdfium2 import raw

MOST = 2000
"""Annotations looked at on one page."""
MOST_BYTES = 1 << 20
"""Of one value."""
NOTES = frozenset(
    {
        raw.FPDF_ANNOT_TEXT, raw.FPDF_ANNOT_FREETEXT, raw.FPDF_ANNOT_HIGHLIGHT, raw.FPDF_ANNOT_UNDERLINE,
        raw.FPDF_ANNOT_STRIKEOUT, raw.FPDF_ANNOT_SQUIGGLY, raw.FPDF_ANNOT_STAMP, raw.FPDF_ANNOT_CARET,
        raw.FPDF_ANNOT_SQUARE, raw.FPDF_ANNOT_CIRCLE, raw.FPDF_ANNOT_LINE, raw.FPDF_ANNOT_INK,
    }
)  # fmt: skip
CHECKED = (raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON)
UNWRITTEN = (raw.FPDF_FORMFIELD_PUSHBUTTON, raw.FPDF_FORMFIELD_SIGNATURE, raw.FPDF_FORMFIELD_UNKNOWN)


class Annotations:
    """Reads the annotations of one document's pages; made before its first page is opened."""

    def __init__(self, document: pdfium.PdfDocument) -> None:
        if document.get_formtype() != raw.FORMTYPE_NONE:
            document.init_forms()
        self._form = document.formenv.raw if document.formenv is not None else None

    def of(self, page: pdfium.PdfPage) -> Iterator[str]:
        """A line for each annotation that says something."""
        for number in range(min(raw.FPDFPage_GetAnnotCount(page.raw), MOST)):
            annotation = raw.FPDFPage_GetAnnot(page.raw, number)
            if not annotation:
                continue
            line = self._said(annotation)
            raw.FPDFPage_CloseAnnot(annotation)
            if line:
                yield line

    def _said(self, annotation: raw.FPDF_ANNOTATION) -> str:
        kind = raw.FPDFAnnot_GetSubtype(annotation)
        if kind == raw.FPDF_ANNOT_WIDGET and self._form is not None:
            return self._field(annotation)
        if kind in NOTES:
            return _string(lambda buffer, size: raw.FPDFAnnot_GetStringValue(annotation, b"Contents", buffer, size))
        return ""

    def _field(self, annotation: raw.FPDF_ANNOTATION) -> str:
        """The name of a form field and what was filled in."""
        form = self._form
        kind = raw.FPDFAnnot_GetFormFieldType(form, annotation)
        if kind in UNWRITTEN or (kind in CHECKED and not raw.FPDFAnnot_IsChecked(form, annotation)):
            return ""
        value = _string(lambda buffer, size: raw.FPDFAnnot_GetFormFieldValue(form, annotation, buffer, size))
        label = _string(lambda buffer, size: raw.FPDFAnnot_GetFormFieldAlternateName(form, annotation, buffer, size))
        name = label or _string(lambda buffer, size: raw.FPDFAnnot_GetFormFieldName(form, annotation, buffer, size))
        return f"{name}: {value}" if name and value else value


def _string(get: Callable[[object, int], int]) -> str:
    """What one of PDFium's functions writes into a buffer: asked for its size first, in UTF-16."""
    size = get(None, 0)
    if not 2 < size <= MOST_BYTES:
        return ""
    buffer = ctypes.create_string_buffer(size)
    get(ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR)), size)
    return buffer.raw.decode("utf-16-le", "replace").rstrip("\x00").replace("\r\n", "\n").replace("\r", "\n").strip()
