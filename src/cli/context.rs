//! What every command needs: settings from flags and environment, and where answers and complaints go.

use std::env;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::PathBuf;

use jiff::{Timestamp, Unit};

use crate::cli::args::{Color, Global, Output};
use crate::cli::exit::Ended;
use crate::flow::{Failure, Settings};
use crate::model::scope::Scope;
use crate::place::asked::Asked;
use crate::report::style::Style;

/// One command's surroundings.
pub(super) struct Context {
    /// What `flow` is told.
    pub settings: Settings,
    /// The form of the answer.
    pub output: Output,
    /// How the answer is dressed.
    pub style: Style,
    /// How stderr is dressed.
    pub error_style: Style,
    /// Whether stderr is a terminal that can be drawn on.
    pub draws: bool,
    /// Whether a person can be asked.
    pub can_ask: bool,
    /// Whether only failures are told.
    pub quiet: bool,
}

impl Context {
    /// Reads flags, environment and terminals.
    pub fn new(global: Global) -> Result<Self, Ended> {
        let ci = is_set("CI");
        let plain = ci || is_set("NO_COLOR") || env::var_os("TERM").is_some_and(|term| term == "dumb");
        let style = |terminal: bool| Style {
            color: match global.color {
                Color::Auto => terminal && !plain,
                Color::Always => true,
                Color::Never => false,
            },
            verbose: global.verbose,
        };
        let error_terminal = io::stderr().is_terminal();
        let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        Ok(Self {
            style: style(io::stdout().is_terminal()),
            error_style: style(error_terminal),
            draws: error_terminal && !ci && !dumb,
            can_ask: error_terminal && io::stdin().is_terminal() && !global.no_input,
            quiet: global.quiet,
            output: global.output,
            settings: Settings {
                directory: global.directory.unwrap_or_else(|| PathBuf::from(".")),
                environment: global.environment,
                revision: None,
                scope: Scope {
                    hosts: global.hosts.into_iter().collect(),
                    services: global.services.into_iter().collect(),
                    only: global.only.into_iter().map(Into::into).collect(),
                },
                parallel: global.parallel.map(Into::into),
                keep_connections: !ci,
                forget: Vec::new(),
                asked: Asked::default(),
                pinned: false,
            },
        })
    }

    /// That a person can be asked; `instead` is what is given where nobody can.
    pub fn must_ask(&self, command: &str, instead: &str) -> Result<(), Ended> {
        match self.can_ask {
            true => Ok(()),
            false => {
                let words =
                    format!("{command} asks before it changes anything, and here is nobody to ask: give {instead}");
                Err(Failure::Usage(words).into())
            }
        }
    }

    /// Writes the answer to stdout. That nobody reads it any more is no error: `cdk ps | head -1` ends quietly.
    pub fn answer(&self, text: &str) -> Result<(), Ended> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(Ended::Io(format!("the answer could not be written to stdout: {error}"))),
        }
    }

    /// Writes the answer in the form that was asked for; only that form is made.
    pub fn answer_as(
        &self,
        text: impl FnOnce() -> String,
        json: impl FnOnce() -> Result<String, serde_json::Error>,
    ) -> Result<(), Ended> {
        match self.output {
            Output::Text => self.answer(&text()),
            Output::Json => self.answer(&json().map_err(|error| Ended::Io(error.to_string()))?),
        }
    }
}

/// Writes to stderr; where nobody reads it, the exit code still tells.
pub(super) fn complain(text: &str) {
    let _: io::Result<()> = io::stderr().lock().write_all(text.as_bytes());
}

/// Now, to the second, RFC 3339 in UTC.
pub(super) fn now() -> String {
    let now = Timestamp::now();
    now.round(Unit::Second).unwrap_or(now).to_string()
}

fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| !value.is_empty())
}
