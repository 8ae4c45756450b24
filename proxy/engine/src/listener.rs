//! Listeners and their rules as this engine runs them: names resolved to its own tables.

use std::rc::Rc;
use std::sync::Arc;

use weft_codec::{Balance, Codec, ConnectionState, Correlation, Order, Speaker, Traits};
use weft_hop::Inward;
use weft_model::{Balancing, Policy, TextMatch};
use weft_route::Rule;

use crate::Listener;
use crate::guard::{Guarded, Panics};

/// A listener with its rules, shared by the clients of this engine without atomic counts.
#[derive(Debug)]
pub(crate) struct ListenerRun {
    pub(crate) listener: Arc<Listener>,
    /// The listener's codec, its panics caught.
    pub(crate) codec: Arc<Guarded>,
    /// In the order of the listener's route table.
    pub(crate) rules: Vec<Rc<RuleRun>>,
    pub(crate) in_order: bool,
    pub(crate) correlation: Correlation,
    /// Clients rely on their requests being executed in the order in which they were sent.
    pub(crate) executes_in_order: bool,
    /// Requests carry a deadline that is worth asking for.
    pub(crate) reads_deadline: bool,
    /// Requests may change their connection.
    pub(crate) stateful: bool,
    /// The listener is in the state no longer.
    pub(crate) gone: bool,
    /// Of clients that are other proxies: how requests are taken out of their frames.
    pub(crate) hop: Option<HopRun>,
    /// The protocols among which a client's first bytes decide; empty where there is one. Then
    /// the correlation is raw, so that no client of one protocol pays for this.
    pub(crate) branches: Vec<Rc<ListenerRun>>,
}

/// What clients that are other proxies need beside their listener.
#[derive(Debug)]
pub(crate) struct HopRun {
    pub(crate) inward: Arc<Inward>,
    /// The listener as the requests inside see it: native, each standing for itself.
    pub(crate) native: Rc<ListenerRun>,
}

impl ListenerRun {
    pub(crate) fn new(
        listener: Arc<Listener>,
        rules: Vec<Rc<RuleRun>>,
        panics: &Arc<Panics>,
    ) -> Self {
        let traits = listener.codec.traits();
        let in_order = listener.order == Order::InOrder || traits.order == Order::InOrder;
        let (correlation, reads_deadline) = (traits.correlation, traits.says.deadline);
        let executes_in_order =
            correlation == Correlation::InOrder || traits.order == Order::InOrder;
        let stateful = traits.state == ConnectionState::PerRequest;
        let codec = Guarded::new(&listener.codec, panics);
        Self {
            listener,
            codec,
            rules,
            in_order,
            correlation,
            executes_in_order,
            reads_deadline,
            stateful,
            gone: false,
            hop: None,
            branches: Vec::new(),
        }
    }

    /// The same listener for clients that are other proxies.
    ///
    /// One connection carries requests of many callers, so answers go back as they are ready. But
    /// where callers rely on the order of execution, nobody knows here whose requests they are:
    /// those in flight for one instance share a lane.
    pub(crate) fn for_hop(native: &Self, panics: &Arc<Panics>) -> Self {
        let inward = Arc::new(Inward::new(Arc::clone(&native.listener.codec)));
        let codec: Arc<dyn Codec> = Arc::<Inward>::clone(&inward);
        let inside = Self {
            in_order: false,
            stateful: false,
            ..native.alike()
        };
        Self {
            codec: Guarded::new(&codec, panics),
            rules: Vec::new(),
            in_order: false,
            correlation: Correlation::ById,
            reads_deadline: true,
            stateful: false,
            hop: Some(HopRun {
                inward,
                native: Rc::new(inside),
            }),
            ..native.alike()
        }
    }

    /// The same, without branches.
    fn alike(&self) -> Self {
        Self {
            listener: Arc::clone(&self.listener),
            codec: Arc::clone(&self.codec),
            rules: self.rules.clone(),
            hop: None,
            branches: Vec::new(),
            ..*self
        }
    }

