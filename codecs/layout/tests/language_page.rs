//! The reference page is what the code is: its examples compile, and no word of the language is
//! missing from it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the functions that tests share may fail as tests do"
)]

use weft_layout::Layout;

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/language.md");
    std::fs::read_to_string(path).unwrap()
}

/// The texts of the code blocks that are whole descriptions.
fn descriptions(page: &str) -> Vec<&str> {
    let blocks = page.split("```ron description\n").skip(1);
    blocks
        .filter_map(|block| block.split("```").next())
        .collect()
}

#[track_caller]
fn compiles(text: &str) {
    if let Err(complaints) = Layout::compile("language.md", text) {
        let said: Vec<_> = complaints.iter().map(ToString::to_string).collect();
        panic!("{text}\n{}", said.join("\n"));
    }
}

#[test]
fn the_descriptions_of_the_page_compile() {
    let page = page();
    let found = descriptions(&page);
    assert!(found.len() >= 2);
    found.into_iter().for_each(compiles);
}

#[test]
fn the_example_of_every_field_compiles() {
    let page = page();
    let table = page.split("## Fields").nth(1).unwrap();
    let table = table.split("## Integers").next().unwrap();
    let mut compiled = 0;
    for line in table.lines().filter(|line| line.starts_with("| `")) {
        let example = line.rsplit_once("| `").unwrap().1;
        let example = example.strip_suffix("` |").unwrap();
        let word = line.split('`').nth(1).unwrap();
        assert!(example.starts_with(word), "{line}");
        let before = match word {
            "If" | "Switch" => "Int(\"version\", U8), ",
            "Opaque" => "Int(\"zipped\", U8), ",
            _ => "",
        };
        let id = if word == "Id" {
            ""
        } else {
            "Id(\"own_id\", U8), "
        };
        let length = if word == "Length" {
            ""
        } else {
            "Length(\"own_size\", U16, Rest), "
        };
        let body = match word {
            "Body" | "Checksum" => "",
            _ => ", Body(\"own_body\")",
        };
        let frame = format!("{length}{id}{before}{example}{body}");
        compiles(&format!(
            "(name: \"page\", state: Stateless, frame: [{frame}])"
        ));
        compiled += 1;
    }
    assert_eq!(compiled, 21, "every field of the language has its line");
}

/// What the compiler offers where a word is wrong: the words of the language as the code has
/// them.
#[track_caller]
fn offered(text: &str) -> Vec<String> {
    let complaints = Layout::compile("wrong", text).unwrap_err();
    let expected: Vec<String> = complaints[0].expected.to_vec();
    assert!(expected.len() > 1, "{:?}", complaints[0]);
    expected
}

#[test]
fn every_word_of_the_language_stands_on_the_page() {
    let page = page();
    let frame = |field: &str| format!("(name: \"x\", frame: [{field}])");
    for wrong in [
        "(name: \"x\", nothing: 1)".to_owned(),
        "(name: \"x\", endian: Middle)".to_owned(),
        frame("Nothing"),
        frame("Int(\"a\", Nothing)"),
        frame("Str(\"a\", Nothing)"),
        frame("Id(\"a\", Nothing)"),
        frame("Map(\"a\", Nothing, Str(U8), Str(U8))"),
        frame("Map(\"a\", U8, Nothing, Str(U8))"),
        frame("List(\"a\", U8, [Nothing])"),
        frame("Body(\"a\", U8, { 0: Nothing })"),
        frame("Optional([Nothing])"),
        frame("Tlv(\"a\", U8, U8, U8, { 1: Nothing })"),
        frame("Length(\"a\", U8, Nothing)"),
        frame("Length(\"a\", U8, Plus(Nothing, 1))"),
        frame("Enum(\"a\", U8, { 1: Nothing })"),
        frame("Checksum(\"a\", U8, Nothing, Before)"),
        frame("Checksum(\"a\", U8, Sum8, Nothing)"),
        "(name: \"x\", frame: [], status: Of(\"a\", [(1, Nothing)]))".to_owned(),
        "(name: \"x\", frame: [], kinds: [Nothing])".to_owned(),
        "(name: \"x\", frame: [], deadline: Nothing)".to_owned(),
        "(name: \"x\", frame: [], correlation: Nothing)".to_owned(),
        "(name: \"x\", frame: [], order: Nothing)".to_owned(),
        "(name: \"x\", frame: [], speaks_first: Nothing)".to_owned(),
        "(name: \"x\", frame: [], one_way_answers: Nothing)".to_owned(),
        "(name: \"x\", frame: [], connection: [Otherwise(Never)])".to_owned(),
        "(name: \"x\", frame: [], ids: (middle: 1))".to_owned(),
        "(name: \"x\", frame: [], quiet: [When({}, (nothing: 1))])".to_owned(),
        "(name: \"x\", frame: [], replies: (nothing: ()))".to_owned(),
        "(name: \"x\", frame: [], replies: (error: (nothing: ())))".to_owned(),
        "(name: \"x\", frame: [], replies: (error: (status: Nothing(1))))".to_owned(),
    ] {
        for word in offered(&wrong) {
            let stands = page
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|w| w == word);
            assert!(
                stands,
                "`{word}` is a word of the language, but not on the page"
            );
        }
    }
}
