//! The kit against a toy protocol: sound, it passes; with one fault put in, that fault is found.
//!
//! A frame of the toy: bytes of the whole frame, kind (0 request, 1 answer, 2 error answer), id,
//! body.

use super::*;
use crate::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    WrongKind,
    CopyAltersBody,
    NoProgress,
    ConsumedTooLittle,
    HeadPastTheBytes,
    CutLosesAFrame,
    IdAltersBody,
    IdLost,
    ReplyUnderAnotherId,
    ReplyLooksGood,
    PanicOnOddKinds,
    ComplaintPastTheBytes,
    PartsOverlap,
    PartPastTheFrame,
    DeepPartOutsideItsHolder,
    IdUnnamed,
}

#[derive(Debug)]
struct Toy {
    fault: Fault,
    traits: Traits,
}

impl Toy {
    fn with(fault: Fault) -> Self {
        let traits = Traits {
            correlation: Correlation::ById,
            order: Order::AsReady,
            state: ConnectionState::Stateless,
            ids: Some(IdDomain {
                kind: IdKind::Integer(1),
                wire_first: 10,
                wire_last: 200,
            }),
            speaks_first: Speaker::Downstream,
            one_way_answers: OneWayAnswers::Never,
            says: Sayings {
                error: true,
                ..Sayings::default()
            },
            keys: KeyNames::default(),
            balance: Balance::PeakEwma,
            frame_bytes_min: 3,
        };
        Self { fault, traits }
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }
}

impl Codec for Toy {
    fn name(&self) -> &str {
        "toy"
    }

    fn traits(&self) -> &Traits {
        &self.traits
    }

    fn sniff(&self, _prefix: &[u8]) -> Sniff {
        Sniff::Yes
    }

    fn scan(
        &self,
        _side: Side,
        _limits: &Limits,
        _state: &mut ScanState,
        bytes: &[u8],
        heads: &mut Vec<Head>,
    ) -> Result<Scanned, Malformed> {
        let mut at = 0;
        let mut need = 1;
        while let Some(&len) = bytes.get(at) {
            if len < 3 {
                let past = if self.is(Fault::ComplaintPastTheBytes) {
                    1000
                } else {
                    0
                };
                return Err(Malformed::new(at + past, "too short"));
            }
            let Some(frame) = bytes.get(at..at + usize::from(len)) else {
                need = usize::from(len);
                break;
            };
            let kind = match frame[1] {
                0 if self.is(Fault::WrongKind) => Kind::OneWay,
                0 => Kind::Request,
                1 | 2 => Kind::Answer,
                _ if self.is(Fault::PanicOnOddKinds) => panic!("odd kind"),
                _ => return Err(Malformed::new(at + 1, "no such kind")),
            };
            let beyond = u32::from(self.is(Fault::HeadPastTheBytes));
            if !(self.is(Fault::CutLosesAFrame) && at > 0) {
                heads.push(Head {
                    start: at as u32,
                    frame_bytes: u32::from(len),
                    head_bytes: u32::from(len) + beyond,
                    id: Span::new(2, 1),
                    id_value: u64::from(frame[2]),
                    kind,
                    notes: [u32::from(frame[1]), 0, 0, 0],
                    ..Head::default()
                });
            }
            at += usize::from(len);
        }
        if self.is(Fault::CutLosesAFrame) {
            at = heads
                .last()
                .map_or(0, |head| (head.start + head.frame_bytes) as usize);
            need = bytes.len() - at + 1;
        }
        if self.is(Fault::NoProgress) {
            need = 0;
        }
        let less = usize::from(self.is(Fault::ConsumedTooLittle) && at > 0);
        Ok(Scanned {
            consumed: at - less,
            need,
        })
    }

    fn remember(&self, head: &Head, _frame: &[u8], asked: &mut Asked) {
        asked.bytes.push(head.id_value as u8);
    }

