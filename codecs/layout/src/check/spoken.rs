//! The mesh's own frames are read back: what a reply says must be what peers will understand.

use weft_codec::{Asked, Head, Kind, Limits, ProxyError, Say, ScanState, Side, Verdict};
use weft_ron::Step;

use super::Checker;
use crate::program::{Kinds, Part, Program, Source, Template, Want};

impl Checker<'_> {
    /// Says each reply to a request of which nothing is known, and reads it. A reply whose shape
    /// depends on what it echoes cannot be judged so.
    pub(super) fn says_what_it_means(&mut self, program: &Program) {
        let mut asked = Asked::default();
        program.remember(&Head::default(), &[], &mut asked);
        let id = program.traits.ids.map_or(0, |ids| ids.wire_first);
        if let Some(id_field) = program.id.as_ref().filter(|id| id.bytes.is_none()) {
            asked.clear();
            // As long as an id of the mesh's own.
            remember_id(program, id_field, id, &mut asked);
        }
        let error = ProxyError::Overload;
        let words = "weft: overloaded";
        for (case, (_, template)) in program.errors.list.iter().enumerate() {
            program.errors.set(&mut asked, case);
            let asked = &asked;
            let what = Say::Error {
                error,
                words,
                asked,
            };
            let told = (Side::Upstream, Kind::Answer);
            self.says_this(program, ("error", template), &what, told);
        }
        for (case, (_, template)) in program.farewells.list.iter().enumerate() {
            program.farewells.set(&mut asked, case);
            let what = Say::Farewell { opening: &asked };
            let told = (Side::Upstream, Kind::GoAway);
            self.says_this(program, ("farewell", template), &what, told);
        }
        let asked = &asked;
        let (up, down) = (Side::Upstream, Side::Downstream);
        let pong = Say::Pong { asked };
        let (ping, cancel) = (Say::Ping { id }, Say::Cancel { id });
        for (word, template, what, told) in [
            ("ping", &program.ping, ping, (down, Kind::Ping)),
            ("pong", &program.pong, pong, (up, Kind::Pong)),
            (
                "local",
                &program.local,
                Say::Local { asked },
                (up, Kind::Answer),
            ),
            ("go_away", &program.go_away, Say::GoAway, (up, Kind::GoAway)),
            ("cancel", &program.cancel, cancel, (down, Kind::Cancel)),
        ] {
            if let Some(template) = template {
                self.says_this(program, (word, template), &what, told);
            }
        }
    }

    /// Says one reply and reads it.
    fn says_this(
        &mut self,
        program: &Program,
        (word, template): (&str, &Template),
        what: &Say<'_>,
        told: (Side, Kind),
    ) {
        if depends_on_echo(program, template) {
            return;
        }
        let read = read_back(program, what, told).or_else(|wrong| {
            let answered = some_request_is_answered(program, template, what, told);
            answered.then_some(()).ok_or(wrong)
        });
        if let Err(wrong) = read {
            // Of several errors the list is shown.
            let word_at = match word {
                "error" if program.errors.noted.is_some() => "errors",
                "farewell" => "farewells",
                word => word,
            };
            self.refuse(
                &[Step::Field("replies"), Step::Field(word_at)],
                format!("peers would not understand this {word}: {wrong}"),
                "set the fields that say which others follow, or that tell kinds apart",
            );
        }
    }
}

/// Notes an id as [`Program::remember`] would.
fn remember_id(program: &Program, field: &crate::program::IdField, id: u64, asked: &mut Asked) {
    let mut bytes = Vec::new();
    field.form.push(id, &mut bytes);
    let mut head = Head {
        frame_bytes: u32::try_from(bytes.len()).unwrap_or(0),
        ..Head::default()
    };
    head.id.len = head.frame_bytes;
    program.remember(&head, &bytes, asked);
}

/// Whether the reply takes a field from its request.
fn is_echo(template: &Template, field: usize) -> bool {
    matches!(template.sources.get(field), Some(Some(Source::Echo(_))))
}

/// Whether what is refused to a request of zeros is understood behind one that has other
/// numbers: where kinds are told by fields that are echoed, zeros may be no request at all.
fn some_request_is_answered(
    program: &Program,
    template: &Template,
    what: &Say<'_>,
    told: (Side, Kind),
) -> bool {
    let (Kinds::Rules(rules), Say::Error { asked, .. } | Say::Pong { asked }) =
        (&program.kinds, what)
    else {
        return false;
    };
    let tests = rules.iter().flat_map(|(condition, _)| &condition.lines);
    let tests = tests.flatten().filter(|test| is_echo(template, test.field));
    let mut numbers = tests.flat_map(|test| match &test.want {
        Want::Range(first, last) => vec![*first, last.saturating_add(1)],
        _ => Vec::new(),
    });
    numbers.any(|number| {
        let mut asked = (*asked).clone();
        program.set_asked_numbers(&mut asked, number);
        let what = match what {
            Say::Error { error, words, .. } => Say::Error {
                error: *error,
                words,
                asked: &asked,
            },
            _ => Say::Pong { asked: &asked },
        };
        read_back(program, &what, told).is_ok()
    })
}

/// Whether a condition asks for a field that the reply takes from its request.
fn depends_on_echo(program: &Program, template: &Template) -> bool {
    program.parts.iter().any(|part| match part {
        Part::Branch(condition, _) => condition
            .lines
            .iter()
            .flatten()
            .any(|test| is_echo(template, test.field)),
        _ => false,
    })
}

/// Says it and reads it as its peer would.
fn read_back(program: &Program, what: &Say<'_>, (side, kind): (Side, Kind)) -> Result<(), String> {
    let mut bytes = Vec::new();
    if program.say(what, &mut bytes).is_err() {
        return Err("a field does not fit its place".to_owned());
    }
    let mut heads = Vec::new();
    let mut state = ScanState::default();
    let limits = Limits::default();
    program
        .scan((side, &limits), &mut state, &bytes, &mut heads)
        .map_err(|malformed| malformed.to_string())?;
    let [head] = heads.as_slice() else {
        return Err(format!("its {} bytes are not one frame", bytes.len()));
    };
    if head.frame_bytes as usize != bytes.len() {
        return Err(format!("its {} bytes are not one frame", bytes.len()));
    }
    if head.kind != kind {
        return Err(format!("it is taken for {:?}", head.kind));
    }
    let is_error = matches!(what, Say::Error { .. });
    if is_error && program.classify(head, &bytes) == Verdict::Ok {
        return Err("it means Ok: clients would take an error for success".to_owned());
    }
    Ok(())
}
