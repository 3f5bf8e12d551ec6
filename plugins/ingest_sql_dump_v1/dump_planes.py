"""Where signs stand in a block, as bit planes: one bit for each byte, 64 in a word, so that a block is looked at in a few steps.

The bit of byte ``i`` is bit ``i % 64`` of word ``i // 64``. Planes of one block have the same number of words; bits behind the end
of the block are 0 in the planes of signs. The parity of bits by doubled shifts is the one of Langdale and Lemire, Parsing gigabytes
of JSON per second (VLDB Journal 28, 2019), there made by a carry-less multiplication.
"""

from collections.abc import Iterable

import numpy
import numpy.typing

Bytes = numpy.typing.NDArray[numpy.uint8]
Mask = numpy.typing.NDArray[numpy.bool_]
Places = numpy.typing.NDArray[numpy.int64]
Plane = numpy.typing.NDArray[numpy.uint64]
PIECE_BYTES = 256 << 10
_ONE, _LAST, _ALL = numpy.uint64(1), numpy.uint64(63), ~numpy.uint64(0)
_SHIFTS = tuple(numpy.uint64(1 << power) for power in range(6))


def planes(data: Bytes, signs: Iterable[int]) -> dict[int, Plane]:
    """A plane for each of the signs, made a piece of the block at a time, which stays close to the processor."""
    words = (len(data) + 63) // 64
    found = {sign: numpy.zeros(words, numpy.uint64) for sign in signs}
    mask = numpy.empty(min(len(data), PIECE_BYTES), numpy.bool_)
    for begin in range(0, len(data), PIECE_BYTES):
        piece = data[begin : begin + PIECE_BYTES]
        first, last = begin // 8, (begin + len(piece) + 7) // 8
        for sign, bits in found.items():
            numpy.equal(piece, sign, out=mask[: len(piece)])
            bits.view(numpy.uint8)[first:last] = numpy.packbits(mask[: len(piece)], bitorder="little")
    return found


def at(places: Places, like: Plane) -> Plane:
    """The plane of the bytes at ``places`` (in order), as long as ``like``; places behind its end are passed over."""
    words = numpy.zeros(len(like), numpy.uint64)
    places = places[: numpy.searchsorted(places, 64 * len(like))]
    numpy.bitwise_or.at(words, places >> 6, _ONE << (places & 63).astype(numpy.uint64))
    return words


def places(bits: Plane) -> Places:
    """The numbers of the bytes whose bit is set, in order."""
    found = numpy.empty(int(numpy.bitwise_count(bits).sum()), numpy.int64)
    step, done = PIECE_BYTES // 64, 0
    for begin in range(0, len(bits) if len(found) else 0, step):
        some = numpy.flatnonzero(
            numpy.unpackbits(bits[begin : begin + step].view(numpy.uint8), bitorder="little").view(numpy.bool_)
        )
        numpy.add(some, 64 * begin, out=found[done : done + len(some)])
        done += len(some)
    return found


def behind(bits: Plane) -> Plane:
    """The bytes right behind those of ``bits``."""
    moved = bits << _ONE
    moved[1:] |= bits[:-1] >> _LAST
    return moved


def before(bits: Plane) -> Plane:
    """The bytes right before those of ``bits``."""
    moved = bits >> _ONE
    moved[:-1] |= bits[1:] << _LAST
    return moved


def within(bits: Plane) -> Plane:
    """From the first bit up to before the second, from the third up to before the fourth, and so on."""
    parity = bits.copy()
    for shift in _SHIFTS:
        parity ^= parity << shift
    carried = numpy.zeros(len(bits), numpy.uint64)
    numpy.bitwise_xor.accumulate(parity[:-1] >> _LAST, out=carried[1:])
    parity ^= numpy.uint64(0) - carried
    return parity


def clear_from(bits: Plane, end: int) -> Plane:
    """``bits`` without those of byte ``end`` and behind it, changed in place."""
    word = end >> 6
    if word < len(bits):
        bits[word] &= ~(_ALL << numpy.uint64(end & 63))
        bits[word + 1 :] = 0
    return bits
