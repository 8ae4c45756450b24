//! Listeners of several protocols: what they mean, and what is found before a port opens.

use std::fs;
use std::path::PathBuf;

use crate::config::{Complaint, Config, parse};

/// A configuration whose listener says `listener`, with one service for each protocol.
fn text(listener: &str, protocols: &[&str]) -> String {
    let service = |protocol: &&str| {
        format!(
            "Service(name: \"{protocol}s\", protocol: \"{protocol}\", instances: [\"10.0.0.1:9000\"]),"
        )
    };
    let services: String = protocols.iter().map(service).collect();
    format!(
        "Proxy(
            listeners: [Listener(name: \"in\", addresses: [\"127.0.0.1:7000\"], {listener})],
            services: [{services}],
        )"
    )
}

fn said(complaints: &[Complaint]) -> String {
    complaints.iter().map(|c| format!("{c}\n")).collect()
}

#[track_caller]
fn good(listener: &str, protocols: &[&str]) -> Config {
    let text = text(listener, protocols);
    parse("p.ron", &text, &folder()).unwrap_or_else(|wrong| panic!("{}", said(&wrong)))
}

#[track_caller]
fn refused(listener: &str, protocols: &[&str], expected: &str) {
    let text = text(listener, protocols);
    let wrong = parse("p.ron", &text, &folder()).expect_err("it was taken");
    let said = said(&wrong);
    assert!(said.contains(expected), "{said}");
}

/// The repository.
fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn each_protocol_gets_the_service_that_speaks_it() {
    let config = good(
        "protocols: [\"redis\", \"thrift\"], services: [\"thrifts\", \"rediss\"]",
        &["thrift", "redis"],
    );
    assert!(config.warnings.is_empty(), "{}", said(&config.warnings));
    let state = config.state(1);
    let sniff = state.listeners[0].sniff.as_ref().unwrap();
    let led = sniff.branches.iter().map(|branch| {
        let rules = branch.routes.rules();
        assert_eq!(rules.len(), 1);
        (branch.codec.name(), rules[0].route.to.service.as_str())
    });
    let led: Vec<_> = led.collect();
    assert_eq!(led, [("redis", "rediss"), ("thrift", "thrifts")]);
    assert_eq!(sniff.server_first, None);
}

#[test]
fn the_services_alone_say_the_protocols() {
    let config = good("services: [\"thrifts\", \"dubbos\"]", &["thrift", "dubbo"]);
    assert_eq!(config.listeners[0].protocols, ["thrift", "dubbo"]);
}

#[test]
fn all_protocols_with_first_bytes_of_their_own_can_share_a_port() {
    let names = [
        "thrift",
        "redis",
        "dubbo",
        "bolt",
        "tars",
        "memcached",
        "acme",
        "brpc",
        "cstruct",
    ];
    let services = names.map(|name| format!("\"{name}s\"")).join(", ");
    let config = good(&format!("services: [{services}]"), &names);
    assert!(config.warnings.is_empty(), "{}", said(&config.warnings));
}

#[test]
fn a_protocol_that_would_take_anothers_clients_is_refused_with_the_bytes_and_the_mend() {
    // Without a magic number, length-id takes what begins with a length.
    refused(
        "services: [\"length-ids\", \"thrifts\"]",
        &["length-id", "thrift"],
        "a client of `thrift` that sends",
    );
    refused(
        "services: [\"length-ids\", \"thrifts\"]",
        &["length-id", "thrift"],
        "is taken for `length-id`\n  help: name `thrift` before `length-id`",
    );
}

#[test]
fn protocols_without_a_mark_of_their_own_are_found_to_take_others_clients() {
    for (first, second) in [("kafka", "thrift"), ("length-id", "kafka")] {
        let services = format!("services: [\"{first}s\", \"{second}s\"]");
        let taken = format!("a client of `{second}` that sends");
        refused(&services, &[first, second], &taken);
    }
}

#[test]
fn a_client_that_sends_several_requests_at_once_is_thought_of() {
    // A record is longer than what a Redis client says first, but not than three times that.
    refused(
        "services: [\"recordss\", \"rediss\"]",
        &["records", "redis"],
        "is taken for `records`\n  help: name `redis` before `records`",
    );
    good("services: [\"rediss\", \"thrifts\"]", &["redis", "thrift"]);
}

#[test]
fn a_description_that_nothing_proves_is_warned_of() {
    let folder = described("sniff-unproved", Some(&VECTORS.replace("METHOD", "7")));
    let config = two_described(&folder).unwrap_or_else(|wrong| panic!("{}", said(&wrong)));
    let warned = said(&config.warnings);
    assert!(
        warned.contains("nothing proves the description of `two`"),
        "{warned}"
    );
    assert!(!warned.contains("description of `one`"), "{warned}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let both = &["thrift", "redis"][..];
    for (listener, expected) in [
        (
            "protocol: \"thrift\", services: [\"thrifts\", \"rediss\"]",
            "`protocol` is for one protocol",
        ),
        (
            "protocols: [\"thrift\", \"thrift\"], services: [\"thrifts\"]",
            "`thrift` is named twice",
        ),
        (
            "protocols: [\"thrift\", \"redis\"], services: [\"thrifts\"]",
            "that speak `redis` are led nowhere",
        ),
        (
            "protocols: [\"thrift\"], services: [\"rediss\"]",
            "which is not in `protocols`",
        ),
        (
            "services: [\"thrifts\", \"rediss\", \"rediss\"]",
            "have another service already",
        ),
        (
            "services: [\"thrifts\", \"rediss\"], server_first: \"redis\"",
            "clients of `redis` speak first",
        ),
        (
            "services: [\"thrifts\", \"rediss\"], sniff_timeout: \"1s\"",
            "without `server_first`",
        ),
        (
            "service: \"thrifts\", server_first: \"thrift\"",
            "nothing is to be decided",
        ),
        ("services: [\"thrifts\", \"redises\"]", "`redises`"),
    ] {
        refused(listener, both, expected);
    }
}

#[test]
fn a_route_for_one_of_the_protocols_is_taken_by_its_clients_only() {
    let text = text("services: [\"thrifts\", \"rediss\"]", &["thrift", "redis"]).replace(
        "services: [Service",
        "routes: [Route(name: \"keyed\", when: Match(listener: \"in\", keys: {\"key\": \"a*\"}), \
         to: Target(service: \"rediss\"))], services: [Service",
    );
    let config = parse("p.ron", &text, &folder());
    let config = config.unwrap_or_else(|wrong| panic!("{}", said(&wrong)));
    let state = config.state(1);
    let sniff = state.listeners[0].sniff.as_ref().unwrap();
    let rules: Vec<usize> = sniff
        .branches
        .iter()
        .map(|b| b.routes.rules().len())
        .collect();
    assert_eq!(rules, [1, 2]);
}

/// A folder with two descriptions of the same shape, and vectors beside the first if wanted.
fn described(name: &str, vectors: Option<&str>) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("weft-{name}-{}", std::process::id()));
    for protocol in ["one", "two"] {
        let file = folder.join(protocol).join("protocol.ron");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let description = "Protocol(name: \"NAME\", endian: Big, frame: [Length(\"length\", U32, \
             Rest), Id(\"id\", U32), Int(\"code\", U8), Body(\"body\")], method: \"code\", state: \
             Stateless, replies: ())";
        fs::write(file, description.replace("NAME", protocol)).unwrap();
    }
    if let Some(vectors) = vectors {
        let file = folder.join("one/vectors/first.ron");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, vectors).unwrap();
    }
    folder
}

