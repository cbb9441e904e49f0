"""Writing arrays as `.npy` files in blocks, hashed on the way.

`numpy.save` hands the whole array to the C library, and a full disk then comes back as an error without its cause;
plain writes keep it.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np

BLOCK_BYTES = 16 * 1024 * 1024


def write_npy(path: Path, array: np.ndarray) -> dict[str, Any]:
    """Write `array` (any shape; C order) and return its file's bytes and sha256, and its shape and dtype."""
    contiguous = np.asarray(array, order="C")
    if contiguous.dtype.hasobject:
        raise TypeError(f"{path.stem} holds Python objects; features are plain numeric arrays.")
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(contiguous))
    digest = hashlib.sha256(header.getvalue())
    written = len(header.getvalue())
    data = memoryview(contiguous.reshape(-1).view(np.uint8).data)
    with path.open("wb") as file:
        file.write(header.getvalue())
        for start in range(0, len(data), BLOCK_BYTES):
            block = data[start : start + BLOCK_BYTES]
            file.write(block)
            digest.update(block)
            written += len(block)
    return {
        "bytes": written,
        "sha256": digest.hexdigest(),
        "shape": list(contiguous.shape),
        "dtype": contiguous.dtype.str,
    }
