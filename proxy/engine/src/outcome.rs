//! The one end of each exchange, and the words for those that fail.

use weft_codec::{Asked, Codec, ProxyError, Say};

use crate::client::{ClientKey, PassTo};
use crate::exchange::{ExchangeKey, Phase};
use crate::hop;
use crate::report::Outcome;
use crate::wheel::Timer;
use crate::{AccessRecord, CloseCause, ConnId, Engine};

impl Engine {
    /// Ends an exchange with a proxy error in the protocol's own words. `more` says what
    /// exactly; `shed` that it was refused for want of room.
    pub(crate) fn fail(&mut self, key: ExchangeKey, error: ProxyError, more: &str, shed: bool) {
        self.leave_queue(key);
        let outcome = if shed {
            Outcome::Shed(error)
        } else {
            Outcome::Failed(error)
        };
        let Some(exchange) = self.exchanges.get(key) else {
            return;
        };
        let client = exchange.client;
        if exchange.one_way {
            return self.finish(key, outcome);
        }
        if exchange.answer_begun {
            // Part of an answer went out: only the end of the connection can say the rest.
            self.finish(key, outcome);
            return self.client_gone_by_us(client, CloseCause::PeerGone);
        }
        if exchange.hop {
            self.note_not_executed(key, error);
        }
        let words = match (error.words(), more) {
            (words, "") => format!("weft: {words}"),
            (words, more) => format!("weft: {words}: {more}"),
        };
        let said = self.deliver_words(key, outcome, |codec, asked, out| {
            codec
                .say(
                    &Say::Error {
                        error,
                        words: &words,
                        asked,
                    },
                    out,
                )
                .is_ok()
        });
        if !said {
            self.close_client_when_done(client, CloseCause::CannotSay);
        }
    }

