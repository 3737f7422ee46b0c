//! The cluster as resolved, as YAML or JSON, with its secrets masked and what is not set left out.

use serde_yaml::{Mapping, Value};

use crate::model::secret::{MASK, is_secret_name, masked_words};
use crate::resolve::desired::Desired;

/// The whole cluster, or only what is named as `service/NAME` or `host/NAME`.
///
/// # Errors
/// Where a name is not of this form, or there is nothing of that name; in words.
pub fn document(desired: &Desired, names: &[String]) -> Result<Value, String> {
    let whole = serde_yaml::with::singleton_map_recursive::serialize(desired, serde_yaml::value::Serializer);
    let mut whole = whole.map_err(|error| error.to_string())?;
    mask(&mut whole);
    prune(&mut whole);
    if names.is_empty() {
        return Ok(whole);
    }
    let mut chosen = Mapping::new();
    for name in names {
        let (section, key) = match name.split_once('/') {
            Some(("service", key)) => ("services", key),
            Some(("host", key)) => ("hosts", key),
            Some(_) | None => return Err(format!("{name:?} names nothing: write it as service/NAME or host/NAME")),
        };
        let found = whole.get(section).and_then(|all| all.get(key));
        let found = found.ok_or_else(|| format!("there is no {name} in the cluster {}", desired.cluster.name))?;
        let part = chosen
            .entry(section.into())
            .or_insert_with(|| Value::Mapping(Mapping::new()));
        if let Value::Mapping(part) = part {
            part.insert(key.into(), found.clone());
        }
    }
    Ok(Value::Mapping(chosen))
}

/// The document as YAML.
///
/// # Errors
/// Where a value does not fit into YAML.
pub fn yaml(document: &Value) -> Result<String, serde_yaml::Error> {
    serde_yaml::to_string(document)
}

fn mask(value: &mut Value) {
    let Value::Mapping(map) = value else { return };
    for (key, value) in map.iter_mut() {
        match (key.as_str(), value) {
            (Some("environment" | "labels" | "options"), Value::Mapping(entries)) => mask_entries(entries),
            (Some("command" | "entrypoint"), Value::Sequence(line)) => mask_words(line),
            (_, value) => mask(value),
        }
    }
}

fn mask_entries(entries: &mut Mapping) {
    for (name, value) in entries.iter_mut() {
        if name.as_str().is_some_and(is_secret_name) {
            *value = MASK.into();
        }
    }
}

fn mask_words(line: &mut [Value]) {
    let plain: Vec<String> = line
        .iter()
        .map(|word| word.as_str().unwrap_or_default().to_owned())
        .collect();
    for (word, masked) in line.iter_mut().zip(masked_words(&plain)) {
        *word = masked.into();
    }
}

fn prune(value: &mut Value) {
    if let Value::Mapping(map) = value {
        map.iter_mut().for_each(|(_, value)| prune(value));
        map.retain(|_, value| match value {
            Value::Null => false,
            Value::Mapping(inner) => !inner.is_empty(),
            Value::Sequence(inner) => !inner.is_empty(),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Tagged(_) => true,
        });
    }
}
