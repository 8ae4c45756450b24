"""A client of dubbo-ssl-python: threads share one connection, ids 0, 1, 2 … that calls and heartbeats
draw from together, answers matched by id, heartbeats whose answer must have the status 20.

Prints one line of JSON: how many answers were right, wrong or errors, who answered, and how many
heartbeats went unanswered.
"""

import argparse
import json
import logging
import sys
import threading
import time

from dubbo_ssl.common.exceptions import DubboResponseException
from dubbo_ssl.connection import connections
from dubbo_ssl.client import DubboClient

from dubbo_client import PATIENCE, SERVICE, Report


def run(args, client, number, report):
    for step in range(args.count):
        token = f"ssl-{number}-{step}"
        kind = args.steps[step % len(args.steps)]
        arguments = [token, 20 - step % 20] if kind == "pause" else [token]
        try:
            report.answered(client.call(kind, arguments, timeout=PATIENCE), token)
        except DubboResponseException as error:
            words = str(error).strip()
            if kind == "refuse" and not words.startswith("weft: "):
                report.answered(words, token)
            else:
                report.failed(type(error).__name__, words)
        except Exception as error:
            report.failed(type(error).__name__, str(error))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--count", type=int, default=40, help="requests per thread, before the heartbeats and after")
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--steps", default="echo,pause,refuse", help="in turn")
    args = parser.parse_args()
    args.steps = args.steps.split(",")
    logging.disable()

    # The library heartbeats after a minute without a byte, and only hosts that it has counted.
    host = f"127.0.0.1:{args.port}"
    connections.TIMEOUT_IDLE = 0.1
    pool = connections.connection_pool
    pool.client_heartbeats[host] = 0
    client = DubboClient(SERVICE, "blue", host=host)
    report = Report()
    # Calls before and after heartbeats: these must not disturb what follows them.
    for half in range(2):
        threads = [
            threading.Thread(target=run, args=(args, client, f"{half}-{n}", report), daemon=True)
            for n in range(args.threads)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if half == 0:
            # Long enough for several heartbeats.
            time.sleep(1)
    said = json.loads(report.as_json())
    said["unanswered"] = pool.client_heartbeats[host]
    print(json.dumps(said))


if __name__ == "__main__":
    sys.exit(main())
