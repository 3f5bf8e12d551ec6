"""Arrow arrays over the memory of NumPy arrays: nothing is copied, and nothing is looked through for what it could be.

``pyarrow.array`` would load pandas first, to ask whether it was given some of its objects: a fifth of a second.
"""

from typing import Any

import numpy
import numpy.typing
import pyarrow

Flags = numpy.typing.NDArray[numpy.bool_]
Places = numpy.typing.NDArray[numpy.int64]
TYPES = {"float64": pyarrow.float64(), "int64": pyarrow.int64(), "datetime64[us]": pyarrow.timestamp("us")}


def arrow_flags(flags: Flags) -> pyarrow.BooleanArray:
    """Truth values, none missing."""
    return pyarrow.Array.from_buffers(pyarrow.bool_(), len(flags), [None, _bits(flags)])


def arrow_values(values: numpy.typing.NDArray[Any], is_held: Flags | None = None) -> pyarrow.Array:
    """Floats, whole numbers, instants or truth values; null where ``is_held`` says that there is none."""
    held = None if is_held is None else _bits(is_held)
    if values.dtype == numpy.bool_:
        return pyarrow.Array.from_buffers(pyarrow.bool_(), len(values), [held, _bits(values)])
    data = pyarrow.py_buffer(numpy.ascontiguousarray(values))
    return pyarrow.Array.from_buffers(TYPES[str(values.dtype)], len(values), [held, data])


def arrow_texts(sizes: Places, data: bytes, is_held: Flags | None = None) -> pyarrow.StringArray:
    """Texts of so many bytes each, which stand one behind the other in ``data``; a text that is not held has no size."""
    offsets = numpy.zeros(len(sizes) + 1, numpy.int32)
    numpy.cumsum(sizes, out=offsets[1:])
    held = None if is_held is None else _bits(is_held)
    return pyarrow.StringArray.from_buffers(len(sizes), pyarrow.py_buffer(offsets), pyarrow.py_buffer(data), held)


def text_parts(texts: pyarrow.StringArray) -> tuple[Places, bytes]:
    """The sizes of texts, none of which is null, and their bytes, one behind the other: what :func:`arrow_texts` is made of."""
    if not len(texts):
        return numpy.zeros(0, numpy.int64), b""
    _, offsets, data = texts.buffers()
    bounds = numpy.frombuffer(offsets, numpy.int32, len(texts) + 1, 4 * texts.offset).astype(numpy.int64)
    held = b"" if data is None else data.slice(int(bounds[0]), int(bounds[-1] - bounds[0])).to_pybytes()
    return numpy.diff(bounds), held


def _bits(flags: Flags) -> pyarrow.Buffer:
    return pyarrow.py_buffer(numpy.packbits(flags, bitorder="little"))
