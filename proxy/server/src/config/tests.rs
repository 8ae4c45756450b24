//! What configurations mean, and what is said of wrong ones.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use weft_codec::Order;
use weft_model::{Balancing, InstanceAddress, TextMatch};

use super::{Config, ListenAddress, Report, Workers, check, parse};

const MINIMAL: &str = r#"Proxy(
    listeners: [Listener(name: "orders", addresses: ["127.0.0.1:7000"], service: "orders")],
    services: [Service(name: "orders", protocol: "thrift", instances: ["10.0.0.1:9000"])],
)"#;

#[track_caller]
fn good(text: &str) -> Config {
    match parse("p.ron", text, Path::new(".")) {
        Ok(config) => config,
        Err(complaints) => panic!("{}", said(&complaints)),
    }
}

fn said(complaints: &[super::Complaint]) -> String {
    complaints.iter().map(|c| format!("{c}\n")).collect()
}

#[track_caller]
fn refused(text: &str) -> String {
    match parse("p.ron", text, Path::new(".")) {
        Ok(_) => panic!("it was taken:\n{text}"),
        Err(complaints) => said(&complaints),
    }
}

/// The minimal configuration with `fields` added to the service.
fn with_service(fields: &str) -> String {
    MINIMAL.replace(
        "protocol: \"thrift\"",
        &format!("protocol: \"thrift\", {fields}"),
    )
}

/// The minimal configuration with `fields` added to the file.
fn with_top(fields: &str) -> String {
    MINIMAL.replace("Proxy(", &format!("Proxy(\n    {fields},"))
}

#[test]
fn four_lines_put_a_service_behind_the_proxy() {
    let config = good(MINIMAL);
    assert_eq!(config.workers, Workers::Auto);
    assert_eq!(config.admin, None);
    let listener = &config.listeners[0];
    assert_eq!(listener.protocols, ["thrift"]);
    let address: SocketAddr = "127.0.0.1:7000".parse().unwrap();
    assert_eq!(listener.addresses, [ListenAddress::Tcp(address)]);
    assert_eq!(config.services[0].instances[0].id, "10.0.0.1:9000");
    assert!(config.warnings.is_empty(), "{}", said(&config.warnings));
    let state = config.state(7);
    assert_eq!(state.version, 7);
    assert_eq!(state.listeners[0].routes.rules()[0].service, 0);
}

#[test]
fn every_address_form_is_read() {
    let config = good(
        &MINIMAL
            .replace(
                "[\"127.0.0.1:7000\"]",
                "[\"0.0.0.0:7000\", \"[::]:7000\", \"unix:/run/orders.sock\"]",
            )
            .replace(
                "[\"10.0.0.1:9000\"]",
                r#"["[fd00::1]:9000", Instance(address: "unix:/run/a.sock", id: "a",
                    labels: {"version": "2"}, weight: 3, draining: true)]"#,
            ),
    );
    assert_eq!(config.listeners[0].addresses.len(), 3);
    let instance = &config.services[0].instances[1];
    assert_eq!(
        instance.address,
        InstanceAddress::Unix("/run/a.sock".into())
    );
    assert_eq!((instance.weight, instance.draining), (3, true));
    assert_eq!(instance.labels["version"], "2");
}

#[test]
fn a_policy_is_replaced_field_by_field_from_file_to_service_to_route() {
    let config = good(
        r#"Proxy(
            policy: Policy(timeout: "9s", retry: Retry(retries_max: 5, backoff_base: "1ms")),
            listeners: [Listener(name: "l", addresses: ["127.0.0.1:0"], service: "s")],
            services: [Service(name: "s", protocol: "thrift", instances: ["10.0.0.1:9000"],
                policy: Policy(retry: Retry(backoff_base: "2ms"), lanes: Lanes(depth: 1)))],
            routes: [Route(name: "r", when: Match(method: "get*"), to: Target(service: "s"),
                policy: Policy(timeout: "2s", idempotent: ["get*"]))],
        )"#,
    );
    let service = &config.services[0].policy;
    assert_eq!(service.timeout, Duration::from_secs(9));
    assert_eq!(service.retry.retries_max, 5);
    assert_eq!(service.retry.backoff_base, Duration::from_millis(2));
    let route = config.routes[0].policy.as_ref().unwrap();
    assert_eq!(route.timeout, Duration::from_secs(2));
    assert_eq!(route.retry, service.retry);
    assert_eq!(route.lanes.depth, 1);
    assert_eq!(route.idempotent.0, [TextMatch::Prefix("get".into())]);
}

