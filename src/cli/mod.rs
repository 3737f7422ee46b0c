//! The command line: reads arguments and environment, calls `flow`, hands the answer to `report`, ends with an exit code.

use std::ffi::OsString;

use clap::{CommandFactory, Parser};

use crate::report::style::{Paint, Style};

mod apply;
pub mod args;
mod commands;
mod context;
mod edit;
pub mod exit;
mod firewall;
mod init;
mod lock;
mod moves;
mod rehearse;
mod rollback;
mod runtime;
pub mod schema;
mod secret;

use args::{Cli, Command, Shell};
use context::Context;
use exit::{Ended, ExitCode};

/// Runs one command line, the program's name in front, to its end.
pub fn run(args: impl IntoIterator<Item = OsString>) -> std::process::ExitCode {
    let code = match Cli::try_parse_from(args) {
        Ok(cli) => dispatch(cli),
        Err(error) => usage(&error),
    };
    code.into()
}

/// The whole command line, for completions and tests.
pub fn command() -> clap::Command {
    Cli::command()
}

/// The completion script for a shell.
pub fn completions(shell: Shell) -> String {
    let generator = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(generator, &mut command(), "cdk", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Help and version are answers; all else that clap says is a command line that is wrong.
fn usage(error: &clap::Error) -> ExitCode {
    // Nobody reads any more: there is nobody to tell.
    let _: std::io::Result<()> = error.print();
    if error.use_stderr() {
        ExitCode::Usage
    } else {
        ExitCode::Done
    }
}

fn dispatch(cli: Cli) -> ExitCode {
    let context = match Context::new(cli.global) {
        Ok(context) => context,
        Err(ended) => return told(ended, Style::default()),
    };
    let style = context.error_style;
    match one(cli.command, &context) {
        Ok(code) => code,
        Err(ended) => told(ended, style),
    }
}

fn one(command: Command, context: &Context) -> Result<ExitCode, Ended> {
    match command {
        Command::Init(args) => init::init(context, &args),
        Command::Check => commands::check(context),
        Command::Show(args) => commands::show(context, &args),
        Command::Hosts => commands::hosts(context),
        Command::Ps(args) => commands::ps(context, args),
        Command::Observe => commands::observe(context),
        Command::Plan(args) => commands::plan(context, args),
        Command::Apply(args) => apply::apply(context, args),
        Command::Rollback(args) => rollback::rollback(context, args),
        Command::Rehearse(args) => rehearse::rehearse(context, args),
        Command::Scale(args) => edit::scale(context, args),
        Command::Bump(args) => edit::bump(context, args),
        Command::Drain(args) => edit::drain(context, args),
        Command::Activate(args) => edit::activate(context, args),
        Command::Status => commands::status(context),
        Command::Move(args) => moves::one(context, args),
        Command::Rebalance(args) => moves::rebalance(context, &args),
        Command::Promote(args) => moves::promote(context, args),
        Command::Abort(args) => moves::abort(context, args),
        Command::History(args) => commands::history(context, &args),
        Command::Lock(args) => lock::lock(context, args),
        Command::Firewall(args) => firewall::firewall(context, args),
        Command::Secret(args) => secret::secret(context, args),
        Command::Schema(args) => schema::schema(context, &args),
        Command::Completions(args) => {
            context.answer(&completions(args.shell))?;
            Ok(ExitCode::Done)
        }
    }
}

/// Says on stderr why a command ended, and with which code it ends.
fn told(ended: Ended, style: Style) -> ExitCode {
    let code = ended.code();
    let words = ended.words(style.color);
    let text = if words.is_problems {
        words.text
    } else {
        format!("{} {}\n", style.paint(Paint::Remove, "error:"), words.text)
    };
    context::complain(&text);
    code
}