    fn field<'a>(
        &self,
        _side: Side,
        _head: &Head,
        _frame: &'a [u8],
        _field: Field<'_>,
    ) -> Option<Value<'a>> {
        None
    }

    fn classify(&self, head: &Head, _frame: &[u8]) -> Verdict {
        if head.notes[0] == 2 {
            Verdict::ApplicationError
        } else {
            Verdict::Ok
        }
    }

    fn emit(
        &self,
        _side: Side,
        _head: &Head,
        frame: &[u8],
        rewrite: &Rewrite<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EmitError> {
        let id = match rewrite.id {
            NewId::Keep => frame[2],
            NewId::Wire(id) => u8::try_from(id).map_err(|_| EmitError::Id(id))?,
            NewId::Callers(_) if self.is(Fault::IdLost) => 0xee,
            NewId::Callers(asked) => asked.bytes[0],
        };
        let at = out.len();
        out.extend_from_slice(frame);
        out[at + 2] = id;
        let altered = self.is(Fault::CopyAltersBody)
            || self.is(Fault::IdAltersBody) && matches!(rewrite.id, NewId::Wire(_));
        if altered && let Some(last) = out.get_mut(at + 3) {
            *last ^= 1;
        }
        Ok(())
    }

    fn say(&self, what: &Say<'_>, out: &mut Vec<u8>) -> Result<(), CannotSay> {
        let Say::Error { asked, .. } = what else {
            return Err(CannotSay);
        };
        let id = asked.bytes[0] ^ u8::from(self.is(Fault::ReplyUnderAnotherId));
        let kind = if self.is(Fault::ReplyLooksGood) { 1 } else { 2 };
        out.extend_from_slice(&[4, kind, id, b'!']);
        Ok(())
    }

    fn parts(&self, _side: Side, head: Option<&Head>, frame: &[u8], parts: &mut Parts) {
        let end = head.map_or(frame.len() as u32, |head| head.frame_bytes);
        if end < 3 {
            return;
        }
        let late = u32::from(self.is(Fault::PartPastTheFrame));
        let early = u32::from(self.is(Fault::PartsOverlap));
        let deep = u32::from(self.is(Fault::DeepPartOutsideItsHolder));
        parts.words("begin", Span::new(0, 2 - deep), "two bytes");
        parts.inside(|parts| parts.bytes("kind", Span::new(1, 1)));
        if !self.is(Fault::IdUnnamed) {
            parts.bytes("id", Span::new(2, 1));
        }
        parts.bytes("body", Span::new(3 - early, end - 3 + late + early));
    }
}

fn vector(name: &str, side: Side, kind: Kind, bytes: &[u8]) -> Vector {
    Vector {
        name: name.to_owned(),
        side,
        bytes: bytes.to_vec(),
        text: String::new(),
        kind,
        id: Some(bytes[2..3].to_vec()),
        id_value: None,
        service: None,
        method: None,
        fields: Default::default(),
        hash_keys: None,
        deadline_ms: None,
        status: None,
        verdict: None,
        effect: None,
        exclusive: None,
        quiet: Some(false),
        mended: Vec::new(),
    }
}

fn proved(fault: Fault) -> Result<Report, Failures> {
    let file = VectorFile {
        name: "toy".to_owned(),
        provenance: "made here".to_owned(),
        frames: vec![
            vector(
                "ask",
                Side::Downstream,
                Kind::Request,
                &[5, 0, 7, b'h', b'i'],
            ),
            vector("answer", Side::Upstream, Kind::Answer, &[4, 1, 7, b'y']),
            vector("again", Side::Downstream, Kind::Request, &[4, 0, 8, b'?']),
        ],
    };
    let codec = Toy::with(fault);
    Proof::new(&codec).with(file).mutations(2_000).run_all()
}

#[track_caller]
fn finds(fault: Fault, check: &str) {
    let failures = proved(fault).expect_err("the fault was not found");
    let found = failures.list.iter().any(|(of, _)| *of == check);
    assert!(found, "{check} found nothing: {failures}");
}

#[test]
fn a_sound_codec_passes_and_every_check_did_something() {
    let report = proved(Fault::None).unwrap_or_else(|failures| panic!("{failures}"));
    assert_eq!((report.vectors, report.ids, report.replies), (3, 15, 24));
    assert!(report.cuts > 100 && report.mutations == 2_000, "{report:?}");
    assert!(report.mutated_heads > 0 && report.mutated_complaints > 0);
}

#[test]
fn a_wrong_kind_is_found() {
    finds(Fault::WrongKind, "vectors");
}

#[test]
fn a_copy_that_differs_is_found() {
    finds(Fault::CopyAltersBody, "vectors");
}

#[test]
fn broken_promises_of_a_scan_are_found() {
    finds(Fault::NoProgress, "vectors");
    finds(Fault::ConsumedTooLittle, "vectors");
    finds(Fault::HeadPastTheBytes, "vectors");
}

#[test]
fn a_frame_lost_between_others_is_found() {
    finds(Fault::CutLosesAFrame, "cuts");
}

#[test]
fn an_id_that_alters_more_than_itself_is_found() {
    finds(Fault::IdAltersBody, "ids");
    finds(Fault::IdLost, "ids");
}

#[test]
fn a_reply_under_another_id_or_that_looks_good_is_found() {
    finds(Fault::ReplyUnderAnotherId, "replies");
    finds(Fault::ReplyLooksGood, "replies");
}

#[test]
fn a_panic_and_a_complaint_out_of_place_are_found() {
    finds(Fault::PanicOnOddKinds, "hostile");
    finds(Fault::ComplaintPastTheBytes, "hostile");
}

#[test]
fn parts_that_lie_wrongly_are_found() {
    finds(Fault::PartsOverlap, "parts");
    finds(Fault::PartPastTheFrame, "parts");
    finds(Fault::DeepPartOutsideItsHolder, "parts");
    finds(Fault::IdUnnamed, "parts");
}

#[test]
fn a_proof_without_vectors_is_no_proof() {
    let codec = Toy::with(Fault::None);
    assert!(Proof::new(&codec).mutations(0).run_all().is_err());
}
