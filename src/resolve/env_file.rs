//! `env_file` and `label_file`: the variables of the files that a service names, which lie beneath those of its own. Pure.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::model::problem::Problem;
use crate::model::stamp::Stamp;
use crate::resolve::dotenv;
use crate::resolve::problems::{Segment, locate};
use crate::resolve::service::Reading;
use crate::resolve::shape::env_file::{EnvFile, EnvFiles};
use crate::resolve::template::Text;
use crate::source::named::NoContent;

impl Reading<'_> {
    /// Lays what the files under `key` say beneath `pairs`.
    pub(super) fn beneath(&mut self, key: &str, files: Option<EnvFiles>, pairs: &mut BTreeMap<String, Text>) {
        let mut all = BTreeMap::new();
        for (index, file) in files.unwrap_or_default().0.into_iter().enumerate() {
            all.extend(self.file(key, index, &file));
        }
        for (name, text) in all {
            pairs.entry(name).or_insert(text);
        }
    }

    /// Takes out the labels whose values the environment gives.
    pub(super) fn stamps(labels: &mut BTreeMap<String, Text>) -> BTreeMap<String, Stamp> {
        let mut stamps = BTreeMap::new();
        labels.retain(|name, text| {
            let stamp = match text {
                Text::Plain(text) => Stamp::read(text),
                Text::PerReplica { .. } => None,
            };
            let is_label = stamp.is_none();
            stamps.extend(stamp.map(|stamp| (name.clone(), stamp)));
            is_label
        });
        stamps
    }

    fn file(&mut self, key: &str, index: usize, file: &EnvFile) -> Vec<(String, Text)> {
        let path = match self.node.get(key).and_then(|node| node.list()).is_some() {
            true => vec![Segment::from(key), Segment::Index(index), Segment::from("path")],
            false => vec![Segment::from(key), Segment::from("path")],
        };
        let place = locate(self.node, &path);
        let content = match self.around.files.get(&file.path) {
            Ok(content) => content,
            Err(NoContent::Missing { .. }) if !file.required => return Vec::new(),
            Err(why) => {
                let problem = Problem::at(Some(place), format!("`{key}`: {}: {why}", file.path));
                self.problems.push(problem.hint(why.hint()));
                return Vec::new();
            }
        };
        let Ok(text) = std::str::from_utf8(content) else {
            let message = format!("`{key}`: {} is not UTF-8 text", file.path);
            self.problems.push(Problem::at(Some(place), message));
            return Vec::new();
        };
        let path = Arc::new(self.around.files.path(&file.path).unwrap_or(Path::new("")).to_owned());
        let (pairs, problems) = dotenv::parse(&path, text, file.raw);
        problems.into_iter().for_each(|problem| self.problems.push(problem));
        let mut all = Vec::new();
        for pair in pairs {
            if key == "label_file" && (pair.name == "cdk" || pair.name.starts_with("cdk.")) {
                let problem = Problem::at(Some(pair.place), format!("the label `{}` is cdk's own", pair.name));
                let hint = "choose another name: `cdk.` is how cdk knows its containers";
                self.problems.push(problem.hint(hint));
            } else if pair.value.contains('\0') {
                let message = format!("the value of `{}` holds a NUL character", pair.name);
                self.problems.push(Problem::at(Some(pair.place), message));
            } else {
                all.push((pair.name, Text::Plain(pair.value)));
            }
        }
        all
    }
}
