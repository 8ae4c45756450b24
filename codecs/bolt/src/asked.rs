//! What is remembered of a request or a heartbeat: the version it came in, how it is written, its
//! switch and its id.
//!
//! Format: protocol code, variant, version of the command, serialization, switch (a byte each), id
//! (4). It fits without an allocation.

use weft_codec::{Asked, Head};

use crate::layout::{Layout, V1};

/// What [`write`] wrote.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    pub(crate) version: u8,
    pub(crate) variant: u8,
    pub(crate) command_version: u8,
    pub(crate) serialization: u8,
    pub(crate) switch: u8,
    pub(crate) id: [u8; 4],
}

impl Caller {
    /// A caller of version 1 that writes hessian.
    pub(crate) fn plain(id: u32) -> Self {
        Self {
            version: V1,
            variant: 1,
            command_version: 1,
            serialization: crate::layout::serialization::HESSIAN2,
            switch: 0,
            id: id.to_be_bytes(),
        }
    }

    /// Whether its frames end with a checksum.
    pub(crate) fn crc(&self) -> bool {
        self.version != V1 && self.variant == 2 && self.switch & 1 != 0
    }
}

/// Notes a request or a heartbeat.
#[inline]
pub(crate) fn write(_head: &Head, frame: &[u8], asked: &mut Asked) {
    let Some(layout) = Layout::again(frame) else {
        return;
    };
    let byte = |at: usize| frame.get(at).copied().unwrap_or(0);
    let (variant, command_version, switch) = match layout.version {
        V1 => (1, byte(4), 0),
        _ => (byte(1), byte(5), byte(11)),
    };
    asked.bytes.extend_from_slice(&[
        layout.version,
        variant,
        command_version,
        layout.serialization,
        switch,
    ]);
    asked
        .bytes
        .extend_from_slice(&layout.id_value.to_be_bytes());
}

/// Reads what [`write`] wrote, or `None` if it did not write it.
#[inline]
pub(crate) fn read(asked: &Asked) -> Option<Caller> {
    let (head, id) = asked.bytes.split_first_chunk::<5>()?;
    let &[version, variant, command_version, serialization, switch] = head;
    Some(Caller {
        version,
        variant,
        command_version,
        serialization,
        switch,
        id: *id.first_chunk()?,
    })
}
