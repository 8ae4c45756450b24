//! What can be read at once, found when the whole description is known.

use weft_codec::{Head, Side, Span};

use crate::ask::MILLISECOND;
use crate::number::Number;
use crate::program::{
    Base, Glance, Kinds, Place, Program, Quick, QuickRead, QuickStatus, Slot, Want,
};
use crate::scan::{by_direction, kind_of};

/// How most frames are seen at a glance; `None` if what is read of them does not stand within
/// the bytes of the first look, or not in bytes of which a slot can be made.
pub(super) fn glance(program: &Program, quick: &Quick) -> Option<Glance> {
    let (magic, magic_mask) = first_constants(program)?;
    let (length, plus) = match &quick.length {
        None => (Slot::ZERO, u64::from(program.frame_bytes_min)),
        // One of eight bytes could be so large that the frame's bytes seem few.
        Some(length) if length.number.bytes() == 8 => return None,
        Some(length) => {
            let at = u64::from(length.place.bytes);
            let base = match length.base {
                Base::Frame => 0,
                Base::Rest => at.saturating_add(u64::try_from(length.number.bytes()).ok()?),
                Base::Body(body) if body.strides == 0 => u64::from(body.bytes),
                Base::Body(_) => return None,
            };
            let slot = Slot::new(length.place.bytes, length.number)?;
            let small = |bytes: u64| u32::try_from(bytes).ok().map(u64::from);
            let more = small(length.more.checked_add(base)?)?;
            (slot, more.wrapping_sub(small(length.fewer)?))
        }
    };
    let (kind_at, of) = match &program.kinds {
        Kinds::Direction => (0, None),
        Kinds::Byte { place, meanings } if place.strides == 0 => (place.bytes, Some(meanings)),
        _ => return None,
    };
    let mut kinds = Box::new([[None; 256]; 2]);
    for (side, kinds) in [Side::Downstream, Side::Upstream]
        .into_iter()
        .zip(&mut *kinds)
    {
        for (value, kind) in kinds.iter_mut().enumerate() {
            *kind = match of {
                Some(meanings) => kind_of(side, meanings.get(value).copied()),
                None => Some(by_direction(side)),
            };
        }
    }
    let frame_bytes_min = program.frame_bytes_min;
    let head_bytes = u32::try_from(program.first_look).ok()?;
    (frame_bytes_min >= head_bytes.max(8)).then_some(Glance {
        head_bytes,
        magic,
        magic_mask,
        length,
        plus,
        frame_bytes_min,
        kind_at: kind_at as usize,
        kinds,
        id: quick.id.unwrap_or(Slot::ZERO),
        head: Head {
            id: quick.id.map_or_else(Span::default, Slot::span),
            cut: program.cut(),
            ..Head::default()
        },
    })
}

/// The constants, if they all stand among the first eight bytes, and which bits these are.
fn first_constants(program: &Program) -> Option<(u64, u64)> {
    let (mut bytes, mut mask) = ([0u8; 8], [0u8; 8]);
    for magic in &program.magics {
        for (at, byte) in (magic.at..).zip(&magic.bytes) {
            *bytes.get_mut(at)? = *byte;
            *mask.get_mut(at)? = 0xFF;
        }
    }
    Some((u64::from_be_bytes(bytes), u64::from_be_bytes(mask)))
}

/// The slot of a field that is an unsigned integer at a constant place.
fn slot(quick: Option<(Place, QuickRead)>) -> Option<Slot> {
    match quick? {
        (Place { strides: 0, bytes }, QuickRead::Number(number)) => Slot::new(bytes, number),
        _ => None,
    }
}

/// Notes what of the fields that are asked of most frames is read with one load.
pub(super) fn slots(program: &mut Program) {
    if let Some(deadline) = &mut program.deadline {
        deadline.slot = slot(deadline.ask.quick);
        if let Some(quick) = &mut program.quick
            && deadline.unit_ns == MILLISECOND
        {
            quick.deadline_ms = deadline.slot;
        }
    }
    if let Some(status) = &mut program.status
        && program.verdicts.is_empty()
        && let Some(slot) = slot(status.ask.quick)
    {
        let within = |bound: i128| u64::try_from(bound.max(0)).unwrap_or(u64::MAX);
        let lines = status
            .table
            .iter()
            .filter_map(|(want, verdict)| match want {
                Want::Range(_, last) if *last < 0 => None,
                Want::Range(first, last) => Some((within(*first), within(*last), *verdict)),
                Want::Present => Some((0, u64::MAX, *verdict)),
                Want::Text(_) | Want::From(_) => None,
            });
        let table = lines.collect();
        status.quick = Some(QuickStatus { slot, table });
    }
    program.echoed_runs = echoed_runs(program);
}

/// All that is echoed, if it is runs that stand one behind the other: the place of the first,
/// and the integers that count them.
fn echoed_runs(program: &Program) -> Option<(Place, Box<[Number]>)> {
    if program.errors.noted.is_some() || program.farewells.noted.is_some() {
        // What is said to it is remembered too.
        return None;
    }
    let mut runs = Vec::new();
    let mut first = None;
    let mut next = None;
    for echo in &program.echoes {
        let (place, QuickRead::Run(number)) = echo.ask.quick? else {
            return None;
        };
        if next.is_some_and(|next| next != place) {
            return None;
        }
        next = Some(Place {
            strides: place.strides.checked_add(1)?,
            bytes: 0,
        });
        first = first.or(Some(place));
        runs.push(number);
    }
    Some((first.unwrap_or_default(), runs.into()))
}
