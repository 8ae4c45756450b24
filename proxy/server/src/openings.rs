//! First bytes of clients of the built-in protocols: what a listener of several protocols is
//! tried with when its configuration is read.
//!
//! Each is the first frame of a file of vectors in `protocols/`, so real clients sent most of them;
//! a test compares.

/// A frame and where it was taken from.
type Opening = (&'static str, &'static str, &'static [u8]);

/// Protocol, file of vectors, bytes.
const OPENINGS: &[Opening] = &[
    (
        "thrift",
        "protocols/thrift/vectors/framed-binary-python.ron",
        b"\0\0\0'\x80\x01\0\x01\0\0\0\x06whoami\0\0\0\0\x0b\0\x01\0\0\0\rwh-0-c700d84c\0",
    ),
    (
        "thrift",
        "protocols/thrift/vectors/framed-compact-python.ron",
        b"\0\0\0\x1a\x82!\0\x06whoami\x18\rwh-0-c700d84c\0",
    ),
    (
        "thrift",
        "protocols/thrift/vectors/header-python.ron",
        b"\0\0\0M\x0f\xff\0\0\0\0\0\0\0\x07\0\0\x01\x02\x06tenant\x04blue\x06worker\x010\0\
          \0\0\x80\x01\0\x01\0\0\0\x06whoami\0\0\0\0\x0b\0\x01\0\0\0\rwh-0-c700d84c\0",
    ),
    (
        "thrift",
        "protocols/thrift/vectors/header-python-zlib.ron",
        b"\0\0\0H\x0f\xff\0\0\0\0\0\0\0\x07\x02\x01\x01\x01\x02\x06tenant\x04blue\x06worke\
          r\x010\0\0x\x9ckRd`+\xcf\xc8O\xcc\xcd\x94\xe0-\xcf\xd05\xd0M670H\xb10If\0\0b)\
          \x06\xea",
    ),
    (
        "redis",
        "protocols/resp/vectors/redis-py.ron",
        b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n",
    ),
    (
        "redis",
        "protocols/resp/vectors/session-resp2.ron",
        b"*1\r\n$4\r\nPING\r\n",
    ),
    (
        "dubbo",
        "protocols/dubbo/vectors/dubbo-py.ron",
        b"\xda\xbb\xc2\0\0\0\0\0\0\0\0\x01\0\0\0i\x052.5.3\x0ccom.lab.Echo\x051.0.0\x06who\
          ami\x01S\rwh-0-c700d84cH\x04path\x0ccom.lab.Echo\x09interface\x0ccom.lab.Echo\
          \x07version\x051.0.0Z",
    ),
    (
        "dubbo",
        "protocols/dubbo/vectors/sofa-rpc-node.ron",
        b"\xda\xbb\xe2\0\0\0\0\0\0\0\0\x01\0\0\0\x01N",
    ),
    (
        "bolt",
        "protocols/bolt/vectors/v1-hessian-node.ron",
        b"\x01\x01\0\0\x01\0\0\0\x01\x01\0\0'\x10\0\0\0\0\0\0\0\0",
    ),
    (
        "bolt",
        "protocols/bolt/vectors/v2-hessian-node.ron",
        b"\x02\x01\x01\0\0\x01\0\0\0\x01\x01\0\0\0'\x10\0\0\0\0\0\0\0\0",
    ),
    (
        "tars",
        "protocols/tars/vectors/version-1.ron",
        b"\0\0\x007\x10\x01,<@\x02V\x16Lab.EchoServer.EchoObjf\x09tars_ping}\0\x0c\x81'\x10\
          \x98\x0c\xa8\x0c",
    ),
    (
        "tars",
        "protocols/tars/vectors/tup-3.ron",
        b"\0\0\0o\x10\x03,<@\x02V\x16Lab.EchoServer.EchoObjf\x06whoami}\0\0\x1d\x08\0\x01\
          \x06\x05token\x1d\0\0\x0f\x06\rwh-0-169a593b\x81'\x10\x98\0\x02\x06\x06tenant\
          \x16\x04blue\x06\x07x-route\x16\x03lab\xa8\x0c",
    ),
    (
        "memcached",
        "protocols/memcached/vectors/pylibmc.ron",
        b"\x80\x0c\0\x09\0\0\0\0\0\0\0\x09\0\x01\0\0\0\0\0\0\0\0\0\0whoami:50",
    ),
    (
        "memcached",
        "protocols/memcached/vectors/memjs.ron",
        b"\x80\0\0\x09\0\0\0\0\0\0\0\x09\0\0\0\x01\0\0\0\0\0\0\0\0whoami:59",
    ),
    (
        "brpc",
        "protocols/brpc/vectors/calls.ron",
        b"PRPC\0\0\0&\0\0\0\x1f\n\x1b\n\x13example.EchoService\x12\x04Echo \x07\n\x05h\
          ello",
    ),
    (
        "kafka",
        "protocols/kafka/vectors/framing.ron",
        b"\0\0\0&\0\x12\0\x04\0\0\0\x01\0\x06till-7\0\rkafka-python\x073.0.12\0",
    ),
    (
        "mqtt",
        "protocols/mqtt/vectors/paho-3.1.1.ron",
        b"\x10 \0\x04MQTT\x04\xc2\0\x02\0\x06till-7\0\x04shop\0\x06secret",
    ),
    (
        "mqtt",
        "protocols/mqtt/vectors/paho-5.ron",
        b"\x10\x13\0\x04MQTT\x05\x02\0\x02\0\0\x06till-7",
    ),
    (
        "acme",
        "protocols/acme/vectors/calls.ron",
        b"AC\x01\0\0\0\0\0\0\x01\0\0\0\xfa\0\0\0=\x06orders\x05place\0\x02\x06tenant\0\x04\
          blue\x05trace\0\x104bf92f3577b34da6{\x22sku\x22:7}",
    ),
    (
        "acme",
        "protocols/acme/vectors/one-ways-and-pings.ron",
        b"AC\x01\x02\0\0\0\0\0\x03\0\0\0\0\0\0\0\x22\x05audit\x04note\0\x01\x06tenant\0\
          \x05greentoken 1",
    ),
    (
        "length-id",
        "protocols/length-id/vectors/calls.ron",
        b"\0\0\0\x0b\0\0\0\x01\0\x07hello",
    ),
    (
        "cstruct",
        "protocols/cstruct/vectors/calls.ron",
        b"Z\xa5\x02\0)\0\0\0\x01\0\0\0\x01\0\0\0acct-0042\0\0\0\0\0\0\0\x02\0key\xf7)\
          \xdf\xdd",
    ),
    (
        "records",
        "protocols/records/vectors/calls.ron",
        b"BALA0004711008150100000000000000                                ",
    ),
];

/// The first frames of clients of a built-in protocol; none for one that is not listed.
pub(crate) fn of(protocol: &str) -> Vec<Vec<u8>> {
    let known = OPENINGS.iter().filter(|(name, ..)| *name == protocol);
    known.map(|(.., bytes)| bytes.to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use weft_codec::{Side, Sniff, proof};

    use super::OPENINGS;
    use crate::builtin;

    #[test]
    fn each_is_the_first_frame_of_its_file_and_its_own_protocol_knows_it() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for (name, path, bytes) in OPENINGS {
            let file = proof::load_file(&root.join(path)).unwrap();
            let mut frames = file.frames.iter();
            let first = frames.find(|frame| frame.side == Side::Downstream);
            assert_eq!(first.unwrap().bytes, *bytes, "{path}");
            let builtin = builtin::all().iter().find(|builtin| builtin.name == *name);
            let codec = builtin.unwrap().codec().unwrap();
            assert_eq!(codec.sniff(bytes), Sniff::Yes, "{path}");
        }
    }

    #[test]
    fn every_built_in_protocol_whose_clients_speak_first_has_an_opening() {
        for builtin in builtin::all() {
            let opened = !super::of(builtin.name).is_empty();
            assert_eq!(opened, builtin.name != "raw", "{}", builtin.name);
        }
    }
}