#[test]
fn methods_that_a_description_calls_idempotent_are_so_unless_a_policy_says_otherwise() {
    let folder = std::env::temp_dir().join(format!("weft-idempotent-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(
        folder.join("kv.ron"),
        r#"(name: "kv", state: Stateless, method: "op", idempotent: ["get*", "list"],
            frame: [Length("l", U8, Rest), Id("id", U8), Str("op", U8), Body("b")])"#,
    )
    .unwrap();
    let text = |policy: &str| {
        format!(
            r#"Proxy(protocols: ["kv.ron"],
                listeners: [Listener(name: "l", addresses: ["127.0.0.1:0"], service: "s")],
                services: [Service(name: "s", protocol: "kv", instances: ["10.0.0.1:9000"], {policy})],
            )"#
        )
    };
    let read = |policy: &str| {
        let path = folder.join("proxy.ron");
        std::fs::write(&path, text(policy)).unwrap();
        super::load(&path).unwrap().services[0]
            .policy
            .idempotent
            .0
            .clone()
    };
    let described = [
        TextMatch::Prefix("get".into()),
        TextMatch::Exact("list".into()),
    ];
    assert_eq!(read(""), described);
    assert_eq!(read("policy: Policy(timeout: \"1s\")"), described);
    assert_eq!(read("policy: Policy(idempotent: [])"), []);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_listener_may_force_the_order_of_answers() {
    let config = good(&MINIMAL.replace(
        "name: \"orders\", addr",
        "name: \"orders\", order: InOrder, addr",
    ));
    assert_eq!(config.state(1).listeners[0].order, Order::InOrder);
}

#[test]
fn balancing_is_a_word_or_a_ring_by_key() {
    let by = good(&with_service(
        "policy: Policy(balancing: RingHashBy(\"method\"))",
    ));
    assert_eq!(
        by.services[0].policy.balancing,
        Balancing::RingHash(Some("method".into()))
    );
    let told = refused(&with_service(
        "policy: Policy(balancing: RingHashBy(\"mehtod\"))",
    ));
    assert!(told.contains("did you mean `method`?"), "{told}");
}

#[test]
fn limits_and_the_process_are_read() {
    let config = good(&with_top(
        r#"workers: 4, admin: "[::1]:9901",
           statsd: Statsd(address: "127.0.0.1:8125", prefix: "w", interval: "1s"),
           drain: Drain(grace: "1s", hard_stop: "2s"), sockets: Sockets(keepalive_probes: 9),
           frames: Frames(frame_bytes_max: "1MiB", head_bytes_max: 4096),
           limits: Limits(clients_max: 10, answer_bytes_max: "512MiB", client_idle_timeout: "0s",
               access_records: true)"#,
    ));
    assert!(matches!(config.workers, Workers::Count(n) if n.get() == 4));
    assert_eq!(config.statsd.unwrap().interval, Duration::from_secs(1));
    assert_eq!(config.drain.hard_stop, Duration::from_secs(2));
    assert_eq!(config.sockets.keepalive_probes, 9);
    assert_eq!(config.listeners[0].limits.frame_bytes_max, 1 << 20);
    assert_eq!(config.service_limits[0].head_bytes_max, 4_096);
    assert_eq!(config.settings.clients_max, 10);
    assert_eq!(config.settings.answer_bytes_max, 512 << 20);
    assert!(config.settings.access_records);
}

