"""What one writes first: a Starlette handler that decodes with Pillow and calls onnxruntime. `plain.py MODEL`."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import uvicorn
from PIL import Image, ImageOps
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


def app(model: Path) -> Starlette:
    """`POST /predict`, with the photo in the field `image`, as `lepinet serve` has it; no limits, logs or metrics."""
    settings = json.loads((model / "preprocessor_config.json").read_text())
    labels = list(json.loads((model / "config.json").read_text())["id2label"].values())
    size = (settings["size"]["width"], settings["size"]["height"])
    mean, deviation = np.float32(settings["image_mean"]), np.float32(settings["image_std"])
    options = onnxruntime.SessionOptions()
    # Several photos are answered at once, so more threads for each only stand in each other's way: half the rate.
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model / "onnx" / "model.onnx"), options)
    name = session.get_inputs()[0].name

    def classify(data: bytes) -> dict[str, object]:
        with Image.open(io.BytesIO(data)) as photo:
            upright = ImageOps.exif_transpose(photo).convert("RGB").resize(size, settings["resample"])
        pixels = np.asarray(upright, np.float32) * np.float32(settings["rescale_factor"])
        (scores,) = session.run(None, {name: ((pixels - mean) / deviation).transpose(2, 0, 1)[np.newaxis]})
        powers = np.exp(scores[0] - scores[0].max())
        probabilities = powers / powers.sum()
        best = np.argsort(-probabilities)[:5]
        top = [{"name": labels[one], "confidence": float(probabilities[one])} for one in best]
        return {"predicted_name": top[0]["name"], "confidence": top[0]["confidence"], "top": top}

    async def predict(request: Request) -> JSONResponse:
        async with request.form() as form:
            data = await form["image"].read()
        return JSONResponse(await run_in_threadpool(classify, data))

    return Starlette(routes=[Route("/predict", predict, methods=["POST"])])


def main(model: Path) -> None:
    """Serve on any free port of this machine, and print which."""
    server = uvicorn.Server(uvicorn.Config(app(model), port=0, access_log=False, log_level="warning"))
    config_socket = server.config.bind_socket()
    print(f"http://127.0.0.1:{config_socket.getsockname()[1]}", flush=True)  # noqa: T201 -- its result
    server.run([config_socket])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
