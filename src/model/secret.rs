//! Which names say that their value is a secret, and what is shown in its place.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::container::ContainerSpec;
use crate::model::effective::EffectiveSpec;
use crate::model::image::ImageDefaults;
use crate::model::runtime::Runtime;
use crate::model::setting::Healthcheck;

/// The words that make a name a secret's.
const WORDS: [&str; 4] = ["password", "secret", "token", "key"];

/// Whether a key or a variable of this name holds a secret: `DB_PASSWORD`, `api-token`.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_lowercase();
    WORDS.iter().any(|word| name.contains(word))
}

/// The variable that a line of a file of variables begins: `NAME=…`, `export NAME=…`, or a name alone. None where the line may be a
/// piece of a value, of a key of several lines, say.
pub fn variable_name(line: &str) -> Option<&str> {
    let line = line.trim_start_matches('\u{feff}').trim();
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    let (name, alone) = match line.find(['=', ':']) {
        Some(end) => (line.get(..end)?.trim_end(), false),
        None => (line, true),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-[]".contains(c);
    let sound = !name.is_empty() && name.chars().all(is_name);
    // A line of a key in PEM has 64 characters.
    (sound && !(alone && name.len() > 40)).then_some(name)
}

/// What stands in a secret's place.
pub const MASK: &str = "***";

/// A command's words with `--password=…`, and the word after `--password`, masked.
pub fn masked_words(words: &[String]) -> Vec<String> {
    let mut hide_next = false;
    let masked = words.iter().map(|word| {
        let hidden = std::mem::take(&mut hide_next);
        match word.split_once('=') {
            _ if hidden => MASK.to_owned(),
            Some((name, _)) if is_secret_name(name) => format!("{name}={MASK}"),
            None if word.starts_with('-') && is_secret_name(word) => {
                hide_next = true;
                word.clone()
            }
            Some(_) | None => word.clone(),
        }
    });
    masked.collect()
}

/// A line of a file with its value masked, where it is `NAME: VALUE` or `NAME = VALUE` and the name says that the value is secret.
/// Where a secret of cdk's stands, its name may be shown.
pub fn masked_line(line: &str) -> String {
    let (text, end) = line.split_at(line.trim_end_matches(['\n', '\r']).len());
    let Some(at) = text.find(['=', ':']) else {
        return line.to_owned();
    };
    let (name, value) = text.split_at(at + 1);
    let shown = value.trim().is_empty() || value.trim_start_matches([' ', '"', '\'']).starts_with("(secret ");
    if shown || !is_secret_name(name) {
        return line.to_owned();
    }
    let space = &value[..value.len() - value.trim_start().len()];
    format!("{name}{space}{MASK}{end}")
}

/// Masks the values of a map whose names say that they are secret.
pub fn mask_values(map: &mut BTreeMap<String, String>) {
    for (name, value) in map {
        if is_secret_name(name) {
            MASK.clone_into(value);
        }
    }
}

/// Masks what a container runs, wherever that is said.
fn mask_commands<'c>(commands: impl IntoIterator<Item = &'c mut Vec<String>>, check: Option<&'c mut Healthcheck>) {
    let check = check.map(|check| &mut check.test);
    for words in commands.into_iter().chain(check) {
        *words = masked_words(words);
    }
}

/// The maps of how a container is run whose values may be secret.
fn maps(runtime: &mut Runtime) -> [&mut BTreeMap<String, String>; 2] {
    let Runtime {
        annotations,
        storage_opt,
        ..
    } = runtime;
    [annotations, storage_opt]
}

impl ContainerSpec {
    /// Masks its secrets.
    pub fn mask(&mut self) {
        let own = [&mut self.environment, &mut self.labels, &mut self.logging.options];
        own.into_iter().chain(maps(&mut self.runtime)).for_each(mask_values);
        let commands = [&mut self.command, &mut self.entrypoint].into_iter().flatten();
        mask_commands(commands, self.healthcheck.as_mut());
    }
}

impl EffectiveSpec {
    /// The same with its secrets masked.
    #[must_use]
    pub fn masked(mut self) -> Self {
        let options = &mut Arc::make_mut(&mut self.logging).options;
        let own = [&mut self.environment, &mut self.labels].map(Arc::make_mut);
        let own = own.into_iter().chain([options]);
        own.chain(maps(Arc::make_mut(&mut self.runtime))).for_each(mask_values);
        let commands = [&mut self.command, &mut self.entrypoint].map(Arc::make_mut);
        mask_commands(commands, Arc::make_mut(&mut self.healthcheck).as_mut());
        self
    }
}

impl ImageDefaults {
    /// The same with its secrets masked.
    #[must_use]
    pub fn masked(mut self) -> Self {
        [&mut self.environment, &mut self.labels]
            .into_iter()
            .for_each(mask_values);
        mask_commands([&mut self.command, &mut self.entrypoint], self.healthcheck.as_mut());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_key_names_no_variable() {
        for (line, name) in [
            ("A=1", Some("A")),
            (" export a.b : x", Some("a.b")),
            ("ALONE", Some("ALONE")),
            ("-----BEGIN PRIVATE KEY-----", None),
            ("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj", None),
            (
                "MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu=",
                None,
            ),
        ] {
            assert_eq!(variable_name(line), name, "{line}");
        }
    }

    #[test]
    fn every_map_of_a_container_is_masked() {
        let map = || BTreeMap::from([("api_token".to_owned(), "s3cret".to_owned())]);
        let mut spec = EffectiveSpec {
            environment: map().into(),
            labels: map().into(),
            ..EffectiveSpec::default()
        };
        Arc::make_mut(&mut spec.logging).options = map();
        let runtime = Arc::make_mut(&mut spec.runtime);
        runtime.annotations = map();
        runtime.storage_opt = map();
        let shown = format!("{:?}", spec.masked());
        assert!(!shown.contains("s3cret"), "{shown}");
        assert_eq!(shown.matches(MASK).count(), 5, "{shown}");
    }

    #[test]
    fn names_tell_secrets() {
        assert!(is_secret_name("DB_PASSWORD") && is_secret_name("apiKey") && !is_secret_name("LOG_LEVEL"));
        let line = ["app", "--token", "a", "--db-password=b", "key=c", "on=d"].map(str::to_owned);
        let masked = ["app", "--token", MASK, "--db-password=***", "key=***", "on=d"];
        assert_eq!(masked_words(&line), masked);
        assert_eq!(masked_words(&masked_words(&line)), masked);
        for (line, shown) in [
            ("api_token: abc\n", "api_token: ***\n"),
            ("  password=a=b\r\n", "  password=***\r\n"),
            ("password = (secret db)", "password = (secret db)"),
            ("level = info # no token", "level = info # no token"),
            ("key = \"(secret db)\"", "key = \"(secret db)\""),
            ("key:", "key:"),
        ] {
            assert_eq!(masked_line(line), shown);
        }
    }
}
