"""A Thrift server of Apache's Python library: one thread per connection, answers in order.

Prints `listening PORT` and serves until it is ended.
"""

import argparse
import collections
import logging
import sys
import threading
import time

from peers import Peers
from peers.ttypes import Refused
from thrift.server.TServer import TThreadedServer
from thrift.TMultiplexedProcessor import TMultiplexedProcessor
from thrift.transport.TSocket import TServerSocket

import thrift_wire


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
        raise Refused(f"{self.name}|{token}")

    def crash(self, token):
        raise RuntimeError(f"{self.name}|{token}")

    def add(self, left, right):
        return left + right

    def note(self, token):
        with self.lock:
            self.notes[token] += 1

    def noted(self, token):
        with self.lock:
            return self.notes[token]


class Announced(TServerSocket):
    def listen(self):
        super().listen()
        print("listening", self.handle.getsockname()[1], flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--port", type=int, default=0)
    thrift_wire.add_arguments(parser)
    args = parser.parse_args()

    # The library tells of every exception that no method declares.
    logging.disable()
    processor = Peers.Processor(Handler(args.name))
    if args.mux:
        multiplexed = TMultiplexedProcessor()
        multiplexed.registerProcessor("Peers", processor)
        processor = multiplexed
    transport, protocol = thrift_wire.factories(args)
    listener = Announced(host="127.0.0.1", port=args.port)
    TThreadedServer(processor, listener, transport, protocol, daemon=True).serve()


if __name__ == "__main__":
    sys.exit(main())
