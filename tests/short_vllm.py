"""vLLM's server on a machine whose memory suffices for every adapter but one: that one's requests ask torch's own
allocator for what no machine has.

Run as `python -P short_vllm.py SERVER SEEN NUMBER`: the adapter is the NUMBERth that was ever added, by its folder, and
SEEN is the file that processes remember the folders in.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

MORE_THAN_THERE_IS = 2**50

server_file, seen_file, heavy_number = sys.argv[1:]
specification = importlib.util.spec_from_file_location("server", server_file)
assert specification is not None
assert specification.loader is not None
server = importlib.util.module_from_spec(specification)
specification.loader.exec_module(server)
add, ask = server.Engine.add, server.Engine._ask
heavy: set[int] = set()


def added(engine: Any, number: int, name: str, folder: str) -> None:
    seen = Path(seen_file).read_text().split()
    if folder not in seen:
        seen.append(folder)
        Path(seen_file).write_text("\n".join(seen))
    if seen.index(folder) + 1 == int(heavy_number):
        heavy.add(number)
    add(engine, number, name, folder)


def asked(engine: Any, method: Any, requests: list[dict[str, Any]], **parameters: Any) -> list[Any]:
    if any(request["adapter"] in heavy for request in requests):
        import torch

        torch.empty(MORE_THAN_THERE_IS, dtype=torch.uint8)
    return list(ask(engine, method, requests, **parameters))


server.Engine.add, server.Engine._ask = added, asked
server.serve()
