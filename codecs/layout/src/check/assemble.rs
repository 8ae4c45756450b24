//! The whole description: its parts, checked one by one, become one program.

use weft_codec::{
    Balance, ConnectionState, Correlation, KeyNames, OneWayAnswers, Order, Sayings, Speaker, Traits,
};
use weft_ron::Step;

use super::Checker;
use super::frame::Builder;
use super::items::is_plain;
use super::meaning::Declared;
use super::named::named;
use super::quick;
use super::replies::Spoken;
use super::shape::{Holds, Shape};
use crate::id::IdForm;
use crate::program::{
    Ask, Base, Cases, Deadline, Extent, Field, KeyOf, Kinds, Place, Plain, Program, Quick, Slot,
};
use crate::program::{QuickRead, Text, Varying, What, Where};
use crate::raw::{self, Protocol};

impl Checker<'_> {
    /// The whole description. `None`, and complaints, if it cannot be compiled.
    pub(super) fn protocol(&mut self, raw: &Protocol) -> Option<Program> {
        if raw.name.is_empty() {
            self.refuse(
                &[Step::Field("name")],
                "the protocol has no name",
                "give it the name that configurations use",
            );
        }
        let built = Builder::build(self, raw);
        let (mut shape, enum_at) = (built.shape, built.kinds);
        let kinds = self.kinds(raw, &shape, enum_at.as_deref());
        let more = raw
            .more
            .as_ref()
            .map(|when| self.condition(&shape, when, &[Step::Field("more")]));
        self.names(raw, &mut shape);
        let mut program = empty(raw, kinds);
        program.more = more;
        program.service = self.reader(raw.service.as_deref(), "service", &shape);
        program.method = self.reader(raw.method.as_deref(), "method", &shape);
        self.idempotent(raw);
        (program.keys, program.traits.keys) = self.keys(raw, &shape);
        program.hash_keys = self.hash_keys(raw, &shape);
        if !program.hash_keys.is_empty() {
            program.traits.balance = Balance::RingHash;
        }
        program.deadline = self.deadline(raw, &shape);
        program.verdicts = self.verdicts(raw, &shape);
        program.status = self.status(raw, &shape);
        program.effects = self.effects(raw, &shape);
        let declared = self.declarations(raw, &shape);
        program.quiet = self.quiet(raw, &shape, &declared);
        let spoken = self.replies(raw, &shape, program.status.as_ref());
        if !self.complaints.is_empty() {
            return None;
        }
        program.declare(declared);
        program.speak(spoken);
        program.shape(shape);
        program.quick = constant(&program);
        let plain = program.plain.len();
        for field in &mut program.fields {
            field.quick = quick_read(field, plain);
        }
        ask_quickly(&mut program);
        search_quickly(&mut program);
        program.first_look = first_look(&program);
        quick::slots(&mut program);
        let quick = program.quick.as_ref();
        program.glance = quick.and_then(|quick| quick::glance(&program, quick));
        self.says_what_it_means(&program);
        Some(program)
    }

    /// Where the deadline stands.
    fn deadline(&mut self, raw: &Protocol, shape: &Shape) -> Option<Deadline> {
        let (name, unit_ns) = match raw.deadline.as_ref()? {
            raw::Deadline::Seconds(name) => (name, 1_000_000_000),
            raw::Deadline::Millis(name) => (name, 1_000_000),
            raw::Deadline::Micros(name) => (name, 1_000),
        };
        let is_int = |holds: Holds| matches!(holds, Holds::Int | Holds::Decimal);
        let path = [Step::Field("deadline"), Step::Index(0)];
        let field = self.field(shape, name, &path, ("an Int or Decimal", is_int))?;
        Some(Deadline {
            ask: Ask::of(field),
            unit_ns,
            slot: None,
        })
    }
}

