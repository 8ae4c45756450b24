//! Codecs over arbitrary streams.

use std::sync::LazyLock;

use weft_codec::proof::look_into;
use weft_codec::{Codec, Limits, Side};

/// Bytes of an input that are taken for a stream: longer ones only cost time.
const STREAM_BYTES_MAX: usize = 16 << 10;

/// Looks into a stream with the proof kit. The first byte of `input` chooses: bit 0 the side,
/// bit 1 limits so low that most frames are cut through and many refused; the whole byte how the
/// stream is cut.
pub(crate) fn stream(codec: &dyn Codec, input: &[u8]) -> Result<(), String> {
    let Some((&choice, bytes)) = input.split_first() else {
        return Ok(());
    };
    let bytes = bytes.get(..STREAM_BYTES_MAX).unwrap_or(bytes);
    let side = if choice & 1 == 0 {
        Side::Downstream
    } else {
        Side::Upstream
    };
    let limits = if choice & 2 == 0 {
        Limits {
            frame_bytes_max: 1 << 20,
            ..Limits::default()
        }
    } else {
        Limits {
            frame_bytes_max: 4 << 10,
            head_bytes_max: 1 << 10,
            cut_through_bytes: 24,
        }
    };
    look_into(codec, &limits, side, bytes, choice.into()).map(drop)
}

/// The target of one built-in codec.
macro_rules! target {
    ($name:ident, $codec:ty) => {
        pub(crate) fn $name(input: &[u8]) -> Result<(), String> {
            static CODEC: LazyLock<$codec> = LazyLock::new(<$codec>::default);
            stream(&*CODEC, input)
        }
    };
}

target!(thrift, weft_thrift::Thrift);
target!(resp, weft_resp::Resp);
target!(dubbo, weft_dubbo::Dubbo);
target!(bolt, weft_bolt::Bolt);
target!(tars, weft_tars::Tars);
target!(memcached, weft_memcached::Memcached);
target!(acme, weft_acme::Acme);
