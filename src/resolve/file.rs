//! `configs` and `secrets`: from the tree to what they mean, and which of them a service's containers get where.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::model::blob::{Blob, SecretRef, Segment, sha256};
use crate::model::name::FileName;
use crate::model::problem::{Place, Problem};
use crate::resolve::decode::{Decoded, decode, entries};
use crate::resolve::desired::SecretFile;
use crate::resolve::problems::{Problems, locate};
use crate::resolve::render::{Names, Sample, render};
use crate::resolve::shape::file::{ConfigShape, SecretShape};
use crate::resolve::suggest;
use crate::source::named::Named;
use crate::source::yaml::{Entry, Node};

/// The most that a file may hold; Swarm's own limit is half of it.
const LARGEST: usize = 1 << 20;

/// What a config holds, before it is known for whom.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Text(Arc<Blob>),
    Template { path: Arc<PathBuf>, source: Arc<str> },
}

/// A config.
#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) source: Source,
    /// The signal that follows a change in place.
    pub(super) signal: Option<String>,
}

/// The configs and secrets of the cluster. Those of which something is wrong are here by name alone.
#[derive(Debug, Default)]
pub struct Files {
    pub(super) configs: BTreeMap<String, Option<Config>>,
    /// The secrets as templates may use them.
    pub(super) refs: Arc<BTreeMap<String, Option<SecretRef>>>,
    /// The secrets themselves.
    pub secrets: BTreeMap<String, SecretFile>,
}

impl Files {
    /// The names of the secrets.
    pub fn secret_names(&self) -> impl Iterator<Item = &str> {
        self.refs.keys().map(String::as_str)
    }
}

/// What the two sections are read with.
pub struct Reader<'a> {
    /// The files that they name.
    pub named: &'a Named,
    /// What their texts may name.
    pub names: &'a Arc<Names>,
    /// A replica, for which nothing here is rendered.
    pub sample: Option<Sample>,
    /// Where problems go.
    pub problems: &'a mut Problems,
}

