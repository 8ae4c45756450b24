//! Each mistake that is refused, with the place of its complaint. `«` marks the place and is
//! taken out before the text is read.

use weft_codec::{Codec, Correlation};

use crate::{Complaint, Layout};

/// Compiles a text without its marks.
fn compile(marked: &str) -> Result<Layout, Vec<Complaint>> {
    Layout::compile("sample.ron", &marked.replace('«', ""))
}

/// The complaints about a text whose first complaint must be where `«` stands.
#[track_caller]
fn complaints(marked: &str) -> Vec<Complaint> {
    let complaints = compile(marked).expect_err("this description must be refused");
    let before = marked.split('«').next().unwrap_or_default();
    let line = 1 + before.matches('\n').count();
    let column = 1 + before.chars().rev().take_while(|c| *c != '\n').count();
    let first = &complaints[0];
    assert_eq!(
        (first.line as usize, first.column as usize),
        (line, column),
        "{first}"
    );
    complaints
}

/// The text is refused with one complaint, which says `said` and offers the mend `mend`.
#[track_caller]
fn refused(marked: &str, said: &str, mend: &str) {
    let complaints = complaints(marked);
    let first = complaints[0].to_string();
    assert_eq!(
        complaints.len(),
        1,
        "more than one complaint: {complaints:#?}"
    );
    assert!(first.contains(said), "{first}");
    assert!(first.contains(mend), "{first}");
}

/// A good description with `frame` as its frame and `rest` behind it.
fn described(frame: &str, rest: &str) -> String {
    format!("(\n  name: \"sample\",\n  frame: {frame},\n  state: Stateless,\n  {rest}\n)")
}

/// A frame that nothing is wrong with.
const FRAME: &str = r#"[
    Magic("S"),
    Enum("kind", U8, { 0: Request, 1: Answer, 2: Ping, 3: Pong }),
    Int("status", U16),
    Id("id", U16),
    Length("size", U16, Rest),
    Str("verb", U8),
    Map("meta", U8, Str(U8), Str(U8)),
    Body("body"),
  ]"#;

#[track_caller]
fn refused_frame(frame: &str, said: &str, mend: &str) {
    refused(&described(frame, ""), said, mend);
}

#[track_caller]
fn refused_rest(rest: &str, said: &str, mend: &str) {
    refused(&described(FRAME, rest), said, mend);
}

#[test]
fn the_sample_itself_is_good() {
    let layout = compile(&described(FRAME, "")).unwrap();
    assert_eq!(layout.traits().correlation, Correlation::ById);
}

#[test]
fn an_unknown_word_is_refused_with_the_nearest() {
    refused(
        "(name: \"a\", frame: [], «servise: \"x\")",
        "unknown field `servise`",
        "did you mean `service`?",
    );
    refused(
        "(name: \"a\", frame: [\n «Lenght(\"l\", U32, Rest)])",
        "unknown word `Lenght`",
        "did you mean `Length`?",
    );
    refused(
        "(name: \"a\", frame: [\n Int(\"l\", «U12)])",
        "unknown word `U12`",
        "expected one of `U8`, `U16`",
    );
    refused(
        "(name: \"a\", frame: [Enum(\"k\", U8, { 0: «Reqest })])",
        "unknown word `Reqest`",
        "did you mean `Request`?",
    );
}

#[test]
fn what_is_no_pattern_is_refused_with_how_to_write_one() {
    refused(
        "(name: \"a\", frame: [Enum(\"k\", U8, { «1.5: Request })])",
        "is no pattern",
        "`1..=99`",
    );
}

#[test]
fn constants_over_ascii_must_be_bytes() {
    refused(
        "(name: \"a\", frame: [Magic(«\"\u{da}\")])",
        "ambiguous",
        "b\"\\xDA\\xBB\"",
    );
    let bytes = r#"[Magic(b"\xDA\xBB"), Id("id", U8), Length("l", U8, Rest), Body("b")]"#;
    assert!(compile(&described(bytes, "")).is_ok());
}

#[test]
fn a_frame_without_fields_is_refused() {
    let complaints = complaints("(name: \"a\", correlation: Bound, frame: «[])");
    assert!(complaints[0].message.contains("0 fields"));
}

#[test]
fn two_fields_of_one_name_are_refused() {
    refused_frame(
        r#"[Id("id", U8), Int(«"id", U8)]"#,
        "two fields are named `id`",
        "its own name",
    );
}

#[test]
fn a_name_that_keys_could_not_hold_is_refused() {
    refused_frame(
        r#"[Id("id", U8), Int(«"a.b", U8)]"#,
        "`a.b` is no name",
        "letters, digits",
    );
}

#[test]
fn a_second_id_or_length_is_refused() {
    refused_frame(
        r#"[Id("id", U8), «Id("other", U8)]"#,
        "only one Id",
        "as an Int",
    );
    refused_frame(
        r#"[Id("id", U8), Length("a", U8, Rest), «Length("b", U8, Rest), Body("x")]"#,
        "only one Length",
        "as an Int",
    );
}

