//! What happens to public addresses, as lines of a plan: one for each.

use std::net::IpAddr;

use crate::plan::change::AddressDiff;
use crate::plan::step::{Action, Plan};
use crate::report::words::clean;

/// A public address that changes.
pub struct Line {
    /// What happens.
    pub action: Action,
    /// The address.
    pub address: String,
    /// What is said of it.
    pub said: String,
}

/// The lines for a plan's public addresses.
pub fn lines(plan: &Plan) -> impl Iterator<Item = Line> {
    plan.addresses.iter().map(line)
}

fn line(diff: &AddressDiff) -> Line {
    let AddressDiff {
        address,
        host,
        action,
        from,
        interface,
        why,
    } = diff;
    let on = match interface {
        Some(interface) => format!("{host} {}", clean(interface)),
        None => host.to_string(),
    };
    let place = match from {
        Some(from) => format!("{from} → {on}"),
        None => on,
    };
    let why = if why.is_empty() {
        String::new()
    } else {
        format!("   {}", clean(why))
    };
    Line {
        action: *action,
        address: address.to_string(),
        said: format!("{place}{why}"),
    }
}

/// How many public addresses change, in words; empty where none does.
pub fn tally(plan: &Plan) -> String {
    match plan.addresses.len() {
        0 => String::new(),
        1 => "1 public address to change".to_owned(),
        number => format!("{number} public addresses to change"),
    }
}

/// Adds a column of public addresses to a table, where anybody has some.
pub fn public_column<'a>(
    (head, lines): (&mut Vec<&str>, &mut [Vec<String>]),
    addresses: impl Iterator<Item = &'a [IpAddr]> + Clone,
) {
    if addresses.clone().all(<[IpAddr]>::is_empty) {
        return;
    }
    head.push("PUBLIC");
    for (line, addresses) in lines.iter_mut().zip(addresses) {
        let all: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
        line.push(if all.is_empty() { "-".to_owned() } else { all.join(", ") });
    }
}
