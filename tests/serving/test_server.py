"""The server process: its start, its end, and what it remembers."""

from __future__ import annotations

import os
import re
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from lepinet.endpoints import Order
from lepinet.endpoints.local_folder import Followed
from lepinet.errors import OutsideError
from serving.local_environment import DEADLINE, LocalEnvironment


def gone(pid: int) -> bool:
    """Ended; what nobody has waited for yet counts as ended too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_before_the_first_order_it_says_that_no_model_answers(
    environment: LocalEnvironment, photos: list[bytes]
) -> None:
    environment.start()
    for response in (environment.get("/health"), environment.predict(photos[0])):
        assert response.status_code == 503
        assert response.headers["Retry-After"] == "10"
        assert response.json()["kind"] == "no_model"
        assert "no model" in response.json()["error"]
    state = environment.endpoint.observe()
    assert (state.target, state.ready, state.failed) == (None, False, False)
    told = environment.get("/model").json()
    assert told | {"photo": None} == {
        "top": 5,
        "photo": None,
        "species": "/species",
        "version": None,
        "file_path": None,
        "revision": None,
        "generation": None,
        "ready": False,
        "pending": None,
        "error": None,
    }


def test_an_order_written_before_the_start_is_followed(environment: LocalEnvironment) -> None:
    target = environment.move("v1.0.0", 3)
    environment.start()
    assert environment.until(lambda state: state.ready).target == target


def test_told_to_stop_it_answers_what_it_was_asked(environment: LocalEnvironment, photos: list[bytes]) -> None:
    environment.start()
    environment.serve("v1.1.0", 1)
    (model,) = environment.model_pids()
    address = ("127.0.0.1", httpx.URL(environment.url).port or 0)
    request = httpx.Request("POST", environment.url, headers={"Expect": "100-continue"}, files={"image": photos[0]})
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    with socket.create_connection(address, timeout=DEADLINE) as client, client.makefile("rb") as answer:
        client.sendall(f"POST /predict HTTP/1.1\r\n{head}\r\n".encode())
        # Now the server has begun to read the photo.
        assert answer.readline().startswith(b"HTTP/1.1 100 ")
        assert answer.readline() == b"\r\n"
        environment.process.terminate()
        environment.wait(lambda: refuses(address))
        client.sendall(request.read())
        assert answer.readline() == b"HTTP/1.1 200 OK\r\n"
        assert b'"version":"v1.1.0"' in answer.read()
    assert environment.process.wait(timeout=30) == 0
    assert gone(model)
    assert not (environment.folder / "listening.json").exists()
    with pytest.raises(OutsideError, match="lepinet serve -e staging"):
        environment.endpoint.observe()


def test_a_model_that_hangs_does_not_hold_up_the_end(environment: LocalEnvironment, photos: list[bytes]) -> None:
    """What waits for it gets no answer; the server ends when it has waited as long as a photo may take."""
    environment.timings["prediction"] = 2
    environment.start()
    environment.serve("v1.1.0", 1)
    (model,) = environment.model_pids()
    os.kill(model, signal.SIGSTOP)
    with ThreadPoolExecutor(20) as senders:
        asked = [senders.submit(environment.predict, photos[0]) for _ in range(20)]
        environment.wait(lambda: waiting(environment) >= 12)
        environment.process.terminate()
        assert environment.process.wait(timeout=20) == 0
        assert all(one.exception() or one.result().status_code == 503 for one in asked)
    assert gone(model)


def waiting(environment: LocalEnvironment) -> float:
    (number,) = re.findall(r"^lepinet_photos_waiting (\S+)$", environment.get("/metrics").text, re.MULTILINE)
    return float(number)


def refuses(address: tuple[str, int]) -> bool:
    with socket.socket() as client:
        return client.connect_ex(address) != 0


def test_interrupted_while_a_model_loads_it_ends(environment: LocalEnvironment) -> None:
    environment.move("v1.1.0", 1)
    environment.start()
    environment.process.send_signal(signal.SIGINT)
    assert environment.process.wait(timeout=30) == 0
    assert "Traceback" not in environment.log


def test_killed_and_started_again_it_serves_what_it_served(environment: LocalEnvironment, photos: list[bytes]) -> None:
    environment.start()
    target = environment.serve("v1.1.0", 4)
    (model,) = environment.model_pids()
    environment.process.kill()
    environment.process.wait()
    with pytest.raises(OutsideError, match="does not run"):
        environment.endpoint.observe()
    environment.wait(lambda: gone(model))
    environment.files.order_file.unlink()
    environment.start()
    assert environment.until(lambda state: state.ready).target == target
    assert environment.predict(photos[0]).json()["model"]["version"] == "v1.1.0"
    assert environment.get("/model").json()["generation"] == 4


def test_started_again_after_a_failed_order_it_serves_the_model_before(
    environment: LocalEnvironment, photos: list[bytes]
) -> None:
    environment.start()
    environment.serve("v1.0.0", 1)
    (environment.root / "models/v1.1.0/README.md").write_text("another model's card")
    ordered = environment.target("v1.1.0")
    (environment.root / "models/v1.1.0/README.md").write_text("its files are not those of the order")
    environment.endpoint.move(Order(ordered, 2))
    environment.until(lambda state: state.failed)
    environment.process.kill()
    environment.process.wait()
    environment.start()
    state = environment.until(lambda state: state.failed)
    assert state.target == ordered
    environment.wait(lambda: environment.predict(photos[0]).status_code == 200)
    assert environment.predict(photos[0]).json()["model"]["version"] == "v1.0.0"


def test_started_again_on_other_files_it_serves_nothing_until_they_are_back(environment: LocalEnvironment) -> None:
    environment.start()
    target = environment.serve("v1.1.0", 1)
    environment.process.terminate()
    environment.process.wait()
    card = environment.root / "models/v1.1.0/README.md"
    before = card.read_bytes()
    card.write_text("another model's card")
    environment.start()
    state = environment.until(lambda state: state.failed)
    assert (state.target, state.ready) == (target, False)
    assert "are not those of its revision" in state.detail
    assert environment.get("/health").status_code == 503
    card.write_bytes(before)
    assert environment.until(lambda state: state.ready).target == target


def test_an_older_order_is_refused_after_a_restart_too(environment: LocalEnvironment) -> None:
    environment.start()
    target = environment.serve("v1.1.0", 7)
    environment.process.kill()
    environment.process.wait()
    environment.files.write_order(Order(environment.target("v1.0.0"), 6))
    environment.start()
    state = environment.until(lambda state: state.ready)
    assert state.target == target
    assert "generation 6" in state.detail


def test_a_model_that_is_killed_comes_back(environment: LocalEnvironment, photos: list[bytes]) -> None:
    """Meanwhile photos are told to come back, and nobody has to order anything."""
    environment.start()
    target = environment.serve("v1.1.0", 1)
    (model,) = environment.model_pids()
    os.kill(model, signal.SIGSTOP)
    with ThreadPoolExecutor(3) as senders:
        asked = [senders.submit(environment.predict, photos[0]) for _ in range(3)]
        os.kill(model, signal.SIGKILL)
        answers = [one.result() for one in asked]
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert all(answer.headers["Retry-After"] for answer in answers if answer.status_code == 503)
    state = environment.until(lambda state: state.ready)
    assert state.target == target
    assert environment.predict(photos[0]).status_code == 200


def test_a_model_that_is_killed_while_nobody_asks_comes_back(environment: LocalEnvironment) -> None:
    environment.start()
    environment.serve("v1.1.0", 1)
    (model,) = environment.model_pids()
    os.kill(model, signal.SIGKILL)
    environment.wait(lambda: len(environment.model_pids()) == 1 and environment.model_pids() != [model])
    assert environment.until(lambda state: state.ready).target == environment.target("v1.1.0")


def test_one_server_is_enough(environment: LocalEnvironment) -> None:
    environment.start()
    url = environment.url
    environment.launch()
    assert environment.process.wait(timeout=30) == 1
    assert f"a server answers for this environment already, at {url}" in environment.log
    assert "Traceback" not in environment.log
    assert environment.url == url


def test_the_port_is_the_one_that_was_asked_for_or_it_says_that_it_is_taken(environment: LocalEnvironment) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        environment.launch(port)
        assert environment.process.wait(timeout=30) == 1
        assert f"127.0.0.1:{port}: the port is taken" in environment.log
    environment.start(port)
    assert environment.url == f"http://127.0.0.1:{port}"


def test_a_memory_that_somebody_damaged_is_named(environment: LocalEnvironment) -> None:
    environment.folder.mkdir()
    environment.files.write_followed(Followed(Order(environment.target("v1.0.0"), 1), None))
    (environment.folder / "followed.json").write_text("{}")
    environment.launch()
    assert environment.process.wait(timeout=30) == 1
    assert "followed.json" in environment.log
    assert "Traceback" not in environment.log
