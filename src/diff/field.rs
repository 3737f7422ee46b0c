//! Two container configurations compared field by field, in the words of the YAML; and what must not be shown of them. Comparing only.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::diff::{Reload, limits, runtime};
use crate::model::effective::EffectiveSpec;
use crate::model::network::{Attachment, Networking, is_predefined};
use crate::model::secret::{MASK, is_secret_name, masked_words};
use crate::model::setting::{Healthcheck, Logging, Mount, PortBinding};
use crate::model::unit::Span;

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// The key: `environment`, `deploy.resources.limits.memory`.
    pub field: &'static str,
    /// Which entry, where it is a map.
    pub key: Option<String>,
    /// What it is; none where it is not there.
    pub old: Option<String>,
    /// What it will be; none where it goes.
    pub new: Option<String>,
}

/// What differs between two configurations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Changes {
    pub(super) list: Vec<Difference>,
    /// Whether something differs that Docker can't change in place.
    pub(super) needs_new: bool,
    /// Files that change in place.
    pub(super) reload: Reload,
}

/// The engine's own grace, which is what none means.
const GRACE: Span = Span::seconds(10);

/// Compares what a container is with what it is wanted to be.
pub(super) fn compare(live: &EffectiveSpec, wanted: &EffectiveSpec) -> Changes {
    let mut changes = Changes::default();
    if live == wanted {
        return changes;
    }
    let EffectiveSpec {
        command,
        entrypoint,
        environment,
        labels,
        // `file` compares them, with what lies on the host.
        files: _,
        folders: _,
        ports,
        network,
        mounts,
        healthcheck,
        restart,
        user,
        working_dir,
        logging,
        stop_grace_period,
        limits,
        security,
        runtime,
    } = wanted;
    let was = live;
    changes.whole(
        "entrypoint",
        was.entrypoint == *entrypoint,
        words(&was.entrypoint),
        words(entrypoint),
    );
    changes.whole("command", was.command == *command, words(&was.command), words(command));
    changes.map("environment", &was.environment, environment);
    changes.map("labels", &was.labels, labels);
    changes.map("ports", &by_container(&was.ports), &by_container(ports));
    changes.networking(&was.network, network);
    changes.map("volumes", &by_target(&was.mounts), &by_target(mounts));
    changes.health((*was.healthcheck).as_ref(), (**healthcheck).as_ref());
    changes.text("user", text(&was.user), text(user));
    changes.text("working_dir", text(&was.working_dir), text(working_dir));
    changes.map("logging", &log_map(&was.logging), &log_map(logging));
    let grace = |span: Option<Span>| Some(span.unwrap_or(GRACE).to_string());
    changes.text(
        "stop_grace_period",
        grace(was.stop_grace_period),
        grace(*stop_grace_period),
    );
    runtime::security(&mut changes, &was.security, security);
    runtime::runtime(&mut changes, &was.runtime, runtime);
    changes.needs_new = !changes.list.is_empty() || limits::needs_new(&was.limits, limits);
    changes.text("restart", Some(was.restart.to_string()), Some(restart.to_string()));
    limits::limits(&mut changes, &was.limits, limits);
    changes
}

impl Changes {
    /// A field that is shown otherwise than it is compared.
    fn whole(&mut self, field: &'static str, same: bool, old: Option<String>, new: Option<String>) {
        if !same {
            let key = None;
            self.list.push(Difference { field, key, old, new });
        }
    }

    /// A field that is shown as it is compared.
    pub(super) fn text(&mut self, field: &'static str, old: Option<String>, new: Option<String>) {
        self.whole(field, old == new, old, new);
    }

    /// Two health checks, where both are in force, by their own keys.
    fn health(&mut self, old: Option<&Healthcheck>, new: Option<&Healthcheck>) {
        let in_force = |check: &&Healthcheck| !check.is_none();
        let (old, new) = match (old.filter(in_force), new.filter(in_force)) {
            (Some(old), Some(new)) => (old, new),
            (old, new) => return self.text("healthcheck", old.map(health), new.map(health)),
        };
        let Healthcheck {
            test,
            interval,
            timeout,
            retries,
            start_period,
            start_interval,
        } = new;
        let span = |span: Span| (span != Span::default()).then(|| span.to_string());
        self.whole("healthcheck.test", old.test == *test, words(&old.test), words(test));
        self.text("healthcheck.interval", span(old.interval), span(*interval));
        self.text("healthcheck.timeout", span(old.timeout), span(*timeout));
        let count = |count: u32| (count > 0).then(|| count.to_string());
        self.text("healthcheck.retries", count(old.retries), count(*retries));
        self.text("healthcheck.start_period", span(old.start_period), span(*start_period));
        let (old, new) = (span(old.start_interval), span(*start_interval));
        self.text("healthcheck.start_interval", old, new);
    }

