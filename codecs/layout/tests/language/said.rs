//! What the mesh says, what answers mean, and what requests do to their connection.

use weft_codec::{
    Codec as _, ConnectionState, Correlation, Effect, Field, Kind, OneWayAnswers, Say, Side,
    Speaker, Verdict,
};

use crate::frames::{Set as _, answer, complaints, described, frame, head, layout, prove, request};

#[test]
fn every_saying_is_a_frame_of_its_kind() {
    let codec = layout(&described(
        r#"Enum("kind", U8, { 1: Request, 2: Answer, 3: Ping, 4: Pong, 5: GoAway, 6: Cancel }),
           Id("id", U16), Int("code", U16), Length("l", U8, Body), Body("b")"#,
        r#"status: Of("code", [(0, Ok), (_, ApplicationError)]),
           replies: (error: (status: Is(5), words: "b"), ping: (), pong: (echo: ["code"]),
                     go_away: (set: { "code": 7 }), cancel: ())"#,
    ));
    let says = codec.traits().says;
    assert!(says.error && says.ping && says.pong && says.go_away && says.cancel);
    let mut out = Vec::new();
    codec.say(&Say::GoAway, &mut out).unwrap();
    codec.say(&Say::Cancel { id: 258 }, &mut out).unwrap();
    assert_eq!(out, b"\x05\0\0\0\x07\0\x06\x01\x02\0\0\0");
    prove(
        &codec,
        vec![
            request(b"\x01\0\x01\0\0\x02ab"),
            answer(b"\x02\0\x01\0\0\0"),
            frame(Side::Downstream, Kind::Ping, b"\x03\0\x02\0\x09\0"),
        ],
    );
}

#[test]
fn a_reply_fills_maps_and_lengths_before_what_they_count() {
    let codec = layout(&described(
        r#"Length("l", Varint, Rest), Int("text_len", U16), Id("id", Str(U8)),
           Map("meta", U8, Str(U8), Str(U8), { "code": Decimal("code"), "why": Str("why") }),
           Str("text", By("text_len")), Body("b")"#,
        r#"verdicts: [When({ "code": 1..=999 }, Unavailable), Otherwise(Ok)],
           replies: (error: (set: { "code": 503, "why": "busy" }, words: "text"))"#,
    ));
    let call = b"\x0C\0\x02\x06abcdef\0hi";
    prove(
        &codec,
        vec![request(call).id(b"abcdef").mended(0, 1).mended(3, 4)],
    );
    let noted = crate::frames::asked(&codec, Side::Downstream, call);
    let mut out = Vec::new();
    let words = "w".repeat(300);
    let what = Say::Error {
        error: weft_codec::ProxyError::Overload,
        words: &words,
        asked: &noted,
    };
    codec.say(&what, &mut out).unwrap();
    let meta = b"\x02\x04code\x03503\x03why\x04busy";
    // 328 bytes behind the length: two groups.
    let rest = [b"\x01\x2C\x06abcdef".as_slice(), meta, words.as_bytes()].concat();
    assert_eq!(out, [b"\xC8\x02", rest.as_slice()].concat());
    let found = head(&codec, Side::Upstream, &out);
    assert_eq!(codec.classify(&found, &out), Verdict::Unavailable);
}

#[test]
fn answers_may_come_in_several_frames() {
    let codec = layout(&described(
        r#"Length("l", U8, Rest), Id("id", U8), Bits("flags", U8, { "last": 0 }), Body("b")"#,
        r#"more: { "last": 0, "from": "server" }"#,
    ));
    assert!(head(&codec, Side::Upstream, b"\x02\x01\0").more);
    assert!(!head(&codec, Side::Upstream, b"\x02\x01\x01").more);
    assert!(!head(&codec, Side::Downstream, b"\x02\x01\0").more);
}

