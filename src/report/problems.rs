//! Problems with the line that they point at. (This branch's stand-in; another branch brings the real one.)

use crate::model::problem::Rejected;

/// All problems as text.
pub fn render(rejected: &Rejected, _color: bool) -> String {
    rejected
        .problems
        .iter()
        .map(|problem| format!("error: {}\n", problem.message))
        .collect()
}
