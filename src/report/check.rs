//! What `check` found, as a sentence or as data. How problems look on a terminal is `problems`'.

use serde::Serialize;

use crate::model::problem::Rejected;
use crate::report::summary::among;
use crate::report::words::{clean, count};
use crate::resolve::accepted::SameKey;
use crate::resolve::desired::Desired;
use crate::resolve::rules::Peer;

/// A repository that is right, in a sentence; and what of it has no effect yet, a line for each key, with its first place.
pub fn text(desired: &Desired) -> String {
    let environment = desired.revision.environment.as_ref();
    let mut text = format!(
        "{}{}: {}, {}, no problem found\n",
        environment.map(|name| format!("{name}: ")).unwrap_or_default(),
        desired.cluster.name,
        count(desired.services.len(), "service"),
        count(desired.hosts.len(), "host"),
    );
    for wide in wide(desired) {
        text.push_str(&format!("  {}\n", clean(&wide)));
    }
    let keys = desired.not_in_force_by_key();
    if keys.is_empty() {
        return text;
    }
    text.push_str("Not in force yet in this version of cdk:\n");
    let said: Vec<(String, String)> = keys
        .into_iter()
        .map(|(key, SameKey { of, all })| {
            let place = all.first().map(|first| first.place.to_string());
            (format!("{key}{}", among(&of)), place.unwrap_or_default())
        })
        .collect();
    let width = said.iter().map(|(said, _)| said.chars().count()).max().unwrap_or(0);
    for (said, place) in said {
        let line = format!(
            "  {}{:space$}  {}\n",
            clean(&said),
            "",
            clean(&place),
            space = width - said.chars().count()
        );
        text.push_str(&line);
    }
    text
}

/// What firewall rules mean that name services as senders: more than the service itself.
fn wide(desired: &Desired) -> impl Iterator<Item = String> {
    let rules = desired.firewall.iter().flat_map(|firewall| &firewall.rules);
    let peers = rules.flat_map(|rule| rule.from.iter().map(move |peer| (rule, peer)));
    peers.filter_map(|(rule, peer)| match peer {
        Peer::Service(service) => Some(format!(
            "firewall rule {}: `from: {service}` names the hosts that {service} is on, and with them all that runs there",
            rule.name
        )),
        Peer::Any | Peer::Hosts | Peer::Ingress | Peer::Network(_) => None,
    })
}

/// The answer of `check -o json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Whether there is no problem.
    pub ok: bool,
    /// Every problem, in the order of the files.
    pub problems: Vec<Found>,
    /// What is right, and has no effect yet in this version of cdk; by path.
    pub not_in_force: Vec<Told>,
    /// What is right, and may mean more than its words say.
    pub notes: Vec<String>,
}

/// One such key as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The environment, where the repository has some.
    pub environment: Option<String>,
    /// Where it stands, as git writes it: `services.web.deploy.autoscale`.
    pub path: String,
    /// The file, from the repository's root.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
}

/// One problem as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// What is wrong.
    pub message: String,
    /// The file, from the repository's root.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The column, from 1, in characters.
    pub column: Option<usize>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// The answer as data.
pub fn document(checked: Result<&[Desired], &Rejected>) -> Checked {
    let found = checked
        .err()
        .into_iter()
        .flat_map(|rejected| &rejected.problems)
        .map(|problem| {
            let place = problem.place.as_ref();
            Found {
                message: problem.message.clone(),
                file: place.map(|place| place.file.display().to_string()),
                line: place.map(|place| place.line),
                column: place.map(|place| place.column),
                hint: problem.hint.clone(),
            }
        });
    let each = checked.ok().into_iter().flatten();
    let told = each.flat_map(|desired| desired.not_in_force.iter().map(move |one| (desired, one)));
    let told = told.map(|(desired, one)| Told {
        environment: desired.revision.environment.as_ref().map(ToString::to_string),
        path: one.path.clone(),
        file: one.place.file.display().to_string(),
        line: one.place.line,
        column: one.place.column,
    });
    let notes = checked.ok().into_iter().flatten().flat_map(wide);
    Checked {
        ok: checked.is_ok(),
        problems: found.collect(),
        not_in_force: told.collect(),
        notes: notes.collect(),
    }
}
