"""JSON as a stream: row by row, whatever its size."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.http import StreamingHttpResponse

CHUNK = 200


def json_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """One array of objects, some at a time.

    >>> "".join(json_lines([{"a": 1}, {"a": 2}]))
    '[\\n{"a": 1},\\n{"a": 2}\\n]\\n'
    """
    lines, before = ["["], "\n"
    for number, row in enumerate(rows, 1):
        lines.append(before + json.dumps(row, ensure_ascii=False))
        before = ",\n"
        if number % CHUNK == 0:
            yield "".join(lines)
            lines.clear()
    yield "".join([*lines, "\n]\n"])


def stream_json(name: str, rows: Iterable[Mapping[str, Any]]) -> StreamingHttpResponse:
    """Answer with a JSON download, row by row."""
    response = StreamingHttpResponse(json_lines(rows), content_type="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
