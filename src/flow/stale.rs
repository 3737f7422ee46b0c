//! How a saved plan differs from the one that would be made now, in the words of both.

use std::time::Duration;

use similar::TextDiff;

use crate::plan::step::Plan;
use crate::report;
use crate::report::style::Style;

/// How many lines of sameness stand around a difference.
const AROUND: usize = 2;

/// The two plans' texts as a unified diff: what the plans say, and each step where that says the same.
pub fn difference(saved: &Plan, now: &Plan) -> String {
    let brief = unified(&text(saved, false), &text(now, false));
    if !brief.is_empty() {
        return brief;
    }
    let whole = unified(&text(saved, true), &text(now, true));
    if !whole.is_empty() {
        return whole;
    }
    // The same is to be done to others: containers that were made anew meanwhile.
    let mut differing = saved.steps.iter().zip(&now.steps).filter(|(then, now)| then != now);
    differing.next().map_or_else(String::new, |(step, _)| {
        format!(
            "step {}, `{}` on {}: what it was planned for is not what is there now",
            step.id, step.op, step.host
        )
    })
}

/// A plan in the words that a person saw. The first line tells when and from where, which may differ.
fn text(plan: &Plan, verbose: bool) -> String {
    let style = Style { color: false, verbose };
    report::plan::text(plan, plan.hosts.len(), Duration::ZERO, style)
}

fn unified(saved: &str, now: &str) -> String {
    let diff = TextDiff::from_lines(saved, now);
    let mut shown = diff.unified_diff();
    shown
        .context_radius(AROUND)
        .header("the saved plan", "the plan now")
        .to_string()
}
