//! The keys of a request, in order, by the places that its command says.
//!
//! What ring hash distributes by. Follows the key specifications that `COMMAND` gives, and the
//! hash tags of the Redis Cluster specification.

use std::borrow::Cow;

use crate::command::{self, Keys};
use crate::notes::RequestNotes;
use crate::words::Words;

/// Calls `each` with every key of the request until it answers `false`. A key that a
/// cut-through frame's head does not hold ends the walk.
pub(crate) fn each<'a>(
    frame: &'a [u8],
    notes: &RequestNotes,
    each: &mut dyn FnMut(Cow<'a, [u8]>) -> bool,
) {
    if let Some(only) = only(frame, notes) {
        each(Cow::Borrowed(only));
    } else {
        each_word(frame, notes, each);
    }
}

/// The key of a request that has but one and it is the second word, which the scan noted.
#[inline]
fn only<'a>(frame: &'a [u8], notes: &RequestNotes) -> Option<&'a [u8]> {
    let Keys::Range { first: 1, last, .. } = command::by_number(notes.command).keys else {
        return None;
    };
    let is_noted = notes.second.start > 0 && place(last, notes.words) == Some(1);
    is_noted.then(|| notes.second.of(frame)).flatten()
}

#[inline(never)]
fn each_word<'a>(
    frame: &'a [u8],
    notes: &RequestNotes,
    each: &mut dyn FnMut(Cow<'a, [u8]>) -> bool,
) {
    let words = Words::of(frame);
    match command::by_number(notes.command).keys {
        Keys::None => {}
        Keys::Range { first, last, step } => {
            let Some(last) = place(last, notes.words) else {
                return;
            };
            let first = usize::from(first);
            let count = last.saturating_add(1).saturating_sub(first);
            let _ = walk(
                words
                    .skip(first)
                    .take(count)
                    .step_by(usize::from(step).max(1)),
                each,
            );
        }
        Keys::Counted { at } => {
            let _ = counted(words, usize::from(at), each);
        }
        Keys::StoreAndCounted => {
            if walk(words.clone().skip(1).take(1), each) {
                let _ = counted(words, 2, each);
            }
        }
        Keys::Streams => streams(words, notes.words, each),
        Keys::Sort => {
            if walk(words.clone().skip(1).take(1), each) {
                sort_store(words.skip(2), each);
            }
        }
        Keys::GeoRadius => {
            if walk(words.clone().skip(1).take(1), each) {
                geo_store(words.skip(5), each);
            }
        }
        Keys::Migrate => migrate(words, each),
    }
}

/// The n-th key, counted from 0.
pub(crate) fn nth<'a>(frame: &'a [u8], notes: &RequestNotes, n: u32) -> Option<Cow<'a, [u8]>> {
    let mut left = n;
    let mut found = None;
    each(frame, notes, &mut |key| match left.checked_sub(1) {
        Some(fewer) => {
            left = fewer;
            true
        }
        None => {
            found = Some(key);
            false
        }
    });
    found
}

type Each<'a, 'e> = &'e mut dyn FnMut(Cow<'a, [u8]>) -> bool;

/// The place of the last key; negative ones count from the end, -1 is the last word.
fn place(last: i8, words: u32) -> Option<usize> {
    let words = i64::from(words);
    let last = i64::from(last);
    let at = if last < 0 {
        words.checked_add(last)?
    } else {
        last
    };
    usize::try_from(at).ok()
}

/// Whether `each` wants to go on after these words.
fn walk<'a>(words: impl Iterator<Item = Cow<'a, [u8]>>, each: Each<'a, '_>) -> bool {
    for word in words {
        if !each(word) {
            return false;
        }
    }
    true
}

fn counted<'a>(mut words: Words<'a>, at: usize, each: Each<'a, '_>) -> bool {
    let Some(count) = words.nth(at).and_then(|word| decimal(&word)) else {
        return false;
    };
    walk(words.take(count), each)
}

