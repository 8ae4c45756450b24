//! Where a checked value stands, and the list of what is wrong: every check goes on after a
//! complaint, so that one run tells all mistakes.

use std::ops::RangeInclusive;
use std::time::Duration;

use weft_ron::{Complaint, Step, locate};

use super::written::{Written, duration, show_duration, show_size, size};

/// The place of a value: the steps that lead to it from the outermost one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'p> {
    parent: Option<&'p Place<'p>>,
    step: Option<Step<'p>>,
}

impl<'p> Place<'p> {
    /// The outermost value.
    pub(super) const ROOT: Self = Self {
        parent: None,
        step: None,
    };

    /// A field of this value.
    pub(super) fn field(&'p self, name: &'p str) -> Self {
        self.then(Step::Field(name))
    }

    /// An element of this list.
    pub(super) fn index(&'p self, index: usize) -> Self {
        self.then(Step::Index(index))
    }

    /// A value of this map.
    pub(super) fn key(&'p self, key: &'p str) -> Self {
        self.then(Step::Key(key))
    }

    fn then(&'p self, step: Step<'p>) -> Self {
        Self {
            parent: Some(self),
            step: Some(step),
        }
    }

    fn steps(&self) -> Vec<Step<'p>> {
        let mut steps = self.parent.map(Place::steps).unwrap_or_default();
        steps.extend(self.step);
        steps
    }

    /// The place in a form that can be kept.
    pub(super) fn path(&self) -> Path {
        let keep = |step| match step {
            Step::Field(name) => Kept::Field(name.to_owned()),
            Step::Index(index) => Kept::Index(index),
            Step::Key(key) => Kept::Key(key.to_owned()),
        };
        Path(self.steps().into_iter().map(keep).collect())
    }

    /// The name of the field that this place is, for complaints.
    fn name(&self) -> &'p str {
        match self.step {
            Some(Step::Field(name) | Step::Key(name)) => name,
            _ => self.parent.map_or("", Place::name),
        }
    }
}

/// A place that outlives the walk to it.
#[derive(Clone, Debug)]
pub(super) struct Path(Box<[Kept]>);

#[derive(Clone, Debug)]
enum Kept {
    Field(String),
    Index(usize),
    Key(String),
}

impl Kept {
    fn step(&self) -> Step<'_> {
        match self {
            Self::Field(name) => Step::Field(name),
            Self::Index(index) => Step::Index(*index),
            Self::Key(key) => Step::Key(key),
        }
    }
}

/// A file that is being checked, and what was found wrong with it.
#[derive(Debug)]
pub(super) struct Findings<'t> {
    file: &'t str,
    text: &'t str,
    /// What keeps the file from being used.
    pub(super) complaints: Vec<Complaint>,
    /// What is probably not meant, but can be run.
    pub(super) warnings: Vec<Complaint>,
}

