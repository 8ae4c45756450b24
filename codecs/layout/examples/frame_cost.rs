//! What a described frame costs, in nanoseconds, beside the same fields read by plain Rust: the
//! lower bound. `cargo run --release -p weft-layout --example frame_cost`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement for the terminal"
)]

use std::hint::black_box;
use std::time::Instant;

use weft_codec::{Asked, Codec, Field, Head, Limits, NewId, Rewrite, ScanState, Side, Span};
use weft_layout::Layout;

/// Frames in one buffer: what one read of a busy connection brings.
const FRAMES: usize = 64;

/// The best of many runs over the buffer, per frame.
fn nanoseconds(mut run: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..2_000 {
        let began = Instant::now();
        run();
        best = best.min(began.elapsed().as_secs_f64());
    }
    best * 1e9 / FRAMES as f64
}

fn acme_frame() -> Vec<u8> {
    let mut tail = b"\x06orders\x05place\0\x01\x06tenant\0\x04blue".to_vec();
    tail.resize(110, b'x');
    let mut frame = b"AC\x01\0\0\0\0\0\0\x07\0\0\0\xFA".to_vec();
    frame.extend(u32::try_from(tail.len()).unwrap().to_be_bytes());
    frame.extend(tail);
    frame
}

/// The same head, written by hand for acme alone.
fn plain_scan(bytes: &[u8], heads: &mut Vec<Head>) {
    let mut rest = bytes;
    let mut start = 0u32;
    while let Some(fixed) = rest.first_chunk::<18>() {
        let word = |at: usize| {
            u32::from_be_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]])
        };
        let frame_bytes = 18 + word(14);
        if &fixed[..3] != b"AC\x01" || fixed[3] > 4 || rest.len() < frame_bytes as usize {
            return;
        }
        heads.push(Head {
            start,
            frame_bytes,
            head_bytes: frame_bytes,
            id: Span::new(6, 4),
            id_value: u64::from(word(6)),
            ..Head::default()
        });
        start += frame_bytes;
        rest = &rest[frame_bytes as usize..];
    }
}

fn main() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../protocols/acme/protocol.ron"
    );
    let text = std::fs::read_to_string(path).unwrap();
    let codec: Box<dyn Codec> = Box::new(Layout::compile("protocol.ron", &text).unwrap());
    let frame = acme_frame();
    let bytes = frame.repeat(FRAMES);
    let limits = Limits::default();
    let side = Side::Downstream;
    let mut heads = Vec::new();
    let mut out = Vec::new();
    let mut asked = Asked::default();
    let plain = nanoseconds(|| {
        heads.clear();
        plain_scan(black_box(&bytes), &mut heads);
    });
    let scan = nanoseconds(|| {
        heads.clear();
        let mut state = ScanState::default();
        let _ = black_box(codec.scan(side, &limits, &mut state, black_box(&bytes), &mut heads));
    });
    let head = heads[0];
    let copy = nanoseconds(|| {
        out.clear();
        for _ in 0..FRAMES {
            out.extend_from_slice(black_box(&frame));
        }
    });
    let rewrite = Rewrite {
        id: NewId::Wire(99),
        deadline_ms: None,
    };
    let emit = nanoseconds(|| {
        out.clear();
        for _ in 0..FRAMES {
            let _ = codec.emit(side, &head, black_box(&frame), &rewrite, &mut out);
        }
    });
    let remember = nanoseconds(|| {
        for _ in 0..FRAMES {
            asked.clear();
            codec.remember(&head, black_box(&frame), &mut asked);
        }
    });
    let ask = |field: Field<'_>| {
        nanoseconds(|| {
            for _ in 0..FRAMES {
                black_box(codec.field(side, &head, black_box(&frame), field));
            }
        })
    };
    let fields = [
        ("service", ask(Field::Service)),
        ("method", ask(Field::Method)),
        ("meta.tenant", ask(Field::Key("meta.tenant"))),
        ("deadline", ask(Field::DeadlineMs)),
    ];
    println!("acme, {} bytes, nanoseconds per frame", frame.len());
    println!("scan      {scan:6.1}   plain Rust {plain:6.1}");
    println!("emit      {emit:6.1}   plain copy {copy:6.1}");
    println!("remember  {remember:6.1}");
    for (name, cost) in fields {
        println!("{name:12}{cost:5.1}");
    }
}
