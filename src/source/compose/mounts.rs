//! What a service of a Compose file binds by relative paths: small text files become configs, all else a folder that a variable names.

use std::path::{Component, Path, PathBuf};

use crate::source::compose::{PROJECT, Work, inside};
use crate::source::edit::{end_of_node, is_flow};
use crate::source::error::SourceError;
use crate::source::yaml::{Entry, Node};

/// What a config may hold, in bytes: an engine takes 500 kB, and git is not for more.
const LARGEST: usize = 256 * 1024;

/// A relative bind: `./conf:/etc/conf:ro`.
struct Bind<'n> {
    /// The item of `volumes`.
    node: &'n Node,
    /// Where its source stands in the file.
    source: Source<'n>,
    target: String,
    options: String,
}

/// The source of a bind, as it is written.
enum Source<'n> {
    /// At the beginning of the short form.
    Short(&'n str),
    /// By itself in the long form.
    Long(&'n Node, &'n str),
}

impl<'n> Source<'n> {
    fn text(&self) -> &'n str {
        match self {
            Self::Short(text) | Self::Long(_, text) => text,
        }
    }
}

impl Work<'_> {
    /// Edits the relative binds of one service.
    pub(super) fn mounts(&mut self, map: &Node, entry: &Entry) -> Result<(), SourceError> {
        let mut configs = Vec::new();
        let items = entry.value.list().unwrap_or_default();
        // What the service has already is not merged into: then a file stays a bind.
        let takes_configs = map.get("configs").is_none() && entry.key.start >= map.place.start;
        for node in items {
            let Some(bind) = bind(node) else { continue };
            let value = self.variables.expand(bind.source.text());
            if !value.starts_with('.') {
                continue;
            }
            let content = match inside(&value) {
                Some(path) if takes_configs && !bind.source.text().contains('$') => self.config(path)?,
                Some(_) | None => None,
            };
            match content {
                Some((path, content)) if !bind.target.contains('$') => {
                    let name = self.config_name(&path);
                    let is_read_only = bind.options.split(',').any(|option| option == "ro");
                    let more = if is_read_only {
                        ""
                    } else {
                        ", which the container cannot write to"
                    };
                    let line = node.place.line;
                    self.note(
                        line,
                        format!("the bind of {} becomes the config `{name}`{more}", bind.source.text()),
                    );
                    self.configs.insert(name.clone(), path.clone());
                    self.files.insert(path, content);
                    configs.push((node, name, bind.target));
                }
                Some(_) | None => self.anchor(&bind, &value),
            }
        }
        if !configs.is_empty() {
            self.as_configs(entry, items.len(), &configs);
        }
        Ok(())
    }

    /// The file that a bind means, where it is one for a config.
    fn config(&self, path: PathBuf) -> Result<Option<(PathBuf, Vec<u8>)>, SourceError> {
        // A folder is no file; what cannot be read as one is left alone.
        let Ok(Some(content)) = self.compose.beside.read(&path) else {
            return Ok(None);
        };
        let is_text = content.len() <= LARGEST && !content.contains(&0) && std::str::from_utf8(&content).is_ok();
        Ok(is_text.then_some((path, content)))
    }

    /// A name for the config of a file, the same wherever the file is bound.
    fn config_name(&self, path: &Path) -> String {
        if let Some((name, _)) = self.configs.iter().find(|(_, file)| *file == path) {
            return name.clone();
        }
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let clean: String = file
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        let clean = clean.trim_matches('_').to_owned();
        let declared = self.tree.get("configs");
        let is_free = |name: &String| {
            !self.configs.contains_key(name) && declared.is_none_or(|section| section.get(name).is_none())
        };
        let numbered = (2..).map(|number| format!("{clean}_{number}"));
        std::iter::once(clean.clone())
            .chain(numbered)
            .find(is_free)
            .unwrap_or(clean)
    }

    /// Takes items out of `volumes`, and writes them as the service's configs.
    fn as_configs(&mut self, volumes: &Entry, count: usize, configs: &[(&Node, String, String)]) {
        let text = self.compose.text;
        let items: Vec<String> = configs
            .iter()
            .map(|(_, name, target)| format!("{{source: {name}, target: {target}}}"))
            .collect();
        let entry = format!("configs: [{}]", items.join(", "));
        if configs.len() == count {
            self.edits.replace_entry(text, volumes, Some(&entry));
            return;
        }
        for (node, _, _) in configs {
            self.edits
                .replace_item(text, node.place.start..end_of_node(text, node), None);
        }
        let indent = " ".repeat(volumes.key.column.saturating_sub(1));
        let is_inline = is_flow(text, &volumes.value)
            && text
                .get(..volumes.key.start)
                .is_some_and(|before| before.trim_end_matches(' ').ends_with(['{', ',']));
        let separator = if is_inline {
            ", ".to_owned()
        } else {
            format!("\n{indent}")
        };
        self.edits.insert(volumes.key.start, &format!("{entry}{separator}"));
    }

    /// Writes a relative source as an absolute one: below the folder that the Compose file lies in, on whatever host.
    fn anchor(&mut self, bind: &Bind<'_>, value: &str) {
        let source = bind.source.text();
        let line = bind.node.place.line;
        let folder = self.compose.folder;
        let told = format!("{source} is a folder of the host now, and has to be there");
        if source.starts_with('$') {
            // The variable itself may say where; what follows it stays.
            let rest = source
                .rfind('}')
                .map_or("", |end| source.get(end + 1..).unwrap_or_default());
            let own = value.strip_suffix(rest).unwrap_or(value);
            self.variables
                .set_first(source, absolute(folder, own).display().to_string());
            self.note(line, format!("{told}: {value} of the variable is absolute in cdk.yaml"));
            return;
        }
        let new = match inside(value) {
            Some(path) if path.as_os_str().is_empty() => format!("{{{{ vars.{PROJECT} }}}}"),
            Some(_) => {
                let written = self.variables.template(source, line);
                let below = written.trim_start_matches("./");
                format!("{{{{ vars.{PROJECT} }}}}/{}", below.trim_end_matches('/'))
            }
            None => absolute(folder, value).display().to_string(),
        };
        self.uses_project |= new.starts_with('{');
        self.note(line, format!("{told}: {new}"));
        match bind.source {
            Source::Long(node, _) => self
                .edits
                .replace(node.place.start..node.place.end, format!("\"{new}\"")),
            Source::Short(_) => {
                let target = self.variables.template(&bind.target, line);
                let options = if bind.options.is_empty() {
                    String::new()
                } else {
                    format!(":{}", bind.options)
                };
                self.edits.replace(
                    bind.node.place.start..bind.node.place.end,
                    format!("\"{new}:{target}{options}\""),
                );
            }
        }
    }
}