impl<'t> Findings<'t> {
    /// Nothing yet.
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        Self {
            file,
            text,
            complaints: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// A complaint at a place, not yet in the list.
    pub(super) fn at(&self, place: &Place<'_>, message: impl Into<String>) -> Complaint {
        Complaint::new(self.file, locate(self.text, &place.steps()), message)
    }

    /// The line of a place that was kept.
    pub(super) fn line(&self, path: &Path) -> u32 {
        let steps: Vec<Step<'_>> = path.0.iter().map(Kept::step).collect();
        locate(self.text, &steps).line
    }

    /// Adds a complaint with its mend.
    pub(super) fn refuse(
        &mut self,
        place: &Place<'_>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let complaint = self.at(place, message).help(help);
        self.complaints.push(complaint);
    }

    /// Adds a complaint about a word that is none of `words`.
    pub(super) fn unknown<W: AsRef<str>>(
        &mut self,
        place: &Place<'_>,
        what: &str,
        found: &str,
        words: impl IntoIterator<Item = W>,
    ) {
        let complaint = self
            .at(place, format!("there is no {what} `{found}`"))
            .expecting(found, words);
        self.complaints.push(complaint);
    }

    /// Adds a complaint that a field is missing.
    pub(super) fn missing(&mut self, place: &Place<'_>, field: &str, example: &str) {
        self.refuse(
            place,
            format!("`{field}` is missing"),
            format!("add `{field}: {example}`"),
        );
    }

    /// Adds a warning with its mend.
    pub(super) fn warn(
        &mut self,
        place: &Place<'_>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let warning = self.at(place, message).help(help);
        self.warnings.push(warning);
    }

    /// The bare word that stands at a place: a variant, or the name before a parenthesis.
    pub(super) fn word(&self, place: &Place<'_>) -> &'t str {
        let offset = locate(self.text, &place.steps()).to_offset(self.text);
        let rest = self.text.get(offset..).unwrap_or_default();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
    }

    /// Takes over a duration, if one is written and in range.
    pub(super) fn duration(
        &mut self,
        place: &Place<'_>,
        written: Option<&Written>,
        range: RangeInclusive<Duration>,
        into: &mut Duration,
    ) {
        let read = match written {
            None => return,
            Some(Written::Text(text)) => duration(text),
            Some(Written::Whole(number)) => Err(format!("write the unit: \"{number}s\"")),
            Some(_) => duration(""),
        };
        match read {
            Ok(value) if range.contains(&value) => *into = value,
            Ok(value) => self.out_of_range(place, value, &range, show_duration),
            Err(help) => self.refuse(place, format!("`{}` is not a duration", place.name()), help),
        }
    }

    /// Takes over a duration that may also be `"0s"` for never.
    pub(super) fn duration_or_never(
        &mut self,
        place: &Place<'_>,
        written: Option<&Written>,
        range: RangeInclusive<Duration>,
        into: &mut Duration,
    ) {
        if let Some(Written::Text(text)) = written
            && duration(text) == Ok(Duration::ZERO)
        {
            *into = Duration::ZERO;
            return;
        }
        self.duration(place, written, range, into);
    }

    /// Takes over a size in bytes, if one is written and in range.
    pub(super) fn size<T>(
        &mut self,
        place: &Place<'_>,
        written: Option<&Written>,
        range: RangeInclusive<u64>,
        into: &mut T,
    ) where
        T: TryFrom<u64>,
    {
        let read = match written {
            None => return,
            Some(Written::Whole(bytes)) => Ok(*bytes),
            Some(Written::Text(text)) => size(text),
            Some(_) => size(""),
        };
        match read {
            Ok(value) => self.narrow(place, value, &range, show_size, into),
            Err(help) => self.refuse(place, format!("`{}` is not a size", place.name()), help),
        }
    }

    /// Takes over a whole number, if one is written and in range.
    pub(super) fn count<T>(
        &mut self,
        place: &Place<'_>,
        written: Option<&Written>,
        range: RangeInclusive<u64>,
        into: &mut T,
    ) where
        T: TryFrom<u64>,
    {
        match written {
            None => {}
            Some(Written::Whole(number)) => {
                self.narrow(place, *number, &range, |n| n.to_string(), into);
            }
            Some(_) => self.refuse(
                place,
                format!("`{}` is not a whole number", place.name()),
                format!("write a number from {} to {}", range.start(), range.end()),
            ),
        }
    }

    /// Takes over a share from 0 to 1.
    pub(super) fn share(&mut self, place: &Place<'_>, written: Option<&Written>, into: &mut f64) {
        let value = match written {
            None => return,
            Some(Written::Number(value)) => *value,
            Some(Written::Whole(0)) => 0.0,
            Some(Written::Whole(1)) => 1.0,
            Some(_) => f64::NAN,
        };
        if (0.0..=1.0).contains(&value) {
            *into = value;
        } else {
            self.refuse(
                place,
                format!("`{}` is not a share", place.name()),
                "write a number from 0.0 to 1.0",
            );
        }
    }

    /// Numbers may be narrower than what was written; `range` lies within their type.
    fn narrow<T: TryFrom<u64>>(
        &mut self,
        place: &Place<'_>,
        value: u64,
        range: &RangeInclusive<u64>,
        show: impl Fn(u64) -> String,
        into: &mut T,
    ) {
        match T::try_from(value) {
            Ok(narrow) if range.contains(&value) => *into = narrow,
            _ => self.out_of_range(place, value, range, show),
        }
    }

    fn out_of_range<T: PartialOrd + Copy>(
        &mut self,
        place: &Place<'_>,
        value: T,
        range: &RangeInclusive<T>,
        show: impl Fn(T) -> String,
    ) {
        let side = if value < *range.start() {
            "too small"
        } else {
            "too large"
        };
        self.refuse(
            place,
            format!("`{}` is {side}: {}", place.name(), show(value)),
            format!("from {} to {}", show(*range.start()), show(*range.end())),
        );
    }

    /// Complains unless `smaller` is at most `larger`: both are the values after all defaults.
    pub(super) fn ordered<T: PartialOrd + Copy>(
        &mut self,
        place: &Place<'_>,
        (smaller_name, smaller): (&str, T),
        (larger_name, larger): (&str, T),
        show: impl Fn(T) -> String,
    ) {
        if smaller > larger {
            self.refuse(
                place,
                format!(
                    "`{smaller_name}` ({}) is larger than `{larger_name}` ({})",
                    show(smaller),
                    show(larger)
                ),
                format!("set both so that `{smaller_name}` is at most `{larger_name}`"),
            );
        }
    }
}
