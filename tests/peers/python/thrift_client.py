"""A client of Apache's Python library: one request in flight per connection, and sequence id 0 in
every request.

Prints `running` once it is well under way, and then one line of JSON: how many answers were right,
wrong or errors, and who answered.
"""

import argparse
import collections
import json
import sys
import threading
import time

from peers import Later
from peers.ttypes import Refused
from thrift.protocol.THeaderProtocol import THeaderProtocol
from thrift.protocol.TMultiplexedProtocol import TMultiplexedProtocol
from thrift.Thrift import TApplicationException
from thrift.transport.THeaderTransport import THeaderTransformID
from thrift.transport.TSocket import TSocket

import thrift_wire

# Answers after which it says that it is running.
RUNNING_AFTER = 200


class Report:
    def __init__(self):
        self.lock = threading.Lock()
        self.ok = 0
        self.wrong = []
        self.errors = []
        self.servers = collections.Counter()
        self.notes = []

    def answered(self, answer, token):
        server, _, said = answer.partition("|")
        with self.lock:
            if said == token:
                self.ok += 1
                self.servers[server] += 1
                if self.ok == RUNNING_AFTER:
                    print("running", flush=True)
            else:
                self.wrong.append(f"asked {token[:40]}, got {answer[:40]}")

    def expect(self, what, right):
        with self.lock:
            if right:
                self.ok += 1
            else:
                self.wrong.append(what)

    def failed(self, error):
        said = {"kind": type(error).__name__, "message": str(error)}
        if isinstance(error, TApplicationException):
            said["type"] = error.type
        with self.lock:
            self.errors.append(said)

    def as_json(self):
        return json.dumps(
            {
                "ok": self.ok,
                "wrong": self.wrong[:10],
                "wrong_count": len(self.wrong),
                "errors": self.errors[:10],
                "error_count": len(self.errors),
                "servers": self.servers,
                "notes": self.notes,
            }
        )


def connect(args, number=0):
    socket = TSocket("127.0.0.1", args.port)
    socket.setTimeout(20_000)
    transport, protocol = thrift_wire.factories(args)
    wrapped = transport.getTransport(socket)
    spoken = protocol.getProtocol(wrapped)
    if isinstance(spoken, THeaderProtocol):
        spoken.set_header(b"tenant", b"blue")
        spoken.set_header(b"worker", str(number).encode())
        if args.zlib:
            spoken.trans.add_transform(THeaderTransformID.ZLIB)
    if args.mux:
        spoken = TMultiplexedProtocol(spoken, "Peers")
    wrapped.open()
    return wrapped, Later.Client(spoken)


def run(args, number, report):
    transport, client = connect(args, number)
    step = 0
    ends = time.monotonic() + args.seconds if args.seconds else None
    while step < args.count or (ends and time.monotonic() < ends):
        token = f"py-{args.run}-{number}-{step}"
        kind = args.steps[step % len(args.steps)]
        try:
            STEPS[kind](args, client, token, report)
        except TApplicationException as error:
            report.failed(error)
        except Exception as error:  # A broken connection has many names here.
            report.failed(error)
            transport.close()
            transport, client = connect(args, number)
        step += 1
        time.sleep(args.every_ms / 1000)
    transport.close()


def echo(args, client, token, report):
    report.answered(client.echo(token), token)


def pause(args, client, token, report):
    report.answered(client.pause(token, args.pause_ms), token)


def add(args, client, token, report):
    left = sum(token.encode())
    report.expect("a sum", client.add(left, 40) == left + 40)


def refuse(args, client, token, report):
    try:
        report.expect("an exception", client.refuse(token) is NotImplemented)
    except Refused as refused:
        report.answered(refused.why, token)


def note(args, client, token, report):
    client.note(token)
    with report.lock:
        report.notes.append(token)
    # The answer to the next call must be its own although a one-way went before it.
    report.expect("a sum after a one-way", client.add(1, 2) == 3)


def crash(args, client, token, report):
    client.crash(token)
    report.expect("an exception", False)


def missing(args, client, token, report):
    client.missing(token)
    report.expect("an exception", False)


STEPS = {step.__name__: step for step in (echo, pause, add, refuse, note, crash, missing)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--run", default="a", help="part of every token")
    parser.add_argument("--count", type=int, default=0, help="requests per connection")
    parser.add_argument("--seconds", type=float, default=0, help="or so long")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--in-flight", type=int, default=1, help="this library cannot do more")
    parser.add_argument("--steps", default="echo,pause,add,refuse,note", help="in turn")
    parser.add_argument("--pause-ms", type=int, default=1)
    parser.add_argument("--every-ms", type=int, default=0, help="between two requests")
    parser.add_argument("--big", type=int, default=0, help="one echo of so many bytes first")
    parser.add_argument("--noted", help="ask how often each of these tokens was noted, and end")
    thrift_wire.add_arguments(parser)
    args = parser.parse_args()
    if args.in_flight != 1:
        parser.error("this library has one request in flight per connection")
    args.steps = args.steps.split(",")

    if args.noted:
        transport, client = connect(args)
        print(json.dumps([client.noted(token) for token in args.noted.split(",")]))
        return
    report = Report()
    if args.big:
        transport, client = connect(args)
        token = "b" * args.big
        try:
            report.answered(client.echo(token), token)
        except Exception as error:
            report.failed(error)
        transport.close()
    threads = [
        threading.Thread(target=run, args=(args, number, report), daemon=True)
        for number in range(args.connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(report.as_json())


if __name__ == "__main__":
    sys.exit(main())
