//! Strategies, preferences and affinities: reading them, and whether they can mean what they say. Placing is `place`'s.

use crate::model::name::ServiceName;
use crate::model::problem::{Place, Problem};
use crate::resolve::circle;
use crate::resolve::problems::{Problems, Segment, locate};
use crate::resolve::reader::steps;
use crate::resolve::service::Reading;
use crate::resolve::shape::placement::{AffinityShape, PreferenceShape, StrategyShape};
use crate::resolve::suggest;
use crate::resolve::wish::{Affinity, Group, Placing, Strategy, Strength};

const AT: [&str; 2] = ["deploy", "placement"];

fn at(rest: &[Segment]) -> Vec<Segment> {
    AT.iter()
        .map(|key| Segment::from(*key))
        .chain(rest.iter().cloned())
        .collect()
}

/// How much a wish counts that says no weight.
const WEIGHT: u8 = 50;

/// What is wished of a service's place, as it is written.
pub struct Wishes {
    /// `strategy`.
    pub strategy: Option<StrategyShape>,
    /// `preferences`.
    pub preferences: Vec<PreferenceShape>,
    /// `affinity`.
    pub affinity: Vec<AffinityShape>,
    /// `anti_affinity`.
    pub anti_affinity: Vec<AffinityShape>,
}

/// Where a service says that it must stand near another.
#[derive(Debug, Clone)]
pub struct Bond {
    from: ServiceName,
    to: ServiceName,
    place: Place,
}

/// Services that must each stand near the next, in a circle: none of them could be placed first.
pub fn check(bonds: &[Bond], problems: &mut Problems) {
    for around in circle::circles(bonds, |bond| (&bond.from, &bond.to)) {
        let names = circle::names(&around, |bond| &bond.from);
        let message = format!("services must each be near another, in a circle: {names}");
        let mut problem = Problem::at(around.first().map(|bond| bond.place.clone()), message);
        problem.hint = Some("one of them must be placed first: take `required` from one of them".to_owned());
        problems.push(problem);
    }
}

