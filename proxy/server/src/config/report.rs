//! What `weft check` says of a file: for people by Display, for programs by serde.

use std::fmt;
use std::path::Path;

use serde::Serialize;
use weft_ron::Complaint;

use super::Config;

/// Everything that is to be said of one file.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The file.
    pub file: String,
    /// What keeps it from being used; empty if it can be.
    pub complaints: Vec<Complaint>,
    /// What is probably not meant.
    pub warnings: Vec<Complaint>,
    /// What it configures; absent if it cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
}

/// What a configuration holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// How many listeners.
    pub listeners: usize,
    /// How many services.
    pub services: usize,
    /// How many instances in all services.
    pub instances: usize,
    /// How many routes were written, fallbacks not counted.
    pub routes: usize,
    /// The protocols in use.
    pub protocols: Vec<String>,
    /// Services that one worker serves alone, because they permit fewer lanes than there are
    /// workers on this machine.
    pub homed: Vec<String>,
}

impl Report {
    pub(super) fn new(path: &Path, read: Result<Config, Vec<Complaint>>) -> Self {
        let file = path.display().to_string();
        match read {
            Ok(config) => Self {
                file,
                complaints: Vec::new(),
                summary: Some(Summary::of(&config)),
                warnings: config.warnings,
            },
            Err(complaints) => Self {
                file,
                complaints,
                warnings: Vec::new(),
                summary: None,
            },
        }
    }

    /// Whether the file can be used.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.complaints.is_empty()
    }
}

impl Summary {
    fn of(config: &Config) -> Self {
        let written = |name: &str| !name.contains('/');
        Self {
            listeners: config.listeners.len(),
            services: config.services.len(),
            instances: config.services.iter().map(|s| s.instances.len()).sum(),
            routes: config.routes.iter().filter(|r| written(&r.name)).count(),
            protocols: config.codecs.keys().cloned().collect(),
            homed: homed(config),
        }
    }
}

fn homed(config: &Config) -> Vec<String> {
    let workers = config.workers.count().get();
    let few = |lanes_max: u32| usize::try_from(lanes_max).is_ok_and(|max| max < workers);
    config
        .services
        .iter()
        .filter(|service| few(service.policy.lanes.lanes_max))
        .map(|service| service.name.clone())
        .collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for complaint in &self.complaints {
            writeln!(f, "{complaint}\n")?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}\n")?;
        }
        match &self.summary {
            Some(summary) => write!(f, "{}: good: {summary}", self.file),
            None => write!(
                f,
                "{}: cannot be used: {}",
                self.file,
                counted(self.complaints.len(), "mistake")
            ),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, {} with {}, {}; protocols: {}",
            counted(self.listeners, "listener"),
            counted(self.services, "service"),
            counted(self.instances, "instance"),
            counted(self.routes, "route"),
            self.protocols.join(", ")
        )?;
        if !self.homed.is_empty() {
            write!(f, "; served by one worker: {}", self.homed.join(", "))?;
        }
        Ok(())
    }
}

fn counted(n: usize, what: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {what}{plural}")
}
