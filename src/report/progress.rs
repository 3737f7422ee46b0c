//! How an apply goes, told while it goes: one plain line per event, or only what failed. Bars are `terminal`'s.

use std::io::{self, Write};

use crate::execute::outcome::Event;
use crate::model::op::{ContainerOp, FileOp, GateOp, ImageOp, Op, VolumeOp};
use crate::plan::step::{Plan, Step, StepId};
use crate::report::style::{Paint, Style};
use crate::report::words::{clean, short_time};

/// Tells what happens.
pub trait Reporter {
    /// One thing happened.
    fn event(&mut self, plan: &Plan, event: &Event);
    /// A line that is none of the executor's: what a hook says.
    fn line(&mut self, text: &str);
    /// Nothing more happens: what was drawn is taken away.
    fn finish(&mut self);
}

/// How much is told in lines; each tells what those before it tell, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// What failed, and that it stops.
    Failures,
    /// What was done and what is waited for.
    Steps,
    /// Every event.
    All,
}

/// Plain lines, for a pipe or a log.
pub struct Lines<W> {
    out: W,
    detail: Detail,
    style: Style,
    ended: usize,
}

impl<W: Write> Lines<W> {
    /// Lines onto `out`.
    pub fn new(out: W, detail: Detail, style: Style) -> Self {
        Self {
            out,
            detail,
            style,
            ended: 0,
        }
    }
}

impl<W: Write> Reporter for Lines<W> {
    fn event(&mut self, plan: &Plan, event: &Event) {
        self.ended += usize::from(ends(event));
        let least = match event {
            Event::Failed { .. }
            | Event::Undone { error: Some(_), .. }
            | Event::Back { error: Some(_), .. }
            | Event::Waits(_)
            | Event::Paused(_)
            | Event::RollingBack(_)
            | Event::Left(_)
            | Event::Stopping
            | Event::Journal(..) => Detail::Failures,
            Event::Started(step) if !plan.step(*step).is_some_and(|step| is_long(&step.op)) => Detail::All,
            Event::Skipped(_) | Event::Rolled(..) => Detail::All,
            Event::Started(_)
            | Event::Done(..)
            | Event::Undone { error: None, .. }
            | Event::Back { error: None, .. }
            | Event::Delay(..) => Detail::Steps,
        };
        if self.detail >= least {
            let text = words(plan, event, self.ended, self.style);
            // Nobody reads any more: the work goes on all the same, and the exit code tells how it ended.
            let _: io::Result<()> = writeln!(self.out, "{text}");
        }
    }

    fn line(&mut self, text: &str) {
        // As above.
        let _: io::Result<()> = writeln!(self.out, "{text}");
    }

    fn finish(&mut self) {
        let _: io::Result<()> = self.out.flush();
    }
}

/// Whether a step is at its end with this event.
pub fn ends(event: &Event) -> bool {
    match event {
        Event::Done(..) | Event::Failed { .. } | Event::Skipped(_) | Event::Left(_) => true,
        Event::Started(_)
        | Event::Undone { .. }
        | Event::Delay(..)
        | Event::Waits(_)
        | Event::Paused(_)
        | Event::RollingBack(_)
        | Event::Back { .. }
        | Event::Rolled(..)
        | Event::Stopping
        | Event::Journal(..) => false,
    }
}

/// Whether a person would wonder what takes so long.
fn is_long(op: &Op) -> bool {
    match op {
        Op::Image(ImageOp::Pull { .. })
        | Op::Gate(GateOp::Up { .. } | GateOp::Completed { .. })
        | Op::Firewall(_)
        | Op::Address(_)
        | Op::Container(ContainerOp::Stop { .. }) => true,
        Op::Gate(GateOp::Stays { .. })
        | Op::Volume(VolumeOp::Create { .. })
        | Op::Image(ImageOp::Remove { .. })
        | Op::File(FileOp::Write(_) | FileOp::Remove { .. })
        | Op::Network(_)
        | Op::Container(
            ContainerOp::Create { .. }
            | ContainerOp::Start { .. }
            | ContainerOp::Rename { .. }
            | ContainerOp::Update { .. }
            | ContainerOp::Signal { .. }
            | ContainerOp::Remove { .. },
        ) => false,
    }
}

/// A step's host, replica and operation in one line.
pub fn step_words(step: &Step) -> String {
    match &step.slot {
        Some(slot) => format!("{}  {slot}  {}", step.host, step.op),
        None => format!("{}  {}", step.host, step.op),
    }
}

/// An event in words: one line, and below it the last lines of a log.
pub fn words(plan: &Plan, event: &Event, ended: usize, style: Style) -> String {
    let named = |id: StepId| plan.step(id).map_or_else(|| format!("step {id}"), step_words);
    let at = |id: StepId| format!("[{ended}/{}] {}", plan.steps.len(), named(id));
    match event {
        Event::Started(step) => format!("{}  begins", at(*step)),
        Event::Done(step, took) => format!("{}  done in {}", at(*step), short_time(*took)),
        Event::Failed { step, error, logs } => {
            let failed = style.paint(Paint::Remove, "failed");
            let mut text = format!("{}  {failed}: {}", at(*step), clean(error));
            for line in logs {
                text.push_str(&format!("\n    | {}", clean(line)));
            }
            text
        }
        Event::Undone { step, error: None } => format!("{}  taken back", at(*step)),
        Event::Undone {
            step,
            error: Some(error),
        } => {
            let failed = style.paint(Paint::Remove, "could not be taken back");
            format!("{}  {failed}: {}", at(*step), clean(error))
        }
        Event::Left(step) => format!("{}  still runs, and is left to: the next apply waits for it", at(*step)),
        Event::Skipped(step) => format!("{}  not begun", at(*step)),
        Event::Delay(service, time) => format!("{service}  waits {} before the next replica", short_time(*time)),
        Event::Waits(service) => format!(
            "{service}  {}: its canary is up, and no other replica begins",
            style.paint(Paint::Warn, "waits")
        ),
        Event::Paused(service) => format!(
            "{service}  {}: no other replica begins",
            style.paint(Paint::Warn, "paused")
        ),
        Event::RollingBack(service) => format!(
            "{service}  {}: what was done goes back to the version before",
            style.paint(Paint::Warn, "rolling back")
        ),
        Event::Back { slot, error: None, .. } => format!("{slot}  is back"),
        Event::Back {
            slot,
            error: Some(error),
            logs,
        } => {
            let failed = style.paint(Paint::Remove, "did not come back");
            let mut text = format!("{slot}  {failed}: {}", clean(error));
            for line in logs {
                text.push_str(&format!("\n    | {}", clean(line)));
            }
            text
        }
        Event::Rolled(service, _) => format!("{service}  rolled out as far as it goes"),
        Event::Stopping => {
            "Stopping: what is in hand is finished, nothing else begins. Interrupt again to leave at once.".to_owned()
        }
        Event::Journal(host, why) => {
            format!(
                "{} {host}  the journal could not be written: {}",
                style.paint(Paint::Warn, "!"),
                clean(why)
            )
        }
    }
}
