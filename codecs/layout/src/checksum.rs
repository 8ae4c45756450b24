//! The sums that protocols put over their frames. Knows bytes and no protocol.

use crc::{
    CRC_16_ARC, CRC_16_IBM_3740, CRC_16_KERMIT, CRC_16_MODBUS, CRC_16_XMODEM, CRC_32_ISCSI,
    CRC_32_ISO_HDLC, Crc,
};
use serde::Deserialize;

/// How a checksum is computed. The names of the CRCs are those of Greg Cook's catalogue, where
/// they are not the usual ones.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// CRC-16/ARC, also CRC-16/LHA and CRC-IBM: polynomial 0x8005, reflected.
    Crc16Arc,
    /// CRC-16/IBM-3740, often called CCITT-FALSE: polynomial 0x1021, begins with 0xFFFF.
    Crc16CcittFalse,
    /// CRC-16/KERMIT, also CRC-CCITT: polynomial 0x1021, reflected, begins with 0.
    Crc16Kermit,
    /// CRC-16/MODBUS: polynomial 0x8005, reflected, begins with 0xFFFF.
    Crc16Modbus,
    /// CRC-16/XMODEM: polynomial 0x1021, begins with 0.
    Crc16Xmodem,
    /// CRC-32/ISO-HDLC: that of zlib, Ethernet and Java.
    Crc32,
    /// CRC-32/ISCSI: Castagnoli's.
    Crc32c,
    /// Adler-32 of zlib (RFC 1950, section 9).
    Adler32,
    /// The sum of all bytes, modulo 256.
    Sum8,
    /// The sum of all bytes, modulo 65,536.
    Sum16,
    /// The sum of all bytes, modulo 2 to the 32.
    Sum32,
    /// All bytes joined by exclusive or.
    Xor8,
}

static ARC: Crc<u16> = Crc::<u16>::new(&CRC_16_ARC);
static CCITT_FALSE: Crc<u16> = Crc::<u16>::new(&CRC_16_IBM_3740);
static KERMIT: Crc<u16> = Crc::<u16>::new(&CRC_16_KERMIT);
static MODBUS: Crc<u16> = Crc::<u16>::new(&CRC_16_MODBUS);
static XMODEM: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);
static ISO_HDLC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
static ISCSI: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

impl Algorithm {
    /// The checksum of the pieces, one after another.
    pub(crate) fn over(self, pieces: &[&[u8]]) -> u64 {
        let crc16 = |crc: &'static Crc<u16>| {
            let mut digest = crc.digest();
            pieces.iter().for_each(|piece| digest.update(piece));
            u64::from(digest.finalize())
        };
        let crc32 = |crc: &'static Crc<u32>| {
            let mut digest = crc.digest();
            pieces.iter().for_each(|piece| digest.update(piece));
            u64::from(digest.finalize())
        };
        let bytes = || pieces.iter().flat_map(|piece| piece.iter().copied());
        let sum = || bytes().fold(0u64, |sum, byte| sum.wrapping_add(u64::from(byte)));
        match self {
            Self::Crc16Arc => crc16(&ARC),
            Self::Crc16CcittFalse => crc16(&CCITT_FALSE),
            Self::Crc16Kermit => crc16(&KERMIT),
            Self::Crc16Modbus => crc16(&MODBUS),
            Self::Crc16Xmodem => crc16(&XMODEM),
            Self::Crc32 => crc32(&ISO_HDLC),
            Self::Crc32c => crc32(&ISCSI),
            Self::Adler32 => adler32(bytes()),
            Self::Sum8 => sum() & 0xFF,
            Self::Sum16 => sum() & 0xFFFF,
            Self::Sum32 => sum() & 0xFFFF_FFFF,
            Self::Xor8 => u64::from(bytes().fold(0u8, |sum, byte| sum ^ byte)),
        }
    }

    /// Bytes that it needs.
    pub(crate) fn bytes(self) -> u8 {
        match self {
            Self::Sum8 | Self::Xor8 => 1,
            Self::Crc16Arc
            | Self::Crc16CcittFalse
            | Self::Crc16Kermit
            | Self::Crc16Modbus
            | Self::Crc16Xmodem
            | Self::Sum16 => 2,
            Self::Crc32 | Self::Crc32c | Self::Adler32 | Self::Sum32 => 4,
        }
    }
}

/// RFC 1950, section 8.2.
fn adler32(bytes: impl Iterator<Item = u8>) -> u64 {
    const MODULUS: u32 = 65_521;
    let (mut low, mut high) = (1u32, 0u32);
    for byte in bytes {
        low = low.wrapping_add(u32::from(byte)) % MODULUS;
        high = high.wrapping_add(low) % MODULUS;
    }
    u64::from(high << 16 | low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_values_are_those_of_the_catalogue() {
        let text = b"123456789".as_slice();
        for (algorithm, check) in [
            (Algorithm::Crc16Arc, 0xBB3D),
            (Algorithm::Crc16CcittFalse, 0x29B1),
            (Algorithm::Crc16Kermit, 0x2189),
            (Algorithm::Crc16Modbus, 0x4B37),
            (Algorithm::Crc16Xmodem, 0x31C3),
            (Algorithm::Crc32, 0xCBF4_3926),
            (Algorithm::Crc32c, 0xE306_9283),
            (Algorithm::Adler32, 0x091E_01DE),
            (Algorithm::Sum8, 0xDD),
            (Algorithm::Sum16, 0x01DD),
            (Algorithm::Sum32, 0x01DD),
            (Algorithm::Xor8, 0x31),
        ] {
            assert_eq!(algorithm.over(&[text]), check, "{algorithm:?}");
            let (left, right) = text.split_at(4);
            assert_eq!(algorithm.over(&[left, right]), check, "{algorithm:?}");
        }
    }
}