impl Reader<'_> {
    /// Reads both sections.
    pub fn files(mut self, configs: Option<&Entry>, secrets: Option<&Entry>) -> Files {
        let mut files = Files::default();
        for (name, entry) in self.entries("configs", configs) {
            let config = self.config(&name, entry);
            files.configs.insert(name, config);
        }
        let mut refs = BTreeMap::new();
        for (name, entry) in self.entries("secrets", secrets) {
            let secret = self.secret(&name, entry);
            let found = secret.as_ref().map(|secret| SecretRef {
                name: name.clone(),
                sha256: secret.sha256.clone(),
            });
            refs.insert(name.clone(), found);
            files.secrets.extend(secret.map(|secret| (name, secret)));
        }
        files.refs = Arc::new(refs);
        files
    }

    fn entries(&mut self, section: &str, entry: Option<&Entry>) -> Vec<(String, Entry)> {
        let map = entry.map(|entry| entries(section, entry.value.clone(), self.problems));
        let all: Vec<(String, Entry)> = map.unwrap_or_default().into_iter().collect();
        for (name, Entry { key, .. }) in &all {
            if let Err(error) = name.parse::<FileName>() {
                self.problems.push(Problem::at(Some(key.clone()), error.to_string()));
            }
        }
        all
    }

    fn config(&mut self, name: &str, entry: Entry) -> Option<Config> {
        let Entry { key, value: mut node } = entry;
        let broken = render(&mut node, self.names, self.sample.clone(), self.problems).broken;
        let decoded: Decoded<ConfigShape> = decode(node, "configs.*", broken, self.problems);
        let ConfigShape {
            file,
            content,
            template,
            reload,
        } = &decoded.value;
        let signal = reload
            .as_ref()
            .and_then(|reload| reload.signal.as_ref())
            .map(|signal| signal.0.0.clone());
        if reload.is_some() && signal.is_none() && !decoded.has_lost("reload") {
            let problem = Problem::at(
                Some(locate(&decoded.node, &["reload".into()])),
                "`reload` needs a `signal`",
            );
            self.problems.push(problem.hint("write `reload: {signal: HUP}`"));
        }
        let source = match (file, content, template) {
            (Some(file), None, None) => {
                let place = locate(&decoded.node, &["file".into()]);
                Source::Text(Arc::new(text_blob(&self.text(file, &place)?)))
            }
            (None, Some(content), None) => {
                let place = locate(&decoded.node, &["content".into()]);
                self.fits("`content`", content.0.len(), &place)?;
                Source::Text(Arc::new(text_blob(&content.0)))
            }
            (None, None, Some(file)) => {
                let place = locate(&decoded.node, &["template".into()]);
                let source = Arc::from(self.text(file, &place)?);
                let path = Arc::new(PathBuf::from(file));
                Source::Template { path, source }
            }
            // A key that is refused was named already.
            (None, None, None) if !decoded.lost.is_empty() || decoded.node.map().is_some_and(|map| !map.is_empty()) => {
                return None;
            }
            (_, _, _) => {
                let message = format!("the config `{name}` needs one of `file`, `content` and `template`");
                self.problems.push(Problem::at(Some(key), message));
                return None;
            }
        };
        Some(Config { source, signal })
    }

    fn secret(&mut self, name: &str, entry: Entry) -> Option<SecretFile> {
        let Entry { key, value: mut node } = entry;
        let broken = render(&mut node, self.names, self.sample.clone(), self.problems).broken;
        let decoded: Decoded<SecretShape> = decode(node, "secrets.*", broken, self.problems);
        let how = format!("`cdk secret set {name}` encrypts a value");
        let Some(file) = &decoded.value.file else {
            if decoded.lost.is_empty() && decoded.node.map().is_none_or(|map| map.is_empty()) {
                let problem = Problem::at(Some(key), format!("the secret `{name}` has no `file`"));
                self.problems
                    .push(problem.hint(format!("write `file: secrets/{name}.age`; {how}")));
            }
            return None;
        };
        let place = locate(&decoded.node, &["file".into()]);
        let bytes = match self.named.get(file) {
            Ok(bytes) => Arc::clone(bytes),
            Err(why) => {
                let problem = Problem::at(Some(place), format!("`{file}`: {why}"));
                self.problems.push(problem.hint(format!("{}; {how}", why.hint())));
                return None;
            }
        };
        if !is_age(&bytes) {
            let problem = Problem::at(Some(place), format!("`{file}` is not encrypted with age"));
            let hint = format!("{how}; what stood in git in plain text is to be changed");
            self.problems.push(problem.hint(hint));
            return None;
        }
        self.fits(&format!("`{file}`"), bytes.len(), &place)?;
        Some(SecretFile {
            path: PathBuf::from(file),
            sha256: sha256(&bytes),
            encrypted: bytes,
        })
    }

    /// A file's text.
    fn text(&mut self, file: &str, place: &Place) -> Option<String> {
        let bytes = match self.named.get(file) {
            Ok(bytes) => Arc::clone(bytes),
            Err(why) => {
                let problem = Problem::at(Some(place.clone()), format!("`{file}`: {why}"));
                self.problems.push(problem.hint(why.hint()));
                return None;
            }
        };
        self.fits(&format!("`{file}`"), bytes.len(), place)?;
        match std::str::from_utf8(&bytes) {
            Ok(text) => Some(text.to_owned()),
            Err(error) => {
                let message = format!("`{file}` is not UTF-8 text, from byte {} on", error.valid_up_to());
                let hint = "a config is text; what is not can be a secret";
                self.problems.push(Problem::at(Some(place.clone()), message).hint(hint));
                None
            }
        }
    }

    fn fits(&mut self, what: &str, size: usize, place: &Place) -> Option<()> {
        if size <= LARGEST {
            return Some(());
        }
        let message = format!("{what} is larger than 1 MiB");
        let hint = "what is large belongs into the image, or into a volume";
        self.problems.push(Problem::at(Some(place.clone()), message).hint(hint));
        None
    }
}

fn text_blob(text: &str) -> Blob {
    Blob(vec![Segment::Text(text.to_owned())])
}

/// Whether a file is encrypted with age, as bytes or armored.
fn is_age(bytes: &[u8]) -> bool {
    let armored = bytes.trim_ascii_start();
    bytes.starts_with(b"age-encryption.org/v1\n") || armored.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----")
}

/// What is wrong with a secret's name at a place; nothing where there is one of that name.
pub fn need_secret(files: &Files, name: &str, node: &Node, at: &[&str], problems: &mut Problems) {
    if files.refs.contains_key(name) {
        return;
    }
    let path: Vec<_> = at.iter().map(|key| (*key).into()).collect();
    let near = suggest::nearest(name, files.secret_names());
    let hint = near.map_or_else(
        || format!("write `{name}: {{file: secrets/{name}.age}}` under the top-level `secrets`"),
        |near| format!("did you mean `{near}`?"),
    );
    let problem = Problem::at(Some(locate(node, &path)), format!("there is no secret `{name}`"));
    problems.push(problem.hint(hint));
}
