//! How long planning takes, and how much memory: `Desired` and `Observed` in memory to a complete `Plan`, from nothing and with
//! nothing to do. Each size runs in a process of its own, so that its peak memory is its own.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what a benchmark finds goes there"
)]

mod cluster;
mod picture;
mod table;

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use cdk::diff::diff;
use cdk::observe::Observed;
use cdk::place::asked::Asked;
use cdk::place::place;
use cdk::plan::step::Plan;
use cdk::plan::{Input, plan};
use cdk::render::network::clashes;
use cdk::render::{Target, render};
use cdk::resolve::desired::Desired;
use cdk::scale::counts;
use cdk::scale::version::versions;

use crate::cluster::{Size, applied, desired, empty};
use crate::table::{Measured, Way};

/// The floors that planning runs through.
const FLOORS: [&str; 5] = ["scale", "place", "render", "diff", "plan"];

const USAGE: &str = "usage: benches/plan [--full] [--size HOSTSxREPLICAS]... [--services N]

Without sizes: a table of sizes, compared with the targets, written to benches/results/.
  --full      up to 6,100 hosts and 2,000,000 replicas
  --size      only these, printed, nothing written";

fn main() -> ExitCode {
    // Cargo says so to every benchmark.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match run(&args) {
        Ok(code) => code,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(64)
        }
    }
}

fn run(args: &[String]) -> Result<ExitCode, String> {
    let (mut full, mut services, mut sizes, mut child) = (false, 300, Vec::new(), false);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(USAGE);
        match arg.as_str() {
            "--full" => full = true,
            "--services" => services = value()?.parse().map_err(|_| USAGE)?,
            "--size" => sizes.push(size(value()?).ok_or(USAGE)?),
            "--measure" => child = true,
            _ => return Err(USAGE.to_owned()),
        }
    }
    let sizes: Vec<Size> = sizes
        .into_iter()
        .map(|(hosts, replicas)| Size {
            hosts,
            replicas,
            services,
        })
        .collect();
    if child {
        for size in sizes {
            measure(size)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if !sizes.is_empty() {
        let all = sizes.into_iter().map(measured).collect::<Result<Vec<_>, _>>()?;
        print!("{}", table::markdown(&all.concat()));
        return Ok(ExitCode::SUCCESS);
    }
    let mut all = Vec::new();
    for (hosts, replicas) in default_sizes(full) {
        let size = Size {
            hosts,
            replicas,
            services,
        };
        eprintln!("{hosts} hosts, {replicas} replicas …");
        all.extend(measured(size)?);
    }
    let (targets, reached) = table::targets(&all);
    print!("{}\n{targets}", table::markdown(&all));
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/results");
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let text = format!(
        "# Planning: time and peak memory\n\n{}\n{}\n{}",
        table::HEAD,
        table::markdown(&all),
        targets
    );
    std::fs::write(format!("{folder}/plan.md"), text).map_err(|error| error.to_string())?;
    picture::draw(&all, &format!("{folder}/plan.svg")).map_err(|error| error.to_string())?;
    Ok(ExitCode::from(u8::from(!reached)))
}

fn size(text: &str) -> Option<(u32, u32)> {
    let (hosts, replicas) = text.split_once('x')?;
    Some((hosts.parse().ok()?, replicas.parse().ok()?))
}

fn default_sizes(full: bool) -> Vec<(u32, u32)> {
    let mut all = Vec::new();
    for hosts in [10, 100, 1_000, 6_100] {
        for replicas in [1_000, 3_000, 10_000, 30_000, 100_000] {
            all.push((hosts, replicas));
        }
    }
    if full {
        all.extend([(6_100, 300_000), (6_100, 1_000_000), (6_100, 2_000_000)]);
    }
    all
}

/// Measures a size in another process.
fn measured(size: Size) -> Result<Vec<Measured>, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(program)
        .args(["--measure", "--size", &format!("{}x{}", size.hosts, size.replicas)])
        .args(["--services", &size.services.to_string()])
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!(
            "{size:?}: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text
        .lines()
        .filter_map(|line| Measured::from_line(size, line))
        .collect())
}

