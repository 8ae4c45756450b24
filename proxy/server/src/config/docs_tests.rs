//! The page about the configuration cannot drift from the code: each option, range, default and
//! example of it is tried.

use std::path::{Path, PathBuf};

use super::{Config, parse};

const PAGE: &str = include_str!("../../../../docs/configuration.md");
const RAW: &str = include_str!("raw.rs");

const LISTENERS: &str =
    r#"listeners: [Listener(name: "orders", addresses: ["0.0.0.0:7000"], service: "orders")],"#;
const SERVICES: &str =
    r#"services: [Service(name: "orders", protocol: "thrift", instances: ["10.0.0.1:9000"])],"#;

/// How the options of a section are written in a file; `{}` is the option and its value.
const WRAPPED: [(&str, &str); 10] = [
    ("Statsd", "statsd: Statsd(address: \"127.0.0.1:8125\", {}),"),
    ("Drain", "drain: Drain({}),"),
    ("Sockets", "sockets: Sockets({}),"),
    ("Policy", "policy: Policy({}),"),
    ("Retry", "policy: Policy(retry: Retry({})),"),
    ("Lanes", "policy: Policy(lanes: Lanes({})),"),
    ("Queue", "policy: Policy(queue: Queue({})),"),
    ("Frames", "frames: Frames({}),"),
    ("Limits", "limits: Limits({}),"),
    (
        "Instance",
        "services: [Service(name: \"orders\", protocol: \"thrift\", \
         instances: [Instance(address: \"10.0.0.1:9000\", {})])],",
    ),
];

/// A row of one of the page's tables.
#[derive(Debug)]
struct Row {
    section: &'static str,
    option: &'static str,
    range: &'static str,
    default: &'static str,
}

fn rows() -> Vec<Row> {
    let mut section = "";
    let mut rows = Vec::new();
    for line in PAGE.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            section = title;
        } else if line.starts_with("| `") {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [option, _, range, default] = cells.as_slice() else {
                panic!("four cells: {line}");
            };
            rows.push(Row {
                section,
                option: option.trim_matches('`'),
                range,
                default: default
                    .strip_prefix('`')
                    .and_then(|d| d.strip_suffix('`'))
                    .unwrap_or(""),
            });
        }
    }
    rows
}

/// A whole file around some top-level fields.
fn whole(fields: &str) -> String {
    let add = |name: &str, text| if fields.contains(name) { "" } else { text };
    format!(
        "Proxy({fields}\n{}\n{})",
        add("listeners:", LISTENERS),
        add("services:", SERVICES)
    )
}

fn option(row: &Row, value: &str) -> Option<String> {
    let (_, wrapped) = WRAPPED.iter().find(|(name, _)| *name == row.section)?;
    Some(whole(
        &wrapped.replace("{}", &format!("{}: {value}", row.option)),
    ))
}

#[track_caller]
fn load(text: &str) -> Config {
    parse("page", text, Path::new(".")).unwrap_or_else(|complaints| {
        let said: Vec<String> = complaints.iter().map(ToString::to_string).collect();
        panic!("{}\n{text}", said.join("\n"));
    })
}

#[test]
fn every_option_has_a_row_in_the_section_of_its_type() {
    let rows = rows();
    let (mut section, mut fields) = ("", 0);
    for line in RAW.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("pub(crate) struct ") {
            section = rest.trim_end_matches(" {");
        } else if let Some((field, _)) = line
            .strip_prefix("pub(crate) ")
            .and_then(|field| field.split_once(':'))
        {
            fields += 1;
            assert!(
                rows.iter()
                    .any(|r| r.section == section && r.option == field),
                "`{field}` of {section} is not on the page"
            );
        }
    }
    assert_eq!(rows.len(), fields, "the page has options that do not exist");
}

#[test]
fn every_default_on_the_page_is_the_default() {
    let mut tried = 0;
    for row in rows().iter().filter(|row| !row.default.is_empty()) {
        let Some(text) = option(row, row.default) else {
            continue;
        };
        // The same file without the option.
        let silent = text.replace(&format!("{}: {}", row.option, row.default), "");
        let silent = silent.replace(", )", ")");
        assert_ne!(text, silent, "{row:?}");
        assert_eq!(
            format!("{:?}", load(&text)),
            format!("{:?}", load(&silent)),
            "{row:?}"
        );
        tried += 1;
    }
    assert!(tried > 40, "only {tried} defaults were tried");
}

#[test]
fn every_range_on_the_page_is_the_range() {
    let mut tried = 0;
    for row in rows().iter().filter(|row| row.range.contains(" to ")) {
        let excess = match row.default {
            default if default.ends_with("B\"") => "\"99999999GiB\"",
            default if default.starts_with('"') => "\"99999d\"",
            default if default.contains('.') => "1.1",
            _ => "18446744073709551615",
        };
        let Some(text) = option(row, excess) else {
            continue;
        };
        let complaints = parse("page", &text, Path::new(".")).unwrap_err();
        let help = complaints[0].help.clone().unwrap_or_default();
        assert!(
            help.ends_with(&format!("from {}", row.range)),
            "{row:?}: {help}"
        );
        tried += 1;
    }
    assert!(tried > 40, "only {tried} ranges were tried");
}

#[test]
fn every_example_on_the_page_loads_without_a_warning() {
    let mut tried = 0;
    for block in PAGE.split("```ron\n").skip(1) {
        let block = block.split("```").next().unwrap();
        let text = if block.starts_with("Proxy(") {
            block.to_owned()
        } else {
            whole(block)
        };
        let config = load(&text);
        assert!(config.warnings.is_empty(), "{:?}\n{text}", config.warnings);
        tried += 1;
    }
    assert_eq!(tried, PAGE.matches("\n## ").count() + 1, "one per section");
}

#[test]
fn every_example_file_loads_without_a_warning() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples");
    let mut tried = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let report = super::check(&entry.unwrap().path());
        assert!(report.is_good() && report.warnings.is_empty(), "{report}");
        tried += 1;
    }
    assert!(tried >= 3);
}
