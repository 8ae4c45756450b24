//! The numbers in Prometheus' text format, version 0.0.4.

use std::fmt::Write;

use crate::metrics::{Family, Kind, Sample};

/// The content type of the format.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Renders every family that has a sample.
pub(super) fn render(families: &[Family]) -> String {
    let mut out = String::with_capacity(16 << 10);
    for family in families.iter().filter(|family| !family.samples.is_empty()) {
        // Writing to a string cannot fail.
        let _infallible = render_family(&mut out, family);
    }
    out
}

fn render_family(out: &mut String, family: &Family) -> std::fmt::Result {
    let name = family.name;
    let kind = match family.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Summary => "summary",
    };
    writeln!(out, "# HELP weft_{name} {}", family.help)?;
    writeln!(out, "# TYPE weft_{name} {kind}")?;
    for sample in &family.samples {
        write!(out, "weft_{name}")?;
        render_labels(out, sample)?;
        writeln!(out, " {}", sample.value)?;
    }
    Ok(())
}

fn render_labels(out: &mut String, sample: &Sample) -> std::fmt::Result {
    if sample.labels.is_empty() {
        return Ok(());
    }
    let mut separator = '{';
    for (name, value) in &sample.labels {
        write!(out, "{separator}{name}=\"")?;
        for c in value.chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                c => out.push(c),
            }
        }
        out.push('"');
        separator = ',';
    }
    out.push('}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_one_help_one_type_and_its_samples_with_escaped_labels() {
        let family = Family {
            name: "clients",
            help: "Client connections.",
            kind: Kind::Gauge,
            samples: vec![Sample {
                labels: vec![
                    ("listener", "a\"b\\".to_owned()),
                    ("side", "x\ny".to_owned()),
                ],
                value: 3.0,
            }],
        };
        assert_eq!(
            render(&[family]),
            "# HELP weft_clients Client connections.\n# TYPE weft_clients gauge\n\
             weft_clients{listener=\"a\\\"b\\\\\",side=\"x\\ny\"} 3\n"
        );
    }
}
