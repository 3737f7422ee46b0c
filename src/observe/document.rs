//! An observation as a file: its schema, and reading one that a person may have written. No hosts.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::model::host::ObservedHost;
use crate::observe::{OBSERVATION_VERSION, ObservationDocument, Sharing};

/// The JSON Schema of an observation's file.
pub fn schema() -> Value {
    schemars::schema_for!(ObservationDocument).to_value()
}

/// Reads an observation, as JSON or YAML; a person may leave out everything but the hosts' names.
///
/// # Errors
/// It does not read, was written by a newer cdk, or has a key that is none: told with the way to it.
pub fn read_document(text: &str) -> Result<ObservationDocument, String> {
    let mut value: Value = serde_yaml::from_str(text).map_err(|why| format!("the observation does not read: {why}"))?;
    let version = value.get("version").and_then(Value::as_u64);
    if version.is_some_and(|version| version > OBSERVATION_VERSION.into()) {
        return Err(format!(
            "the observation was written by a newer cdk: this one reads up to version {OBSERVATION_VERSION}"
        ));
    }
    // `h1:` with nothing after it is a host on which nothing is.
    for host in value
        .get_mut("hosts")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flatten()
    {
        if host.1.is_null() {
            *host.1 = Value::Object(Map::new());
        }
    }
    let schema = schema();
    let mut unknown = Vec::new();
    Walk { root: &schema }.find_unknown(&value, &[&schema], "", &mut unknown);
    if !unknown.is_empty() {
        return Err(unknown.join("\n"));
    }
    let document: Result<ObservationDocument, _> = serde_path_to_error::deserialize(value);
    let mut document = document.map_err(|why| {
        let path = why.path().to_string();
        format!("the observation does not read at {path}: {}", why.into_inner())
    })?;
    let mut sharing = Sharing::default();
    for state in document.observed.hosts.values_mut().filter_map(ObservedHost::state_mut) {
        sharing.host(state);
    }
    Ok(document)
}

/// Looks for keys that the schema does not know: serde loses them in flattened types.
struct Walk<'s> {
    root: &'s Value,
}

/// What a schema, with all that it refers to, says of an object's keys.
#[derive(Default)]
struct Keys<'s> {
    known: BTreeMap<&'s str, Vec<&'s Value>>,
    /// The schemas of all other keys, where there may be any.
    others: Vec<&'s Value>,
}

impl<'s> Walk<'s> {
    fn find_unknown(&self, value: &Value, schemas: &[&'s Value], path: &str, unknown: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                let mut keys = Keys::default();
                for schema in schemas {
                    self.collect_keys(schema, &mut keys);
                }
                for (key, inner) in object {
                    let here = if path.is_empty() {
                        key.clone()
                    } else {
                        format!("{path}.{key}")
                    };
                    match keys.known.get(key.as_str()) {
                        Some(schemas) => self.find_unknown(inner, schemas, &here, unknown),
                        None if !keys.others.is_empty() => self.find_unknown(inner, &keys.others, &here, unknown),
                        None if keys.known.is_empty() => {}
                        None => unknown.push(told(&here, key, keys.known.keys().copied())),
                    }
                }
            }
            Value::Array(items) => {
                let mut of_items = Vec::new();
                for schema in schemas {
                    self.each_branch(schema, &mut |branch| of_items.extend(branch.get("items")));
                }
                for (index, item) in items.iter().enumerate() {
                    self.find_unknown(item, &of_items, &format!("{path}[{index}]"), unknown);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn collect_keys(&self, schema: &'s Value, keys: &mut Keys<'s>) {
        self.each_branch(schema, &mut |branch| {
            for (key, inner) in branch
                .get("properties")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                keys.known.entry(key).or_default().push(inner);
            }
            keys.others
                .extend(branch.get("additionalProperties").filter(|others| others.is_object()));
        });
    }

    /// A schema, and those that it refers to or chooses from.
    fn each_branch(&self, schema: &'s Value, visit: &mut dyn FnMut(&'s Value)) {
        visit(schema);
        let target = schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| self.root.pointer(reference.trim_start_matches('#')));
        if let Some(target) = target {
            self.each_branch(target, visit);
        }
        for choice in ["allOf", "anyOf", "oneOf"] {
            for branch in schema.get(choice).and_then(Value::as_array).into_iter().flatten() {
                self.each_branch(branch, visit);
            }
        }
    }
}

fn told<'k>(path: &str, key: &str, known: impl Iterator<Item = &'k str>) -> String {
    let near = known
        .map(|name| (strsim::normalized_damerau_levenshtein(key, name), name))
        .filter(|(likeness, _)| *likeness >= 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match near {
        Some((_, name)) => format!("the observation has an unknown key {path}: did you mean {name}?"),
        None => format!("the observation has an unknown key {path}"),
    }
}
