"""The socket on which the server listens."""

import socket
from contextlib import closing

from entrypoints.http.server import listen


def test_accepted_connection_sends_each_part_of_a_response_without_delay() -> None:
    with (
        closing(listen("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()),
    ):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