/// A program of which only the name and the kinds are known.
fn empty(raw: &Protocol, kinds: Kinds) -> Program {
    Program {
        name: raw.name.clone(),
        traits: Traits {
            correlation: Correlation::Bound,
            order: Order::InOrder,
            state: ConnectionState::Stateless,
            ids: None,
            speaks_first: match raw.speaks_first {
                Some(raw::Speaker::Server) => Speaker::Upstream,
                Some(raw::Speaker::Client) | None => Speaker::Downstream,
            },
            one_way_answers: OneWayAnswers::Never,
            says: Sayings::default(),
            keys: KeyNames::default(),
            balance: Balance::PeakEwma,
            frame_bytes_min: 1,
        },
        idempotent: raw.idempotent.clone(),
        plain: Vec::new(),
        quick: None,
        glance: None,
        strides: Vec::new(),
        magics: Vec::new(),
        late_magics: Vec::new(),
        named: Vec::new(),
        named_entries: Vec::new(),
        fields: Vec::new(),
        groups: Vec::new(),
        extent: Extent {
            lengths: Vec::new(),
            end: Place::default(),
        },
        frame_bytes_min: 1,
        first_look: 1,
        kinds,
        more: None,
        effects: Vec::new(),
        quiet: Vec::new(),
        id: None,
        bodies: Vec::new(),
        trailers: Vec::new(),
        ends_in_sum: false,
        sums: Vec::new(),
        service: None,
        method: None,
        keys: Vec::new(),
        hash_keys: Vec::new(),
        deadline: None,
        status: None,
        verdicts: Vec::new(),
        echoes: Vec::new(),
        echoed_runs: None,
        parts: Vec::new(),
        errors: Cases::default(),
        farewells: Cases::default(),
        ping: None,
        pong: None,
        go_away: None,
        local: None,
        cancel: None,
    }
}

impl Program {
    /// Takes over what the description declares.
    fn declare(&mut self, declared: Declared) {
        self.traits.correlation = declared.correlation;
        self.traits.order = declared.order;
        self.traits.one_way_answers = declared.one_way_answers;
        self.traits.ids = declared.ids;
        if !self.effects.is_empty() {
            self.traits.state = ConnectionState::PerRequest;
        }
    }

    /// Takes over the mesh's own frames.
    fn speak(&mut self, spoken: Spoken) {
        self.traits.says = Sayings {
            error: !spoken.errors.list.is_empty(),
            ping: spoken.ping.is_some(),
            pong: spoken.pong.is_some(),
            go_away: spoken.go_away.is_some(),
            farewell: !spoken.farewells.list.is_empty(),
            cancel: spoken.cancel.is_some(),
            deadline: self.deadline.is_some(),
        };
        self.echoes = spoken.echoes;
        self.errors = spoken.errors;
        self.farewells = spoken.farewells;
        let mut back = 0usize;
        for cases in [&mut self.farewells, &mut self.errors] {
            if cases.differ() {
                back = back.saturating_add(1);
                cases.noted = Some(back);
            }
        }
        self.ping = spoken.ping;
        self.pong = spoken.pong;
        self.go_away = spoken.go_away;
        self.local = spoken.local;
        self.cancel = spoken.cancel;
    }

    /// Takes over where everything stands.
    fn shape(&mut self, shape: Shape) {
        self.traits.frame_bytes_min = shape.frame_bytes_min;
        self.frame_bytes_min = shape.frame_bytes_min;
        self.plain = plain_strides(&shape);
        (self.named, self.named_entries) = named(&shape);
        self.strides = shape.strides;
        self.magics = shape.magics;
        self.late_magics = shape.late_magics;
        self.fields = shape.fields;
        self.groups = shape.groups;
        self.extent = Extent {
            lengths: shape.lengths,
            end: shape.end,
        };
        self.id = shape.id;
        self.bodies = shape.bodies;
        self.trailers = shape.trailers;
        self.ends_in_sum = shape.ends_in_sum;
        self.sums = shape.sums;
        self.parts = shape.parts;
    }
}

/// The first strides, as far as they can be passed without knowing what came before.
fn plain_strides(shape: &Shape) -> Vec<Plain> {
    let strides = shape.strides.iter();
    let plain = strides.map_while(|stride| match stride.what {
        Varying::Run(number) => Some(Plain::Run(stride.gap, number)),
        Varying::Entries(entries) => Some(Plain::Entries(stride.gap, entries)),
        _ => None,
    });
    plain.collect()
}

/// Notes how the fields are read that are asked for often.
fn ask_quickly(program: &mut Program) {
    let asks = [&mut program.service, &mut program.method];
    let asks = asks.into_iter().flatten();
    let echoes = program.echoes.iter_mut().map(|echo| &mut echo.ask);
    let deadline = program.deadline.as_mut().map(|deadline| &mut deadline.ask);
    let status = program.status.as_mut().map(|status| &mut status.ask);
    for ask in asks.chain(echoes).chain(deadline).chain(status) {
        let field = program.fields.get(ask.field);
        ask.quick = field.and_then(|field| field.quick);
    }
}

