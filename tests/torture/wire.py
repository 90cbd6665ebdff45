"""A client of a few lines that shares no code with the server: MessagePack-RPC over a socket.

Every call ends: with a result, with Refused, with Gone (the server closed), or with Silent (no answer
within PATIENCE seconds, which every attack counts as hung)."""
import socket

import msgpack

PATIENCE = 60  # a generous bound on a loaded machine; the longest deadline of a request is 30 s


class Gone(Exception):
    """The connection ended before the answer."""


class Silent(Exception):
    """No answer within PATIENCE seconds."""


class Refused(Exception):
    """The server answered with an error."""

    def __init__(self, method, error):
        super().__init__("%s: %s: %s" % (method, error["reason"], error["message"]))
        self.reason = error["reason"]


class Client:
    def __init__(self, endpoint, patience=PATIENCE):
        try:
            self.socket = socket.create_connection(endpoint, timeout=patience)
        except socket.timeout as late:
            raise Silent("no connection") from late
        except OSError as closed:
            raise Gone("no connection: %s" % closed) from closed
        self.unpacker = msgpack.Unpacker(raw=False, max_buffer_size=64 << 20)
        self.last_id = 0

    def send(self, data):
        try:
            self.socket.sendall(data)
        except socket.timeout as late:
            raise Silent("nothing is read") from late
        except OSError as closed:
            raise Gone(str(closed)) from closed

    def message(self):
        """The next message as the server sent it."""
        while True:
            for message in self.unpacker:
                return message
            try:
                data = self.socket.recv(1 << 18)
            except socket.timeout as late:
                raise Silent("no answer") from late
            except OSError as closed:
                raise Gone(str(closed)) from closed
            if not data:
                raise Gone("closed")
            self.unpacker.feed(data)

    def request(self, method, params):
        """The parameters are bytes that were packed before: a repeated request is the same bytes."""
        self.last_id += 1
        self.send(b"\x94\x00" + msgpack.packb(self.last_id) + msgpack.packb(method) + params)
        message = self.message()
        assert message[0] == 1 and message[1] == self.last_id, message
        if message[2] is not None:
            raise Refused(method, message[2])
        return message[3]

    def call(self, method, **arguments):
        return self.request(method, msgpack.packb([arguments]))

    def close(self):
        self.socket.close()


def read_all(client, **filter):
    """Every relationship of a filter, over all pages."""
    found, more = [], {}
    while True:
        page = client.call("relationships.read", filter=filter, limit=100000, **more)
        found += page["relationships"]
        if page["cursor"] is None:
            assert page["complete"] is True, page
            return found
        more = {"cursor": page["cursor"]}
