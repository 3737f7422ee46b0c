//! `services`: from a service's shape to what it means. Whether its parts fit together is `fitness`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::problem::{Place, Problem};
use crate::model::setting::{Healthcheck, Logging, Mount, MountSource};
use crate::model::unit::Span;
use crate::resolve::constraint::{self, HostWords};
use crate::resolve::decode::Decoded;
use crate::resolve::depends::Link;
use crate::resolve::deploy;
use crate::resolve::desired::{Mode, Service};
use crate::resolve::file::Files;
use crate::resolve::network::Networks;
use crate::resolve::part::Parts;
use crate::resolve::placement::Bond;
use crate::resolve::problems::{Problems, Segment, locate, locate_key};
use crate::resolve::render::{Names, Waiting};
use crate::resolve::shape::deploy::ModeShape;
use crate::resolve::shape::mount::{MountShape, SourceShape};
use crate::resolve::shape::plain::{Count, Plain, Words};
use crate::resolve::shape::service::{HealthShape, LoggingShape, ServiceShape};
use crate::resolve::suggest;
use crate::resolve::template::Text;
use crate::resolve::update;
use crate::resolve::volume::Volumes;
use crate::resolve::wish::Constraint;
use crate::source::named::Named;
use crate::source::yaml::Node;

/// What a service is read against.
pub struct Around<'a> {
    /// The configs and secrets.
    pub configs: &'a Files,
    /// The top-level `networks`.
    pub networks: &'a Networks,
    /// The top-level `volumes`.
    pub volumes: &'a Volumes,
    /// What the hosts are called and labelled.
    pub hosts: &'a HostWords,
    /// The names under the top-level `services`.
    pub services: &'a BTreeSet<String>,
    /// The services that an ingress hands anything on to.
    pub routed: &'a BTreeSet<String>,
    /// The files that services name.
    pub files: &'a Named,
}

/// A service's shape, and what is needed to say where something in it stands.
pub struct Reading<'a> {
    /// Its name as written.
    pub name: &'a str,
    /// Where the name stands.
    pub key: &'a Place,
    /// The tree that was decoded.
    pub node: &'a Node,
    /// The paths of what was wrong and is not in that tree.
    pub lost: &'a [Vec<Segment>],
    /// Which of its texts wait for their replica.
    pub waiting: &'a Waiting,
    /// What its templates may name.
    pub names: &'a Arc<Names>,
    /// What it is read against.
    pub around: &'a Around<'a>,
    /// Where what leads to other services is noted.
    pub links: &'a mut Links,
    /// Where problems go.
    pub problems: &'a mut Problems,
}

/// What leads from services to others, looked at once all are read.
#[derive(Debug, Default)]
pub struct Links {
    /// What they wait for.
    pub depends_on: Vec<Link>,
    /// What they must stand near to.
    pub near: Vec<Bond>,
}

/// A path of keys, and an index behind it.
pub fn path(keys: &[&str], index: Option<usize>) -> Vec<Segment> {
    keys.iter()
        .map(|key| Segment::from(*key))
        .chain(index.map(Segment::Index))
        .collect()
}

