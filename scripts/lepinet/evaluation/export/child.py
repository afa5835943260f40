"""The process that makes an ONNX file of a model's safetensors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lepinet.errors import LepinetError
from lepinet.evaluation.confined import inside
from lepinet.evaluation.confined.wire import read_request, send
from lepinet.evaluation.export import Made
from lepinet.evaluation.predictors import wire


def main() -> None:
    """Load the model that the parent names; then follow it with each photo that comes."""
    connection, reader = inside.connect()
    start = wire.read_start(reader)
    # Following a network takes several times what running it takes.
    inside.limit(2 * inside.MEMORY + 10 * Path(start.weights).stat().st_size, start.seconds * 10)
    onnx_of = inside.loaded(connection, lambda: _load(start))
    if onnx_of is None:
        return
    while photos := read_request(reader):
        for photo in inside.timed(photos, start.seconds):
            try:
                file = onnx_of(photo)
            except LepinetError as error:
                send(connection, Made(0, error.what))
            except MemoryError:
                send(connection, Made(0, "it takes more memory than a model of its size may"))
            else:
                send(connection, Made(len(file)))
                connection.sendall(file)


def _load(start: wire.Start) -> Callable[[Path | bytes], bytes]:
    # Only under the limits.
    from lepinet.evaluation.export.graph import to_onnx  # noqa: PLC0415 -- see above
    from lepinet.evaluation.images import decode, limit_decoding, prepare  # noqa: PLC0415 -- see above
    from lepinet.evaluation.predictors.transformers import TransformersNetwork  # noqa: PLC0415 -- see above
    from lepinet.evaluation.preprocessing import parse_preprocessing  # noqa: PLC0415 -- see above
    from lepinet.model_files import read_json_object  # noqa: PLC0415 -- see above

    limit_decoding()
    preprocessor = Path(start.preprocessor)
    steps = parse_preprocessing(read_json_object(preprocessor), preprocessor)
    network = TransformersNetwork(Path(start.config), Path(start.weights), start.threads)
    return lambda photo: to_onnx(network.module, prepare(decode(photo), steps))


if __name__ == "__main__":
    main()