#[test]
fn requests_say_what_they_do_to_their_connection() {
    let codec = layout(
        r#"(name: "stateful", frame: [Length("l", U8, Rest), Id("id", U8), Int("op", U8), Body("b")],
            connection: [
                When({ "op": 1 }, Login), When({ "op": 2 }, Login), When({ "op": 3 }, Pin),
                When({ "op": 4 }, Unpin), When({ "op": 5 }, Session), When({ "op": 6 }, Tunnel),
                When({ "op": 7 }, Blocking), When({ "op": 8 }, Quit), When({ "op": 9 }, Local),
            ], replies: (local: (echo: ["op"])))"#,
    );
    assert_eq!(codec.traits().state, ConnectionState::PerRequest);
    assert_eq!(codec.traits().correlation, Correlation::ById);
    let effects = [
        Effect::Stateless,
        Effect::Facet,
        Effect::Facet,
        Effect::Pin,
        Effect::Unpin,
        Effect::Session,
        Effect::Tunnel,
        Effect::Blocking,
        Effect::Quit,
        Effect::Local,
    ];
    let mut vectors = Vec::new();
    for (op, effect) in (0u8..).zip(effects) {
        let mut vector = request(&[2, 1, op]);
        vector.effect = Some(effect);
        vectors.push(vector);
    }
    let mut told = answer(&[2, 1, 5]);
    told.effect = Some(Effect::Stateless);
    vectors.push(told);
    prove(&codec, vectors);
    let facet = |op: u8| {
        let bytes = [2, 1, op];
        let found = head(&codec, Side::Downstream, &bytes);
        let facet = codec.field(Side::Downstream, &found, &bytes, Field::Facet);
        facet.and_then(|facet| facet.number())
    };
    assert_eq!((facet(1), facet(2)), (Some(0), Some(1)));
}

#[test]
fn a_login_that_a_connection_takes_once_asks_for_one_of_its_own() {
    let codec = layout(
        r#"(name: "once", frame: [Length("l", U8, Rest), Id("id", U8), Int("op", U8), Body("b")],
            connection: [When({ "op": 1 }, LoginOnce), When({ "op": 2 }, Login)])"#,
    );
    let login = |op: u8, once: bool| {
        let mut vector = request(&[3, 1, op, b'x']);
        vector.effect = Some(Effect::Facet);
        vector.exclusive = Some(once);
        vector
    };
    prove(
        &codec,
        vec![login(1, true), login(2, false), answer(b"\x02\x01\x01")],
    );
}

#[test]
fn what_the_mesh_answers_itself_is_answered_in_the_words_of_the_protocol() {
    let codec = layout(
        r#"(name: "local",
            frame: [Length("l", U8, Rest), Id("id", U8), Int("op", U8), Int("code", U8), Body("b")],
            status: Of("code", [(0, Ok), (_, ApplicationError)]),
            connection: [When({ "op": 1 }, Local), When({ "op": 2 }, Quit)],
            replies: (local: (status: Is(0), echo: ["op"])))"#,
    );
    let asked = crate::frames::asked(&codec, Side::Downstream, b"\x04\x07\x02\0x");
    let mut out = Vec::new();
    codec.say(&Say::Local { asked: &asked }, &mut out).unwrap();
    assert_eq!(out, b"\x03\x07\x02\0");
    let done = |op: u8, effect| {
        let mut vector = request(&[4, 7, op, 0, b'x']);
        vector.effect = Some(effect);
        vector
    };
    prove(&codec, vec![done(1, Effect::Local), done(2, Effect::Quit)]);
    let said = complaints(
        r#"(name: "local", frame: [Length("l", U8, Rest), Id("id", U8), Int("op", U8)],
            connection: [When({ "op": 1 }, Local)])"#,
    );
    assert!(said.contains("nothing says how"), "{said}");
}

#[test]
fn verdicts_come_before_the_status() {
    let codec = layout(&described(
        r#"Int("event", U8), Int("status", U8), Id("id", U8)"#,
        r#"verdicts: [When({ "event": 1 }, Unavailable)],
           status: Of("status", [(0, Ok), (9, Overload), (_, ApplicationError)])"#,
    ));
    let verdict = |bytes: &[u8]| codec.classify(&head(&codec, Side::Upstream, bytes), bytes);
    assert_eq!(verdict(b"\x01\0\x01"), Verdict::Unavailable);
    assert_eq!(verdict(b"\0\0\x01"), Verdict::Ok);
    assert_eq!(verdict(b"\0\x09\x01"), Verdict::Overload);
}

