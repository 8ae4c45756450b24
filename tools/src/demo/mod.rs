//! `weft demo`: three legacy backends, one proxy, load through it, and some bad luck.
//!
//! Backends and proxy are processes of their own, so that a kill is a real one. The demo checks
//! what it shows: it fails if an idempotent request failed, an answer was wrong, or the traffic
//! did not move as it should.

mod child;
mod mesh;
mod script;
mod verdict;
mod view;

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::json;

use crate::address::Address;
use crate::load::{Ids, Method, Plan, Report, Running, Tally, quantile_us, short_time};
use crate::wire::Protocol;
use child::{Backend, own_path};
use mesh::Mesh;
use script::{Action, Step};
use verdict::{Evidence, Finding, Shares, seconds};
use view::{Row, Scene, Screen};

/// Requests per second of the demo.
const RATE: f64 = 3_000.0;

/// How often the picture changes.
const FRAME: Duration = Duration::from_millis(250);

/// The methods of the demo's load and their shares.
const METHODS: [(&str, u32); 3] = [("get_item", 60), ("echo", 38), ("charge", 2)];

/// The arguments of `weft demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long the demo takes, from 8 to 3,600.
    #[arg(long, default_value_t = 20.0)]
    seconds: f64,
    /// Only start backends and proxy, and leave them running to be tried.
    #[arg(long)]
    no_load: bool,
    /// Print one JSON object at the end instead of a picture and a summary.
    #[arg(long, conflicts_with = "no_load")]
    json: bool,
}

/// Runs the demo; fails if a promise was broken.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if !(8.0..=3_600.0).contains(&args.seconds) {
        bail!("--seconds must be from 8 to 3600: less shows nothing");
    }
    let backends = ["b1", "b2", "b3"]
        .iter()
        .map(|name| Backend::start(name))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mesh = Mesh::start(&backends)?;
    if args.no_load {
        return leave_running(&mesh, &backends);
    }
    Demo::new(mesh, backends, Duration::from_secs_f64(args.seconds))?.run(args.json)
}

/// A demo that runs.
struct Demo {
    mesh: Mesh,
    backends: Vec<Backend>,
    rows: Vec<Row>,
    shares: Shares,
    events: Vec<String>,
    length: Duration,
    steps: VecDeque<Step>,
    stop: Arc<AtomicBool>,
}

impl Demo {
    fn new(mesh: Mesh, backends: Vec<Backend>, length: Duration) -> anyhow::Result<Self> {
        let names: Vec<String> = backends.iter().map(|b| b.name.clone()).collect();
        let row = |name: &String| Row {
            name: name.clone(),
            ..Row::default()
        };
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        std::thread::spawn(move || {
            if crate::stop::wait(None).is_ok() {
                told.store(true, Ordering::Relaxed);
            }
        });
        Ok(Self {
            rows: names.iter().map(row).collect(),
            shares: Shares::new(names),
            mesh,
            backends,
            events: Vec::new(),
            length,
            steps: script::steps(length).into(),
            stop,
        })
    }

    fn run(mut self, as_json: bool) -> anyhow::Result<ExitCode> {
        let running = Running::start(self.plan())?;
        let mut screen = Screen::open(as_json);
        let played = self.play(&running, &mut screen);
        let told = screen.tells_events();
        drop(screen);
        // Also where the play failed: the threads of the load must not outlive what they load.
        running.live.stop();
        let plan = Arc::clone(&running.plan);
        let report = running.finish()?;
        let complete = played?;
        let evidence = Evidence {
            tally: &report.tally,
            methods: &plan.methods,
            shares: &self.shares,
        };
        let mut findings = verdict::judge_answers(&evidence);
        if complete {
            findings.extend(verdict::judge_traffic(&evidence));
        }
        if as_json {
            self.print_json(&report, &plan, &findings, complete);
        } else {
            if !told {
                self.events.iter().for_each(|event| println!("{event}"));
            }
            self.print_summary(&report, &evidence, &findings, complete);
        }
        let kept = findings.iter().all(|finding| finding.kept);
        Ok(ExitCode::from(u8::from(!kept)))
    }

    fn plan(&self) -> Plan {
        Plan {
            target: Address::Tcp(self.mesh.front),
            protocol: Protocol::Acme,
            service: "shop".to_owned(),
            methods: METHODS
                .map(|(name, weight)| Method {
                    name: name.to_owned(),
                    weight,
                })
                .into(),
            connections: 32,
            idle: 0,
            in_flight: 16,
            rate: Some(RATE),
            measure: self.length,
            warm_up: Duration::ZERO,
            grace: Duration::from_secs(10),
            body_bytes: 128,
            ids: Ids::Sequential,
            reconnect_every: None,
            threads: 1,
        }
    }

    /// Shows the load and does to the backends what the script says; false if it was interrupted.
    fn play(&mut self, running: &Running, screen: &mut Screen) -> anyhow::Result<bool> {
        let begun = Instant::now();
        let methods = running.plan.methods.len();
        let mut window: VecDeque<(Duration, Tally)> = VecDeque::new();
        self.events.push(format!(
            "{:>7}  three backends, one proxy, {RATE} requests per second",
            seconds(Duration::ZERO)
        ));
        while !running.is_over() && begun.elapsed() < self.length {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let at = begun.elapsed();
            self.act(at)?;
            self.mesh.check_running()?;
            let (part, span) = running.live.take_recent(methods)?;
            if let Some(phase) = script::phase(at, self.length) {
                self.shares.add(phase, &part);
            }
            window.push_back((span, part));
            if window.len() > 4 {
                window.pop_front();
            }
            self.update_rows();
            self.show(screen, running, &window, at)?;
            std::thread::sleep(FRAME.saturating_sub(begun.elapsed().saturating_sub(at)));
        }
        Ok(true)
    }

