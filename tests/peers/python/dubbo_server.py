"""A Dubbo server of dubbo-py: one thread per connection, one request at a time, answers in order,
one-way calls too. It heartbeats its clients.

Prints `listening PORT` and serves until it is ended.
"""

import argparse
import collections
import logging
import sys
import threading
import time
import types

import dubbo.server
from dubbo.errors import DubboError

SERVICE = "com.weft.Peers"


class Handler:
    def __init__(self, name):
        self.name = name
        self.notes = collections.Counter()
        self.lock = threading.Lock()

    def echo(self, token):
        return f"{self.name}|{token}"

    def pause(self, token, ms):
        time.sleep(ms / 1000)
        return f"{self.name}|{token}"

    def refuse(self, token):
        raise DubboError(70, f"{self.name}|{token}")

    def crash(self, token):
        raise RuntimeError(f"{self.name}|{token}")

    def note(self, token):
        with self.lock:
            self.notes[token] += 1

    def noted(self, token):
        with self.lock:
            return self.notes[token]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--heartbeat-ms", type=int, default=60_000)
    args = parser.parse_args()

    # The library tells of every method that it does not have.
    logging.disable()
    # It asks the routing table who it is, which a machine without a network cannot say; and it
    # knows only one pause between heartbeats, a minute.
    dubbo.server.get_pub_ip = lambda: "127.0.0.1"
    dubbo.server.time = types.SimpleNamespace(sleep=lambda _: time.sleep(args.heartbeat_ms / 1000))
    service = dubbo.server.DubboService(args.port, "peers")
    handler = Handler(args.name)
    for method in ("echo", "pause", "refuse", "crash", "note", "noted"):
        service.add_method(SERVICE, method, getattr(handler, method))
    service.start()
    print("listening", service._server.server.server_address[1], flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
