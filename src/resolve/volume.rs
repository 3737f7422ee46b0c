//! `volumes`: from the tree to what they mean. How services mount them is `service`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::name::{ClusterName, VolumeName, volume_name};
use crate::model::problem::{Place, Problem};
use crate::model::volume::{LOCAL, VolumeSpec};
use crate::resolve::decode::{Decoded, decode, entries};
use crate::resolve::desired::Volume;
use crate::resolve::layers;
use crate::resolve::network::{plain, refuse_beside_external};
use crate::resolve::problems::{Problems, locate};
use crate::resolve::render::{Names, render};
use crate::resolve::shape::cluster::VolumeShape;
use crate::source::yaml::{Entry, Kind, Map};

/// The volumes, and what services may name.
#[derive(Debug, Default)]
pub struct Volumes {
    /// Those that are right, by name.
    pub all: BTreeMap<VolumeName, Volume>,
    /// The names of all.
    pub words: BTreeSet<String>,
}

/// Reads the section `volumes`.
pub fn volumes(
    section: Option<&Entry>,
    cluster: Option<&ClusterName>,
    names: &Arc<Names>,
    problems: &mut Problems,
) -> Volumes {
    let map = section
        .map(|section| entries("volumes", section.value.clone(), problems))
        .unwrap_or_default();
    let mut volumes = Volumes::default();
    let mut taken: BTreeMap<String, Place> = BTreeMap::new();
    for (name, Entry { key, mut value }) in map {
        volumes.words.insert(name.clone());
        let parsed = name.parse::<VolumeName>();
        if let Err(error) = &parsed {
            problems.push(Problem::at(Some(key.clone()), error.to_string()));
        }
        if value.is_null() {
            value.kind = Kind::Map(Map::new());
        }
        layers::labels(&mut value, problems);
        let broken = render(&mut value, names, None, problems).broken;
        let Decoded { value: shape, node, .. }: Decoded<VolumeShape> = decode(value, "volumes.*", broken, problems);
        let VolumeShape {
            name: given,
            external,
            shared,
            driver,
            driver_opts,
            labels,
        } = shape;
        let external = external.unwrap_or_default();
        if external {
            refuse_beside_external(&node, "volume", problems);
        }
        if let Some(given) = given.as_ref().filter(|given| given.parse::<VolumeName>().is_err()) {
            let message = format!("{given:?} is no name of a volume on a host");
            let problem = Problem::at(Some(locate(&node, &["name".into()])), message);
            problems.push(problem.hint("letters, digits, '.', '_' and '-', beginning with a letter or digit"));
        }
        let on_host = given.unwrap_or_else(|| match (cluster, &parsed) {
            (Some(cluster), Ok(name)) if !external => volume_name(cluster, name),
            (_, _) => name.clone(),
        });
        if let Some(first) = taken.insert(on_host.clone(), key.clone()) {
            let message = format!("`{name}` is called {on_host} on the hosts, as another volume");
            problems.push(Problem::at(Some(key), message).related(first, "the other one"));
        }
        let volume = Volume {
            name: on_host,
            external,
            shared: shared.unwrap_or_default(),
            spec: VolumeSpec {
                driver: driver.unwrap_or_else(|| LOCAL.to_owned()),
                options: plain(driver_opts),
                labels: plain(labels),
            },
        };
        volumes.all.extend(parsed.ok().map(|name| (name, volume)));
    }
    volumes
}
