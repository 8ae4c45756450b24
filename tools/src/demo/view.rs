//! What the demo shows while it runs: a live picture on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Stdout, Write, stdout};
use std::time::Duration;

use crossterm::{cursor, execute, terminal};

use super::mesh::InstanceState;
use super::verdict::{of_backend, percent, seconds};
use crate::load::{Method, Tally, quantile_us, short_time};

/// Cells of a bar that shows all of the traffic.
const BAR_CELLS: usize = 30;

/// Lines of past events that the picture keeps.
const EVENTS_SHOWN: usize = 6;

/// One backend as it is shown.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    /// Its name.
    pub(super) name: String,
    /// What the proxy says of it.
    pub(super) state: InstanceState,
    /// What the demo has done to it.
    pub(super) done: String,
}

/// Everything in the picture.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    /// Since the load began.
    pub(super) at: Duration,
    /// How long the demo takes.
    pub(super) length: Duration,
    /// Where clients connect.
    pub(super) front: String,
    /// What was counted in the last second.
    pub(super) recent: &'a Tally,
    /// How long that was.
    pub(super) recent_for: Duration,
    /// What was counted since the beginning.
    pub(super) total: &'a Tally,
    /// The methods in the order of the tallies'.
    pub(super) methods: &'a [Method],
    /// The backends.
    pub(super) rows: &'a [Row],
    /// What happened, oldest first.
    pub(super) events: &'a [String],
}

impl Scene<'_> {
    fn per_second(&self) -> f64 {
        self.recent.sum().answered() as f64 / self.recent_for.as_secs_f64().max(1e-3)
    }

    fn share(&self, name: &str) -> f64 {
        let all: u64 = self.recent.backends.iter().map(|(_, count)| count).sum();
        of_backend(self.recent, name) as f64 / all.max(1) as f64
    }

    /// The picture, line by line.
    fn picture(&self) -> Vec<String> {
        let latency = &self.recent.latency_ns;
        let mut lines = vec![
            format!(
                "weft demo   {} of {}   three backends, one proxy at {}",
                seconds(self.at),
                seconds(self.length),
                self.front
            ),
            String::new(),
            format!(
                "  {:.0} requests per second    p50 {}    p99 {}",
                self.per_second(),
                short_time(quantile_us(latency, 0.5)),
                short_time(quantile_us(latency, 0.99))
            ),
            String::new(),
            format!(
                "  {:<8} {:<BAR_CELLS$} {:>7}  {:<10} {:>9}",
                "instance", "share of the traffic", "", "proxy says", "in flight"
            ),
        ];
        for row in self.rows {
            let share = self.share(&row.name);
            lines.push(format!(
                "  {:<8} {} {:>7}  {:<10} {:>9}  {}",
                row.name,
                bar(share),
                percent(share),
                row.state.state,
                row.state.in_flight,
                row.done
            ));
        }
        lines.push(String::new());
        lines.push(format!(
            "  {:<10} {:>10} {:>10} {:>10}",
            "method", "sent", "right", "failed"
        ));
        for (method, counts) in self.methods.iter().zip(&self.total.methods) {
            let failed = counts.application_errors + counts.proxy_errors;
            lines.push(format!(
                "  {:<10} {:>10} {:>10} {failed:>10}",
                method.name, counts.sent, counts.ok
            ));
        }
        let sum = self.total.sum();
        lines.push(format!(
            "  wrong answers {}    requests lost {}",
            sum.wrong + self.total.duplicates + self.total.unknown,
            sum.lost
        ));
        lines.push(String::new());
        let from = self.events.len().saturating_sub(EVENTS_SHOWN);
        let shown = self.events.get(from..).unwrap_or_default();
        lines.extend(shown.iter().map(|event| format!("  {event}")));
        lines
    }

    /// The same in one line.
    fn line(&self) -> String {
        let latency = &self.recent.latency_ns;
        let shares: Vec<String> = self
            .rows
            .iter()
            .map(|row| {
                let share = percent(self.share(&row.name));
                format!("{} {share} {}", row.name, row.state.state)
            })
            .collect();
        let sum = self.total.sum();
        format!(
            "{:>7}  {:>6.0}/s  p50 {}  p99 {}  |  {}  |  errors {}  wrong {}  lost {}",
            seconds(self.at),
            self.per_second(),
            short_time(quantile_us(latency, 0.5)),
            short_time(quantile_us(latency, 0.99)),
            shares.join("  "),
            sum.application_errors + sum.proxy_errors,
            sum.wrong + self.total.duplicates + self.total.unknown,
            sum.lost
        )
    }
}

fn bar(share: f64) -> String {
    let full = (0..BAR_CELLS).filter(|cell| (*cell as f64 + 0.5) / BAR_CELLS as f64 <= share);
    let full = full.count();
    "█".repeat(full) + &"·".repeat(BAR_CELLS - full)
}

