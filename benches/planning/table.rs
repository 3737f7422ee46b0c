//! What was measured: as a line between two processes, as a table in Markdown, and beside the targets. No measuring.

use std::fmt::Write as _;
use std::time::Duration;

use crate::FLOORS;
use crate::cluster::Size;

/// What stands when the plan is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Nothing.
    FromNothing,
    /// Everything, as git wants it.
    NothingToDo,
}

/// One size, planned for one way.
#[derive(Debug, Clone)]
pub struct Measured {
    pub size: Size,
    pub way: Way,
    pub steps: usize,
    /// From `Desired` and `Observed` to the plan.
    pub total: Duration,
    pub floors: [Duration; FLOORS.len()],
    /// In KiB: the process's most, `Desired` and `Observed` among it.
    pub peak: u64,
    /// In KiB: what the process had before it planned.
    pub base: u64,
}

/// What the table says of itself.
pub const HEAD: &str = "`Desired` and `Observed` in memory → a complete `Plan` in memory: scale, place, render, diff, plan. 300 services with ten variables and a
health check each; half of them with constraints, a quarter with assigned ports, a third on a network of their own, a third with reservations.
Milliseconds, medians. Memory is the process's peak, and in brackets what it held before it planned.
Made by `benches/plan`; `plan.svg` shows the same.
";

impl Measured {
    pub fn line(&self) -> String {
        let Self {
            way,
            steps,
            total,
            floors,
            peak,
            base,
            ..
        } = self;
        let mut line = format!("{} {steps} {peak} {base} {}", *way as u8, total.as_nanos());
        for floor in floors {
            let _ = write!(line, " {}", floor.as_nanos());
        }
        line
    }

    pub fn from_line(size: Size, line: &str) -> Option<Self> {
        let mut numbers = line.split(' ').map(|word| word.parse::<u64>().ok());
        let mut next = || numbers.next().flatten();
        let way = match next()? {
            0 => Way::FromNothing,
            _ => Way::NothingToDo,
        };
        let (steps, peak, base) = (usize::try_from(next()?).ok()?, next()?, next()?);
        let total = Duration::from_nanos(next()?);
        let mut floors = [Duration::ZERO; FLOORS.len()];
        for floor in &mut floors {
            *floor = Duration::from_nanos(next()?);
        }
        Some(Self {
            size,
            way,
            steps,
            total,
            floors,
            peak,
            base,
        })
    }
}

pub fn markdown(all: &[Measured]) -> String {
    let mut text = String::new();
    for (way, title) in [(Way::FromNothing, "From nothing"), (Way::NothingToDo, "Nothing to do")] {
        let _ = writeln!(text, "## {title}\n");
        let _ = writeln!(
            text,
            "| hosts | replicas | steps | {} | total ms | µs/replica | peak MB |",
            FLOORS.join(" | ")
        );
        let _ = writeln!(text, "|{}", "--:|".repeat(6 + FLOORS.len()));
        for one in all.iter().filter(|one| one.way == way) {
            let floors: Vec<String> = one.floors.iter().map(|floor| ms(*floor)).collect();
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {:.1} | {} ({}) |",
                thousands(one.size.hosts.into()),
                thousands(one.size.replicas.into()),
                thousands(one.steps as u64),
                floors.join(" | "),
                ms(one.total),
                one.total.as_secs_f64() * 1e6 / f64::from(one.size.replicas),
                thousands(megabytes(one.peak)),
                thousands(megabytes(one.base)),
            );
        }
        text.push('\n');
    }
    text
}

/// A target of the design: the size, the way, and at most so much time and memory.
const TARGETS: [(u32, u32, Way, Duration, u64); 3] = [
    (1_000, 30_000, Way::FromNothing, Duration::from_millis(250), 200),
    (1_000, 30_000, Way::NothingToDo, Duration::from_millis(100), u64::MAX),
    (6_100, 2_000_000, Way::FromNothing, Duration::from_secs(20), 4_000),
];

/// The targets that were measured, and whether all of these were reached.
pub fn targets(all: &[Measured]) -> (String, bool) {
    let mut text = "## Targets\n\n".to_owned();
    let mut reached = true;
    for (hosts, replicas, way, time, memory) in TARGETS {
        let found = all
            .iter()
            .find(|one| (one.size.hosts, one.size.replicas, one.way) == (hosts, replicas, way));
        let Some(one) = found else { continue };
        let is_reached = one.total <= time && megabytes(one.peak) <= memory;
        reached &= is_reached;
        let what = match way {
            Way::FromNothing => "from nothing",
            Way::NothingToDo => "nothing to do",
        };
        let limit = match memory {
            u64::MAX => String::new(),
            memory => format!(" and {} MB", thousands(memory)),
        };
        let _ = writeln!(
            text,
            "- {} hosts, {} replicas, {what}: {} ms, {} MB; at most {} ms{limit}: {}",
            thousands(hosts.into()),
            thousands(replicas.into()),
            ms(one.total),
            thousands(megabytes(one.peak)),
            thousands(time.as_millis() as u64),
            if is_reached { "reached" } else { "MISSED" }
        );
    }
    (text, reached)
}

fn megabytes(kib: u64) -> u64 {
    (kib * 1024).div_ceil(1_000_000)
}

fn ms(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    match ms {
        ms if ms >= 100.0 => thousands(ms.round() as u64),
        ms if ms >= 10.0 => format!("{ms:.0}"),
        ms => format!("{ms:.1}"),
    }
}

fn thousands(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", thousands(number / 1_000), number % 1_000),
    }
}
