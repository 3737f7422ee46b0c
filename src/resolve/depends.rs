//! `depends_on` and jobs: what a service waits for, and whether that can ever come true. All services together, no hosts.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::name::ServiceName;
use crate::model::order::{Condition, Dependency};
use crate::model::policy::Order;
use crate::model::problem::{Place, Problem};
use crate::model::setting::{Healthcheck, Restart};
use crate::resolve::circle;
use crate::resolve::desired::Service;
use crate::resolve::problems::{Problems, Segment, locate, locate_key};
use crate::resolve::service::Reading;
use crate::resolve::shape::depends::{ConditionShape, DependsShape, LinkShape};
use crate::resolve::suggest;

/// Where a service says that it depends on another.
#[derive(Debug, Clone)]
pub struct Link {
    /// The service that waits.
    pub from: ServiceName,
    /// The other.
    pub to: ServiceName,
    /// What it wants of it.
    pub dependency: Dependency,
    /// Where it says so.
    pub place: Place,
}

impl Reading<'_> {
    /// What the service waits for. Whether there are such services is looked at once all are read.
    /// `lost` are the paths of what could not be read.
    pub fn depends_on(
        &mut self,
        shape: Option<DependsShape>,
        lost: &[Vec<Segment>],
    ) -> BTreeMap<ServiceName, Dependency> {
        let all: Vec<(String, LinkShape, Place)> = match shape {
            None => Vec::new(),
            Some(DependsShape::Names(names)) => {
                let started = LinkShape {
                    condition: Some(ConditionShape::ServiceStarted),
                    ..LinkShape::default()
                };
                let places = names.into_iter().enumerate();
                places
                    .map(|(index, name)| {
                        let path = [Segment::from("depends_on"), Segment::from(index)];
                        (name, started.clone(), locate(self.node, &path))
                    })
                    .collect()
            }
            Some(DependsShape::Map(links)) => {
                let places = links.into_iter();
                places
                    .map(|(name, link)| {
                        let path = [Segment::from("depends_on"), Segment::from(name.as_str())];
                        let place = locate_key(self.node, &path);
                        (name, link, place)
                    })
                    .collect()
            }
        };
        let mut known = BTreeMap::new();
        for (name, link, place) in all {
            if let Some(dependency) = self.link(&name, link, &place, lost)
                && let Some(to) = self.named(&name, &place)
            {
                if let Ok(from) = self.name.parse() {
                    let to = to.clone();
                    self.links.depends_on.push(Link {
                        from,
                        to,
                        dependency,
                        place,
                    });
                }
                known.insert(to, dependency);
            }
        }
        known
    }

    fn named(&mut self, name: &str, place: &Place) -> Option<ServiceName> {
        match name.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                let message = format!("`depends_on`: {error}");
                self.problems.push(Problem::at(Some(place.clone()), message));
                None
            }
        }
    }

    fn link(&mut self, name: &str, link: LinkShape, place: &Place, lost: &[Vec<Segment>]) -> Option<Dependency> {
        let LinkShape {
            condition,
            required,
            restart,
        } = link;
        if restart == Some(true) {
            let message = "`restart: true` is not taken by cdk: it compares what is with git, and a restart leaves nothing to compare";
            let hint =
                "leave it out: let the service connect again by itself, or change something of it along with the other";
            self.problem(&["depends_on", name, "restart"], None, message, Some(hint.to_owned()));
        }
        let condition = match condition {
            Some(ConditionShape::ServiceStarted) => Condition::ServiceStarted,
            Some(ConditionShape::ServiceHealthy) => Condition::ServiceHealthy,
            Some(ConditionShape::ServiceCompletedSuccessfully) => Condition::ServiceCompletedSuccessfully,
            None if lost
                .iter()
                .any(|path| path.starts_with(&["depends_on".into(), name.into()])) =>
            {
                return None;
            }
            None => {
                let problem = Problem::at(Some(place.clone()), format!("`{name}` has no `condition`"));
                let hint =
                    "write service_started, service_healthy or service_completed_successfully, or a list of names";
                self.problems.push(problem.hint(hint));
                return None;
            }
        };
        let required = required.unwrap_or(true);
        Some(Dependency { condition, required })
    }

    /// What makes no sense for a job.
    pub fn check_job(&mut self, service: &Service) {
        if !service.mode.is_job() {
            return;
        }
        match service.restart {
            Restart::No | Restart::OnFailure(_) => {}
            Restart::Always | Restart::UnlessStopped => {
                let message = format!("`restart: {}` would run a job for ever", service.restart);
                let hint = "leave it out, or write `on-failure:TIMES` for further tries".to_owned();
                self.problem(&["restart"], None, message, Some(hint));
            }
        }
        if !service.ports.is_empty() {
            let message = "a job serves nobody, and so has no `ports`";
            let hint = "leave them out, or write `mode: replicated`".to_owned();
            self.problem(&["ports"], None, message, Some(hint));
        }
        if service.update.order == Order::StartFirst {
            let message = "`start-first` says nothing for a job: two of its versions never run side by side";
            let hint = "write `stop-first`, or leave it out".to_owned();
            self.problem(&["deploy", "update_config", "order"], None, message, Some(hint));
        }
        if service.gate.is_some() {
            let message = "`gate` says nothing for a job: it is done when it has ended with 0";
            let hint = "leave it out".to_owned();
            self.problem(&["deploy", "update_config", "gate"], None, message, Some(hint));
        }
    }
}