/// Measures a size here: a line for each way.
fn measure(size: Size) -> Result<(), String> {
    let wanted = desired(size)?;
    let before = empty(&wanted);
    let (fresh, plan, target) = rounds(size, Way::FromNothing, &wanted, &before)?;
    println!("{}", fresh.line());
    // What stands is far larger than what is planned.
    if size.replicas > 100_000 {
        return Ok(());
    }
    if plan.placement.len() != size.replicas as usize {
        return Err(format!("{} replicas have a place", plan.placement.len()));
    }
    let after = applied(&plan, &target, &before);
    drop((plan, target, before));
    let (again, plan, _) = rounds(size, Way::NothingToDo, &wanted, &after)?;
    if let Some(step) = plan.steps.first() {
        return Err(format!("there is still something to do: {step:?}"));
    }
    println!("{}", again.line());
    Ok(())
}

/// Plans until it has taken two seconds; the median of each floor. The memory is the first round's.
fn rounds(size: Size, way: Way, desired: &Desired, observed: &Observed) -> Result<(Measured, Plan, Target), String> {
    let begun = Instant::now();
    forget_peak()?;
    let mut first = one(desired, observed)?;
    let (peak, base) = (memory("VmHWM:")?, first.3);
    let (mut totals, mut floors) = (vec![first.0], vec![first.1]);
    while totals.len() < 3 || (begun.elapsed() < Duration::from_secs(2) && totals.len() < 50) {
        if begun.elapsed() > Duration::from_secs(10) {
            break;
        }
        drop(first);
        first = one(desired, observed)?;
        totals.push(first.0);
        floors.push(first.1);
    }
    totals.sort();
    let mut medians = [Duration::ZERO; FLOORS.len()];
    for (at, median) in medians.iter_mut().enumerate() {
        let mut all: Vec<Duration> = floors.iter().map(|floors| floors[at]).collect();
        all.sort();
        *median = all[all.len() / 2];
    }
    let (plan, target) = first.2;
    let measured = Measured {
        size,
        way,
        steps: plan.steps.len(),
        total: totals[totals.len() / 2],
        floors: medians,
        peak,
        base,
    };
    Ok((measured, plan, target))
}

type One = (Duration, [Duration; FLOORS.len()], (Plan, Target), u64);

/// Plans once, as `flow` does, until the plan is there.
fn one(desired: &Desired, observed: &Observed) -> Result<One, String> {
    let base = memory("VmRSS:")?;
    let begun = Instant::now();
    let mut at = begun;
    let mut floors = [Duration::ZERO; FLOORS.len()];
    let mut done = |floor: usize| {
        let now = Instant::now();
        floors[floor] = now - at;
        at = now;
    };
    let counts = counts(desired, observed);
    done(0);
    let (placement, standing) = place(desired, observed, &counts, &Asked::default());
    done(1);
    let target = render(desired, &placement).map_err(|problems| format!("{problems:?}"))?;
    if !clashes(&target, observed).is_empty() {
        return Err("networks clash".to_owned());
    }
    done(2);
    let difference = diff(&target, &placement, observed, &standing);
    done(3);
    let versions = versions(desired, observed, difference.updated());
    let plan = plan(Input {
        versions: &versions,
        rollback: desired.cluster.rollback,
        target: &target,
        placement: &placement,
        observed,
        standing: &standing,
        diff: &difference,
    });
    done(4);
    Ok((begun.elapsed(), floors, (plan, target), base))
}

/// From here on the peak counts anew.
fn forget_peak() -> Result<(), String> {
    std::fs::write("/proc/self/clear_refs", "5").map_err(|error| error.to_string())
}

/// A figure of this process's memory, in KiB.
fn memory(key: &str) -> Result<u64, String> {
    let text = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| format!("/proc/self/status says no {key}"))
}
