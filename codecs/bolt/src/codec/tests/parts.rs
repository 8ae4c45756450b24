//! Frames named part by part.

use super::*;

fn named(frame: &[u8]) -> Vec<String> {
    let mut parts = Parts::default();
    Bolt::new().parts(Side::Downstream, None, frame, &mut parts);
    let list = parts.list().iter();
    list.map(|part| format!("{} {}", part.name, part.value))
        .collect()
}

#[test]
fn a_requests_parts_are_named_to_its_checksum() {
    let frame = Frame {
        version: 2,
        variant: 2,
        switch: 1,
        serialization: 1,
        headers: headers(&[("service", "Echo")]),
        content: b"O\x93Req\x91\x01mo\x90\x02do\x91".to_vec(),
        ..REQUEST
    }
    .bytes();
    let all = named(&frame);
    assert_eq!(
        all[2..10],
        [
            "type 1 (request)",
            "command 1 (request)",
            "command's version 1",
            "id 7",
            "serialization 1 (hessian)",
            "switch 1 (checksum)",
            "timeout ms 3000",
            "class length 44",
        ]
    );
    assert_eq!(
        all[13..],
        [
            "header map ",
            "service \"Echo\"",
            "content ",
            "m \"do\"",
            "argument 0 1",
            "CRC-32 ",
        ]
    );
    // What is cut off is not guessed.
    assert_eq!(named(&frame[..80]).last().unwrap(), "header map ");
    assert_eq!(named(&frame[..9]), ["header (incomplete) "]);
    assert_eq!(named(b"GET /"), ["unreadable "]);
}
