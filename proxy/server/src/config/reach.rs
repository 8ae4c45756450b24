//! Whether everything that is configured can be reached, once it is known to be right.

use std::collections::BTreeSet;

use weft_route::RouteTable;

use super::Config;
use super::listeners::Checked as CheckedListener;
use super::place::{Findings, Place};

/// Complains of listeners that lead nowhere, and warns of routes and services that no exchange
/// can take.
pub(super) fn reach(found: &mut Findings<'_>, config: &Config, listeners: &[CheckedListener]) {
    let root = Place::ROOT;
    let mut reached = vec![false; config.routes.len()];
    let mut shadowed_by = vec![None; config.routes.len()];
    let mut services = BTreeSet::new();
    let position = |name: &str| config.routes.iter().position(|route| route.name == name);
    for checked in listeners {
        let name = &checked.listener.name;
        let Ok(table) = RouteTable::compile(name, &config.routes, &config.services) else {
            continue;
        };
        if table.rules().is_empty() {
            let list = root.field("listeners");
            found.refuse(
                &list.index(checked.index),
                format!("listener `{name}` leads nowhere"),
                "add `service: …` to it, or a route that concerns it",
            );
        }
        let shadows = table.shadows();
        for (n, rule) in table.rules().iter().enumerate() {
            let Some(route) = position(&rule.route.name) else {
                continue;
            };
            match shadows.iter().find(|shadow| shadow.rule == n) {
                None => {
                    set(&mut reached, route, true);
                    services.insert(rule.service);
                }
                Some(shadow) => {
                    let by = table.rules().get(shadow.by).map(|rule| &rule.route.name);
                    set(&mut shadowed_by, route, by.cloned());
                }
            }
        }
    }
    for (route, by) in shadowed_by.iter().enumerate() {
        if let (Some(by), Some(false)) = (by, reached.get(route)) {
            shadowed(found, config, listeners, route, by);
        }
    }
    let list = root.field("services");
    for (index, service) in config.services.iter().enumerate() {
        if !services.contains(&index) {
            found.warn(
                &list.index(index),
                format!("no exchange can reach service `{}`", service.name),
                "name it in a listener or a route, or remove it",
            );
        }
    }
}

fn set<T>(list: &mut [T], index: usize, value: T) {
    if let Some(slot) = list.get_mut(index) {
        *slot = value;
    }
}

fn shadowed(
    found: &mut Findings<'_>,
    config: &Config,
    listeners: &[CheckedListener],
    route: usize,
    by: &str,
) {
    let root = Place::ROOT;
    let Some(name) = config.routes.get(route).map(|route| route.name.as_str()) else {
        return;
    };
    let behind = name.strip_prefix("fallback/");
    let list = root.field(if behind.is_some() {
        "listeners"
    } else {
        "routes"
    });
    match behind.and_then(|name| listeners.iter().find(|l| l.listener.name == name)) {
        Some(checked) => found.warn(
            &list.index(checked.index).field("service"),
            format!("no exchange gets here: route `{by}` takes all of them"),
            "remove `service: …`, or give the route a condition",
        ),
        None => found.warn(
            &list.index(route),
            format!(
                "route `{name}` is never taken: route `{by}` before it takes all its exchanges"
            ),
            "move it before that one, or remove it",
        ),
    }
}
