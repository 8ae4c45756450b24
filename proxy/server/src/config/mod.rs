//! The proxy's configuration: text → raw → checked [`Config`] → the engine's [`State`].
//!
//! Read once at the start and once per reload; nothing here is on a request's path, and no
//! socket, thread or other handle is in it. Checks stand in the order in which they run.
//!
//! [`State`]: weft_engine::State

mod checked;
pub use checked::{
    Codecs, Config, Drain, ListenAddress, ListenerConfig, ProtocolConfig, SocketOptions, Statsd,
    Workers,
};

mod raw;
mod written;

mod place;

mod addresses;
mod names;

mod hop;
mod limits;
mod policies;
mod process;
mod protocols;

mod services;

mod listeners;
mod sharing;

mod routes;

mod reach;

mod state;

mod report;
pub use report::{Report, Summary};

#[cfg(test)]
mod tests;

#[cfg(test)]
mod docs_tests;

use std::collections::BTreeSet;
use std::path::Path;

use weft_codec::Limits;
use weft_engine::Settings;
use weft_model::Policy;
pub use weft_ron::Complaint;

use place::{Findings, Place};
use protocols::{Protocols, Sources};

/// Reads and checks a configuration file, and the protocol descriptions that it names.
///
/// # Errors
/// Every complaint that was found, in the order of the file.
pub fn load(path: &Path) -> Result<Config, Vec<Complaint>> {
    let text = protocols::read(path, protocols::CONFIG_BYTES_MAX).map_err(|error| {
        vec![protocols::about_file(
            path,
            format!("the file cannot be read: {error}"),
        )]
    })?;
    let base_dir = path.parent().unwrap_or(Path::new("."));
    parse(&path.display().to_string(), &text, base_dir)
}

/// Everything that is to be said of a file: what `weft check` prints.
#[must_use]
pub fn check(path: &Path) -> Report {
    Report::new(path, load(path))
}

/// Checks a configuration that was already read. `file` names it in complaints; descriptions of
/// protocols are looked for relative to `base_dir`.
///
/// # Errors
/// Every complaint that was found, in the order of the file.
pub fn parse(file: &str, text: &str, base_dir: &Path) -> Result<Config, Vec<Complaint>> {
    let builtins = crate::builtin::all();
    let sources = Sources { builtins, base_dir };
    parse_with(file, text, sources)
}

fn parse_with(file: &str, text: &str, sources: Sources<'_>) -> Result<Config, Vec<Complaint>> {
    let raw: raw::Proxy = weft_ron::from_str_all(file, text)?;
    let mut found = Findings::new(file, text);
    let config = checked(&mut found, &raw, sources);
    let (mut complaints, mut warnings) = (found.complaints, found.warnings);
    // Complaints about descriptions come behind those about the file itself.
    complaints.sort_by_key(|complaint| (complaint.file != file, complaint.position()));
    warnings.sort_by_key(Complaint::position);
    if complaints.is_empty() {
        Ok(Config { warnings, ..config })
    } else {
        Err(complaints)
    }
}

/// Checks everything; the result is of use only if there are no complaints.
fn checked(found: &mut Findings<'_>, raw: &raw::Proxy, sources: Sources<'_>) -> Config {
    let root = Place::ROOT;
    let mut protocols = Protocols::read(found, sources, &raw.protocols);
    let mut defaults = services::Defaults {
        policy: Policy::default(),
        frames: limits::frames(
            found,
            &root.field("frames"),
            raw.frames.as_ref(),
            Limits::default(),
        ),
    };
    if let Some(raw) = &raw.policy {
        policies::apply(found, &root.field("policy"), raw, &mut defaults.policy);
    }
    let services = services::services(found, &mut protocols, &raw.services, &defaults);
    let listeners = listeners::listeners(
        found,
        &mut protocols,
        &raw.listeners,
        &services,
        defaults.frames,
    );
    let known = routes::Known {
        listeners: &listeners,
        services: &services,
        protocols: &protocols,
        defaults: &defaults,
    };
    let mut routes = routes::routes(found, &raw.routes, known);
    routes.extend(routes::fallbacks(&listeners));
    let config = process(found, raw);
    let config = Config {
        codecs: protocols.into_used(),
        listeners: listeners.iter().map(|l| l.listener.clone()).collect(),
        service_limits: services.iter().map(|s| s.limits).collect(),
        hops: services
            .iter()
            .filter(|s| s.hop)
            .map(|s| s.service.name.clone())
            .collect(),
        services: services.into_iter().map(|s| s.service).collect(),
        routes,
        ..config
    };
    if found.complaints.is_empty() {
        reach::reach(found, &config, &listeners);
    }
    config
}

/// What concerns the whole process; no listeners, services and routes.
fn process(found: &mut Findings<'_>, raw: &raw::Proxy) -> Config {
    let root = Place::ROOT;
    Config {
        workers: process::workers(found, &root.field("workers"), raw.workers.as_ref()),
        admin: raw
            .admin
            .as_ref()
            .and_then(|text| addresses::loopback(found, &root.field("admin"), text)),
        statsd: raw
            .statsd
            .as_ref()
            .and_then(|raw| process::statsd(found, &root.field("statsd"), raw)),
        drain: raw
            .drain
            .as_ref()
            .map(|raw| process::drain(found, &root.field("drain"), raw))
            .unwrap_or_default(),
        sockets: raw
            .sockets
            .as_ref()
            .map(|raw| process::sockets(found, &root.field("sockets"), raw))
            .unwrap_or_default(),
        settings: Settings {
            name: names::of_proxy(found, raw.name.as_ref()),
            ..raw
                .limits
                .as_ref()
                .map(|raw| limits::limits(found, &root.field("limits"), raw))
                .unwrap_or_default()
        },
        codecs: Codecs::new(),
        listeners: Vec::new(),
        services: Vec::new(),
        service_limits: Vec::new(),
        hops: BTreeSet::new(),
        routes: Vec::new(),
        warnings: Vec::new(),
    }
}
