//! What is read, and where each mistake is said to be.

use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Sample {
    name: String,
    #[serde(default)]
    ports: Vec<u16>,
    #[serde(default)]
    mode: Option<Mode>,
    #[serde(default)]
    inner: Option<Inner>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Inner {
    length: u8,
    #[serde(default)]
    kind: u8,
}

#[derive(Debug, Deserialize, PartialEq)]
enum Mode {
    Auto,
    Count(u32),
    Pair(u8, u8),
    Boxed(Inner),
}

#[track_caller]
fn refused(text: &str) -> Complaint {
    from_str::<Sample>("sample.ron", text).expect_err("this text must be refused")
}

#[track_caller]
fn refused_at(text: &str, line: u32, column: u32, said: &str) {
    let complaint = refused(text);
    assert_eq!(
        (complaint.line, complaint.column),
        (line, column),
        "{complaint}"
    );
    assert!(complaint.message.contains(said), "{complaint}");
}

#[test]
fn some_and_inner_parentheses_may_be_left_out() {
    let read: Sample = from_str(
        "sample.ron",
        "Sample(name: \"a\", mode: Boxed(length: 3), inner: (length: 4))",
    )
    .unwrap();
    assert_eq!(read.mode, Some(Mode::Boxed(Inner { length: 3, kind: 0 })));
    assert_eq!(read.inner, Some(Inner { length: 4, kind: 0 }));
}

#[test]
fn an_unknown_field_is_named_with_its_place_and_the_nearest() {
    let complaint =
        refused("(\n    name: \"length\",\n    inner: (\n        lenght: 3,\n    ),\n)");
    assert_eq!(
        complaint.to_string(),
        "sample.ron:4:9: unknown field `lenght`\n  expected one of `length`, `kind`\n  \
         did you mean `length`?"
    );
}

#[test]
fn an_unknown_variant_is_named_with_its_place_and_the_nearest() {
    let complaint = refused("(\n  name: \"x\",\n  mode: Cuont(3),\n)");
    assert_eq!(
        complaint.to_string(),
        "sample.ron:3:9: unknown word `Cuont`\n  expected one of `Auto`, `Count`, `Pair`, \
         `Boxed`\n  did you mean `Count`?"
    );
}

#[test]
fn a_missing_field_is_said_at_the_value_that_lacks_it() {
    refused_at("(ports: [1])", 1, 1, "the field `name`");
    refused_at(
        "(\n name: \"a\",\n inner: (kind: 1),\n)",
        3,
        9,
        "the field `length`",
    );
}

#[test]
fn a_field_that_stands_twice_is_said_at_the_second() {
    refused_at("(name: \"a\",\n name: \"b\")", 2, 2, "stands twice");
}

#[test]
fn a_value_of_the_wrong_type_is_said_at_the_value() {
    refused_at("(\n  name: 7,\n)", 2, 9, "expected string");
    refused_at(
        "(\n  name: \"a\",\n  ports: [1, x],\n)",
        3,
        14,
        "expected integer",
    );
    refused_at("(name: \"a\", ports: [1, 70000])", 1, 24, "out of bounds");
}

#[test]
fn a_variant_with_too_few_values_is_said_at_its_name() {
    refused_at("(name: \"a\", mode: Pair(1))", 1, 19, "expected");
}

#[test]
fn broken_syntax_is_said_where_it_breaks() {
    refused_at("(\n  name: \"a\"\n  ports: [],\n)", 3, 3, "expected comma");
    refused_at("(name: \"a\") more", 1, 13, "behind the end");
    refused_at("(name: \"a\", ports: \"1\")", 1, 20, "expected a list");
}

#[test]
fn a_text_that_is_cut_off_names_the_mark_that_is_open() {
    refused_at("(name: \"a\"", 1, 11, "inside the `(` of 1:1");
    refused_at(
        "(\n  name: \"a\",\n  ports: [1\n",
        4,
        1,
        "inside the `[` of 3:10",
    );
    refused_at(
        "(name: \"a\", inner: (length: 3)",
        1,
        31,
        "inside the `(` of 1:1",
    );
}

#[test]
fn a_file_of_something_else_is_told_how_to_begin() {
    let complaint = refused("\n \n");
    assert!(complaint.to_string().contains("nothing stands in the file"));
    assert!(complaint.to_string().contains("begin with `Sample(`"));
    assert!(
        refused("{\"name\": 1}")
            .to_string()
            .contains("begin with `Sample(`")
    );
}

#[test]
fn a_byte_order_mark_is_named() {
    refused_at("\u{feff}(name: \"a\")", 1, 1, "byte order mark");
}