#[test]
fn every_mistake_is_told_at_once_with_its_place_and_mend() {
    let told = refused(
        r#"Proxy(
    admin: "0.0.0.0:9901",
    listeners: [Listener(name: "a", addresses: ["localhost:7000"], protocol: "thirft")],
    services: [Service(name: "s", protocol: "thrift",
        instances: ["orders.internal:9000", Instance(address: "10.0.0.1:9000", weight: 0)],
        policy: Policy(timeout: 2, queue: Queue(waiting_max: 0)))],
    routes: [Route(name: "r", to: Target(service: "S"))],
)"#,
    );
    for line in [
        "p.ron:2:12: `0.0.0.0:9901` is not a loopback address",
        "p.ron:3:49: `localhost` is a name, not an address",
        "help: write \"127.0.0.1:7000\" or \"[::1]:7000\"",
        "p.ron:3:78: there is no protocol `thirft`",
        "did you mean `thrift`?",
        "p.ron:5:21: `orders.internal` is a name, not an address",
        "help: write an address; names come with the registry",
        "p.ron:5:88: `weight` is too small: 0",
        "help: from 1 to 1000",
        "p.ron:6:33: `timeout` is not a duration",
        "help: write the unit: \"2s\"",
        "p.ron:6:62: `waiting_max` is too small: 0",
        "p.ron:7:51: there is no service `S`",
        "did you mean `s`?",
    ] {
        assert!(told.contains(line), "no {line:?} in\n{told}");
    }
}

#[test]
fn an_unknown_field_is_told_with_the_nearest_word() {
    let told = refused(&MINIMAL.replace("addresses:", "adresses:"));
    assert!(
        told.starts_with("p.ron:2:42: unknown field `adresses`"),
        "{told}"
    );
    assert!(told.contains("did you mean `addresses`?"), "{told}");
}

#[test]
fn mistakes_in_the_form_of_a_file_are_told_at_once_too() {
    let text = MINIMAL
        .replace("addresses:", "adresses:")
        .replace("protocol:", "protcol:")
        .replace(
            "instances:",
            "policy: Policy(balancing: PeekEwma), instances:",
        );
    let told = refused(&text);
    for word in ["`addresses`?", "`protocol`?", "`PeakEwma`?"] {
        assert!(told.contains(&format!("did you mean {word}")), "{told}");
    }
}

#[test]
fn names_and_addresses_stand_once() {
    let told = refused(
        r#"Proxy(
    listeners: [
        Listener(name: "a", addresses: ["127.0.0.1:7000"], service: "s"),
        Listener(name: "a", addresses: ["127.0.0.1:7000"], service: "s"),
    ],
    services: [
        Service(name: "s", protocol: "thrift", instances: ["10.0.0.1:1", "10.0.0.1:1"]),
        Service(name: "s", protocol: "thrift", instances: [
            Instance(address: "10.0.0.1:1", id: "x"), Instance(address: "10.0.0.1:2", id: "x")]),
    ],
    routes: [Route(name: "r", to: Target(service: "s")), Route(name: "r", to: Target(service: "s"))],
)"#,
    );
    for line in [
        "4:24: listener `a` stands twice, first in line 3",
        "4:41: address `127.0.0.1:7000` stands twice, first in line 3",
        "7:74: address `10.0.0.1:1` stands twice, first in line 7",
        "8:23: service `s` stands twice, first in line 7",
        "instance id `x` stands twice",
        "route `r` stands twice",
    ] {
        assert!(told.contains(line), "no {line:?} in\n{told}");
    }
}

