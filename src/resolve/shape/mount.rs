//! A service's volumes and bind mounts, in Compose's short and long form.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::model::name::VolumeName;
use crate::resolve::decode;

/// One entry under `volumes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountShape {
    /// Where it stands in the container, absolute, without a slash at its end.
    pub target: String,
    /// What is mounted.
    pub source: SourceShape,
    /// Whether the container may not write to it.
    pub read_only: bool,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceShape {
    /// A path of the host, absolute.
    Bind(String),
    /// A volume, by its name under the top-level `volumes`.
    Volume(VolumeName),
    /// A volume of this container alone.
    Anonymous,
}

/// A message and a hint.
pub type Wrong = (String, &'static str);

const FORM: &str = "write it as VOLUME:/path, /host/path:/path or /path, with :ro behind it where it is read only";

impl<'de> Deserialize<'de> for MountShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MountVisitor)
    }
}

struct MountVisitor;

impl<'de> Visitor<'de> for MountVisitor {
    type Value = MountShape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a volume, as text or as a map")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<MountShape, E> {
        short(text).map_err(|(message, hint)| decode::error(message, hint))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<MountShape, A::Error> {
        let long = LongMount::deserialize(MapAccessDeserializer::new(map))?;
        long.mount().map_err(|(message, hint)| decode::error(message, hint))
    }
}

/// `[SOURCE:]TARGET[:ro|rw]`
fn short(text: &str) -> Result<MountShape, Wrong> {
    let parts: Vec<&str> = text.split(':').collect();
    let (from, target, options) = match parts.as_slice() {
        [target] => (None, *target, ""),
        [from, target] => (Some(*from), *target, ""),
        [from, target, options] => (Some(*from), *target, *options),
        _ => return Err((format!("{text:?} is not a volume"), FORM)),
    };
    let mut read_only = false;
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" => read_only = true,
            "rw" => {}
            other => {
                let message = format!("the option `{other}` of a volume is not in force yet in this version of cdk");
                return Err((message, "ro and rw are"));
            }
        }
    }
    Ok(MountShape {
        target: absolute(target)?,
        source: from.map(source).transpose()?.unwrap_or(SourceShape::Anonymous),
        read_only,
    })
}

fn source(text: &str) -> Result<SourceShape, Wrong> {
    if text.starts_with(['.', '~']) {
        let hint = "a relative path would be one of the machine that runs cdk: write the host's absolute path";
        return Err((format!("a host has no path {text:?}"), hint));
    }
    if text.starts_with('/') {
        return absolute(text).map(SourceShape::Bind);
    }
    let name = text.parse().map_err(|error| (format!("{error}"), FORM))?;
    Ok(SourceShape::Volume(name))
}

/// An absolute path as an engine would clean it.
///
/// # Errors
/// It is not one, or has `..` in it.
pub fn absolute(path: &str) -> Result<String, Wrong> {
    if !path.starts_with('/') {
        return Err((format!("{path:?} is not an absolute path"), FORM));
    }
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if parts.contains(&"..") {
        return Err((format!("{path:?} has `..` in it"), "write the path without it"));
    }
    Ok(format!("/{}", parts.join("/")))
}

/// A volume in long form.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
struct LongMount {
    /// What kind of mount it is. Required.
    #[serde(rename = "type")]
    kind: Option<MountType>,
    /// The volume's name, or the host's path; a volume of the container alone unless given.
    source: Option<String>,
    /// The path in the container. Required.
    target: Option<String>,
    /// Whether the container may not write to it.
    read_only: Option<bool>,
}

/// A kind of mount.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum MountType {
    /// A path of the host.
    Bind,
    /// A volume.
    Volume,
}

impl<'de> Deserialize<'de> for MountType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "bind" => Ok(Self::Bind),
            "volume" => Ok(Self::Volume),
            other @ ("tmpfs" | "npipe" | "cluster" | "image") => Err(decode::error(
                format!("`{other}` is not in force yet in this version of cdk"),
                "write `volume` or `bind`",
            )),
            other => Err(D::Error::custom(format!("expected `volume` or `bind`, not {other:?}"))),
        }
    }
}

impl LongMount {
    fn mount(self) -> Result<MountShape, Wrong> {
        let Self {
            kind,
            source: from,
            target,
            read_only,
        } = self;
        let missing = |what: &str| {
            (
                format!("a volume in long form needs `{what}`"),
                "write {type, source, target}",
            )
        };
        let kind = kind.ok_or_else(|| missing("type"))?;
        let target = absolute(&target.ok_or_else(|| missing("target"))?)?;
        let source = match (kind, from.map(|text| source(&text)).transpose()?) {
            (MountType::Bind, Some(SourceShape::Bind(path))) => SourceShape::Bind(path),
            (MountType::Volume, Some(SourceShape::Volume(name))) => SourceShape::Volume(name),
            (MountType::Volume, None) => SourceShape::Anonymous,
            (MountType::Bind, None) => return Err(missing("source")),
            (MountType::Bind, Some(_)) => {
                return Err((
                    "a bind mount's source is an absolute path".to_owned(),
                    "write `type: volume` for a volume",
                ));
            }
            (MountType::Volume, Some(_)) => {
                return Err((
                    "a volume's source is its name".to_owned(),
                    "write `type: bind` for a path of the host",
                ));
            }
        };
        let read_only = read_only.unwrap_or_default();
        Ok(MountShape {
            target,
            source,
            read_only,
        })
    }
}

impl JsonSchema for MountShape {
    fn schema_name() -> Cow<'static, str> {
        "MountShape".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let long = generator.subschema_for::<LongMount>();
        json_schema!({ "anyOf": [{ "type": "string", "description": "[SOURCE:]TARGET[:ro|rw]" }, long] })
    }
}