    /// Puts words of the mesh where the answer would go, in their turn, and ends the exchange.
    /// Answers whether the protocol had words.
    pub(crate) fn deliver_words(
        &mut self,
        key: ExchangeKey,
        outcome: Outcome,
        say: impl FnOnce(&dyn Codec, &Asked, &mut Vec<u8>) -> bool,
    ) -> bool {
        if let Some(exchange) = self.exchanges.get_mut(key) {
            // Whatever was held of an answer is replaced by the words.
            self.answer_bytes -= exchange.answer.len();
            exchange.answer.clear();
        }
        let turn = self.is_turn(key);
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return false;
        };
        let client_key = exchange.client;
        let Some(client) = self.clients.get_mut(client_key) else {
            return false;
        };
        let codec = &client.listener.codec;
        let out = if turn {
            client.outbox.room(&mut self.spares)
        } else {
            &mut exchange.answer
        };
        let before = out.len();
        let outer = self.panics.begin();
        let said = say(&**codec, &exchange.asked, out);
        let panicked = self.panics.end(outer);
        self.answer_bytes += out.len() - before;
        if turn {
            client.outbox.rest(&mut self.spares);
            self.mark_client(client_key);
            self.finish(key, outcome);
            self.update_pause(client_key);
        } else {
            // Never refused for want of room: it is as small as an error is.
            exchange.phase = Phase::Held(outcome);
            let mut timer = std::mem::replace(&mut exchange.timer, Timer::NONE);
            self.wheel.cancel(&mut timer);
        }
        if panicked {
            self.client_panicked(client_key, None);
        }
        said
    }

    /// Ends an exchange: releases what it held, counts it, and lets others go on. It must not
    /// be live on a lane any more.
    pub(crate) fn finish(&mut self, key: ExchangeKey, outcome: Outcome) {
        if self.settings.access_records {
            self.record(key, outcome);
        }
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        Self::waits_no_more(&mut self.services, exchange);
        let (client_key, previous, next) = (exchange.client, exchange.previous, exchange.next);
        let (after, before) = (exchange.after, exchange.before);
        self.wheel.cancel(&mut exchange.timer);
        if let Some(kept) = exchange.kept.take() {
            self.kept_bytes -= kept.len();
            self.spares.put(kept);
        }
        if exchange.answer.capacity() > 0 {
            self.answer_bytes -= exchange.answer.len();
            self.spares.put(std::mem::take(&mut exchange.answer));
        }
        self.exchanges.discard(key);
        self.count(outcome);
        if let Some(previous) = previous.and_then(|k| self.exchanges.get_mut(k)) {
            previous.next = next;
        }
        if let Some(next) = next.and_then(|k| self.exchanges.get_mut(k)) {
            next.previous = previous;
        }
        if after.is_some() || before.is_some() {
            self.unchain(key, after, before);
        }
        let Some(client) = self.clients.get_mut(client_key) else {
            return;
        };
        if client.first == Some(key) {
            client.first = next;
        }
        if client.last == Some(key) {
            client.last = previous;
        }
        client.in_flight -= 1;
        if let Some(pass) = &mut client.pass
            && pass.to == PassTo::Waiting(key)
        {
            pass.to = PassTo::Swallow;
        }
        let ordered = client.listener.in_order;
        let flags = &client.flags;
        let waits = (flags.held && !(flags.behind && client.in_flight > 0))
            || flags.ended
            || flags.outdated
            || flags.closing.is_some();
        if client.in_flight == 0 {
            client.id_high = 0;
            client.flags.barrier = false;
        }
        let first = client.first;
        if waits {
            self.list_client(client_key);
        }
        if ordered {
            self.list_release(first);
        } else if after.is_none() {
            self.list_release(before);
        }
    }

    /// Takes an exchange out of the chain of those with its id. It may end before the older one
    /// (a cancel): the younger one then waits for that.
    fn unchain(
        &mut self,
        key: ExchangeKey,
        after: Option<ExchangeKey>,
        before: Option<ExchangeKey>,
    ) {
        if let Some(older) = after.and_then(|k| self.exchanges.get_mut(k))
            && older.before == Some(key)
        {
            older.before = before;
        }
        if let Some(younger) = before.and_then(|k| self.exchanges.get_mut(k))
            && younger.after == Some(key)
        {
            younger.after = after;
        }
    }

    /// Whether the next bytes of an answer may go straight into its client's outbox.
    #[inline]
    pub(crate) fn is_turn(&self, key: ExchangeKey) -> bool {
        let Some(exchange) = self.exchanges.get(key) else {
            return false;
        };
        let Some(client) = self.clients.get(exchange.client) else {
            return false;
        };
        client.is_turn_of(key, exchange)
    }

    /// Lists an exchange whose turn may have come while an answer for it was held.
    #[inline]
    pub(crate) fn list_release(&mut self, key: Option<ExchangeKey>) {
        if let Some(key) = key
            && self.exchanges.get(key).is_some_and(|exchange| {
                matches!(exchange.phase, Phase::Held(_)) || !exchange.answer.is_empty()
            })
        {
            self.releases.push_back(key);
        }
    }

    /// Hands over what is held of an answer, if its turn has come.
    pub(crate) fn release(&mut self, key: ExchangeKey) {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        let client_key = exchange.client;
        let Some(client) = self.clients.get_mut(client_key) else {
            return;
        };
        if client.streaming.is_some()
            || exchange.after.is_some()
            || (client.listener.in_order && client.first != Some(key))
        {
            return;
        }
        let answer = std::mem::take(&mut exchange.answer);
        exchange.answer_begun |= !answer.is_empty();
        let phase = exchange.phase;
        if !answer.is_empty() {
            client
                .outbox
                .room(&mut self.spares)
                .extend_from_slice(&answer);
            self.mark_client(client_key);
        }
        self.spares.put(answer);
        if let Phase::Held(outcome) = phase {
            self.finish(key, outcome);
        } else {
            // The beginning of an answer in several frames, or of a large one.
            self.stream_released(client_key, key);
        }
        self.update_pause(client_key);
    }

    /// Lists everything that a finished stream held back.
    pub(crate) fn release_all(&mut self, key: ClientKey) {
        let mut at = self.clients.get(key).and_then(|client| client.first);
        while let Some(candidate) = at {
            at = self
                .exchanges
                .get(candidate)
                .and_then(|exchange| exchange.next);
            self.list_release(Some(candidate));
        }
    }

    fn count(&mut self, outcome: Outcome) {
        let counters = &mut self.counters;
        match outcome {
            Outcome::Answered => counters.answered += 1,
            Outcome::Failed(error) => counters.failed[error as usize] += 1,
            Outcome::Shed(error) => counters.shed[error as usize] += 1,
            Outcome::Sent => counters.sent += 1,
            Outcome::Cancelled => counters.cancelled += 1,
        }
    }

    fn record(&mut self, key: ExchangeKey, outcome: Outcome) {
        let Some(exchange) = self.exchanges.get(key) else {
            return;
        };
        let listener = self
            .clients
            .get(exchange.client)
            .map(|c| c.listener.listener.name.clone());
        let rule = exchange.rule.as_ref();
        self.records.push(AccessRecord {
            client: ConnId::of_client(exchange.client),
            caller_id: exchange.caller_id,
            listener: listener.unwrap_or_default(),
            route: rule.map(|rule| rule.rule.route.name.clone()),
            service: rule.map(|rule| rule.rule.route.to.service.clone()),
            instance: exchange
                .instance
                .and_then(|key| self.instances.get(key))
                .map(|run| run.instance.id.clone()),
            attempts: exchange.attempts,
            sent_before: hop::sent_before(exchange),
            began: exchange.began,
            took: self.now.monotonic.duration_since(exchange.began),
            outcome,
        });
    }
}
