"""The ends of sound files: frames or pages that name their own length.

Sources: ISO/IEC 11172-3 and 13818-3 (MP3), ISO/IEC 13818-7 (AAC in ADTS), RFC 3533 (Ogg), id3.org (ID3v2).
"""

from typing import Final

from aijobs.adapters.media.file_ends.chunk_parser import Skip, Take, Walk

_ID3_HEADER: Final = 10
_HAS_FOOTER: Final = 0x10
_MPEG_1: Final = 3
_LAYER_1, _LAYER_3 = 3, 1

#: Kilobits a second by the index in the header, of MPEG 1's three layers and of MPEG 2's.
_LAYER_1_RATES: Final = (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448)
_LAYER_2_RATES: Final = (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_LAYER_3_RATES: Final = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG_2_LAYER_1_RATES: Final = (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256)
_MPEG_2_RATES: Final = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_SAMPLE_RATES: Final = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def mp3() -> Walk:
    """Tags, then frames. What follows the last frame, such as an older kind of tag, is ignored."""
    head = yield Take(4)
    while head[:3] == b"ID3":
        rest = yield Take(_ID3_HEADER - 4)
        footer = _ID3_HEADER if rest[1] & _HAS_FOOTER else 0
        yield Skip(_seven_bits_a_byte(rest[2:]) + footer)
        head = yield Take(4)
    while length := _mpeg_frame_length(head):
        yield Skip(length - 4)
        head = yield Take(4, may_end=True)


def _seven_bits_a_byte(written: bytes) -> int:
    number = 0
    for byte in written:
        number = number << 7 | byte & 0x7F
    return number


def _mpeg_frame_length(head: bytes) -> int:
    """0 when this is no frame, or one whose length is not named."""
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    rate_index, sample_index, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    is_frame = head[0] == 0xFF and head[1] & 0xE0 == 0xE0
    if not is_frame or version == 1 or layer == 0 or rate_index in {0, 15} or sample_index == 3:
        return 0
    bits = 1000 * _rates(version, layer)[rate_index - 1]
    sample_rate = _SAMPLE_RATES[version][sample_index]
    if layer == _LAYER_1:
        return (12 * bits // sample_rate + padding) * 4
    samples = 72 if layer == _LAYER_3 and version != _MPEG_1 else 144
    return samples * bits // sample_rate + padding


def _rates(version: int, layer: int) -> tuple[int, ...]:
    if version == _MPEG_1:
        return {_LAYER_1: _LAYER_1_RATES, _LAYER_3: _LAYER_3_RATES}.get(layer, _LAYER_2_RATES)
    return _MPEG_2_LAYER_1_RATES if layer == _LAYER_1 else _MPEG_2_RATES


_ADTS_HEADER: Final = 7


def aac() -> Walk:
    head = yield Take(_ADTS_HEADER)
    while head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        if length < _ADTS_HEADER:
            return
        yield Skip(length - _ADTS_HEADER)
        head = yield Take(_ADTS_HEADER, may_end=True)


_PAGE_HEADER: Final = 27


def ogg() -> Walk:
    """Pages. Streams that were recorded on the way have no last page, so a file may end with any page but the first."""
    head = yield Take(_PAGE_HEADER)
    pages = 1
    while head[:4] == b"OggS":
        yield Skip(sum((yield Take(head[26]))))
        head = yield Take(_PAGE_HEADER, may_end=pages > 1)
        pages += 1
