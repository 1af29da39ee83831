"""A decoder of PNG written from the standard, for what we encode ourselves."""

import struct
import zlib

import numpy as np


def decode_png(body: bytes) -> tuple[np.ndarray, dict[bytes, bytes]]:
    assert body[:8] == b"\x89PNG\r\n\x1a\n"
    chunks: dict[bytes, bytes] = {}
    place = 8
    while place < len(body):
        (length,) = struct.unpack(">I", body[place : place + 4])
        name, content = body[place + 4 : place + 8], body[place + 8 : place + 8 + length]
        (crc,) = struct.unpack(">I", body[place + 8 + length : place + 12 + length])
        assert crc == zlib.crc32(name + content)
        assert name not in chunks
        chunks[name] = content
        place += 12 + length
    assert next(iter(chunks)) == b"IHDR"
    assert list(chunks)[-1] == b"IEND"
    width, height, depth, colour_type, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert depth == 8
    assert rest == [0, 0, 0]
    channels = {0: 1, 3: 1, 6: 4}[colour_type]
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + width * channels)
    assert (lines[:, 0] == 0).all()
    shape = (height, width) if channels == 1 else (height, width, channels)
    return lines[:, 1:].reshape(shape), chunks