/// An item of `volumes` as a bind of a path that is, or may be, relative.
fn bind(node: &Node) -> Option<Bind<'_>> {
    if let Some(text) = node.text() {
        let (source, rest) = split(text)?;
        let (target, options) = split(rest).unwrap_or((rest, ""));
        return Some(Bind {
            node,
            source: Source::Short(source),
            target: target.to_owned(),
            options: options.to_owned(),
        });
    }
    let (source, target) = (node.get("source")?, node.get("target")?);
    let is_read_only = node
        .get("read_only")
        .is_some_and(|flag| flag.to_value() == serde_yaml::Value::Bool(true));
    (node.get("type")?.text()? == "bind").then_some(Bind {
        node,
        source: Source::Long(source, source.text()?),
        target: target.text()?.to_owned(),
        options: if is_read_only { "ro" } else { "" }.to_owned(),
    })
}

/// Splits at the first colon that stands in no `${…}`.
fn split(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (index, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => return Some((text.get(..index)?, text.get(index + 1..)?)),
            _ => {}
        }
    }
    None
}

/// A relative path below a folder, without `.` and `..`.
fn absolute(folder: &Path, path: &str) -> PathBuf {
    let mut clean = folder.to_owned();
    for part in Path::new(path).components() {
        match part {
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                clean.pop();
            }
        }
    }
    clean
}
