//! Networks of the cluster that are not as git says: those to be made anew, and those that nobody wants. Comparing only.

use std::collections::BTreeMap;

use crate::diff::field::Difference;
use crate::model::host::ObservedHost;
use crate::model::name::HostName;
use crate::model::network::{NetworkSpec, Pool};
use crate::observe::Observed;
use crate::render::Target;

/// What is to happen to a network that stands.
#[derive(Debug, Clone, PartialEq)]
pub enum NetworkVerdict {
    /// It differs, and must be made anew, since engines change nothing of a network.
    Anew {
        /// As this.
        spec: Box<NetworkSpec>,
        /// What it was made from.
        was: Box<NetworkSpec>,
    },
    /// Nobody wants it: it goes once no container is on it.
    Remove,
    /// It should be made anew or go, but a container that is not the cluster's is on it.
    Used {
        /// That container's name.
        by: String,
        /// Whether git still wants it, made anew.
        wanted: bool,
    },
}

/// A network that is not as git says.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkDiff {
    /// The host.
    pub host: HostName,
    /// Its name there.
    pub name: String,
    /// What is to happen.
    pub verdict: NetworkVerdict,
    /// What differs.
    pub fields: Vec<Difference>,
}

pub(super) fn networks(target: &Target, observed: &Observed) -> Vec<NetworkDiff> {
    let mut all = Vec::new();
    for (host, wanted) in &target.hosts {
        let Some(state) = observed.hosts.get(host).and_then(ObservedHost::state) else {
            continue;
        };
        for (name, live) in &state.networks {
            let Some(was) = &live.made_from else { continue };
            let spec = wanted.networks.get(name);
            if spec == Some(was) {
                continue;
            }
            let used = state.foreign.networks.get(name).map(|by| NetworkVerdict::Used {
                by: by.clone(),
                wanted: spec.is_some(),
            });
            let verdict = match (used, spec) {
                (Some(used), _) => used,
                (None, Some(spec)) => NetworkVerdict::Anew {
                    spec: Box::new(spec.clone()),
                    was: Box::new(was.clone()),
                },
                (None, None) => NetworkVerdict::Remove,
            };
            all.push(NetworkDiff {
                host: host.clone(),
                name: name.clone(),
                verdict,
                fields: spec.map(|spec| compare(was, spec)).unwrap_or_default(),
            });
        }
    }
    all
}

fn compare(was: &NetworkSpec, wanted: &NetworkSpec) -> Vec<Difference> {
    let NetworkSpec {
        driver,
        options,
        internal,
        attachable,
        ipv6,
        ipam_driver,
        ipam_options,
        pools,
        labels,
    } = wanted;
    let mut all = Vec::new();
    let mut text = |field: &'static str, old: Option<String>, new: Option<String>| {
        if old != new {
            let key = None;
            all.push(Difference { field, key, old, new });
        }
    };
    let flag = |flag: bool| Some(flag.to_string());
    let word = |word: &String| (!word.is_empty()).then(|| word.clone());
    let list = |map: &BTreeMap<String, String>| {
        let pairs: Vec<String> = map.iter().map(|(key, value)| format!("{key}={value}")).collect();
        word(&pairs.join(" "))
    };
    text("driver", word(&was.driver), word(driver));
    text("driver_opts", list(&was.options), list(options));
    text("internal", flag(was.internal), flag(*internal));
    text("attachable", flag(was.attachable), flag(*attachable));
    text("enable_ipv6", flag(was.ipv6), flag(*ipv6));
    text("ipam.driver", was.ipam_driver.clone(), ipam_driver.clone());
    text("ipam.options", list(&was.ipam_options), list(ipam_options));
    text("ipam.config", pools_text(&was.pools), pools_text(pools));
    text("labels", list(&was.labels), list(labels));
    all
}

fn pools_text(pools: &[Pool]) -> Option<String> {
    let said = pools.iter().map(|pool| {
        let Pool {
            subnet,
            gateway,
            ip_range,
            aux_addresses,
        } = pool;
        let mut said = subnet.to_string();
        said.extend(gateway.map(|address| format!(" gateway {address}")));
        said.extend(ip_range.map(|range| format!(" ip_range {range}")));
        said.extend(aux_addresses.iter().map(|(name, address)| format!(" {name}={address}")));
        said
    });
    let said = said.collect::<Vec<_>>().join(", ");
    (!said.is_empty()).then_some(said)
}