    /// Networks, and what belongs to them.
    fn networking(&mut self, was: &Networking, wanted: &Networking) {
        let Networking {
            mode,
            networks,
            hostname,
            domainname,
            dns,
            dns_opt,
            dns_search,
            extra_hosts,
            expose,
        } = wanted;
        // One that is alone and predefined is told by the mode.
        let by_name = |networks: &BTreeMap<String, Attachment>| -> BTreeMap<String, String> {
            let told = networks
                .iter()
                .filter(|(name, how)| !is_predefined(name) || **how != Attachment::default());
            told.map(|(name, how)| (name.clone(), how.to_string())).collect()
        };
        let (old, new) = (by_name(&was.networks), by_name(networks));
        let is_told = old != new;
        self.map("networks", &old, &new);
        let modes = |name: &String| is_predefined(name).then(|| name.clone());
        let lost = was.networks.keys().ne(networks.keys());
        if (was.mode != *mode && (modes(&was.mode).is_some() || modes(mode).is_some())) || (lost && !is_told) {
            let on = |networking: &Networking| match networking.networks.contains_key(&networking.mode) {
                true => networking.mode.clone(),
                false => format!("{} (disconnected)", networking.mode),
            };
            self.whole("network_mode", false, Some(on(was)), Some(on(wanted)));
        } else if was.mode != *mode {
            self.whole(
                "networks",
                false,
                Some(format!("{} first", was.mode)),
                Some(format!("{mode} first")),
            );
        }
        self.text("hostname", was.hostname.clone(), hostname.clone());
        self.text("domainname", was.domainname.clone(), domainname.clone());
        let lines = |list: &mut dyn Iterator<Item = String>| text(&list.collect::<Vec<_>>().join(" "));
        let addresses = |list: &[IpAddr]| lines(&mut list.iter().map(ToString::to_string));
        self.text("dns", addresses(&was.dns), addresses(dns));
        let set = |set: &BTreeSet<String>| lines(&mut set.iter().cloned());
        self.text("dns_opt", set(&was.dns_opt), set(dns_opt));
        let search = |list: &[String]| lines(&mut list.iter().cloned());
        self.text("dns_search", search(&was.dns_search), search(dns_search));
        self.text("extra_hosts", set(&was.extra_hosts), set(extra_hosts));
        self.text("expose", set(&was.expose), set(expose));
    }

    pub(super) fn map(&mut self, field: &'static str, old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) {
        let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for key in keys {
            let (before, after) = (old.get(key), new.get(key));
            if before != after {
                let shown = |value: Option<&String>| value.map(|value| masked(key, value));
                self.list.push(Difference {
                    field,
                    key: Some(key.clone()),
                    old: shown(before),
                    new: shown(after),
                });
            }
        }
    }
}

fn masked(key: &str, value: &str) -> String {
    if is_secret_name(key) { MASK } else { value }.to_owned()
}

/// A list of words as a shell would take them; the values of options whose names say that they are secret are masked.
fn words(list: &[String]) -> Option<String> {
    if list.is_empty() {
        return None;
    }
    let shown = masked_words(list).into_iter().map(|word| {
        if word.is_empty() || word.contains(char::is_whitespace) {
            format!("{word:?}")
        } else {
            word
        }
    });
    Some(shown.collect::<Vec<_>>().join(" "))
}

fn health(check: &Healthcheck) -> String {
    let test = words(&check.test).into_iter().collect();
    Healthcheck { test, ..check.clone() }.to_string()
}

fn text(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

/// The host's side of each container port: `80/tcp` → `127.0.0.1:8080`.
fn by_container(ports: &BTreeSet<PortBinding>) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for port in ports {
        let text = all.entry(format!("{}/{}", port.container, port.protocol)).or_default();
        if !text.is_empty() {
            text.push_str(", ");
        }
        let host = match port.address {
            Some(address) => std::net::SocketAddr::new(address, port.host).to_string(),
            None => port.host.to_string(),
        };
        text.push_str(&host);
    }
    all
}

fn by_target(mounts: &BTreeSet<Mount>) -> BTreeMap<String, String> {
    let texts = mounts.iter().map(|mount| (mount.target.clone(), mount.to_string()));
    texts.collect()
}

fn log_map(logging: &Logging) -> BTreeMap<String, String> {
    let Logging { driver, options } = logging;
    let mut all = options.clone();
    all.insert("driver".to_owned(), driver.clone());
    all
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_is_secret_is_not_shown() {
        let list: Vec<String> = ["app", "--db-password", "hunter2", "--api-token=abc", "--level=info"]
            .map(str::to_owned)
            .into();
        assert_eq!(
            words(&list).as_deref(),
            Some("app --db-password *** --api-token=*** --level=info")
        );
        let with = |secret: &str| EffectiveSpec {
            command: Arc::new(["app", "--password", secret].map(str::to_owned).into()),
            ..EffectiveSpec::default()
        };
        assert_eq!(
            compare(&with("a"), &with("b")).list.len(),
            1,
            "what is masked is compared all the same"
        );
        let mut changes = Changes::default();
        let old = BTreeMap::from([("DB_PASSWORD".to_owned(), "a".to_owned())]);
        let new = BTreeMap::from([("DB_PASSWORD".to_owned(), "b".to_owned())]);
        changes.map("environment", &old, &new);
        let shown = changes
            .list
            .first()
            .map(|change| (change.old.as_deref(), change.new.as_deref()));
        assert_eq!(shown, Some((Some(MASK), Some(MASK))));
    }
}
