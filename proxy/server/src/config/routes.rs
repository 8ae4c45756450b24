//! Routes: their names resolved, and whether each can do what it says.

use std::sync::Arc;

use weft_model::{KeyMatch, Labels, Match, Route, Target, TextMatch};

use super::listeners::Checked as CheckedListener;
use super::names::{Unique, name};
use super::place::{Findings, Place};
use super::protocols::Protocols;
use super::services::{Checked as CheckedService, Defaults};
use super::{policies, raw};

/// What routes may refer to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'k, 's> {
    pub(super) listeners: &'k [CheckedListener],
    pub(super) services: &'k [CheckedService],
    pub(super) protocols: &'k Protocols<'s>,
    pub(super) defaults: &'k Defaults,
}

/// Checks all routes.
pub(super) fn routes(
    found: &mut Findings<'_>,
    raw: &[raw::Route],
    known: Known<'_, '_>,
) -> Vec<Arc<Route>> {
    let root = Place::ROOT;
    let list = root.field("routes");
    let mut names = Unique::new("route");
    let mut routes = Vec::with_capacity(raw.len());
    for (index, raw) in raw.iter().enumerate() {
        let place = list.index(index);
        let name = name(found, &place, raw.name.as_ref());
        if let Some(name) = &name {
            names.see(found, &place.field("name"), name.clone());
        }
        let route = Route {
            name: name.unwrap_or_default(),
            when: conditions(found, &place.field("when"), raw.when.as_ref(), known),
            to: target(found, &place, raw.to.as_ref(), known.services),
            policy: None,
        };
        let route = with_policy(found, &place.field("policy"), raw, route, known);
        fits_listeners(found, &place, &route, known);
        routes.push(Arc::new(route));
    }
    routes
}

/// One route behind all others for each service that a listener names.
pub(super) fn fallbacks(listeners: &[CheckedListener]) -> impl Iterator<Item = Arc<Route>> {
    listeners.iter().flat_map(|checked| {
        let listener = &checked.listener.name;
        checked
            .fallbacks
            .iter()
            .enumerate()
            .map(move |(n, service)| {
                // A slash, which no written name has.
                let name = match n {
                    0 => format!("fallback/{listener}"),
                    _ => format!("fallback/{listener}/{service}"),
                };
                Arc::new(Route {
                    name,
                    when: Match {
                        listener: Some(TextMatch::Exact(listener.clone())),
                        ..Match::default()
                    },
                    to: Target {
                        service: service.clone(),
                        subset: Labels::new(),
                    },
                    policy: None,
                })
            })
    })
}

fn conditions(
    found: &mut Findings<'_>,
    place: &Place<'_>,
    raw: Option<&raw::Match>,
    known: Known<'_, '_>,
) -> Match {
    let Some(raw) = raw else {
        return Match::default();
    };
    let mut when = Match {
        listener: pattern(found, &place.field("listener"), raw.listener.as_ref()),
        service: pattern(found, &place.field("service"), raw.service.as_ref()),
        method: pattern(found, &place.field("method"), raw.method.as_ref()),
        keys: Vec::with_capacity(raw.keys.len()),
    };
    let keys = place.field("keys");
    for (name, value) in &raw.keys {
        if let Some(value) = pattern(found, &keys.key(name), Some(value)) {
            let name = name.clone();
            when.keys.push(KeyMatch { name, value });
        }
    }
    if let Some(listener) = &when.listener
        && !known.listeners.iter().any(|l| meets(listener, l))
    {
        let names = known.listeners.iter().map(|l| &l.listener.name);
        let (place, listener) = (place.field("listener"), listener.to_string());
        found.unknown(&place, "listener", &listener, names);
    }
    when
}

fn pattern(
    found: &mut Findings<'_>,
    place: &Place<'_>,
    written: Option<&String>,
) -> Option<TextMatch> {
    let written = written?;
    match written.parse::<TextMatch>() {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            found.refuse(
                place,
                format!("`{written}` is not a pattern"),
                error.to_string(),
            );
            None
        }
    }
}

