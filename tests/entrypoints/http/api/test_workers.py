"""Several workers are one server: for codes, sessions, and tokens that are taken away."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import urllib3

from application.clock import utc_now
from entrypoints.http.access.sign_in_codes import SignInCodes
from infrastructure.configuration.api_access import keep_local_token
from tests.processes import SERVE, environment, killed_server

WORKERS = (*SERVE, "--workers", "2")
TIMES = 24


def test_code_and_session_are_those_of_all_workers(tmp_path: Path) -> None:
    with killed_server(environment(tmp_path), WORKERS) as server:
        token = keep_local_token(tmp_path)  # the one that the server made
        code = SignInCodes(tmp_path).make(utc_now())

        def call(method: str, path: str, **headers: str) -> urllib3.BaseHTTPResponse:
            # Each on a connection of its own, which any worker may accept.
            with urllib3.PoolManager(retries=30, timeout=30) as client:
                return client.request(method, server.origin + path, headers=headers, redirect=False)

        with ThreadPoolExecutor(8) as pool:
            tries = list(pool.map(lambda _: call("POST", f"/sign-in/{code}"), range(TIMES)))
            (signed_in,) = (one for one in tries if one.status == 303)
            assert {one.status for one in tries} == {303, 403}
            cookie = signed_in.headers["set-cookie"].partition(";")[0]
            sessions = pool.map(lambda _: call("GET", "/v1/session", cookie=cookie), range(TIMES))
            assert len({one.data for one in sessions}) == 1
            bearer = f"Bearer {token}"
            with_token = pool.map(
                lambda _: call("GET", "/v1/session", authorization=bearer).status, range(TIMES)
            )
            assert {*with_token} == {200}