impl Reading<'_> {
    /// Notes a problem at what stands at `keys`, or at an item of that.
    pub fn problem(&mut self, keys: &[&str], index: Option<usize>, message: impl Into<String>, hint: Option<String>) {
        let mut problem = Problem::at(Some(locate(self.node, &path(keys, index))), message);
        problem.hint = hint;
        self.problems.push(problem);
    }

    fn key_problem(&mut self, keys: &[&str], message: impl Into<String>, hint: &str) {
        let place = locate_key(self.node, &path(keys, None));
        self.problems.push(Problem::at(Some(place), message).hint(hint));
    }

    /// A text that is known, or one that waits.
    pub fn text(&self, path: &[Segment], text: String) -> Text {
        if self.waiting.contains(path) {
            Text::PerReplica {
                source: Arc::from(text),
                context: Arc::clone(self.names),
            }
        } else {
            Text::Plain(text)
        }
    }

    fn words(&self, key: &str, words: Option<Words>) -> Option<Vec<Text>> {
        let alone = self.waiting.contains(&path(&[key], None));
        let texts = words?.0.into_iter().enumerate();
        Some(
            texts
                .map(|(index, word)| self.text(&path(&[key], (!alone).then_some(index)), word))
                .collect(),
        )
    }

    fn pairs(&mut self, section: &str, pairs: Option<BTreeMap<String, Plain<String>>>) -> BTreeMap<String, Text> {
        let mut all = BTreeMap::new();
        for (name, Plain(value)) in pairs.unwrap_or_default() {
            let at = [section, name.as_str()];
            if name.is_empty() || name.contains(['=', '\0']) {
                self.key_problem(
                    &at,
                    format!("{name:?} is no name that a container could have"),
                    "names hold no `=`",
                );
            }
            if section == "labels" && (name == "cdk" || name.starts_with("cdk.")) {
                self.key_problem(
                    &at,
                    format!("the label `{name}` is cdk's own"),
                    "choose another name: `cdk.` is how cdk knows its containers",
                );
            }
            if value.contains('\0') {
                self.key_problem(
                    &at,
                    format!("the value of `{name}` holds a NUL character"),
                    "no program could read it",
                );
            }
            let text = self.text(&path(&at, None), value);
            all.insert(name, text);
        }
        all
    }

    /// What the shape means. None where something is missing that a service cannot be without.
    pub fn service(&mut self, decoded: Decoded<ServiceShape>, parts: Parts) -> Option<Service> {
        self.need_image(&decoded);
        let ServiceShape {
            image,
            pull_policy,
            depends_on,
            command,
            entrypoint,
            environment,
            env_file,
            labels,
            configs,
            secrets,
            label_file,
            ports,
            public_addresses,
            volumes,
            healthcheck,
            restart,
            user,
            working_dir,
            logging,
            stop_grace_period,
            deploy,
            scale,
        } = decoded.value;
        let (in_force, checked) = deploy::split(deploy);
        let has_image = image.is_some();
        let (limits, reserved) = self.amounts(in_force.resources, parts.limits);
        let ports = self.ports(ports.unwrap_or_default());
        let gate = update::gate(&checked.update, &ports);
        let (mounts, shared) = self.mounts(volumes.unwrap_or_default());
        let files = self.files(configs.unwrap_or_default(), secrets.unwrap_or_default(), &mounts);
        let working_dir = self.folder(working_dir);
        let mut environment = self.pairs("environment", environment);
        self.beneath("env_file", env_file, &mut environment);
        let mut labels = self.pairs("labels", labels);
        let stamps = Self::stamps(&mut labels);
        self.beneath("label_file", label_file, &mut labels);
        let mode = self.mode(in_force.mode, in_force.replicas, scale);
        let service = Service {
            mode,
            depends_on: self.depends_on(depends_on, &decoded.lost),
            command: self.words("command", command),
            entrypoint: self.words("entrypoint", entrypoint),
            environment,
            labels,
            stamps,
            files,
            ports,
            public_addresses: public_addresses.unwrap_or_default(),
            network: self.networking(parts.networking),
            mounts,
            shared,
            healthcheck: healthcheck.and_then(health),
            restart: self.restart(restart, in_force.restart_policy, mode),
            user: user.map(|user| user.0),
            working_dir,
            logging: log_words(logging.unwrap_or_default()),
            stop_grace_period: stop_grace_period.map(|span| span.0),
            limits,
            reserved_cpus: reserved.cpus,
            reserved_memory: reserved.memory,
            constraints: self.constraints(in_force.constraints),
            max_replicas_per_node: in_force.max_replicas_per_node,
            placing: self.placing(in_force.wishes),
            update: update::policy(&checked.update, checked.rollback.as_ref(), mode.is_job()),
            gate,
            security: self.security(parts.security),
            runtime: self.runtime(parts.runtime, reserved.devices),
            // Without one, the rest is checked all the same.
            image: image.or_else(|| "none".parse().ok())?,
            pull_policy: pull_policy.map(|policy| policy.0).unwrap_or_default(),
        };
        self.check(&service);
        self.check_job(&service);
        self.check_deploy(&service, &checked);
        has_image.then_some(service)
    }

    fn need_image(&mut self, decoded: &Decoded<ServiceShape>) {
        if decoded.value.image.is_none() && !decoded.has_lost("image") {
            let problem = Problem::at(
                Some(self.key.clone()),
                format!("the service `{}` has no `image`", self.name),
            );
            self.problems.push(problem.hint("write `image: NAME:TAG`"));
        }
    }

    fn mode(
        &mut self,
        mode: Option<ModeShape>,
        replicas: Option<Plain<Count<0>>>,
        scale: Option<Plain<Count<0>>>,
    ) -> Mode {
        let given = |count: &Option<Plain<Count<0>>>| count.as_ref().map(|count| count.0.0);
        let key: &[&str] = match given(&replicas) {
            Some(_) => &["deploy", "replicas"],
            None => &["scale"],
        };
        let is_given = replicas.is_some() || scale.is_some();
        let count = match is_given {
            true => self.same("scale", given(&scale), &["deploy", "replicas"], given(&replicas)),
            false => 1,
        };
        let (mode, word) = match mode {
            Some(ModeShape::Global) => (Mode::Global, "global"),
            Some(ModeShape::GlobalJob) => (Mode::GlobalJob, "global-job"),
            Some(ModeShape::ReplicatedJob) => (Mode::ReplicatedJob(count), "replicated-job"),
            Some(ModeShape::Replicated) | None => (Mode::Replicated(count), "replicated"),
        };
        if mode.is_global() && is_given {
            let hint = "a global service has one replica on each host that fits".to_owned();
            let message = format!("`{}` says nothing with `mode: {word}`", key.last().unwrap_or(&""));
            self.problem(key, None, message, Some(hint));
        }
        mode
    }

    fn folder(&mut self, folder: Option<String>) -> Option<String> {
        let folder = folder?;
        if !folder.starts_with('/') {
            let hint = "write the path in the container from its root".to_owned();
            self.problem(
                &["working_dir"],
                None,
                format!("{folder:?} is not an absolute path"),
                Some(hint),
            );
        }
        Some(folder)
    }

    /// The mounts, and which of their volumes are shared.
    fn mounts(&mut self, shapes: Vec<MountShape>) -> (BTreeSet<Mount>, BTreeSet<String>) {
        let (mut mounts, mut shared, mut targets) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        for (
            index,
            MountShape {
                target,
                source,
                read_only,
                options,
            },
        ) in shapes.into_iter().enumerate()
        {
            let place = locate(self.node, &path(&["volumes"], Some(index)));
            if let Some(first) = targets.insert(target.clone(), place.clone()) {
                let problem = Problem::at(Some(place), format!("something is mounted at {target} already"));
                self.problems.push(problem.related(first, "here"));
            }
            let source = match source {
                SourceShape::Bind(path) => MountSource::Bind(path),
                SourceShape::Anonymous => MountSource::Anonymous,
                SourceShape::Tmpfs => MountSource::Tmpfs,
                SourceShape::Volume(name) => {
                    let known = &self.around.volumes.words;
                    if !known.contains(name.as_str()) {
                        let near = suggest::nearest(name.as_str(), known.iter().map(String::as_str));
                        let define = || format!("write `{name}: {{}}` under the top-level `volumes`");
                        let hint = near.map_or_else(define, |near| format!("did you mean `{near}`?"));
                        let message = format!("there is no volume `{name}`");
                        self.reader().absent(&path(&["volumes"], Some(index)), message, hint);
                    }
                    let volume = self.around.volumes.all.get(&name);
                    shared.extend(volume.filter(|volume| volume.shared).map(|volume| volume.name.clone()));
                    MountSource::Volume(volume.map_or_else(|| name.to_string(), |volume| volume.name.clone()))
                }
            };
            mounts.insert(Mount {
                target,
                source,
                read_only,
                options,
            });
        }
        (mounts, shared)
    }

    fn constraints(&mut self, texts: Vec<String>) -> Vec<Constraint> {
        let keys = ["deploy", "placement", "constraints"];
        let mut all = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let wrong = match constraint::parse(text) {
                Ok(constraint) => {
                    let wrong = constraint::names_nothing(&constraint, self.around.hosts);
                    all.push(constraint);
                    wrong
                }
                Err(wrong) => Some(wrong),
            };
            if let Some((message, hint)) = wrong {
                self.problem(&keys, Some(index), message, hint);
            }
        }
        all
    }
}

