//! The sums that protocols put over their frames. Knows bytes and no protocol.

use crc::{
    CRC_16_ARC, CRC_16_IBM_3740, CRC_16_KERMIT, CRC_16_MODBUS, CRC_16_XMODEM, CRC_32_ISCSI,
    CRC_32_ISO_HDLC, Crc, Digest,
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
        let mut running = self.running();
        pieces.iter().for_each(|piece| running.add(piece));
        running.value()
    }

    /// The checksum of nothing, to which bytes can be added.
    pub(crate) fn running(self) -> Running {
        match self {
            Self::Crc16Arc => Running::Crc16(ARC.digest()),
            Self::Crc16CcittFalse => Running::Crc16(CCITT_FALSE.digest()),
            Self::Crc16Kermit => Running::Crc16(KERMIT.digest()),
            Self::Crc16Modbus => Running::Crc16(MODBUS.digest()),
            Self::Crc16Xmodem => Running::Crc16(XMODEM.digest()),
            Self::Crc32 => Running::Crc32(ISO_HDLC.digest()),
            Self::Crc32c => Running::Crc32(ISCSI.digest()),
            Self::Adler32 => Running::Adler { low: 1, high: 0 },
            Self::Sum8 => Running::Sum(0, 0xFF),
            Self::Sum16 => Running::Sum(0, 0xFFFF),
            Self::Sum32 => Running::Sum(0, 0xFFFF_FFFF),
            Self::Xor8 => Running::Xor(0),
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

/// A checksum as bytes are added to it.
#[derive(Clone)]
pub(crate) enum Running {
    Crc16(Digest<'static, u16>),
    Crc32(Digest<'static, u32>),
    Adler {
        low: u32,
        high: u32,
    },
    /// The sum so far, and the bits of it that count.
    Sum(u64, u64),
    Xor(u8),
}

impl Running {
    /// Adds the next bytes.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc16(digest) => digest.update(bytes),
            Self::Crc32(digest) => digest.update(bytes),
            Self::Adler { low, high } => adler32((low, high), bytes),
            Self::Sum(sum, _) => {
                let added = bytes.iter().map(|byte| u64::from(*byte)).sum();
                *sum = sum.wrapping_add(added);
            }
            Self::Xor(joined) => *joined = bytes.iter().fold(*joined, |sum, byte| sum ^ byte),
        }
    }

    /// The checksum of everything added so far.
    pub(crate) fn value(&self) -> u64 {
        match self {
            Self::Crc16(digest) => digest.clone().finalize().into(),
            Self::Crc32(digest) => digest.clone().finalize().into(),
            Self::Adler { low, high } => u64::from(high << 16 | low),
            Self::Sum(sum, bits) => sum & bits,
            Self::Xor(joined) => u64::from(*joined),
        }
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Running({:#x})", self.value())
    }
}

/// RFC 1950, section 8.2.
fn adler32((low, high): (&mut u32, &mut u32), bytes: &[u8]) {
    const MODULUS: u32 = 65_521;
    for byte in bytes {
        *low = low.wrapping_add(u32::from(*byte)) % MODULUS;
        *high = high.wrapping_add(*low) % MODULUS;
    }
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