#[test]
fn protocols_must_be_the_same_on_both_sides() {
    let told = refused(&MINIMAL.replace(
        "service: \"orders\"",
        "service: \"orders\", protocol: \"redis\"",
    ));
    assert!(
        told.contains("clients speak `redis` here, but service `orders` speaks `thrift`"),
        "{told}"
    );
    let told = refused(
        r#"Proxy(
    listeners: [
        Listener(name: "t", addresses: ["127.0.0.1:7000"], protocol: "thrift"),
        Listener(name: "r", addresses: ["127.0.0.1:7001"], protocol: "redis"),
    ],
    services: [Service(name: "s", protocol: "thrift", instances: ["10.0.0.1:1"])],
    routes: [Route(name: "all", to: Target(service: "s"))],
)"#,
    );
    assert!(
        told.contains("service `s` speaks `thrift`, but clients of listener `r` speak `redis`"),
        "{told}"
    );
    assert!(told.contains("Match(listener: …)"), "{told}");
}

#[test]
fn a_key_that_the_protocol_does_not_give_is_refused() {
    let told = refused(&with_top(
        r#"routes: [Route(name: "r", when: Match(keys: {"nokey": "1"}), to: Target(service: "orders"))]"#,
    ));
    assert!(
        told.contains("protocol `thrift` gives no key `nokey`"),
        "{told}"
    );
}

#[test]
fn a_listener_that_leads_nowhere_is_refused() {
    let told = refused(
        r#"Proxy(listeners: [Listener(name: "a", addresses: ["127.0.0.1:0"], protocol: "raw")])"#,
    );
    assert!(told.contains("listener `a` leads nowhere"), "{told}");
}

#[test]
fn bad_addresses_are_told_apart() {
    for (address, mend) in [
        ("10.0.0.1", "has no port"),
        ("::1", "write for instance \"[::1]:9000\""),
        ("::1:90000", "is not a port"),
        ("fe80::1:9000", "write for instance \"[fe80::1]:9000\""),
        (":9000", "write \"0.0.0.0:9000\""),
        ("*:9000", "write \"0.0.0.0:9000\""),
        ("10.0.0.300:9000", "is not an address"),
        ("10.0.0.1:http", "`http` is not a port"),
        ("/run/a.sock", "write \"unix:/run/a.sock\""),
        ("unix:a.sock", "write \"unix:/run/a.sock\""),
        ("unix:", "write \"unix:/run/name.sock\""),
        ("0.0.0.0:9000", "write the server's own address"),
        ("10.0.0.1:0", "port 0 leads nowhere"),
        ("", "is not an address"),
    ] {
        let told = refused(&MINIMAL.replace("10.0.0.1:9000", address));
        assert!(told.contains(mend), "{address}: {told}");
    }
}

#[test]
fn values_that_belong_together_are_compared() {
    for (top, mend) in [
        (
            "drain: Drain(grace: \"1m\", hard_stop: \"30s\")",
            "`grace` (1m) is larger than `hard_stop` (30s)",
        ),
        (
            "limits: Limits(reconnect_min: \"10s\", reconnect_max: \"5s\")",
            "`reconnect_min` (10s) is larger than `reconnect_max` (5s)",
        ),
        (
            "frames: Frames(frame_bytes_max: \"1KiB\")",
            "`head_bytes_max` (64KiB) is larger than `frame_bytes_max` (1KiB)",
        ),
        (
            "policy: Policy(retry: Retry(backoff_base: \"1s\"))",
            "`backoff_base` (1s) is larger than `backoff_max` (250ms)",
        ),
    ] {
        let told = refused(&with_top(top));
        assert!(told.contains(mend), "{told}");
    }
}

#[test]
fn a_number_of_workers_is_auto_or_a_number() {
    assert!(refused(&with_top("workers: Autp")).contains("did you mean `Auto`?"));
    assert!(refused(&with_top("workers: 0")).contains("too small"));
    assert!(refused(&with_top("workers: -1")).contains("is not a whole number"));
}