    fn show(
        &self,
        screen: &mut Screen,
        running: &Running,
        window: &VecDeque<(Duration, Tally)>,
        at: Duration,
    ) -> anyhow::Result<()> {
        let mut recent = Tally::new(running.plan.methods.len())?;
        for (_, part) in window {
            recent.add(part, true);
        }
        screen.show(&Scene {
            at,
            length: self.length,
            front: self.mesh.front.to_string(),
            recent: &recent,
            recent_for: window.iter().map(|(time, _)| *time).sum(),
            total: &running.live.total(),
            methods: &running.plan.methods,
            rows: &self.rows,
            events: &self.events,
        });
        Ok(())
    }

    fn act(&mut self, at: Duration) -> anyhow::Result<()> {
        while let Some(step) = self.steps.pop_front_if(|step| step.at <= at) {
            let name = match self.backends.get_mut(step.backend) {
                Some(backend) => {
                    match step.action {
                        Action::Kill => backend.kill(),
                        Action::Restart => backend.restart().context("cannot bring it back")?,
                        Action::Slow(delay) => backend.slow_down(delay)?,
                    }
                    backend.name.clone()
                }
                None => bail!("the script names a backend that does not exist"),
            };
            let (event, done) = match step.action {
                Action::Kill => (format!("killed {name} (kill -9)"), "killed".to_owned()),
                Action::Restart => (format!("{name} is back on its address"), "back".to_owned()),
                Action::Slow(delay) => (
                    format!("slowing {name}: its answers take {} ms", delay.as_millis()),
                    "slow".to_owned(),
                ),
            };
            self.events.push(format!("{:>7}  {event}", seconds(at)));
            if let Some(row) = self.rows.get_mut(step.backend) {
                row.done = done;
            }
        }
        Ok(())
    }

    fn update_rows(&mut self) {
        // A picture without the proxy's words is better than none.
        let Ok(instances) = self.mesh.instances() else {
            return;
        };
        for row in &mut self.rows {
            if let Some(found) = instances.iter().find(|instance| instance.id == row.name) {
                row.state = found.clone();
            }
        }
    }

    fn print_summary(
        &self,
        report: &Report,
        evidence: &Evidence<'_>,
        findings: &[Finding],
        complete: bool,
    ) {
        let latency = &report.tally.latency_ns;
        println!(
            "\n{} requests in {}, p50 {}, p99 {}, max {}",
            report.tally.sum().sent,
            seconds(report.measured_for),
            short_time(quantile_us(latency, 0.5)),
            short_time(quantile_us(latency, 0.99)),
            short_time(latency.max() as f64 / 1e3)
        );
        for finding in findings {
            let mark = if finding.kept { "ok    " } else { "BROKEN" };
            println!("  {mark}  {}", finding.words);
        }
        for words in verdict::tell_others(evidence) {
            println!("  note    {words}");
        }
        if report.unsent > 0 && complete {
            println!(
                "  note    {} requests were never sent: this machine was too busy",
                report.unsent
            );
        }
        if let Some(retries) = self.retries() {
            println!("  note    the proxy sent {retries} requests again, on another backend");
        }
        for (words, count) in &report.tally.errors {
            println!("  error   {count} x {words}");
        }
        for complaint in &report.tally.complaints {
            println!("  WRONG   {complaint}");
        }
        if !complete {
            println!("  note    interrupted: where the traffic went was not judged");
        }
    }

    fn print_json(&self, report: &Report, plan: &Plan, findings: &[Finding], complete: bool) {
        let findings: Vec<_> = findings
            .iter()
            .map(|finding| json!({ "kept": finding.kept, "words": finding.words }))
            .collect();
        println!(
            "{}",
            json!({
                "complete": complete,
                "findings": findings,
                "events": self.events,
                "retries": self.retries(),
                "load": report.json(plan),
            })
        );
    }

    fn retries(&self) -> Option<u64> {
        let counters = self.mesh.counters().ok()?;
        counters.get("retries_total")?.as_u64()
    }
}

/// Tells what runs where and what to try, and waits for the user to end it.
fn leave_running(mesh: &Mesh, backends: &[Backend]) -> anyhow::Result<ExitCode> {
    let weft = own_path()?.display().to_string();
    println!("proxy    {}  (process {})", mesh.front, mesh.process_id());
    println!("admin    http://{}", mesh.admin);
    for backend in backends {
        let id = backend.process_id().unwrap_or_default();
        println!("{:<8} {}  (process {id})", backend.name, backend.address);
    }
    println!("config   {}", mesh.config.display());
    println!("log      {}", mesh.log.display());
    println!("\nTry, in another terminal:");
    let target = format!("{weft} load --target {} --protocol acme", mesh.front);
    println!("  {target} --methods get_item=98,charge=2 --seconds 10");
    println!("  {target} --rate 3000 --in-flight 16 --seconds 30");
    println!("  curl http://{}/services", mesh.admin);
    if let Some(id) = backends.first().and_then(Backend::process_id) {
        println!("  kill -9 {id}");
    }
    println!("  {weft} check {}", mesh.config.display());
    println!("\nCtrl-C ends all of it.");
    crate::stop::wait(None)?;
    Ok(ExitCode::SUCCESS)
}
