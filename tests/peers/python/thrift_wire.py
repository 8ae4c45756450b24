"""The transports and protocols that both Python Thrift scripts can speak."""

from thrift.protocol.TBinaryProtocol import TBinaryProtocolFactory
from thrift.protocol.TCompactProtocol import TCompactProtocolFactory
from thrift.protocol.THeaderProtocol import THeaderProtocolFactory
from thrift.transport.THeaderTransport import THeaderClientType, THeaderSubprotocolID
from thrift.transport.TTransport import TFramedTransportFactory

PROTOCOLS = {"binary": TBinaryProtocolFactory, "compact": TCompactProtocolFactory}
SUBPROTOCOLS = {
    "binary": THeaderSubprotocolID.BINARY,
    "compact": THeaderSubprotocolID.COMPACT,
}


def add_arguments(parser):
    parser.add_argument("--transport", choices=["framed", "header"], default="framed")
    parser.add_argument("--protocol", choices=["binary", "compact"], default="binary")
    parser.add_argument("--zlib", action="store_true", help="header transport only")
    parser.add_argument("--mux", action="store_true", help="multiplexed as service Peers")


def factories(args):
    """The transport and protocol factories that the arguments ask for."""
    if args.transport == "framed":
        return TFramedTransportFactory(), PROTOCOLS[args.protocol]()
    protocol = THeaderProtocolFactory(
        allowed_client_types=(THeaderClientType.HEADERS,),
        default_protocol=SUBPROTOCOLS[args.protocol],
    )
    return Unwrapped(), protocol


class Unwrapped:
    """The header protocol wraps its transport itself."""

    def getTransport(self, transport):
        return transport