#[test]
fn what_is_probably_not_meant_is_a_warning() {
    let config = good(
        r#"Proxy(
    listeners: [Listener(name: "l", addresses: ["127.0.0.1:0"], service: "s")],
    services: [
        Service(name: "s", protocol: "thrift", instances: ["10.0.0.1:9000"]),
        Service(name: "lonely", protocol: "thrift"),
    ],
    routes: [
        Route(name: "gets", when: Match(method: "get*"), to: Target(service: "s", subset: {"env": "x"})),
        Route(name: "late", when: Match(method: "getUser"), to: Target(service: "s")),
        Route(name: "all", to: Target(service: "s")),
    ],
)"#,
    );
    let told = said(&config.warnings);
    for line in [
        "p.ron:2:74: no exchange gets here: route `all` takes all of them",
        "p.ron:5:9: the service has no instance",
        "p.ron:5:9: no exchange can reach service `lonely`",
        "p.ron:8:91: no instance of service `s` carries these labels",
        "p.ron:9:9: route `late` is never taken: route `gets` before it",
    ] {
        assert!(told.contains(line), "no {line:?} in\n{told}");
    }
}

#[test]
fn an_instance_that_is_this_proxy_itself_is_a_warning() {
    let text = |listens: &str, serves: &str| {
        format!(
            r#"Proxy(
    listeners: [Listener(name: "front", addresses: ["{listens}"], service: "s")],
    services: [Service(name: "s", protocol: "thrift", instances: ["{serves}"])],
)"#
        )
    };
    for (listens, serves) in [
        ("127.0.0.1:7000", "127.0.0.1:7000"),
        ("[::]:7000", "[::1]:7000"),
        ("unix:/run/s.sock", "unix:/run/s.sock"),
    ] {
        let told = said(&good(&text(listens, serves)).warnings);
        let line = format!("p.ron:3:67: `{serves}` is listener `front` of this proxy");
        assert!(told.contains(&line), "no {line:?} in\n{told}");
    }
    let told = good(&text("127.0.0.1:7000", "127.0.0.1:7001")).warnings;
    assert!(told.is_empty(), "{}", said(&told));
}

#[test]
fn a_state_shares_what_did_not_change_with_the_one_before() {
    let text = |weight: u32| {
        format!(
            r#"Proxy(
    listeners: [
        Listener(name: "a", addresses: ["127.0.0.1:0"], service: "s"),
        Listener(name: "b", addresses: ["127.0.0.1:0"], service: "t"),
    ],
    services: [
        Service(name: "s", protocol: "thrift", instances: ["10.0.0.1:9000"]),
        Service(name: "t", protocol: "thrift",
            instances: [Instance(address: "10.0.0.1:9000", weight: {weight})]),
    ],
)"#
        )
    };
    let before = good(&text(1));
    let state = before.state(1);
    let mut after = good(&text(2));
    after.share_codecs(&before);
    let next = after.state_after(&state);
    assert_eq!(next.version, 2);
    assert!(Arc::ptr_eq(&state.services[0], &next.services[0]));
    assert!(!Arc::ptr_eq(&state.services[1], &next.services[1]));
    assert!(Arc::ptr_eq(&state.listeners[0], &next.listeners[0]));
    assert!(Arc::ptr_eq(&state.listeners[1], &next.listeners[1]));
}

/// A folder of its own with an own description in it, and a configuration that names it.
fn folder(test: &str, edit: impl Fn(&str) -> String) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("weft-{test}-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("protocols")).unwrap();
    let acme = include_str!("../../../../protocols/acme/protocol.ron");
    std::fs::write(folder.join("protocols/own.ron"), edit(acme)).unwrap();
    let config = MINIMAL
        .replace("\"thrift\"", "\"own\"")
        .replace("Proxy(", "Proxy(protocols: [\"protocols/own.ron\"],");
    std::fs::write(folder.join("p.ron"), config).unwrap();
    folder
}

fn renamed(acme: &str) -> String {
    acme.replace("name: \"acme\"", "name: \"own\"")
}

