//! Whether a saved plan is what would be done now, and how it differs from that, in the words of both.

use std::time::Duration;

use similar::TextDiff;

use crate::model::op::{ImageOp, Op};
use crate::plan::number;
use crate::plan::rollout::Rollout;
use crate::plan::step::{Plan, Step};
use crate::report;
use crate::report::style::Style;

/// How many lines of sameness stand around a difference.
const AROUND: usize = 2;

/// Whether the plan now comes to what was said: the same steps, but for pulls that were done meanwhile. An image may come by another
/// cluster's apply, or by this one's when it failed at a pull elsewhere; what then runs is the same, by its digest.
pub fn is_same(saved: &Plan, now: &Plan) -> bool {
    let same_work = |steps: &[Step], rollouts: &[Rollout]| steps == now.steps && rollouts == now.rollouts;
    if saved.forgets != now.forgets {
        return false;
    }
    if now.steps.len() >= saved.steps.len() {
        return same_work(&saved.steps, &saved.rollouts);
    }
    let pulls: Vec<&Step> = now.steps.iter().filter(|step| is_pull(step)).collect();
    let is_done = |step: &Step| is_pull(step) && !pulls.iter().any(|pull| pull.host == step.host && pull.op == step.op);
    let (steps, rollouts) = number::without(saved, is_done);
    same_work(&steps, &rollouts)
}

fn is_pull(step: &Step) -> bool {
    matches!(step.op, Op::Image(ImageOp::Pull { .. }))
}

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
