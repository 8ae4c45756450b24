//! Which services one worker serves alone.
//!
//! A worker opens lanes of its own. A service that permits fewer lanes than there are workers
//! cannot give one to each, so one worker, its home, has them all; and since a request does not
//! change workers, every listener that may send one there lives there too. Listeners that reach
//! several such services bind these together.

use std::collections::BTreeMap;

use weft_engine::{Listener, State};

/// The home of each service that has one, by name.
pub(crate) type Homes = BTreeMap<String, usize>;

/// Finds the homes of a state for the listeners of these indices, and writes them into it.
/// Services keep the home that they had `before` where they can; a new one goes where the
/// fewest are.
pub(crate) fn settle(
    state: &mut State,
    listeners: &[usize],
    workers: usize,
    before: &Homes,
) -> Homes {
    let mut homes = Homes::new();
    for group in groups(state, listeners, workers) {
        let name = |service: &usize| state.services.get(*service).map(|s| &s.service.name);
        let mut names: Vec<&String> = group.iter().filter_map(name).collect();
        names.sort();
        let known = names.iter().find_map(|name| before.get(*name)).copied();
        let home = known.filter(|home| *home < workers).unwrap_or_else(|| {
            let others = homes.values().chain(before.values());
            emptiest(workers, others.copied())
        });
        homes.extend(names.into_iter().map(|name| (name.clone(), home)));
    }
    state.homes = state
        .services
        .iter()
        .map(|service| homes.get(&service.service.name).copied())
        .collect();
    homes
}

/// Where the clients of a listener are served; `None` is on every worker.
pub(crate) fn of_listener(state: &State, listener: &Listener) -> Option<usize> {
    let mut services = listener.routes.rules().iter().map(|rule| rule.service);
    services.find_map(|service| state.homes.get(service).copied().flatten())
}

/// Services that need a home, those together that one listener reaches; sorted.
fn groups(state: &State, listeners: &[usize], workers: usize) -> Vec<Vec<usize>> {
    let few = |lanes_max: u32| usize::try_from(lanes_max).is_ok_and(|max| max < workers);
    let mut groups: Vec<Vec<usize>> = (0..state.services.len())
        .filter(|n| {
            let service = state.services.get(*n);
            service.is_some_and(|s| few(s.service.policy.lanes.lanes_max))
        })
        .map(|n| vec![n])
        .collect();
    for listener in listeners.iter().filter_map(|n| state.listeners.get(*n)) {
        let rules = listener.routes.rules();
        let reaches = |group: &[usize]| rules.iter().any(|rule| group.contains(&rule.service));
        let (reached, others): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|group| reaches(group));
        groups = others;
        if !reached.is_empty() {
            groups.push(reached.concat());
        }
    }
    for group in &mut groups {
        group.sort_unstable();
    }
    groups.sort_unstable();
    groups
}

/// The worker that is home to the fewest services, the first of several.
fn emptiest(workers: usize, taken: impl Iterator<Item = usize>) -> usize {
    let mut counts = vec![0usize; workers.max(1)];
    for home in taken {
        if let Some(count) = counts.get_mut(home) {
            *count += 1;
        }
    }
    let fewest = counts.iter().min().copied().unwrap_or(0);
    counts.iter().position(|n| *n == fewest).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::parse;

    /// Services by name with `lanes_max`; listeners by name with the services they reach.
    fn homes(
        services: &[(&str, u32)],
        listeners: &[(&str, &[&str])],
        before: &Homes,
    ) -> (Homes, Vec<Option<usize>>) {
        let mut text = String::from("Proxy(services: [");
        for (name, lanes_max) in services {
            text.push_str(&format!(
                "Service(name: \"{name}\", protocol: \"thrift\", instances: [\"10.0.0.1:1\"], \
                 policy: Policy(lanes: Lanes(lanes_max: {lanes_max}))),"
            ));
        }
        text.push_str("], listeners: [");
        for (port, (name, _)) in listeners.iter().enumerate() {
            text.push_str(&format!(
                "Listener(name: \"{name}\", addresses: [\"127.0.0.1:{}\"], protocol: \"thrift\"),",
                7_000 + port
            ));
        }
        text.push_str("], routes: [");
        for (listener, reached) in listeners {
            for service in *reached {
                text.push_str(&format!(
                    "Route(name: \"{listener}-{service}\", to: Target(service: \"{service}\"), \
                     when: Match(listener: \"{listener}\", method: \"{service}\")),"
                ));
            }
        }
        text.push_str("])");
        let config = parse("test", &text, Path::new(".")).unwrap();
        let mut state = config.state(1);
        let indices: Vec<usize> = (0..listeners.len()).collect();
        let homes = settle(&mut state, &indices, 4, before);
        let of = |listener| of_listener(&state, listener);
        let listeners = state.listeners.iter().map(|l| of(l)).collect();
        (homes, listeners)
    }

    #[test]
    fn a_service_with_fewer_lanes_than_workers_has_a_home_and_so_have_its_listeners() {
        let (homes, listeners) = homes(
            &[("few", 3), ("enough", 4)],
            &[("a", &["few", "enough"]), ("b", &["enough"])],
            &Homes::new(),
        );
        assert_eq!(homes, Homes::from([("few".to_owned(), 0)]));
        assert_eq!(listeners, [Some(0), None]);
    }

    #[test]
    fn homes_are_spread_and_a_listener_that_reaches_two_binds_them_together() {
        let (homes, listeners) = homes(
            &[("p", 1), ("q", 1), ("r", 1)],
            &[("a", &["p"]), ("b", &["q", "r"]), ("c", &["r"])],
            &Homes::new(),
        );
        assert_eq!(listeners, [Some(0), Some(1), Some(1)]);
        assert_eq!(homes.len(), 3);
    }

    #[test]
    fn a_reload_leaves_services_where_they_are() {
        let services = [("p", 1), ("q", 1)];
        let listeners: [(&str, &[&str]); 2] = [("a", &["p"]), ("b", &["q"])];
        let (before, _) = homes(&services, &listeners, &Homes::new());
        let more = [("m", 1), ("q", 1), ("p", 1)];
        let reached: [(&str, &[&str]); 3] = [("c", &["m"]), ("a", &["p"]), ("b", &["q"])];
        let (after, _) = homes(&more, &reached, &before);
        assert_eq!((after["p"], after["q"]), (before["p"], before["q"]));
        assert_eq!(after["m"], 2, "where nobody lives yet");
    }
}
