"""The viewer's server and command, without a browser."""

import http.client
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from functools import partial
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
import trimesh
from plain_sets import ball, box, damage_record, record, write_set

from necgs_cli.bitstream.container import ModelRecord
from necgs_cli.meshes.placement import Placement
from necgs_cli.model_set import open_container
from necgs_cli.report.viewed_set import Recent, ViewedSet
from necgs_cli.report.viewer import ViewerServer

HOSTILE = "../../evil/a\r\nX: 1 椅子 2.obj"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    path = tmp_path_factory.mktemp("viewer") / "set.ncgs"
    write_set(path, [record(n, *m) for n, m in (("ball.ply", ball()), ("name", box()), ("broken.ply", ball(1, 1)))])
    damage_record(path, "broken.ply")
    with open_container(path) as container:
        viewed = ViewedSet(container, str(path))
        viewed.names[1] = HOSTILE  # writers refuse control characters, files of others may hold them
        with ViewerServer(viewed) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            yield server
            server.shutdown()
            thread.join()


def ask(server, path, method="GET", **headers):
    """Status, headers and body; `path` is what follows the token."""
    return ask_whole(server, f"/{server.token}/{path}", method, **headers)


def ask_whole(server, path, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    found = answer.status, answer.headers, answer.read()
    connection.close()
    return found


def test_nothing_is_served_without_the_token(server):
    wrong = server.token[:-1] + ("A" if server.token[-1] != "A" else "B")
    for path in ("/", "/api/set", f"/{wrong}/", f"/{wrong}/api/set", f"/{server.token}", f"/x/{server.token}/", "*"):
        status, _, body = ask_whole(server, path)
        assert status == 403, path
        assert server.token.encode() not in body and b"ball" not in body
    assert len(server.token) >= 32


def test_a_request_under_another_name_is_refused(server):
    port = server.server_port
    for host in ("attacker.example", f"attacker.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}", ""):
        assert ask(server, "api/set", Host=host)[0] == 403, host
    for host in (f"127.0.0.1:{port}", f"localhost:{port}"):
        assert ask(server, "api/set", Host=host)[0] == 200


def test_only_this_machine_is_listened_to(server):
    assert server.server_address[0] == "127.0.0.1"


def test_the_page_may_load_nothing_from_elsewhere(server):
    status, headers, body = ask(server, "")
    policy = headers["Content-Security-Policy"]
    assert status == 200 and "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert headers["Referrer-Policy"] == "no-referrer" and headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(rb"https?://", body)


def test_every_file_of_the_page_is_served_and_no_other(server):
    _, _, page = ask(server, "")
    addresses = re.findall(r'(?:\./|")(web/[^"]+)"', page.decode())
    assert len(addresses) > 8
    for address in addresses:
        assert ask(server, address)[0] == 200, address
    for path in ("web/", "web", "web/report.html", "web/../viewer.py", "web/%2e%2e/viewer.py", "api/models/", ".."):
        assert ask(server, path)[0] == 404, path


def test_the_list_says_what_the_set_holds(server):
    status, headers, body = ask(server, "api/set")
    listing = json.loads(body)
    assert status == 200 and headers["Cache-Control"] == "no-store"
    assert [model["id"] for model in listing["models"]] == [0, 1, 2]
    assert listing["models"][0]["p2s"] == pytest.approx(1e-3, rel=0.01)
    assert sorted(listing["formats"]) == ["glb", "obj", "off", "ply", "stl"]


@pytest.mark.parametrize("ending", ["ply", "obj", "stl", "off", "glb"])
def test_models_are_downloaded_in_every_format(server, ending):
    status, headers, body = ask(server, f"api/models/0/file.{ending}")
    found = trimesh.load(io.BytesIO(body), file_type=ending, force="mesh")
    assert status == 200 and len(found.faces) == len(ball()[1])
    assert np.allclose(np.ptp(found.vertices, axis=0), 2, atol=1e-3)
    assert headers["Content-Disposition"] == f"attachment; filename*=UTF-8''ball.{ending}"


def test_a_hostile_name_stays_within_its_header(server):
    status, headers, _ = ask(server, "api/models/1/file.ply")
    assert status == 200 and "X" not in headers
    assert unquote(headers["Content-Disposition"].split("''")[1]) == "a__X: 1 椅子 2.ply"


def test_pictures_have_a_background_to_see_through(server):
    from PIL import Image

    status, headers, body = ask(server, "api/models/0/thumbnail")
    alpha = np.asarray(Image.open(io.BytesIO(body)))[..., 3]
    assert status == 200 and headers["Content-Type"] == "image/png"
    assert alpha[0, 0] == 0 and alpha[len(alpha) // 2, len(alpha) // 2] == 255


def test_a_damaged_model_says_why_and_the_others_stay(server):
    for what in ("mesh", "thumbnail", "file.ply"):
        status, _, body = ask(server, f"api/models/2/{what}")
        assert status == 422 and "checksum" in json.loads(body)["reason"]
    assert ask(server, "api/models/0/mesh")[0] == 200


@pytest.mark.parametrize("path", ["3/mesh", "-1/mesh", "0/file.exe", f"{10**17}/mesh", "0/", "0"])
def test_what_does_not_exist_is_not_found(server, path):
    assert ask(server, f"api/models/{path}")[0] == 404


def test_head_has_no_body_and_other_methods_do_not_exist(server):
    status, headers, body = ask(server, "api/models/0/mesh", method="HEAD")
    assert status == 200 and int(headers["Content-Length"]) > 0 and body == b""
    assert ask(server, "api/set", method="POST")[0] == 501


def test_a_model_of_a_later_kind_is_listed_with_its_reason(tmp_path):
    models = [ModelRecord(20, "later", Placement(140, 0, (1, 2, 3)), b"x"), record("ball.ply", *ball())]
    with open_container(write_set(tmp_path / "set.ncgs", models)) as container:
        rows = ViewedSet(container, "set").listing["models"]
    assert "does not know" in rows[0]["reason"] and rows[1]["reason"] is None


def test_the_last_values_are_kept_up_to_their_bytes():
    made = []

    def make(key):
        made.append(key)
        return bytes(key)

    kept = Recent(100)
    for key in (40, 50, 40, 45, 40, 50, 200, 200):
        assert kept.get(key, lambda key=key: make(key), len) == bytes(key)
    assert made == [40, 50, 45, 50, 200]


def start(*arguments):
    command = [sys.executable, "-m", "necgs_cli", "view", *map(str, arguments), "--no-browser"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # shells have what they start with & ignore Ctrl-C
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, preexec_fn=heed
    )


def test_the_command_prints_its_address_and_ctrl_c_ends_it_well(tmp_path):
    process = start(write_set(tmp_path / "set.ncgs", [record("ball.ply", *ball())]))
    address = urlsplit(process.stdout.readline().strip())
    assert address.hostname == "127.0.0.1" and len(address.path) > 30
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    connection.request("GET", f"{address.path}api/set")
    assert json.loads(connection.getresponse().read())["models"][0]["name"] == "ball.ply"
    # The connection stays open, as a browser's does.
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    connection.close()
    assert process.returncode == 0 and out == "" and "Traceback" not in err


def test_a_port_that_is_taken_is_one_line(tmp_path, server):
    process = start(write_set(tmp_path / "set.ncgs", []), "--port", server.server_port)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1 and out == "" and len(err.splitlines()) == 1 and "in use" in err


def test_a_file_that_is_no_set_has_exit_code_4(tmp_path):
    (tmp_path / "set.ncgs").write_bytes(b"something else")
    process = start(tmp_path / "set.ncgs")
    out, err = process.communicate(timeout=30)
    assert process.returncode == 4 and out == "" and len(err.splitlines()) == 1
