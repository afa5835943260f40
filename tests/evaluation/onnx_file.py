"""ONNX files written by hand, field by field: sound ones and others. Numbers of fields are those of onnx.proto.

https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

FLOAT, INT64, STRING, BOOL = 1, 7, 8, 9
"""Types of elements."""


def model(
    nodes: Iterable[bytes],
    inputs: Iterable[bytes],
    outputs: Iterable[bytes],
    weights: Iterable[bytes] = (),
    *,
    format_version: int = 8,
    operators: int = 13,
    other_operators: str | None = None,
) -> bytes:
    """The whole file.

    Args:
        nodes: made by `node`.
        inputs: made by `value`.
        outputs: made by `value`.
        weights: made by `tensor`.
        format_version: of the file's format.
        operators: version of the standard operators.
        other_operators: the domain of others, which it needs as well.
    """
    sets = [field(8, field(2, operators))]
    if other_operators:
        sets.append(field(8, field(1, other_operators) + field(2, 1)))
    return field(1, format_version) + field(7, graph(nodes, inputs, outputs, weights)) + b"".join(sets)


def graph(
    nodes: Iterable[bytes], inputs: Iterable[bytes], outputs: Iterable[bytes], weights: Iterable[bytes] = ()
) -> bytes:
    numbered = [(1, nodes), (5, weights), (11, inputs), (12, outputs)]
    return b"".join([*(field(number, one) for number, some in numbered for one in some), field(2, "graph")])


def node(
    operator: str, *inputs: str, to: str | Sequence[str], domain: str = "", body: tuple[str, bytes] | None = None
) -> bytes:
    """One operator; `body`: the name and the graph of an attribute."""
    outputs = [to] if isinstance(to, str) else to
    parts = [*(field(1, name) for name in inputs), *(field(2, name) for name in outputs), field(4, operator)]
    if body:
        parts.append(field(5, field(1, body[0]) + field(6, body[1]) + field(20, 5)))
    return b"".join(parts) + (field(7, domain) if domain else b"")


def value(name: str, *shape: int | str, kind: int = FLOAT) -> bytes:
    """An input or output; a dimension with a name may have any size."""
    dimensions = (field(1, size) if isinstance(size, int) else field(2, size) for size in shape)
    tensor_type = field(1, kind) + field(2, b"".join(field(1, dimension) for dimension in dimensions))
    return field(1, name) + field(2, field(1, tensor_type))


def tensor(
    name: str, shape: Sequence[int], data: bytes | None, *, kind: int = FLOAT, elsewhere: str | None = None
) -> bytes:
    """Weights; `elsewhere`: the file that holds their data."""
    parts = [*(field(1, size) for size in shape), field(2, kind), field(8, name)]
    if elsewhere is not None:
        parts += [field(13, field(1, "location") + field(2, elsewhere)), field(14, 1)]
    return b"".join(parts) + (field(9, data) if data is not None else b"")


def field(number: int, content: int | str | bytes) -> bytes:
    if isinstance(content, int):
        return _varint(number << 3) + _varint(content)
    data = content.encode() if isinstance(content, str) else content
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    *most, last = [number >> shift & 127 for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes([part | 128 for part in most] + [last])