/// Whether what services wait for can ever come true. `written` are all services, those too that could not be read.
pub fn check(
    links: &[Link],
    services: &BTreeMap<ServiceName, Service>,
    written: &BTreeSet<String>,
    problems: &mut Problems,
) {
    for link in links {
        if let Some(problem) = wrong(link, services, written) {
            problems.push(problem);
        }
    }
    tell_circles(links, problems);
}

fn wrong(link: &Link, services: &BTreeMap<ServiceName, Service>, written: &BTreeSet<String>) -> Option<Problem> {
    let Link {
        from: _,
        to,
        dependency: Dependency { condition, required },
        place,
    } = link;
    let problem = |message: String, hint: String| Some(Problem::at(Some(place.clone()), message).hint(hint));
    let Some(other) = services.get(to) else {
        if written.contains(to.as_str()) || !required {
            return None;
        }
        let hint = suggest::hint(to.as_str(), written.iter().map(String::as_str));
        let mut problem = Problem::at(Some(place.clone()), format!("there is no service `{to}`")).absence();
        problem.hint = hint.or_else(|| Some("`required: false` is for one that may be missing".to_owned()));
        return Some(problem);
    };
    match (condition, other.mode.is_job()) {
        (Condition::ServiceCompletedSuccessfully, false) => problem(
            format!("`{to}` is no job, so it never completes"),
            format!("write `deploy: {{mode: replicated-job}}` under `{to}`, or wait for service_healthy"),
        ),
        (Condition::ServiceHealthy, true) => problem(
            format!("`{to}` is a job: it ends, and is never healthy"),
            "write `condition: service_completed_successfully`".to_owned(),
        ),
        (Condition::ServiceHealthy, false)
            if other.gate.is_none() && other.healthcheck.as_ref().is_some_and(Healthcheck::is_none) =>
        {
            problem(
                format!("`{to}` has its health check switched off, so it is never healthy"),
                format!("give `{to}` a health check, or write `condition: service_started`"),
            )
        }
        (Condition::ServiceHealthy | Condition::ServiceStarted, false)
        | (Condition::ServiceStarted | Condition::ServiceCompletedSuccessfully, true) => None,
    }
}

/// Every circle once, told from its first service by name: `api → db → api`.
fn tell_circles(links: &[Link], problems: &mut Problems) {
    for around in circle::circles(links, |link| (&link.from, &link.to)) {
        let names = circle::names(&around, |link| &link.from);
        let message = format!("services wait for each other in a circle: {names}");
        let mut problem = Problem::at(around.first().map(|link| link.place.clone()), message);
        let others: Vec<String> = around.iter().skip(1).map(|link| link.place.to_string()).collect();
        let hint = "one of them must begin without the others: take a `depends_on` out".to_owned();
        problem.hint = Some(match others.as_slice() {
            [] | [_] => hint,
            more => format!("{hint} (here, or at {})", more.join(", ")),
        });
        problems.push(match around.get(1) {
            Some(second) => problem.related(second.place.clone(), format!("and `{}` waits here", second.from)),
            None => problem,
        });
    }
}
