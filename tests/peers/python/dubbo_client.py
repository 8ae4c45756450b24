"""A client of dubbo-py: ids 1, 2, 3 … on each connection, answers taken by position whatever their
id, heartbeats without the two-way flag.

Prints `running` once it is well under way, and then one line of JSON: how many answers were right,
wrong or errors, and who answered.
"""

import argparse
import collections
import json
import logging
import queue
import sys
import threading
import time

from dubbo.client import DubboClient
from dubbo.codec.hessian2 import DubboRequest

SERVICE = "com.weft.Peers"
VERSION = "1.0.0"
ATTACHMENTS = {"path": SERVICE, "interface": SERVICE, "version": VERSION}

# Answers after which it says that it is running.
RUNNING_AFTER = 200

# No answer may take longer.
PATIENCE = 20


class Report:
    def __init__(self):
        self.lock = threading.Lock()
        self.ok = 0
        self.wrong = []
        self.errors = []
        self.servers = collections.Counter()
        self.notes = []

    def answered(self, answer, token):
        server, _, said = str(answer).partition("|")
        with self.lock:
            if said == token:
                self.ok += 1
                self.servers[server] += 1
                if self.ok == RUNNING_AFTER:
                    print("running", flush=True)
            else:
                self.wrong.append(f"asked {token[:40]}, got {str(answer)[:40]}")

    def failed(self, kind, message, status=None):
        with self.lock:
            self.errors.append({"kind": kind, "message": message, "status": status})

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


def connect(port):
    client = DubboClient("127.0.0.1", port)
    client._timeout = PATIENCE
    return client


def call(method, args):
    return {
        "service_name": SERVICE,
        "service_version": VERSION,
        "method_name": method,
        "args": args,
        "attachment": dict(ATTACHMENTS),
    }


def arguments(args, kind, token, step):
    if kind != "pause":
        return [token]
    # Falling pauses unless one is asked for.
    return [token, args.pause_ms or 20 - step % 20]


def take(kind, response, token, report):
    """Judges one answer."""
    expected = kind in ("refuse", "crash")
    if response.ok != expected and response.ok:
        report.answered(response.data, token)
    elif expected and not response.ok and not str(response.error).startswith("weft: "):
        report.answered(response.error, token)
    else:
        report.failed(type(response).__name__, str(response.error), response.status)


def run(args, number, report):
    client = connect(args.port)
    step = 0
    ends = time.monotonic() + args.seconds if args.seconds else None
    while step < args.count or (ends and time.monotonic() < ends):
        # A pipeline: all requests are written before the first answer is taken.
        sent = []
        for _ in range(args.in_flight):
            token = f"py-{args.run}-{number}-{step}"
            kind = args.steps[step % len(args.steps)]
            if kind == "heartbeat":
                client.send_heartbeat_request(next(client._request_id))
            elif kind == "note":
                client.send_request_without_response(**call("note", [token]))
                with report.lock:
                    report.notes.append(token)
            else:
                request = DubboRequest(
                    id=next(client._request_id),
                    twoway=True,
                    dubbo_version="2.5.3",
                    **call(kind, arguments(args, kind, token, step)),
                )
                client._sock.sendall(request.encode())
                sent.append((kind, token))
            step += 1
        for kind, token in sent:
            try:
                take(kind, client._msg_queue.get(True, PATIENCE), token, report)
            except queue.Empty:
                report.failed("Empty", "no answer")
                client = connect(args.port)
                break


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--run", default="a", help="part of every token")
    parser.add_argument("--count", type=int, default=0, help="requests per connection")
    parser.add_argument("--seconds", type=float, default=0, help="or so long")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--in-flight", type=int, default=1, help="written before one is read")
    parser.add_argument("--steps", default="echo,pause,heartbeat,refuse,note", help="in turn")
    parser.add_argument("--pause-ms", type=int, default=0)
    parser.add_argument("--noted", help="ask how often each of these tokens was noted, and end")
    args = parser.parse_args()
    args.steps = args.steps.split(",")
    # The library tells of every heartbeat that it answers.
    logging.disable()

    if args.noted:
        client = connect(args.port)
        counts = []
        for token in args.noted.split(","):
            answer = client.send_request_and_return_response(**call("noted", [token]))
            counts.append(int(answer.data or 0))
        print(json.dumps(counts))
        return
    report = Report()
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