fn target(
    found: &mut Findings<'_>,
    place: &Place<'_>,
    raw: Option<&raw::Target>,
    services: &[CheckedService],
) -> Target {
    let to = place.field("to");
    let subset = raw.map(|raw| raw.subset.clone()).unwrap_or_default();
    let Some(name) = raw.and_then(|raw| raw.service.clone()) else {
        if raw.is_some() {
            found.missing(&to, "service", "\"…\"");
        } else {
            found.missing(place, "to", "Target(service: \"…\")");
        }
        return Target {
            service: String::new(),
            subset,
        };
    };
    match services.iter().find(|s| s.service.name == name) {
        None => {
            let words = services.iter().map(|s| &s.service.name);
            found.unknown(&to.field("service"), "service", &name, words);
        }
        Some(checked) if !subset.is_empty() && !checked.service.instances.is_empty() => {
            let carries = |labels: &Labels| subset.iter().all(|(k, v)| labels.get(k) == Some(v));
            if !checked.service.instances.iter().any(|i| carries(&i.labels)) {
                found.warn(
                    &to.field("subset"),
                    format!("no instance of service `{name}` carries these labels"),
                    labels_in_use(checked),
                );
            }
        }
        Some(_) => {}
    }
    Target {
        service: name,
        subset,
    }
}

fn labels_in_use(checked: &CheckedService) -> String {
    let mut labels: Vec<String> = checked
        .service
        .instances
        .iter()
        .flat_map(|i| i.labels.iter().map(|(k, v)| format!("{k:?}: {v:?}")))
        .collect();
    labels.sort();
    labels.dedup();
    if labels.is_empty() {
        "its instances carry no labels".to_owned()
    } else {
        format!("its instances carry {}", labels.join(", "))
    }
}

/// The route with its policy: its service's, where the route does not replace a field.
fn with_policy(
    found: &mut Findings<'_>,
    place: &Place<'_>,
    raw: &raw::Route,
    mut route: Route,
    known: Known<'_, '_>,
) -> Route {
    let Some(raw) = &raw.policy else { return route };
    let service = known
        .services
        .iter()
        .find(|s| s.service.name == route.to.service);
    let mut policy = service.map_or_else(
        || known.defaults.policy.clone(),
        |checked| checked.service.policy.clone(),
    );
    policies::apply(found, place, raw, &mut policy);
    if let Some(protocol) = service.map(|checked| &checked.service.protocol)
        && let Some(traits) = known.protocols.traits(protocol)
        && raw.balancing.is_some()
    {
        let place = place.field("balancing");
        policies::balancing_key(found, &place, &policy, protocol, traits);
    }
    route.policy = Some(policy);
    route
}

fn meets(pattern: &TextMatch, checked: &CheckedListener) -> bool {
    pattern.matches(checked.listener.name.as_bytes())
}

/// Whether the route suits every listener that it concerns.
fn fits_listeners(
    found: &mut Findings<'_>,
    place: &Place<'_>,
    route: &Route,
    known: Known<'_, '_>,
) {
    let concerned = known.listeners.iter().filter(|checked| {
        let condition = route.when.listener.as_ref();
        condition.is_none_or(|pattern| meets(pattern, checked))
    });
    let service = known
        .services
        .iter()
        .find(|s| s.service.name == route.to.service);
    let (when, to) = (place.field("when"), place.field("to"));
    let mut told = Vec::new();
    for checked in concerned {
        let listener = &checked.listener;
        let spoken = &listener.protocols;
        if spoken
            .iter()
            .any(|name| known.protocols.traits(name).is_none())
            || spoken.is_empty()
        {
            continue;
        }
        let target = service.map(|s| &s.service);
        let target = target.filter(|s| known.protocols.traits(&s.protocol).is_some());
        if let Some(service) = target
            && !spoken.contains(&service.protocol)
        {
            found.refuse(
                &to.field("service"),
                format!(
                    "service `{}` speaks `{}`, but clients of listener `{}` speak `{}`",
                    service.name,
                    service.protocol,
                    listener.name,
                    spoken.join("`, `")
                ),
                "name the listeners that the route is for in `when: Match(listener: …)`",
            );
            break;
        }
        // Only clients of the service's protocol come to the route.
        let Some(protocol) = target.map(|s| &s.protocol).or(spoken.first()) else {
            continue;
        };
        let Some(traits) = known.protocols.traits(protocol) else {
            continue;
        };
        for key in &route.when.keys {
            if traits.keys.contains(&key.name) || told.contains(&&key.name) {
                continue;
            }
            told.push(&key.name);
            let complaint = found
                .at(
                    &when.field("keys").key(&key.name),
                    format!("protocol `{protocol}` gives no key `{}`", key.name),
                )
                .expecting(&key.name, policies::key_words(traits));
            found.complaints.push(complaint);
        }
    }
}