impl Reading<'_> {
    /// What is wished of the replicas' place.
    pub fn placing(&mut self, wishes: Wishes) -> Placing {
        self.check_preferences(&wishes.preferences);
        self.check_affinities(&wishes.affinity, &wishes.anti_affinity);
        self.bond(&wishes.affinity);
        let preferences = wishes.preferences.into_iter().filter_map(|one| one.spread);
        let label = |key: String| key.strip_prefix("node.labels.").map(str::to_owned);
        Placing {
            strategy: match wishes.strategy {
                Some(StrategyShape::Spread) | None => Strategy::Spread,
                Some(StrategyShape::Binpack) => Strategy::Binpack,
                Some(StrategyShape::Random) => Strategy::Random,
            },
            preferences: preferences.filter_map(label).collect(),
            affinity: wishes.affinity.into_iter().filter_map(affinity).collect(),
            anti_affinity: wishes.anti_affinity.into_iter().filter_map(affinity).collect(),
        }
    }

    fn bond(&mut self, near: &[AffinityShape]) {
        let required = near.iter().enumerate().filter(|(_, one)| one.required == Some(true));
        for (index, one) in required {
            let to = one.service.as_ref().and_then(|name| name.parse().ok());
            if let (Some(to), Ok(from)) = (to, self.name.parse()) {
                let place = locate(self.node, &at(&steps!["affinity", index]));
                self.links.near.push(Bond { from, to, place });
            }
        }
    }

    /// What is wrong with `preferences`.
    pub fn check_preferences(&mut self, preferences: &[PreferenceShape]) {
        for (index, PreferenceShape { spread }) in preferences.iter().enumerate() {
            match spread {
                Some(key) => self.check_group(&at(&steps!["preferences", index, "spread"]), key, &[]),
                None if self.has_lost(&["deploy", "placement", "preferences"]) => {}
                None => {
                    let hint = "write {spread: node.labels.KEY}".to_owned();
                    let path = at(&steps!["preferences", index]);
                    self.reader().wrong(&path, "the preference says nothing", hint);
                }
            }
        }
    }

    /// What is wrong with `affinity` and `anti_affinity`.
    pub fn check_affinities(&mut self, near: &[AffinityShape], apart: &[AffinityShape]) {
        for (section, all) in [("affinity", near), ("anti_affinity", apart)] {
            for (index, one) in all.iter().enumerate() {
                self.check_affinity(section, index, one);
            }
        }
        for (index, one) in apart.iter().enumerate() {
            let per = |shape: &AffinityShape| shape.per.clone().unwrap_or_else(|| "host".to_owned());
            let both = near.iter().any(|other| {
                other.service.is_some()
                    && other.service == one.service
                    && per(other) == per(one)
                    && other.required == Some(true)
                    && one.required == Some(true)
            });
            if both {
                let name = one.service.as_deref().unwrap_or_default();
                let message = format!("`{name}` must be near, by `affinity`, and apart");
                let hint = "no host could ever take a replica: take `required` from one of them".to_owned();
                self.reader().wrong(&at(&steps!["anti_affinity", index]), message, hint);
            }
        }
    }

    fn check_affinity(&mut self, section: &str, index: usize, shape: &AffinityShape) {
        let AffinityShape {
            service,
            per,
            required,
            weight,
        } = shape;
        let known = self.around.services;
        match service {
            Some(name) if !known.contains(name) => {
                let path = at(&steps![section, index, "service"]);
                let known = known.iter().map(String::as_str);
                self.reader().unknown(&path, "service", name, known);
            }
            Some(name) if section == "affinity" && name == self.name => {
                let hint = "write `strategy: binpack` to keep its replicas together".to_owned();
                let path = at(&steps![section, index, "service"]);
                self.reader()
                    .wrong(&path, format!("`{name}` is this service itself"), hint);
            }
            Some(_) => {}
            None if self.has_lost(&["deploy", "placement", section]) => {}
            None => {
                let hint = "write {service: NAME}".to_owned();
                let path = at(&steps![section, index]);
                self.reader()
                    .wrong(&path, format!("`{section}` names no `service`"), hint);
            }
        }
        if let Some(per) = per {
            self.check_group(&at(&steps![section, index, "per"]), per, &["host"]);
        }
        if weight.is_some() && *required == Some(true) {
            let hint = "what must be so has no weight: leave one of them out".to_owned();
            let path = at(&steps![section, index, "weight"]);
            self.reader()
                .wrong(&path, "`weight` says nothing with `required: true`", hint);
        }
    }

    /// A group of hosts: one of `words`, or a label that some host has.
    fn check_group(&mut self, path: &[Segment], key: &str, words: &[&str]) {
        let hosts = self.around.hosts;
        let label = key.strip_prefix("node.labels.").filter(|label| !label.is_empty());
        match label {
            Some(label) if hosts.complete && !hosts.labels.contains(label) => {
                let hint = suggest::hint(label, hosts.labels.iter().map(String::as_str));
                self.reader()
                    .wrong(path, format!("no host has a label `{label}`"), hint);
            }
            Some(_) => {}
            None if words.contains(&key) => {}
            None => {
                let hint = match words {
                    _ if hosts.labels.contains(key) => format!("did you mean `node.labels.{key}`?"),
                    [] => "write `node.labels.KEY`".to_owned(),
                    words => format!("write `{}` or `node.labels.KEY`", words.join("`, `")),
                };
                self.reader().wrong(path, format!("`{key}` is no group of hosts"), hint);
            }
        }
    }
}

/// What an affinity means; none where it means nothing, which is told already.
fn affinity(shape: AffinityShape) -> Option<Affinity> {
    let AffinityShape {
        service,
        per,
        required,
        weight,
    } = shape;
    Some(Affinity {
        service: service?.parse().ok()?,
        per: match per.as_deref().and_then(|per| per.strip_prefix("node.labels.")) {
            Some(label) => Group::Label(label.to_owned()),
            None => Group::Host,
        },
        strength: match required {
            Some(true) => Strength::Required,
            Some(false) | None => Strength::Weight(weight.map_or(WEIGHT, |weight| weight.0.0)),
        },
    })
}
