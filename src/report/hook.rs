//! What hooks say, and how they fail, in lines for stderr.

use crate::model::hook::Moment;
use crate::report::style::{Paint, Style};
use crate::report::words::clean;

/// A line that a hook wrote.
pub fn line(moment: Moment, text: &str, style: Style) -> String {
    format!("{} {}", style.paint(Paint::Quiet, &format!("{moment} |")), clean(text))
}

/// That a hook failed whose failure changes nothing; `why` may have lines below the first.
pub fn failed(moment: Moment, why: &str, style: Style) -> String {
    format!("{} the hook {moment} failed: {why}", style.paint(Paint::Warn, "!"))
}
