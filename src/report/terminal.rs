//! How an apply goes, drawn on a terminal: a bar for the whole, a line for each service in work, and what failed above them.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::execute::outcome::Event;
use crate::plan::step::{Plan, Step, StepId};
use crate::report::progress::{Reporter, ends, step_words, words};
use crate::report::style::Style;

/// Bars and lines that redraw themselves. Not for a pipe, where they would lose lines: `progress::Lines` is.
pub struct Terminal {
    all: MultiProgress,
    whole: ProgressBar,
    /// By service, or by host for what is no service's: its line, and the steps in work in the order of their beginning.
    lines: BTreeMap<String, (ProgressBar, Vec<StepId>)>,
    ended: usize,
    style: Style,
}

impl Terminal {
    /// Draws onto `target`, until all the plan's steps have ended.
    pub fn new(plan: &Plan, target: ProgressDrawTarget, style: Style) -> Self {
        let all = MultiProgress::with_draw_target(target);
        let length = u64::try_from(plan.steps.len()).unwrap_or(u64::MAX);
        let whole = all.add(ProgressBar::new(length).with_style(look("{bar:24} {pos}/{len} steps · {elapsed}")));
        whole.enable_steady_tick(Duration::from_millis(250));
        Self {
            all,
            whole,
            lines: BTreeMap::new(),
            ended: 0,
            style,
        }
    }

    fn begin(&mut self, step: &Step) {
        let (all, whole) = (&self.all, &self.whole);
        let (line, steps) = self.lines.entry(place(step)).or_insert_with(|| {
            let line = ProgressBar::new_spinner().with_style(look("{spinner} {msg}"));
            (all.insert_before(whole, line), Vec::new())
        });
        line.enable_steady_tick(Duration::from_millis(100));
        line.set_message(step_words(step));
        steps.push(step.id);
    }

    /// The line tells what else is in work there, and goes when nothing is.
    fn end(&mut self, plan: &Plan, step: &Step) {
        let name = place(step);
        let Some((line, steps)) = self.lines.get_mut(&name) else {
            return;
        };
        steps.retain(|id| *id != step.id);
        match steps.last().and_then(|id| plan.step(*id)) {
            Some(other) => line.set_message(step_words(other)),
            None => {
                line.finish_and_clear();
                self.all.remove(line);
                self.lines.remove(&name);
            }
        }
    }

    fn say(&self, text: &str) {
        // A terminal that has gone away is no reason to stop the work.
        let _: std::io::Result<()> = self.all.println(text);
    }
}

impl Reporter for Terminal {
    fn event(&mut self, plan: &Plan, event: &Event) {
        self.ended += usize::from(ends(event));
        self.whole.set_position(u64::try_from(self.ended).unwrap_or(u64::MAX));
        match event {
            Event::Started(id) => {
                if let Some(step) = plan.step(*id) {
                    self.begin(step);
                }
            }
            Event::Done(id, _) | Event::Failed { step: id, .. } | Event::Skipped(id) | Event::Left(id) => {
                if let Some(step) = plan.step(*id) {
                    self.end(plan, step);
                }
            }
            Event::Undone { .. }
            | Event::Delay(..)
            | Event::Waits(_)
            | Event::Paused(_)
            | Event::RollingBack(_)
            | Event::Back { .. }
            | Event::Rolled(..)
            | Event::Stopping
            | Event::Journal(..) => {}
        }
        let aloud = match event {
            Event::Failed { .. }
            | Event::Undone { .. }
            | Event::Waits(_)
            | Event::Paused(_)
            | Event::RollingBack(_)
            | Event::Back { .. }
            | Event::Left(_)
            | Event::Stopping
            | Event::Journal(..) => true,
            Event::Started(_) | Event::Skipped(_) | Event::Delay(..) | Event::Rolled(..) => false,
            Event::Done(..) => self.style.verbose,
        };
        if aloud {
            self.say(&words(plan, event, self.ended, self.style));
        }
    }

    fn line(&mut self, text: &str) {
        self.say(text);
    }

    fn finish(&mut self) {
        for (line, _) in self.lines.values() {
            line.finish_and_clear();
        }
        self.lines.clear();
        self.whole.finish_and_clear();
    }
}

fn place(step: &Step) -> String {
    step.slot
        .as_ref()
        .map_or_else(|| step.host.to_string(), |slot| slot.service.to_string())
}

/// A template is text of this file, and right; were it not, indicatif's own look would do.
fn look(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