fn health(shape: HealthShape) -> Option<Healthcheck> {
    let HealthShape {
        test,
        interval,
        timeout,
        retries,
        start_period,
        start_interval,
        disable,
    } = shape;
    if disable == Some(true) {
        let test = vec!["NONE".to_owned()];
        return Some(Healthcheck {
            test,
            ..Healthcheck::default()
        });
    }
    let own = Healthcheck {
        test: test.map(|test| test.0).unwrap_or_default(),
        interval: interval.map_or(Span::default(), |span| span.0.0),
        timeout: timeout.map_or(Span::default(), |span| span.0.0),
        retries: retries.map_or(0, |count| count.0.0),
        start_period: start_period.map_or(Span::default(), |span| span.0),
        start_interval: start_interval.map_or(Span::default(), |span| span.0.0),
    };
    (own != Healthcheck::default()).then_some(own)
}

/// Docker's default driver keeps one file that grows for ever, so it gets bounds unless the user says otherwise.
fn log_words(shape: LoggingShape) -> Logging {
    let LoggingShape { driver, options } = shape;
    let own = options
        .unwrap_or_default()
        .into_iter()
        .map(|(key, value)| (key, value.0));
    let driver = driver.unwrap_or_else(|| "json-file".to_owned());
    let mut options = BTreeMap::new();
    if driver == "json-file" {
        options.extend([("max-size", "10m"), ("max-file", "3")].map(|(key, value)| (key.to_owned(), value.to_owned())));
    }
    options.extend(own);
    Logging { driver, options }
}