fn decimal(word: &[u8]) -> Option<usize> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// `… STREAMS key key id id`.
fn streams<'a>(words: Words<'a>, total: u32, each: Each<'a, '_>) {
    let mut words = words;
    let mut seen = 0_usize;
    for word in words.by_ref() {
        seen = seen.saturating_add(1);
        if word.eq_ignore_ascii_case(b"STREAMS") {
            let total = usize::try_from(total).unwrap_or_default();
            let _ = walk(words.take(total.saturating_sub(seen) / 2), each);
            return;
        }
    }
}

/// The options of `SORT` that take words of their own, and `STORE destination`.
fn sort_store<'a>(mut words: impl Iterator<Item = Cow<'a, [u8]>>, each: Each<'a, '_>) {
    while let Some(word) = words.next() {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        let skipped = if is("LIMIT") {
            words.nth(1)
        } else if is("BY") || is("GET") {
            words.next()
        } else if is("STORE") {
            match words.next().map(&mut *each) {
                Some(true) => continue,
                _ => return,
            }
        } else {
            continue;
        };
        if skipped.is_none() {
            return;
        }
    }
}

fn geo_store<'a>(mut words: impl Iterator<Item = Cow<'a, [u8]>>, each: Each<'a, '_>) {
    while let Some(word) = words.next() {
        if word.eq_ignore_ascii_case(b"STORE") || word.eq_ignore_ascii_case(b"STOREDIST") {
            match words.next().map(&mut *each) {
                Some(true) => {}
                _ => return,
            }
        }
    }
}

fn migrate<'a>(words: Words<'a>, each: Each<'a, '_>) {
    let mut words = words.skip(3);
    match words.next() {
        Some(key) if !key.is_empty() => {
            let _ = each(key);
        }
        _ => {
            let mut keys = words.skip_while(|word| !word.eq_ignore_ascii_case(b"KEYS"));
            if keys.next().is_some() {
                let _ = walk(keys, each);
            }
        }
    }
}

/// Whether the last word is a key, or might be: then it must be there before the request is
/// routed.
pub(crate) fn last_word_is_key(frame: &[u8], notes: &RequestNotes) -> bool {
    let last_word = notes.words.saturating_sub(1);
    match command::by_number(notes.command).keys {
        Keys::None => false,
        Keys::Range { first, last, step } => {
            let reaches = place(last, notes.words).and_then(|at| u32::try_from(at).ok());
            let first = u32::from(first);
            reaches.is_none_or(|reaches| reaches >= last_word)
                && last_word >= first
                && last_word
                    .saturating_sub(first)
                    .checked_rem(u32::from(step))
                    .is_none_or(|rest| rest == 0)
        }
        Keys::Counted { at } => {
            let count = Words::of(frame)
                .nth(usize::from(at))
                .and_then(|word| decimal(&word))
                .and_then(|count| u32::try_from(count).ok());
            count.is_none_or(|count| u32::from(at).saturating_add(count) >= last_word)
        }
        Keys::StoreAndCounted | Keys::Streams | Keys::Sort | Keys::GeoRadius | Keys::Migrate => {
            true
        }
    }
}

/// The part of a key that places it: what stands between the first `{` and the first `}` after
/// it, unless that is empty; else the whole key. Redis Cluster specification, "Hash tags".
#[must_use]
pub(crate) fn hashed(key: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    match key {
        Cow::Borrowed(key) => Cow::Borrowed(tag(key)),
        Cow::Owned(key) => Cow::Owned(tag(&key).to_vec()),
    }
}

fn tag(key: &[u8]) -> &[u8] {
    let Some(open) = memchr::memchr(b'{', key) else {
        return key;
    };
    let inside = key.get(open.saturating_add(1)..).unwrap_or_default();
    match memchr::memchr(b'}', inside) {
        Some(close) if close > 0 => inside.get(..close).unwrap_or(key),
        _ => key,
    }
}
