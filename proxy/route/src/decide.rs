//! Which rule takes a request: on every request's path, so a field is read at most once and
//! only if a rule asks for it, and nothing is allocated unless a codec must.

use std::collections::HashMap;

use smallvec::SmallVec;
use weft_codec::{Field, Value};
use weft_model::TextMatch;

use crate::{Fields, RouteTable, Rule};

/// From so many rules with an exact method, a table finds them by hash.
const INDEXED_RULES_MIN: usize = 8;

impl RouteTable {
    /// The index of the first rule that takes the request, or `None`.
    ///
    /// Where the first rule has no condition, no field is read at all.
    #[must_use]
    pub fn decide(&self, request: &impl Fields) -> Option<usize> {
        let first = self.rules.first()?;
        let when = &first.route.when;
        if when.service.is_none() && when.method.is_none() && when.keys.is_empty() {
            return Some(0);
        }
        let mut answers = Answers::new(request, &self.key_slots);
        match &self.methods {
            None => self
                .rules
                .iter()
                .position(|rule| answers.satisfy(rule, true)),
            Some(index) => index.first(&self.rules, &mut answers),
        }
    }
}

/// The keys that a table's rules ask for, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeySlots(Vec<String>);

impl KeySlots {
    /// The slot of a key, new or known.
    pub(crate) fn slot(&mut self, name: &str) -> usize {
        self.0
            .iter()
            .position(|known| known == name)
            .unwrap_or_else(|| {
                self.0.push(name.to_owned());
                self.0.len() - 1
            })
    }
}

/// Rules by the method that they name exactly; the others are tried for every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MethodIndex {
    exact: HashMap<Box<[u8]>, Vec<usize>>,
    others: Vec<usize>,
}

impl MethodIndex {
    /// An index over `rules`, or `None` if too few name a method exactly.
    pub(crate) fn build(rules: &[Rule]) -> Option<Self> {
        let mut exact: HashMap<Box<[u8]>, Vec<usize>> = HashMap::new();
        let mut others = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            match &rule.route.when.method {
                Some(TextMatch::Exact(method)) => {
                    exact.entry(method.as_bytes().into()).or_default();
                    if let Some(indices) = exact.get_mut(method.as_bytes()) {
                        indices.push(index);
                    }
                }
                _ => others.push(index),
            }
        }
        (rules.len() - others.len() >= INDEXED_RULES_MIN).then_some(Self { exact, others })
    }

    /// The first rule that holds: both ascending lists are walked as if they were one.
    fn first<F: Fields>(&self, rules: &[Rule], answers: &mut Answers<'_, F>) -> Option<usize> {
        let named = answers
            .method(|method| self.exact.get(method))
            .map_or(&[][..], Vec::as_slice);
        let (mut named, mut others) = (
            named.iter().copied().peekable(),
            self.others.iter().copied().peekable(),
        );
        loop {
            let take_named = match (named.peek(), others.peek()) {
                (None, None) => return None,
                (Some(a), Some(b)) => a < b,
                (Some(_), None) => true,
                (None, Some(_)) => false,
            };
            let index = if take_named {
                named.next()?
            } else {
                others.next()?
            };
            // The method of a named rule is equal already.
            if answers.satisfy(rules.get(index)?, !take_named) {
                return Some(index);
            }
        }
    }
}

/// What a request answered so far.
struct Answers<'a, F> {
    request: &'a F,
    names: &'a [String],
    service: Answer<'a>,
    method: Answer<'a>,
    keys: SmallVec<[Answer<'a>; 4]>,
}

/// `None` until it is asked for.
type Answer<'a> = Option<Option<Value<'a>>>;

impl<'a, F: Fields> Answers<'a, F> {
    fn new(request: &'a F, slots: &'a KeySlots) -> Self {
        Self {
            request,
            names: &slots.0,
            service: None,
            method: None,
            keys: SmallVec::new(),
        }
    }

    /// Whether every condition of the rule holds, the listener's apart; and the method's, unless
    /// it is known to.
    fn satisfy(&mut self, rule: &Rule, ask_method: bool) -> bool {
        let (request, when) = (self.request, &rule.route.when);
        if let Some(pattern) = &when.service
            && !holds(pattern, ask(&mut self.service, request, Field::Service))
        {
            return false;
        }
        if ask_method
            && let Some(pattern) = &when.method
            && !holds(pattern, ask(&mut self.method, request, Field::Method))
        {
            return false;
        }
        let mut keys = rule.keys.iter().zip(&when.keys);
        keys.all(|(slot, key)| self.key_holds(*slot, &key.value))
    }

    fn key_holds(&mut self, slot: usize, pattern: &TextMatch) -> bool {
        if self.keys.is_empty() {
            self.keys.resize(self.names.len(), None);
        }
        let (Some(answer), Some(name)) = (self.keys.get_mut(slot), self.names.get(slot)) else {
            return false;
        };
        holds(pattern, ask(answer, self.request, Field::Key(name)))
    }

    /// Calls `with` with the request's method, if it has one.
    fn method<T>(&mut self, with: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        let value = ask(&mut self.method, self.request, Field::Method)?;
        with_text(value, with)
    }
}

fn ask<'m, 'a, F: Fields>(
    answer: &'m mut Answer<'a>,
    request: &'a F,
    field: Field<'_>,
) -> Option<&'m Value<'a>> {
    answer.get_or_insert_with(|| request.field(field)).as_ref()
}

fn holds(pattern: &TextMatch, value: Option<&Value<'_>>) -> bool {
    value.is_some_and(|value| with_text(value, |text| pattern.matches(text)))
}

/// Calls `with` with a value as text; numbers in decimal, written on the stack.
fn with_text<T>(value: &Value<'_>, with: impl FnOnce(&[u8]) -> T) -> T {
    match value {
        Value::Bytes(bytes) => with(bytes),
        Value::Number(number) => {
            // The largest u64 has 20 digits.
            let mut digits = SmallVec::<[u8; 20]>::new();
            let mut rest = *number;
            loop {
                digits.push(b'0' + u8::try_from(rest % 10).unwrap_or_default());
                rest /= 10;
                if rest == 0 {
                    break;
                }
            }
            digits.reverse();
            with(&digits)
        }
    }
}
