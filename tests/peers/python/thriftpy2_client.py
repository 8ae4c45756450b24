"""A client of thriftpy2, which reads the IDL at run time: framed, in order, one at a time.

Prints one line of JSON.
"""

import argparse
import json
import sys

import thriftpy2
from thriftpy2.protocol import TBinaryProtocolFactory, TCompactProtocolFactory
from thriftpy2.rpc import make_client
from thriftpy2.transport import TFramedTransportFactory

PROTOCOLS = {"binary": TBinaryProtocolFactory, "compact": TCompactProtocolFactory}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--idl", required=True)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--protocol", choices=PROTOCOLS, default="binary")
    args = parser.parse_args()

    idl = thriftpy2.load(args.idl, module_name="peers_thrift")
    client = make_client(
        idl.Peers,
        "127.0.0.1",
        args.port,
        proto_factory=PROTOCOLS[args.protocol](),
        trans_factory=TFramedTransportFactory(),
        timeout=20_000,
    )
    ok, wrong = 0, []
    for step in range(args.count):
        token = f"thriftpy2-{step}"
        answer = client.echo(token)
        if answer.endswith("|" + token):
            ok += 1
        else:
            wrong.append(answer)
        try:
            client.refuse(token)
            wrong.append("no exception")
        except idl.Refused as refused:
            ok += refused.why.endswith("|" + token)
    client.close()
    print(json.dumps({"ok": ok, "wrong": wrong, "wrong_count": len(wrong), "error_count": 0}))


if __name__ == "__main__":
    sys.exit(main())