#[test]
fn a_length_behind_what_it_measures_is_refused() {
    refused_frame(
        r#"[Id("id", U8), Body("body"), «Length("size", U32, Body)]"#,
        "the length `size` stands behind the body",
        "move `size` before the Body",
    );
}

#[test]
fn an_id_that_cannot_be_patched_is_refused() {
    refused_frame(
        r#"[Length("size", U32, Rest), Body("body"), «Id("id", Varint)]"#,
        "cannot be patched",
        "move `id` before the Body",
    );
    refused_rest(
        "ids: (first: 1, last: «65536),",
        "id 65536 cannot be patched into 2 byte(s)",
        "at most 65535",
    );
    refused_rest(
        "ids: «(first: 9, last: 8),",
        "from 9 to 8 is empty",
        "first: 1",
    );
}

#[test]
fn fields_behind_the_body_are_refused() {
    refused_frame(
        r#"[Id("id", U8), Length("l", U8, Rest), Body("b"), «Str("note", U8)]"#,
        "`note` stands behind the body",
        "move it before the Body",
    );
}

#[test]
fn a_head_without_a_bound_is_refused() {
    refused_frame(
        r#"«[Id("id", U8), Body("body")]"#,
        "the frame has no bound",
        "Length(\"size\", U32, Rest)",
    );
    refused_frame(
        r#"[Id("id", U8), Bytes("pad", Fixed(«70000))]"#,
        "70000 bytes",
        "head has a bound",
    );
}

#[test]
fn a_length_that_counts_what_is_not_there_is_refused() {
    refused_frame(
        r#"[Id("id", U8), Length("l", U8, «Body)]"#,
        "the frame has none",
        "add Body",
    );
    refused_frame(
        r#"[Id("id", U8), Length("l", U8, «Frame), Bytes("pad", Fixed(300))]"#,
        "counts up to 255 bytes",
        "302 bytes and more",
    );
}