/// Where the demo shows itself.
#[derive(Debug)]
pub(super) enum Screen {
    /// A terminal: the picture is drawn again and again. Leaves it as it was when dropped.
    Live(Stdout),
    /// A file or a pipe: one line per second, and one per event.
    Plain {
        /// Events that were printed.
        events_told: usize,
        /// When the last line was printed.
        line_at: Option<Duration>,
    },
    /// Nothing: only the summary counts.
    Silent,
}

impl Screen {
    /// The screen that fits standard output.
    pub(super) fn open(silent: bool) -> Self {
        if silent {
            return Self::Silent;
        }
        let mut out = stdout();
        let live = out.is_terminal()
            && execute!(out, terminal::EnterAlternateScreen, cursor::Hide).is_ok();
        if live {
            Self::Live(out)
        } else {
            Self::Plain {
                events_told: 0,
                line_at: None,
            }
        }
    }

    /// Whether what it told of events is still to be read when it is gone.
    pub(super) fn tells_events(&self) -> bool {
        matches!(self, Self::Plain { .. })
    }

    /// Shows a moment. A screen that is gone is no reason to stop.
    pub(super) fn show(&mut self, scene: &Scene<'_>) {
        match self {
            Self::Silent => {}
            Self::Live(out) => {
                let (width, height) = terminal::size().map_or((120, 24), |(width, height)| {
                    (usize::from(width), usize::from(height))
                });
                let mut text = String::new();
                for line in fit(scene.picture(), height) {
                    text.extend(line.chars().take(width));
                    text.push_str("\x1b[K\r\n");
                }
                let _ = execute!(out, cursor::MoveTo(0, 0));
                let _ = out.write_all(text.as_bytes());
                let _ = execute!(out, terminal::Clear(terminal::ClearType::FromCursorDown));
            }
            Self::Plain {
                events_told,
                line_at,
            } => {
                let mut text = String::new();
                for event in scene.events.iter().skip(*events_told) {
                    text += &format!("{event}\n");
                }
                *events_told = scene.events.len();
                let next = line_at.map_or(Duration::ZERO, |at| at + Duration::from_millis(950));
                if scene.at >= next {
                    *line_at = Some(scene.at);
                    text += &format!("{}\n", scene.line());
                }
                let _ = stdout().write_all(text.as_bytes());
            }
        }
    }
}

/// As much of a picture as a screen of this height holds with the cursor below it: a low one
/// does without the blank lines, then without the latest events.
fn fit(mut lines: Vec<String>, height: usize) -> Vec<String> {
    let room = height.saturating_sub(1);
    while lines.len() > room
        && let Some(blank) = lines.iter().position(String::is_empty)
    {
        lines.remove(blank);
    }
    lines.truncate(room);
    lines
}

impl Drop for Screen {
    fn drop(&mut self) {
        if let Self::Live(out) = self {
            let _ = execute!(out, cursor::Show, terminal::LeaveAlternateScreen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_full_as_the_share() {
        assert_eq!(bar(0.0), "·".repeat(BAR_CELLS));
        assert_eq!(bar(1.0), "█".repeat(BAR_CELLS));
        assert_eq!(bar(0.5).matches('█').count(), BAR_CELLS / 2);
    }

    #[test]
    fn a_low_screen_shows_the_beginning_of_the_picture_without_its_blank_lines() {
        let lines = |all: &[&str]| all.iter().map(|line| (*line).to_owned()).collect();
        let picture: Vec<String> = lines(&["head", "", "rates", "", "event"]);
        assert_eq!(fit(picture.clone(), 6), picture);
        assert_eq!(
            fit(picture.clone(), 5),
            lines(&["head", "rates", "", "event"])
        );
        assert_eq!(fit(picture.clone(), 3), lines(&["head", "rates"]));
        assert!(fit(picture, 0).is_empty());
    }

    #[test]
    fn the_picture_names_every_backend_method_and_event() {
        let mut tally = Tally::new(1).unwrap();
        tally.method(0).sent = 4;
        tally.count_backend(b"b1", 3);
        tally.count_backend(b"b2", 1);
        let rows = ["b1", "b2"].map(|name| Row {
            name: name.to_owned(),
            ..Row::default()
        });
        let methods = [Method {
            name: "charge".to_owned(),
            weight: 1,
        }];
        let scene = Scene {
            at: Duration::from_secs(1),
            length: Duration::from_secs(20),
            front: "127.0.0.1:7000".to_owned(),
            recent: &tally,
            recent_for: Duration::from_secs(1),
            total: &tally,
            methods: &methods,
            rows: &rows,
            events: &["killed b2".to_owned()],
        };
        let picture = scene.picture().join("\n");
        for word in [
            "b1",
            "75.0 %",
            "25.0 %",
            "charge",
            "killed b2",
            "127.0.0.1:7000",
        ] {
            assert!(picture.contains(word), "{word} is not in\n{picture}");
        }
        assert!(scene.line().contains("b1 75.0 %"));
    }
}
