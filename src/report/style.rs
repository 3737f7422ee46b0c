//! How text is dressed: colours and how much of it. The only place that knows ANSI sequences.

use crate::plan::step::Action;

/// How text is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// With ANSI colours.
    pub color: bool,
    /// With every detail.
    pub verbose: bool,
}

/// What a piece of text says, by its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Something comes: green.
    Add,
    /// Something changes: yellow.
    Change,
    /// Something goes: red.
    Remove,
    /// Something moves: cyan.
    Move,
    /// Nothing happens: dim.
    Quiet,
    /// A person should look: magenta.
    Warn,
    /// A heading: bold.
    Strong,
}

impl Style {
    /// The text in a colour, or as it is where colours are off.
    pub fn paint(self, paint: Paint, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Add => "32",
            Paint::Change => "33",
            Paint::Remove => "31",
            Paint::Move => "36",
            Paint::Quiet => "2",
            Paint::Warn => "35",
            Paint::Strong => "1",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// The one character that stands for an action, and its colour.
pub fn rune(action: Action) -> (&'static str, Paint) {
    match action {
        Action::Keep => ("=", Paint::Quiet),
        Action::Create | Action::Run => ("+", Paint::Add),
        Action::Update | Action::Start | Action::Replace => ("~", Paint::Change),
        Action::Move => (">", Paint::Move),
        Action::Remove => ("-", Paint::Remove),
        Action::Unknown | Action::Unplaced | Action::Wait | Action::Hold => ("!", Paint::Warn),
    }
}