/// Notes which maps can be searched at once.
fn search_quickly(program: &mut Program) {
    let plain = program.plain.len();
    for key in &mut program.keys {
        let (KeyOf::Entry(groups, _) | KeyOf::AnyEntry(groups)) = &key.of else {
            continue;
        };
        let [group] = groups.as_slice() else { continue };
        let Some(group) = program.groups.get(*group) else {
            continue;
        };
        if usize::from(group.place.strides) <= plain {
            key.quick = group.plain.map(|entries| (group.place, entries));
        }
    }
}

/// How a field is read that has one spot, behind plain strides only.
fn quick_read(field: &Field, plain: usize) -> Option<(Place, QuickRead)> {
    let [spot] = field.spots.as_slice() else {
        return None;
    };
    let Where::Place(place) = spot.at else {
        return None;
    };
    let read = match &spot.what {
        What::Number(number) if number.is_fixed() => QuickRead::Number(*number),
        What::Text(Text::Run { number, plus: 0 }) if is_plain(*number) => QuickRead::Run(*number),
        What::Text(Text::Fixed(bytes)) => QuickRead::Fixed(*bytes),
        _ => return None,
    };
    (usize::from(place.strides) <= plain).then_some((place, read))
}

/// What is read of a frame whose extent, kind and id stand at constant offsets, if nothing else
/// must be looked at.
fn constant(program: &Program) -> Option<Quick> {
    let fixed = |place: Place| place.strides == 0;
    let plain = |place: Place| usize::from(place.strides) <= program.plain.len();
    let length = match program.extent.lengths.as_slice() {
        [] if fixed(program.extent.end) => None,
        [length] if fixed(length.place) && is_plain(length.number) => match length.base {
            Base::Body(body) if !plain(body) => return None,
            _ => Some(*length),
        },
        _ => return None,
    };
    let id = match program.id.as_ref().map(|id| (id.form, id.spots.as_slice())) {
        None => None,
        Some((IdForm::Number(number), [spot])) if is_plain(number) => match spot.at {
            Where::Place(place) if fixed(place) => Some(Slot::new(place.bytes, number)?),
            _ => return None,
        },
        Some(_) => return None,
    };
    let nothing_else = program.late_magics.is_empty()
        && program.sums.is_empty()
        && program.more.is_none()
        && program.effects.is_empty()
        && program.quiet.is_empty()
        && program.trailers.is_empty()
        && !matches!(program.kinds, Kinds::Rules(_));
    let body = match program.bodies.as_slice() {
        [] => true,
        [body] => plain(*body),
        _ => false,
    };
    (nothing_else && body).then_some(Quick {
        length,
        id,
        deadline_ms: None,
    })
}

/// The bytes up to the last of those among constants, length, kind and id that stand at a fixed
/// offset: before they are there, no look is worth it. At least 1.
fn first_look(program: &Program) -> usize {
    let fixed = |place: Place, bytes: usize| match place.strides {
        0 => (place.bytes as usize).saturating_add(bytes),
        _ => 0,
    };
    let magics = program.magics.iter();
    let magic = magics
        .map(|magic| magic.at.saturating_add(magic.bytes.len()))
        .max();
    let lengths = program.extent.lengths.iter();
    let length = lengths
        .map(|length| fixed(length.place, length.number.bytes()))
        .max();
    let end = match program.extent.lengths.as_slice() {
        [] => fixed(program.extent.end, 0),
        _ => 0,
    };
    let kind = match &program.kinds {
        Kinds::Direction | Kinds::Rules(_) => 0,
        Kinds::Byte { place, .. } => fixed(*place, 1),
        Kinds::Ranges { place, number, .. } => fixed(*place, number.bytes()),
    };
    let id = program.id.as_ref().map_or(0, |id| {
        let spots = id.spots.iter();
        let places = spots.map(|spot| match (&spot.at, id.bytes) {
            (Where::Place(place), Some(bytes)) if spot.text.is_none() => {
                fixed(*place, usize::from(bytes))
            }
            _ => 0,
        });
        places.max().unwrap_or(0)
    });
    magic
        .unwrap_or(0)
        .max(length.unwrap_or(0))
        .max(end)
        .max(kind)
        .max(id)
        .max(1)
}