#[test]
fn an_empty_magic_is_refused() {
    refused_frame(r#"[Magic(«""), Id("id", U8)]"#, "no bytes", "remove it");
}

#[test]
fn kinds_that_cannot_be_told_apart_are_refused() {
    refused_frame(
        r#"[Id("id", U8), Enum("k", U8, { 0: Request, 1: Answer, «0: Ping })]"#,
        "two kinds cannot be told apart",
        "one meaning",
    );
    refused_frame(
        r#"[Id("id", U8), Enum("k", U8, { 0..=9: Request, «5..=20: Answer })]"#,
        "`5..=20` and `0..=9` share values",
        "one meaning",
    );
    refused_frame(
        r#"[Id("id", U8), Enum("k", U8, { 0: Message, «0: Message })]"#,
        "repeats",
        "remove one",
    );
}

#[test]
fn kinds_that_no_value_reaches_are_refused() {
    refused_frame(
        r#"[Id("id", U8), Enum("k", U8, { 0: Message, «256: Ping })]"#,
        "ends at 255",
        "widen",
    );
    refused_frame(
        r#"[Id("id", U8), Enum("k", U8, { _: Message, «1: Ping })]"#,
        "`1` is never reached",
        "move `_` to the end",
    );
}

#[test]
fn kinds_without_requests_or_answers_are_refused() {
    refused_frame(
        r#"[Id("id", U8), Enum("k", U8, «{ 1: Answer })]"#,
        "no value of `k` is a request",
        "Message",
    );
    refused_frame(
        r#"[Id("id", U8), Enum("k", U8, «{ 1: Request, 2: Ping })]"#,
        "no value of `k` is an answer",
        "the kind Answer",
    );
}

#[test]
fn a_service_or_method_that_is_not_there_is_refused_with_the_nearest() {
    refused_rest(
        "method: «\"verbs\",",
        "the frame has no field `verbs`",
        "did you mean `verb`?",
    );
    refused_rest(
        "service: «\"body\",",
        "`body` is the Body",
        "expected one of",
    );
}

#[test]
fn a_key_that_no_rule_could_reach_is_refused() {
    refused_rest(
        "keys: [\"verb\", «\"verb\"],",
        "no rule could reach",
        "remove",
    );
    refused_rest(
        "keys: [\"meta.*\", «\"meta.tenant\"],",
        "no rule could reach the key `meta.tenant`",
        "remove",
    );
    refused_rest("keys: [«\"meta\"],", "a whole Map is no value", "`meta.*`");
    refused_rest("keys: [«\"meta.te*\"],", "names no entry", "`meta.*`");
    refused_rest(
        "keys: [«\"mata.*\"],",
        "no field `mata`",
        "did you mean `meta`?",
    );
    refused_rest("keys: [«\"verb.*\"],", "a Map is needed", "expected `meta`");
    refused_rest("keys: [«\"id\"],", "`id` is the Id", "expected one of");
}

#[test]
fn names_of_values_are_checked() {
    refused_rest(
        "names: { \"status\": { 1: \"a\", «1: \"b\" } },",
        "two names for one value",
        "one meaning",
    );
    refused_rest(
        "names: { \"verb\": «{ 1: \"a\" } },",
        "an Int or Enum is needed",
        "expected one of `kind`, `status`",
    );
}

#[test]
fn a_deadline_must_be_an_integer() {
    refused_rest(
        "deadline: Millis(«\"verb\"),",
        "an Int or Decimal is needed",
        "expected `status`",
    );
}

#[test]
fn a_status_table_must_be_whole_and_reachable() {
    refused_rest(
        "status: Of(\"status\", «[(0, Ok)]),",
        "what other values mean",
        "(_, ApplicationError)",
    );
    refused_rest(
        "status: Of(\"status\", [(0..=9, Ok), («9, Overload), (_, ApplicationError)]),",
        "two verdicts on one status",
        "one meaning",
    );
    refused_rest(
        "status: Of(«\"statu\", [(_, Ok)]),",
        "no field `statu`",
        "did you mean `status`?",
    );
}

#[test]
fn answers_must_find_their_requests() {
    let no_id = r#"«[Length("l", U8, Rest), Body("b")]"#;
    refused_frame(no_id, "nothing says how answers find", "InOrder");
    let no_id = no_id.replace('«', "");
    refused(
        &described(&no_id, "correlation: «ById,"),
        "the frame has no Id",
        "add Id(",
    );
    refused(
        &described(&no_id, "correlation: InOrder, order: «AsReady,"),
        "only by their order",
        "order: InOrder",
    );
    refused(
        &described(&no_id, "correlation: InOrder, ids: «(first: 1, last: 2),"),
        "a range of ids, but",
        "remove `ids`",
    );
}

#[test]
fn an_undeclared_state_is_bound_and_nothing_else() {
    let silent = described(FRAME, "").replace("state: Stateless,", "");
    let layout = compile(&silent).unwrap();
    assert_eq!(layout.traits().correlation, Correlation::Bound);
    refused(
        &silent.replace("  \n)", "  correlation: «ById,\n)"),
        "`state` is not declared",
        "state: Stateless",
    );
}

/// A status that replies can use.
const STATUS: &str = "status: Of(\"status\", [(0, Ok), (_, ApplicationError)]),";

#[track_caller]
fn refused_replies(replies: &str, said: &str, mend: &str) {
    refused_rest(&format!("{STATUS} replies: ({replies}),"), said, mend);
}

#[test]
fn an_error_must_be_seen_as_one() {
    refused_replies("error: «()", "nothing in this reply tells", "status: Is");
    refused_replies(
        "error: (status: «Is(0))",
        "status 0 means Ok",
        "means an error",
    );
    refused_replies(
        "error: (status: «From(65530))",
        "status 65541 does not fit",
        "65535",
    );
    refused_rest(
        "replies: (error: (status: «Is(1))),",
        "where a status stands",
        "add status: Of",
    );
}

#[test]
fn a_reply_has_the_kind_that_its_name_says() {
    refused_replies(
        "pong: (kind: «Answer)",
        "would not take the kind Answer",
        "kind: Pong",
    );
    let no_ping = FRAME.replace("2: Ping, ", "");
    refused(
        &described(&no_ping, "replies: (ping: «()),"),
        "no value of the kind's Enum is Ping",
        "add one",
    );
    let no_kinds = r#"[Id("id", U8), Length("l", U8, Rest), Body("b")]"#;
    refused(
        &described(no_kinds, "replies: (pong: «()),"),
        "nothing tells a pong from other frames",
        "add an Enum",
    );
}

#[test]
fn a_reply_is_filled_with_what_there_is() {
    refused_replies(
        "pong: (echo: [«\"vreb\"])",
        "no field `vreb`",
        "did you mean `verb`?",
    );
    refused_replies(
        "pong: (echo: [«\"meta\"])",
        "`meta` is a Map",
        "expected one of",
    );
    refused_replies(
        "pong: (echo: [\"verb\", «\"verb\"])",
        "echoed twice",
        "remove",
    );
    refused_replies(
        "ping: (echo: [«\"verb\"])",
        "nothing that it could echo",
        "`set`",
    );
    refused_replies(
        "pong: (set: { \"status\": «65536 })",
        "does not fit",
        "65535",
    );
    refused_replies(
        "pong: (set: { \"verb\": «1 })",
        "1 does not fit `verb`",
        "text in quotes",
    );
    refused_replies(
        "pong: (echo: [\"status\"], set: { \"status\": «1 })",
        "set and echoed",
        "choose one",
    );
    refused_replies(
        "error: (status: Is(1), words: «\"status\")",
        "the Body or a Str",
        "expected one of `verb`, `body`",
    );
    refused_replies(
        "error: (status: Is(1), echo: [\"verb\"], words: «\"verb\")",
        "echoed and takes the words",
        "choose one",
    );
}

#[test]
fn all_mistakes_are_said_at_once_in_the_order_of_the_text() {
    let text = described(
        r#"[Id("id", U8), Id(«"id", U8)]"#,
        "keys: [\"x\"], deadline: Millis(\"y\"),",
    );
    let found = compile(&text).unwrap_err();
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(
        found
            .windows(2)
            .all(|two| two[0].position() <= two[1].position())
    );
}
