//! `cdk secret`: takes a value from stdin or a prompt, never from the command line, where every process could read it.

use std::io::{self, IsTerminal as _, Read as _};

use zeroize::{Zeroize as _, Zeroizing};

use crate::cli::args::{SecretArgs, SecretCommand, SecretSetArgs};
use crate::cli::context::Context;
use crate::cli::exit::{Ended, ExitCode};
use crate::flow::{self, Failure, NewKey, Written};

/// `cdk secret set NAME` and `cdk secret key`.
pub(super) fn secret(context: &Context, args: SecretArgs) -> Result<ExitCode, Ended> {
    match args.command {
        SecretCommand::Set(SecretSetArgs { name }) => {
            let value = value(context, name.as_str())?;
            let written = flow::set_secret(&context.settings, &name, &value)?;
            context.answer(&set(name.as_str(), &written))?;
        }
        SecretCommand::Key => {
            let key = flow::make_key()?;
            context.answer(&made(&key))?;
        }
    }
    Ok(ExitCode::Done)
}

fn set(name: &str, written: &Written) -> String {
    let Written {
        path,
        recipients,
        unnamed,
    } = written;
    let path = path.display();
    let whom = match recipients {
        1 => "1 recipient".to_owned(),
        number => format!("{number} recipients"),
    };
    let next = match unnamed {
        true => format!("Name it in the repository:\n\nsecrets:\n  {name}: {{file: {path}}}\n"),
        false => String::new(),
    };
    format!("Wrote {path}, encrypted for {whom}.\n{next}")
}

fn made(key: &NewKey) -> String {
    let NewKey {
        path,
        recipient,
        existed,
    } = key;
    let path = path.display();
    let what = match existed {
        true => format!("{path} holds a key already, and it stays."),
        false => format!("Wrote the key {path}. Keep a copy where you keep what must not be lost."),
    };
    format!("{what}\nIts recipient, for secrets/recipients.txt:\n{recipient}\n")
}

/// The value: hidden while it is typed, or all of stdin. One line is taken without its end, more are taken as they are.
fn value(context: &Context, name: &str) -> Result<Zeroizing<Vec<u8>>, Ended> {
    let unread = |error: io::Error| Ended::Io(format!("the value could not be read: {error}"));
    if io::stdin().is_terminal() {
        if !context.can_ask {
            let words = "the value comes from stdin, or is asked for, and --no-input forbids to ask";
            return Err(Failure::Usage(words.to_owned()).into());
        }
        let typed = rpassword::prompt_password(format!("The value of {name} (it is not shown): ")).map_err(unread)?;
        return not_empty(Zeroizing::new(typed.into_bytes()));
    }
    let mut value = Zeroizing::new(Vec::new());
    io::stdin().lock().read_to_end(&mut value).map_err(unread)?;
    let lines = value.iter().filter(|byte| **byte == b'\n').count();
    if lines == 1 && value.ends_with(b"\n") {
        let end = if value.ends_with(b"\r\n") { 2 } else { 1 };
        let length = value.len() - end;
        value[length..].zeroize();
        value.truncate(length);
    }
    not_empty(value)
}

fn not_empty(value: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, Ended> {
    if value.is_empty() {
        return Err(Failure::Usage("the value is empty".to_owned()).into());
    }
    Ok(value)
}