#[test]
fn a_status_may_be_a_text() {
    let codec = layout(
        r#"(name: "lines", state: Stateless, correlation: InOrder,
            frame: [Str("code", Until(" ")), Str("text", Until("\n"))],
            status: Of("code", [("OK", Ok), ("BUSY", Overload), (_, ApplicationError)]),
            replies: (error: (status: Is("ERR"), words: "text")))"#,
    );
    prove(
        &codec,
        vec![
            request(b"GET x\n"),
            answer(b"OK y\n").verdict(Verdict::Ok),
            answer(b"BUSY later\n").verdict(Verdict::Overload),
            answer(b"ERR no\n").verdict(Verdict::ApplicationError),
        ],
    );
}

#[test]
fn a_server_that_speaks_first_is_bound() {
    let codec = layout(
        r#"(name: "greets", speaks_first: Server, one_way_answers: Maybe,
            frame: [Length("l", U8, Rest), Body("b")])"#,
    );
    assert_eq!(codec.traits().correlation, Correlation::Bound);
    assert_eq!(codec.traits().speaks_first, Speaker::Upstream);
    assert_eq!(codec.traits().one_way_answers, OneWayAnswers::Maybe);
}

#[test]
fn one_ways_that_are_always_answered_keep_the_order_of_answers() {
    let one_ways = |answers: &str| {
        layout(&described(
            r#"Enum("kind", U8, { 1: Request, 2: Answer, 3: OneWay }), Length("l", U8, Rest), Body("b")"#,
            &format!("correlation: InOrder, one_way_answers: {answers}"),
        ))
    };
    for (word, meant) in [
        ("Never", OneWayAnswers::Never),
        ("Always", OneWayAnswers::Always),
    ] {
        let codec = one_ways(word);
        assert_eq!(codec.traits().one_way_answers, meant);
        assert_eq!(codec.traits().correlation, Correlation::InOrder);
        assert_eq!(
            head(&codec, Side::Downstream, b"\x03\x01x").kind,
            Kind::OneWay
        );
    }
}

#[test]
fn declarations_that_cannot_be_are_refused() {
    let plain = r#"Length("l", U8, Rest), Id("id", U8), Int("op", U8), Body("b")"#;
    for (rest, said) in [
        ("speaks_first: Server", "greets each client"),
        ("correlation: InOrder, one_way_answers: Maybe", "uncertain"),
        (
            "correlation: Exclusive, one_way_answers: Maybe",
            "uncertain",
        ),
        (
            r#"connection: [When({ "op": 1 }, Pin)]"#,
            "`connection` says what",
        ),
        (
            r#"kinds: [Otherwise(Request), When({ "op": 1 }, Answer)]"#,
            "never reached",
        ),
        (
            r#"kinds: [When({ "op": 1 }, Ping), When({ "op": 1 }, Pong), Otherwise(Message)]"#,
            "cannot be told apart",
        ),
        (r#"kinds: [When({ "op": 1 }, Answer)]"#, "is a request"),
        (r#"verdicts: [When({ "op": 1 }, Ok)]"#, "other answers mean"),
        (
            r#"verdicts: [When({ "from": "me" }, Ok), Otherwise(Ok)]"#,
            "sends no frames",
        ),
        (r#"idempotent: ["get*"]"#, "the description has none"),
        (r#"method: "op", idempotent: ["g*t"]"#, "matches no name"),
        (
            r#"verdicts: [Otherwise(Ok)], replies: (error: ())"#,
            "it means Ok",
        ),
        (
            r#"verdicts: [When({ "op": 1 }, Ok), Otherwise(Overload)], replies: (ping: ())"#,
            "nothing tells a ping",
        ),
    ] {
        let complaints = complaints(&described(plain, rest));
        assert!(complaints.contains(said), "{rest}\n{complaints}");
    }
}

#[test]
fn a_reply_that_peers_would_not_understand_is_refused() {
    let said = complaints(&described(
        r#"Int("version", U8), Switch("version", { 1: [Length("l", U8, Rest)], 2: [Length("l", U16, Rest)] }),
           Id("id", U8), Int("code", U8), Body("b")"#,
        r#"status: Of("code", [(0, Ok), (_, ApplicationError)]), replies: (error: (status: Is(1), words: "b"))"#,
    ));
    assert!(said.contains("peers would not understand"), "{said}");
}
