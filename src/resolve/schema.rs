//! JSON Schemas of the repository's files, generated from the shapes; and which keys a place knows, read from the same schema.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::resolve::shape::FileShape;

/// The schemas, by the file's name under `schemas/`.
pub fn documents() -> BTreeMap<&'static str, Value> {
    let mut schema = CLUSTER.clone();
    allow_templates(&mut schema);
    BTreeMap::from([("cluster.schema.json", schema)])
}

static CLUSTER: LazyLock<Value> = LazyLock::new(|| {
    // Draft 7 is what editors' YAML support understands best.
    SchemaSettings::draft07()
        .for_deserialize()
        .into_generator()
        .into_root_schema_for::<FileShape>()
        .to_value()
});

/// Wherever a value is not free text, a template may stand in its stead.
fn allow_templates(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(allow_templates),
        Value::Object(map) => {
            let names = ["properties", "patternProperties", "definitions"];
            for (key, inner) in map.iter_mut() {
                if names.contains(&key.as_str()) {
                    inner
                        .as_object_mut()
                        .into_iter()
                        .flatten()
                        .for_each(|(_, schema)| allow_templates(schema));
                } else if ["items", "additionalProperties", "anyOf", "oneOf", "allOf"].contains(&key.as_str()) {
                    allow_templates(inner);
                }
            }
            let typed = ["integer", "number", "boolean"]
                .iter()
                .any(|name| names_type(map.get("type"), name));
            let bound = typed
                || ["enum", "const", "pattern", "format", "maxLength"]
                    .iter()
                    .any(|key| map.contains_key(*key));
            if bound && !map.contains_key("$schema") {
                let description = map.remove("description");
                let own = std::mem::take(schema);
                *schema = json!({ "anyOf": [own, { "type": "string", "pattern": "\\{[{%]" }] });
                if let Some(description) = description {
                    schema["description"] = description;
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn names_type(types: Option<&Value>, name: &str) -> bool {
    match types {
        Some(Value::Array(types)) => types.iter().any(|one| one == name),
        Some(one) => one == name,
        None => false,
    }
}

/// The keys that the map at `pattern` takes, where `*` is any name and `[]` any item: `services.*.deploy`.
pub fn keys(pattern: &str) -> Vec<String> {
    let mut here = vec![&*CLUSTER];
    for step in pattern.split('.').filter(|step| !step.is_empty()) {
        let mut next = Vec::new();
        for schema in here.into_iter().flat_map(forms) {
            let inner = match step {
                "[]" => schema.get("items"),
                "*" => schema.get("additionalProperties"),
                key => {
                    let named = schema.get("properties").and_then(|properties| properties.get(key));
                    named.or_else(|| schema.get("additionalProperties"))
                }
            };
            next.extend(inner);
        }
        here = next;
    }
    let properties = here
        .into_iter()
        .flat_map(forms)
        .filter_map(|schema| schema.get("properties")?.as_object());
    let all: BTreeSet<String> = properties.flat_map(|map| map.keys().cloned()).collect();
    all.into_iter().collect()
}

/// A schema and, where it is a choice or a reference, all that it may stand for.
fn forms(schema: &Value) -> Vec<&Value> {
    let mut all = vec![schema];
    if let Some(path) = schema.get("$ref").and_then(Value::as_str) {
        all.extend(
            CLUSTER
                .pointer(path.trim_start_matches('#'))
                .map(forms)
                .unwrap_or_default(),
        );
    }
    for choice in ["anyOf", "oneOf", "allOf"] {
        let choices = schema.get(choice).and_then(Value::as_array).into_iter().flatten();
        all.extend(choices.flat_map(forms));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_knows_the_keys_of_every_place() {
        assert_eq!(keys("services.*.deploy.resources.limits"), ["cpus", "memory", "pids"]);
        assert_eq!(
            keys("services.*.volumes.[]"),
            [
                "bind",
                "consistency",
                "read_only",
                "source",
                "target",
                "tmpfs",
                "type",
                "volume"
            ]
        );
        assert_eq!(keys("registries.*.password"), ["env", "file"]);
        assert_eq!(keys("nowhere"), [""; 0]);
    }
}