fn two_described(folder: &std::path::Path) -> Result<Config, Vec<Complaint>> {
    let text = text("services: [\"ones\", \"twos\"]", &["one", "two"]).replace(
        "listeners: [",
        "protocols: [\"one/protocol.ron\", \"two/protocol.ron\"], listeners: [",
    );
    parse("p.ron", &text, folder)
}

const VECTORS: &str = "(provenance: \"made here\", frames: [(name: \"a call\", side: Downstream, \
    kind: Request, hex: \"00000006 00000001 07 41\", id_value: 1, method: \"METHOD\")])";

#[test]
fn two_descriptions_of_which_nothing_is_known_are_warned_of() {
    let folder = described("sniff-unknown", None);
    let config = two_described(&folder).unwrap_or_else(|wrong| panic!("{}", said(&wrong)));
    let warned = said(&config.warnings);
    assert!(
        warned.contains("whether one and two can be told apart is not known"),
        "{warned}"
    );
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn vectors_beside_a_description_show_that_another_takes_its_clients() {
    let folder = described("sniff-known", Some(&VECTORS.replace("METHOD", "7")));
    // The first is asked first, so its own clients are safe; in the other order they are not.
    assert!(two_described(&folder).is_ok());
    let text = text(
        "protocols: [\"two\", \"one\"], services: [\"ones\", \"twos\"]",
        &["one", "two"],
    )
    .replace(
        "listeners: [",
        "protocols: [\"one/protocol.ron\", \"two/protocol.ron\"], listeners: [",
    );
    let wrong = parse("p.ron", &text, &folder).expect_err("it was taken");
    let told = said(&wrong);
    assert!(told.contains("a client of `one` that sends"), "{told}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_description_that_fails_its_own_vectors_is_not_loaded() {
    let folder = described("sniff-wrong", Some(&VECTORS.replace("METHOD", "8")));
    let wrong = two_described(&folder).expect_err("it was taken");
    let told = said(&wrong);
    assert!(told.contains("fails its own vectors"), "{told}");
    assert!(told.contains("the method is Some(\"7\")"), "{told}");
    assert!(told.contains("weft codec check"), "{told}");
    fs::remove_dir_all(folder).unwrap();
}