    /// The listener by which requests are read: of a proxy's, those inside its frames.
    pub(crate) fn of_requests(self: &Rc<Self>) -> &Rc<Self> {
        self.hop.as_ref().map_or(self, |hop| &hop.native)
    }

    /// The same for clients that have not said yet which of the branches they are of.
    pub(crate) fn with_branches(mut self, branches: Vec<Rc<Self>>) -> Self {
        if !branches.is_empty() {
            self.correlation = Correlation::Raw;
        }
        self.branches = branches;
        self
    }

    /// Whether a client needs its lane before it has said anything.
    pub(crate) fn is_eager(&self) -> bool {
        let waits = self.codec.traits().speaks_first == Speaker::Upstream;
        !self.is_undecided() && (self.correlation == Correlation::Raw || waits)
    }

    /// Whether the protocol of its clients is not known yet.
    #[inline]
    pub(crate) const fn is_undecided(&self) -> bool {
        !self.branches.is_empty()
    }

    /// The same listener for clients that still speak an earlier version of its protocol.
    pub(crate) fn with_codec(&self, earlier: &Self) -> Self {
        let listener = Listener {
            codec: Arc::clone(&earlier.listener.codec),
            ..(*self.listener).clone()
        };
        let hops = self.hop.as_ref().zip(earlier.hop.as_ref());
        Self {
            listener: Arc::new(listener),
            codec: Arc::clone(&earlier.codec),
            rules: self.rules.clone(),
            hop: hops.map(|(mine, theirs)| HopRun {
                inward: Arc::clone(&theirs.inward),
                native: Rc::new(mine.native.with_codec(&theirs.native)),
            }),
            branches: Vec::new(),
            ..*earlier
        }
    }

    /// Whether both read frames by the same codec, not only one of the same name.
    pub(crate) fn is_same_version(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.listener.codec, &other.listener.codec)
    }

    /// Who among this and its branches serves clients of `other`.
    pub(crate) fn successor<'r>(self: &'r Rc<Self>, other: &Self) -> Option<&'r Rc<Self>> {
        let mut candidates = std::iter::once(self).chain(&self.branches);
        if other.is_undecided() {
            // Of one protocol now or still of several: its clients have said nothing yet.
            return candidates.next();
        }
        candidates.find(|run| !run.is_undecided() && run.speaks_like(other))
    }

    /// Whether a client of `other` can go on here.
    pub(crate) fn speaks_like(&self, other: &Self) -> bool {
        self.correlation == other.correlation && self.codec.name() == other.codec.name()
    }

    /// Whether every client has a lane of its own from its first request on.
    pub(crate) const fn is_bound(&self) -> bool {
        matches!(self.correlation, Correlation::Bound | Correlation::Raw)
    }
}

/// A rule with its service and subset resolved to this engine's tables.
#[derive(Debug)]
pub(crate) struct RuleRun {
    pub(crate) rule: Rule,
    /// Index in the engine's services.
    pub(crate) service: usize,
    /// Index in that service's subsets.
    pub(crate) subset: usize,
    pub(crate) idempotent: Idempotent,
    /// It distributes by the protocol's own keys.
    pub(crate) by_own_keys: bool,
}

/// Which methods of a rule may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Idempotent {
    None,
    All,
    /// The policy's patterns must be asked.
    Some,
}

impl RuleRun {
    pub(crate) fn new(rule: Rule, service: usize, subset: usize, traits: &Traits) -> Self {
        let by_own_keys = match &rule.policy.balancing {
            Balancing::RingHash(key) => key.is_none(),
            Balancing::ProtocolDefault => traits.balance == Balance::RingHash,
            Balancing::PeakEwma | Balancing::RoundRobin => false,
        };
        let patterns = &rule.policy.idempotent;
        let idempotent = if patterns.is_empty() {
            Idempotent::None
        } else if patterns.0.contains(&TextMatch::Any) {
            Idempotent::All
        } else {
            Idempotent::Some
        };
        Self {
            rule,
            service,
            subset,
            idempotent,
            by_own_keys,
        }
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.rule.policy
    }
}
