//! One service of a Compose file: keys for which cdk has another word, keys that say nothing to it, files that it names.

use crate::source::compose::Work;
use crate::source::edit::{end_of_node, own_entries};
use crate::source::error::SourceError;
use crate::source::yaml::{Entry, Kind, Node};

/// Where under `deploy` stands what Compose has keys of an older file format for.
const UNDER_DEPLOY: [(&str, &[&str]); 4] = [
    ("scale", &["replicas"]),
    ("cpus", &["resources", "limits", "cpus"]),
    ("mem_limit", &["resources", "limits", "memory"]),
    ("mem_reservation", &["resources", "reservations", "memory"]),
];

/// Values by the path under which they are to be written, as YAML in one line.
#[derive(Default)]
struct Additions<'t>(Vec<(&'t [&'t str], String)>);

impl<'t> Additions<'t> {
    /// The keys of the first level, each with what is below it.
    fn by_key(self) -> Vec<(&'t str, Self)> {
        let mut all: Vec<(&'t str, Self)> = Vec::new();
        for (path, value) in self.0 {
            let Some((first, rest)) = path.split_first() else {
                continue;
            };
            match all.iter_mut().find(|(key, _)| key == first) {
                Some((_, below)) => below.0.push((rest, value)),
                None => all.push((first, Self(vec![(rest, value)]))),
            }
        }
        all
    }

    /// The value in one line.
    fn flow(self) -> String {
        if let [(path, value)] = self.0.as_slice()
            && path.is_empty()
        {
            return value.clone();
        }
        let entries: Vec<String> = self
            .by_key()
            .into_iter()
            .map(|(key, below)| format!("{key}: {}", below.flow()))
            .collect();
        format!("{{{}}}", entries.join(", "))
    }
}

impl Work<'_> {
    /// Edits one service. What is laid under it by `<<` is edited where it is written.
    pub(super) fn service(&mut self, name: &str, service: &Entry) -> Result<(), SourceError> {
        let Some(map) = service.value.map() else { return Ok(()) };
        for (key, entry) in map {
            let line = entry.key.line;
            match key.as_str() {
                "container_name" => {
                    self.edits.remove_entry(self.compose.text, entry);
                    let other = entry.value.text().filter(|text| *text != name);
                    self.note(line, match other {
                        Some(other) => format!("`container_name` is left out, cdk names containers itself: who reaches this one as {other} has to say {name}"),
                        None => "`container_name` is left out: cdk names containers itself".to_owned(),
                    });
                }
                "build" => self.build(name, &service.value, entry),
                "links" => self.links(&service.value, entry),
                "develop" | "attach" => {
                    self.edits.remove_entry(self.compose.text, entry);
                    self.note(
                        line,
                        format!("`{key}` is left out: it is for Compose on a developer's machine"),
                    );
                }
                "env_file" => self.env_files(&entry.value)?,
                "environment" => self.environment(&entry.value),
                "volumes" => self.mounts(&service.value, entry)?,
                _ => {}
            }
        }
        self.under_deploy(&service.value);
        Ok(())
    }

    /// Images are built by CI; what Compose builds without a name, it names after project and service.
    fn build(&mut self, name: &str, service: &Node, entry: &Entry) {
        let text = self.compose.text;
        if service.get("image").is_some() {
            self.edits.remove_entry(text, entry);
            self.note(
                entry.key.line,
                "`build` is left out: images are built by CI, and this one has to be in its registry, or on the hosts",
            );
            return;
        }
        if !is_own(service, entry) {
            // Under an anchor it would be the same image for all that share it.
            return;
        }
        let image = format!("{}-{name}", self.project);
        self.edits.replace_entry(text, entry, Some(&format!("image: {image}")));
        self.note(
            entry.key.line,
            format!("`build` becomes `image: {image}`, as Compose names what it builds: build it by CI, and name it with its registry and a tag"),
        );
    }

    /// Links to services by their own names only say in which order they start.
    fn links(&mut self, service: &Node, entry: &Entry) {
        let links = entry.value.list().unwrap_or_default();
        let is_plain = |link: &Node| {
            link.text()
                .is_some_and(|text| text.split_once(':').is_none_or(|(service, alias)| service == alias))
        };
        if !links.iter().all(is_plain) {
            return;
        }
        if service.get("depends_on").is_some() {
            self.edits.remove_entry(self.compose.text, entry);
            self.note(
                entry.key.line,
                "`links` is left out: services of a network reach each other by name",
            );
            return;
        }
        let names: Vec<&str> = links
            .iter()
            .filter_map(Node::text)
            .filter_map(|link| link.split(':').next())
            .collect();
        let new = format!("depends_on: [{}]", names.join(", "));
        self.edits.replace_entry(self.compose.text, entry, Some(&new));
        self.note(
            entry.key.line,
            "`links` becomes `depends_on`: services of a network reach each other by name",
        );
    }

    fn env_files(&mut self, value: &Node) -> Result<(), SourceError> {
        match &value.kind {
            Kind::Text(_) => self.copy(value),
            Kind::List(items) => items
                .iter()
                .try_for_each(|item| self.copy(item.get("path").unwrap_or(item))),
            Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::Map(_) => Ok(()),
        }
    }

    /// A variable without a value comes from `.env`, or from the shell; where neither has it, the container has none.
    fn environment(&mut self, value: &Node) {
        let text = self.compose.text;
        for (name, entry) in own_entries(value).filter(|(_, entry)| entry.value.is_null()) {
            let new = self
                .shell_variable(name, entry.key.line)
                .map(|template| format!("{name}: \"{template}\""));
            self.edits.replace_entry(text, entry, new.as_deref());
        }
        for item in value.list().unwrap_or_default() {
            let name = item
                .text()
                .filter(|text| !text.is_empty() && !text.contains(['=', '$', '{']));
            if let Some(name) = name {
                let new = self
                    .shell_variable(name, item.place.line)
                    .map(|template| format!("\"{name}={template}\""));
                self.edits
                    .replace_item(text, item.place.start..item.place.end, new.as_deref());
            }
        }
    }

    fn shell_variable(&mut self, name: &str, line: usize) -> Option<String> {
        if self.variables.env(name).is_none() {
            self.note(
                line,
                format!("`{name}` is left out: Compose would take it from the shell, and .env does not have it"),
            );
            return None;
        }
        Some(self.variables.bare(name, line))
    }

    /// Writes keys of older file formats as `deploy` has them.
    fn under_deploy(&mut self, service: &Node) {
        let text = self.compose.text;
        let mut additions = Additions::default();
        let mut old: Vec<&Entry> = Vec::new();
        for (key, path) in UNDER_DEPLOY {
            let Some((_, entry)) = own_entries(service).find(|(name, _)| *name == key) else {
                continue;
            };
            let node = &entry.value;
            let value = self.edits.part(text, node.place.start..end_of_node(text, node));
            let deployed = path.iter().try_fold(service.get("deploy"), |node, key| {
                Some(node.and_then(|node| node.get(key)))
            });
            if deployed.flatten().is_none() {
                // A number of CPUs is text there, and a template in braces needs quotes.
                let is_quoted = value.starts_with(['"', '\'']);
                let bare = !is_quoted && (key == "cpus" || value.contains(['{', ',']));
                additions
                    .0
                    .push((path, if bare { format!("\"{value}\"") } else { value }));
            }
            old.push(entry);
            self.note(entry.key.line, format!("`{key}` becomes `deploy.{}`", path.join(".")));
        }
        let Some((first, rest)) = old.split_first() else { return };
        rest.iter().for_each(|entry| self.edits.remove_entry(text, entry));
        match service
            .get("deploy")
            .filter(|deploy| deploy.map().is_some_and(|map| !map.is_empty()))
        {
            Some(deploy) => {
                self.edits.remove_entry(text, first);
                self.add(deploy, additions);
            }
            None if additions.0.is_empty() => self.edits.remove_entry(text, first),
            None => {
                let entry = format!("deploy: {}", additions.flow());
                self.edits.replace_entry(text, first, Some(&entry));
            }
        }
    }

    /// Adds to a map what is not there.
    fn add(&mut self, map: &Node, additions: Additions<'_>) {
        for (key, below) in additions.by_key() {
            match map.get(key) {
                Some(inner) if inner.map().is_some_and(|map| !map.is_empty()) => self.add(inner, below),
                Some(_) => {}
                None => {
                    let entry = format!("{key}: {}", below.flow());
                    self.edits.insert_entry(self.compose.text, map, &entry);
                }
            }
        }
    }
}

/// Whether an entry stands in this map itself.
fn is_own(map: &Node, entry: &Entry) -> bool {
    own_entries(map).any(|(_, own)| own.key == entry.key)
}
