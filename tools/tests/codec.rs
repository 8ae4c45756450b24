//! `weft codec` as its users run it: over the built-in protocols, a new description, captures of
//! real peers, and things that are wrong.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and says why"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const THRIFT: &str = "tools/tests/captures/thrift-binary.pcap";
const HEADER: &str = "tools/tests/captures/thrift-header.pcap";
const REDIS: &str = "tools/tests/captures/redis.pcapng";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn codec(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weft"))
        .arg("codec")
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap()
}

/// Standard output of a command that ended with this code.
#[track_caller]
fn said(code: i32, arguments: &[&str]) -> String {
    let output = codec(arguments);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn object(code: i32, arguments: &[&str]) -> Value {
    serde_json::from_str(&said(code, arguments)).unwrap()
}

/// A folder that is gone when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("weft-{name}-{}", std::process::id()));
        let _old = std::fs::remove_dir_all(&folder);
        Self(folder)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        std::fs::create_dir_all(&self.0).unwrap();
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _left = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn every_built_in_protocol_is_listed_with_its_vectors() {
    let list = object(0, &["list", "--json"]);
    let protocols = list["protocols"].as_array().unwrap();
    for protocol in protocols.iter().filter(|p| p["name"] != "raw") {
        let vectors = protocol["vectors"].as_u64();
        assert!(vectors.is_some_and(|n| n > 0), "{protocol}");
    }
    let page = said(0, &["list", "protocols/acme"]);
    assert_eq!(page.matches("acme\n").count(), 2, "{page}");
}

#[test]
fn every_built_in_protocol_passes_the_check() {
    let list = object(0, &["list", "--json"]);
    for protocol in list["protocols"].as_array().unwrap() {
        let name = protocol["name"].as_str().unwrap();
        let report = object(0, &["check", name, "--mutations", "2000", "--json"]);
        assert_eq!(report["good"], true, "{report}");
        if name != "raw" {
            assert!(report["report"]["vectors"].as_u64() > Some(0), "{report}");
            assert!(!report["costs"].as_array().unwrap().is_empty(), "{report}");
        }
    }
}

#[test]
fn a_new_description_passes_the_check_as_it_is() {
    let folder = Folder::new("codec-new");
    said(0, &["new", "our-rpc", "--into", folder.path()]);
    let page = said(0, &["check", folder.path(), "--mutations", "5000"]);
    assert!(page.starts_with("our-rpc: answers by id"), "{page}");
    assert!(page.ends_with("good\n"), "{page}");
    // What is there is not overwritten, and a name must be one.
    said(2, &["new", "our-rpc", "--into", folder.path()]);
    said(2, &["new", "../our"]);
}

#[test]
fn captures_of_real_peers_pass_the_check() {
    for (protocol, captures) in [("thrift", &[THRIFT, HEADER][..]), ("redis", &[REDIS])] {
        for capture in captures {
            let report = object(
                0,
                &[
                    "check",
                    protocol,
                    "--capture",
                    capture,
                    "--mutations",
                    "500",
                    "--json",
                ],
            );
            assert_eq!(report["captures_unread"], Value::Array(Vec::new()));
        }
    }
}

#[test]
fn a_vector_that_is_wrong_fails_the_check_and_is_named() {
    let folder = Folder::new("codec-wrong");
    said(0, &["new", "our-rpc", "--into", folder.path()]);
    let vectors = folder.0.join("vectors/first.ron");
    let text = std::fs::read_to_string(&vectors).unwrap();
    std::fs::write(
        &vectors,
        text.replace("method: \"note\"", "method: \"nope\""),
    )
    .unwrap();
    let page = said(1, &["check", folder.path(), "--mutations", "10"]);
    assert!(
        page.contains("`a one-way`: the method is Some(\"note\")"),
        "{page}"
    );
}

#[test]
fn a_capture_of_another_protocol_fails_the_check() {
    let page = said(
        1,
        &["check", "redis", "--capture", THRIFT, "--mutations", "10"],
    );
    assert!(page.contains("cannot be read past offset 0"), "{page}");
}

#[test]
fn explain_takes_pasted_digits_listings_bytes_and_vectors() {
    let frame = "0000000b 00000001 00076865 6c6c6f";
    for input in [
        vec!["explain", "length-id", frame],
        vec![
            "explain",
            "length-id",
            "0000000b",
            "00000001",
            "0007",
            "68656c6c6f",
        ],
    ] {
        let page = said(0, &input);
        assert!(
            page.contains("#1 request, from the client, 15 bytes"),
            "{page}"
        );
        assert!(page.contains("id 1 · method 7 · opcode 7"), "{page}");
    }
    let folder = Folder::new("codec-input");
    let listing = folder.write(
        "frame.txt",
        "00000000: 0000 000b 0000 0001 0007 6865 6c6c 6f  ...........hello\n",
    );
    let bytes = folder.write("frame.bin", b"\0\0\0\x0b\0\0\0\x01\0\x07hello");
    let one = said(0, &["explain", "length-id", &listing]);
    let other = said(0, &["explain", "length-id", &bytes]);
    assert_eq!(one.replace(&listing, ""), other.replace(&bytes, ""));
    let vectors = said(0, &["explain", "acme", "protocols/acme/vectors/calls.ron"]);
    assert!(vectors.contains("request, from the client"), "{vectors}");
}

#[test]
fn explain_reads_standard_input_and_finds_out_who_sent_bytes() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_weft"))
        .args(["codec", "explain", "thrift", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let reply = b"\0\0\0\x11\x80\x01\0\x02\0\0\0\x04echo\0\0\0\x07\0";
    child.stdin.take().unwrap().write_all(reply).unwrap();
    let output = child.wait_with_output().unwrap();
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(page.contains("read as the bytes of a server"), "{page}");
    assert!(page.contains("#1 answer, from the server"), "{page}");
}

#[test]
fn explain_says_which_route_and_instances_a_request_would_take() {
    let folder = Folder::new("codec-route");
    let config = folder.write(
        "config.ron",
        r#"Proxy(
            listeners: [Listener(name: "in", addresses: ["127.0.0.1:0"], service: "peers")],
            services: [Service(name: "peers", protocol: "thrift", instances: [
                Instance(address: "10.0.0.1:1", labels: { "version": "1" }),
                Instance(address: "10.0.0.2:1", labels: { "version": "2" }),
                Instance(address: "10.0.0.3:1", labels: { "version": "2" }, draining: true),
            ])],
            routes: [Route(
                name: "pauses",
                when: Match(method: "pause"),
                to: Target(service: "peers", subset: { "version": "2" }),
            )],
        )"#,
    );
    let explained = object(
        0,
        &[
            "explain", "thrift", THRIFT, "--config", &config, "--frames", "3", "--json",
        ],
    );
    let events = explained["conversations"][0]["events"].as_array().unwrap();
    let way = |n: usize| &events[n]["routes"][0];
    assert_eq!(way(0)["to"]["route"], "fallback/in");
    assert_eq!(way(0)["to"]["candidates"].as_array().unwrap().len(), 3);
    assert_eq!(
        events[1]["routes"],
        Value::Array(Vec::new()),
        "an answer takes no route"
    );
    let pause = way(2);
    assert_eq!(pause["to"]["route"], "pauses");
    let candidates = pause["to"]["candidates"].as_array().unwrap();
    assert_eq!(candidates[0]["instance"], "10.0.0.2:1");
    assert_eq!(candidates[1]["out"], "draining");
    let page = said(
        0,
        &[
            "explain", "thrift", THRIFT, "--config", &config, "--frames", "3",
        ],
    );
    assert!(
        page.contains("route `pauses`: no: method is `echo`, not `pause`"),
        "{page}"
    );
    // A configuration without the protocol is refused.
    said(2, &["explain", "redis", REDIS, "--config", &config]);
}

#[test]
fn explain_ends_with_one_where_a_stream_cannot_be_read() {
    let page = said(1, &["explain", "acme", "41430900"]);
    assert!(page.contains("cannot be read past offset 0"), "{page}");
    let page = said(0, &["explain", "thrift", HEADER, "--port", "19091"]);
    assert!(page.contains("#2 answer to #1"), "{page}");
}

#[test]
fn two_versions_of_a_description_differ_where_they_should() {
    let folder = Folder::new("codec-diff");
    let text = std::fs::read_to_string(root().join("protocols/length-id/protocol.ron")).unwrap();
    let newer = folder.write(
        "newer.ron",
        text.replace("Int(\"opcode\", U16)", "Int(\"opcode\", U16Le)"),
    );
    let frame = "0000000b 00000001 01076865 6c6c6f";
    let same = said(0, &["diff", "length-id", "protocols/length-id", frame]);
    assert!(same.contains("no difference"), "{same}");
    let report = object(
        1,
        &["diff", "length-id", &newer, frame, "--mesh-only", "--json"],
    );
    let method = report["differences"].as_array().unwrap().iter();
    let method = method.into_iter().find(|d| d["field"] == "method").unwrap();
    assert_eq!(
        (&method["first"], &method["second"]),
        (&"263".into(), &"1793".into())
    );
}

#[test]
fn bench_measures_two_protocols_over_the_same_frames() {
    let report = object(
        0,
        &["bench", "acme", "acme-by-hand", "--millis", "1", "--json"],
    );
    let frames = report["frames"].as_array().unwrap();
    assert!(frames.len() > 4, "{report}");
    for frame in frames {
        for of in ["cost", "other"] {
            for what in ["scan_nanoseconds", "ask_nanoseconds", "emit_nanoseconds"] {
                assert!(frame[of][what].as_f64() > Some(0.0), "{what}: {frame}");
            }
        }
    }
}

#[test]
fn what_does_not_exist_is_said_with_what_does() {
    let output = codec(&["check", "thrfit"]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("`thrfit`") && error.contains("thrift"),
        "{error}"
    );
    let folder = Folder::new("codec-bad");
    let bad = folder.write("bad.ron", "Protocol(name: \"x\", frme: [])");
    let output = codec(&["check", &bad]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("bad.ron:1:"), "{error}");
}

/// Vectors of a recording hold for the protocol that read it, and give what is read today.
#[test]
fn vectors_are_written_from_recordings_and_hold() {
    let folder = Folder::new("vectors");
    std::fs::create_dir_all(folder.path()).unwrap();
    for (protocol, recording, frames) in [
        ("thrift", THRIFT, 12),
        ("thrift", HEADER, 18),
        ("redis", REDIS, 12),
        ("acme", "protocols/acme/vectors/calls.ron", 8),
        ("dubbo", "protocols/dubbo/vectors/dubbo-py-one-way.ron", 4),
    ] {
        let file = format!("{}/{protocol}-{frames}.ron", folder.path());
        let arguments = ["vectors", protocol, recording, "--out", &file];
        let told = said(0, &arguments);
        let count: usize = told.split(' ').next().unwrap().parse().unwrap();
        assert!(count >= frames, "{told}");
        let alone = Folder::new("one-file");
        std::fs::create_dir_all(alone.path()).unwrap();
        std::fs::copy(&file, format!("{}/all.ron", alone.path())).unwrap();
        let checked = said(0, &["check", protocol, "--vectors", alone.path()]);
        assert!(
            checked.contains(&format!("{count}  frames of 1 streams")),
            "{checked}"
        );
        let again = codec(&arguments);
        assert_eq!(again.status.code(), Some(2), "nothing is written over");
    }
    let shown = said(0, &["vectors", "redis", "--alike", "1", REDIS]);
    assert!(
        shown.contains("provenance:") && shown.contains("text: \""),
        "{shown}"
    );
}
