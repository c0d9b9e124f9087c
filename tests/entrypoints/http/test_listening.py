"""The socket on which the server listens."""

import socket
from contextlib import closing

from entrypoints.http.server import listen


def test_no_part_of_an_answer_waits_until_the_client_acknowledged_another() -> None:
    with (
        closing(listen("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()),
    ):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
