//! What cdk's scripts on a host answer: a word, what follows it, and lines behind it. Only text; each script's own words are its domain's.

/// What every answer begins with: a shell may print a greeting of its own before.
const MARK: &str = "cdk-answer ";

/// What a script answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<'a> {
    /// How it went: `read`, `tried`, `refused`, …
    pub word: &'a str,
    /// What stands behind it.
    pub rest: &'a str,
    /// What follows.
    pub(super) body: Vec<&'a str>,
}

/// Finds a script's answer in what came from the host; none where it was not the script that spoke.
pub fn answer(said: &str) -> Option<Answer<'_>> {
    let mut lines = said.lines();
    let first = lines.find_map(|line| line.strip_prefix(MARK))?;
    let (word, rest) = first.split_once(' ').unwrap_or((first, ""));
    Some(Answer {
        word,
        rest,
        body: lines.collect(),
    })
}

impl<'a> Answer<'a> {
    /// The lines of another program that follow.
    pub fn quoted(&self) -> impl Iterator<Item = &'a str> {
        self.body.iter().filter_map(|line| line.strip_prefix('|'))
    }
}
