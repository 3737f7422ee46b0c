//! Renders the templates of files once, on a replica that might be, so that what is wrong with them is told by `check`. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use minijinja::{Error, ErrorKind, Value};

use crate::model::name::ServiceName;
use crate::model::problem::{Place, Problem};
use crate::resolve::content::{Content, Endpoint, Endpoints, FileTemplate, HINT};
use crate::resolve::desired::{HostPort, Service};
use crate::resolve::problems::Problems;
use crate::resolve::render::{Names, Sample};
use crate::resolve::template::environment;
use crate::resolve::undefined::explain;

/// Tries each template once per service that uses it: only `service.name` differs, but that may decide what else is named.
pub fn try_templates(services: &BTreeMap<ServiceName, Service>, sample: &Sample, problems: &mut Problems) {
    let endpoints = Arc::new(endpoints(services, sample));
    let mut tried: BTreeSet<(Arc<PathBuf>, &ServiceName)> = BTreeSet::new();
    for (name, service) in services {
        for file in service.files.values() {
            let Content::Template(template) = &file.content else {
                continue;
            };
            if !tried.insert((Arc::clone(&template.path), name)) {
                continue;
            }
            let sample = sample.of(name);
            if let Err(error) = template.render(sample.replica(), &endpoints) {
                problems.push(explained(template, &error, &sample));
            }
        }
    }
}

/// One replica of each service, with all its ports.
fn endpoints(services: &BTreeMap<ServiceName, Service>, sample: &Sample) -> Endpoints {
    let one = |(name, service): (&ServiceName, &Service)| {
        let sample = sample.of(name);
        let replica = sample.replica();
        let ports = service.ports.iter().map(|port| {
            let host = match &port.host {
                HostPort::Assigned => 20_000,
                HostPort::Published { ports, .. } => ports.ports().next().unwrap_or_default(),
            };
            (port.container.to_string(), host)
        });
        let endpoint = Endpoint {
            slot: replica.slot.to_string(),
            host: replica.host.to_string(),
            address: replica.address.to_owned(),
            port: ports.clone().next().map(|(_, port)| port),
            ports: ports.collect(),
        };
        (name.to_string(), vec![endpoint])
    };
    services.iter().map(one).collect()
}

fn explained(template: &FileTemplate, error: &Error, sample: &Sample) -> Problem {
    let place = place(template, error);
    let detail = error.detail().unwrap_or_default();
    if error.kind() == ErrorKind::SyntaxError {
        let message = format!("this template does not read: {detail}");
        return Problem::at(Some(place), message);
    }
    if let (ErrorKind::InvalidOperation, true) = (error.kind(), is_own(detail)) {
        let (message, hint) = match detail.split_once(HINT) {
            Some((message, hint)) => (message, Some(hint.to_owned())),
            None => (detail, None),
        };
        let mut problem = Problem::at(Some(place), message);
        problem.hint = hint;
        return problem;
    }
    let own = environment();
    let used = own.template_from_str(&template.source);
    let mut used = used
        .map(|template| template.undeclared_variables(true))
        .unwrap_or_default();
    used.retain(|name| !["service", "secret"].contains(&name.split('.').next().unwrap_or_default()));
    let mut names = Names::clone(&template.context);
    let replica = sample.replica();
    names.insert("slot".to_owned(), Value::from(replica.slot.to_string()));
    let host =
        minijinja::context! { name => replica.host.as_str(), address => replica.address, labels => replica.labels };
    names.insert("host".to_owned(), host);
    *explain(error, &used, &names, &place)
}

/// Whether an error is one of `content`'s own words.
fn is_own(detail: &str) -> bool {
    detail.starts_with("there is no ") || detail.starts_with("a secret takes no ")
}

/// Where an error stands: in its line, or at the first use of a secret where it is about how that is used.
fn place(template: &FileTemplate, error: &Error) -> Place {
    let source: &str = &template.source;
    let range = match (error.range(), error.line()) {
        // Its ranges may end within a character.
        (Some(range), _) if range.end <= source.len() => {
            source.floor_char_boundary(range.start)..source.ceil_char_boundary(range.end)
        }
        (_, Some(line)) => {
            let start: usize = source
                .split_inclusive('\n')
                .take(line.saturating_sub(1))
                .map(str::len)
                .sum();
            let length = source[start..].lines().next().map_or(0, str::len);
            start..start + length
        }
        (_, None) => {
            let start = misused(source).unwrap_or_default();
            start..start + source[start..].lines().next().map_or(0, str::len)
        }
    };
    let before = source.get(..range.start).unwrap_or_default();
    Place {
        file: Arc::clone(&template.path),
        start: range.start,
        end: range.end,
        line: before.matches('\n').count() + 1,
        column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
    }
}

/// The first use of a secret that something follows; else the first of all.
fn misused(source: &str) -> Option<usize> {
    let all = || source.match_indices("secret(").map(|(at, _)| at);
    let is_whole = |at: &usize| {
        let after = source[*at..].split_once(')').map_or("", |(_, after)| after);
        let before = source[..*at].trim_end();
        let after = after.trim_start().trim_start_matches('-');
        (before.ends_with("{{") || before.ends_with("{{-")) && after.starts_with("}}")
    };
    all().find(|at| !is_whole(at)).or_else(|| all().next())
}