#[test]
fn a_description_of_ones_own_is_read_relative_to_the_file() {
    let folder = folder("own", renamed);
    let config = super::load(&folder.join("p.ron"))
        .map_err(|c| said(&c))
        .unwrap();
    assert_eq!(config.state(1).listeners[0].codec.name(), "own");
    let report = check(&folder.join("p.ron"));
    assert!(report.to_string().ends_with("protocols: own"), "{report}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_wrong_description_is_told_in_its_own_file_and_only_there() {
    let folder = folder("wrong", |acme| renamed(acme).replace("endian:", "endain:"));
    let complaints = super::load(&folder.join("p.ron")).unwrap_err();
    assert_eq!(complaints.len(), 1, "{}", said(&complaints));
    assert!(complaints[0].file.ends_with("protocols/own.ron"));
    assert_eq!(complaints[0].nearest.as_deref(), Some("endian"));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_description_may_not_take_the_name_of_a_protocol_in_rust() {
    let folder = folder("thrift", |acme| {
        acme.replace("name: \"acme\"", "name: \"thrift\"")
    });
    let told = said(&super::load(&folder.join("p.ron")).unwrap_err());
    assert!(told.contains("protocol `thrift` is built in"), "{told}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_description_that_takes_the_place_of_a_built_in_one_is_a_warning_and_its_copy_is_none() {
    for (mend, warned) in [("900", false), ("901", true)] {
        let folder = folder(&format!("place-{mend}"), |acme| {
            acme.replace("From(900)", &format!("From({mend})"))
        });
        let file = folder.join("p.ron");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("\"own\"", "\"acme\"")).unwrap();
        let config = super::load(&file).map_err(|c| said(&c)).unwrap();
        let told = said(&config.warnings);
        assert_eq!(told.contains("the place of the built-in"), warned, "{told}");
        assert_eq!(told.contains("nothing proves"), warned, "{told}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn codecs_are_shared_only_while_their_description_is_the_same() {
    let folder = folder("share", renamed);
    let path = folder.join("p.ron");
    let first = super::load(&path).unwrap();
    let mut second = super::load(&path).unwrap();
    second.share_codecs(&first);
    let shared = |one: &Config, other: &Config| {
        Arc::ptr_eq(&one.codecs["own"].codec, &other.codecs["own"].codec)
    };
    assert!(shared(&first, &second));
    let text = format!(
        "{}\n// changed",
        std::fs::read_to_string(folder.join("protocols/own.ron")).unwrap()
    );
    std::fs::write(folder.join("protocols/own.ron"), text).unwrap();
    let mut third = super::load(&path).unwrap();
    third.share_codecs(&first);
    assert!(!shared(&first, &third));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_file_that_is_cut_anywhere_is_refused_without_a_panic() {
    let text = include_str!("../../../../docs/examples/canary.ron");
    for (end, _) in text.char_indices() {
        let cut = text.get(..end).unwrap();
        assert!(parse("p.ron", cut, Path::new(".")).is_err() || cut.trim() == text.trim());
    }
}

#[test]
fn a_service_may_have_twenty_thousand_instances() {
    let instances: String = (0..20_000)
        .map(|n| format!("\"10.{}.{}.1:9000\",", n / 250, n % 250))
        .collect();
    let config = good(&MINIMAL.replace("\"10.0.0.1:9000\"", &instances));
    assert_eq!(config.services[0].instances.len(), 20_000);
}

#[test]
fn a_report_reads_well_and_is_json() {
    let missing = check(Path::new("/nowhere/p.ron"));
    assert!(!missing.is_good());
    assert!(
        missing.to_string().contains("the file cannot be read"),
        "{missing}"
    );
    let good = Report::new(Path::new("p.ron"), Ok(good(MINIMAL)));
    assert_eq!(
        good.to_string(),
        "p.ron: good: 1 listener, 1 service with 1 instance, 0 routes; protocols: thrift"
    );
    let json = serde_json::to_value(&good).unwrap();
    assert_eq!(json["summary"]["listeners"], 1);
}
