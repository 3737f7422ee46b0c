//! A service's volumes and bind mounts, in Compose's short and long form.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::model::name::VolumeName;
use crate::model::setting::MountOptions;
use crate::resolve::decode;
use crate::resolve::shape::long_mount::LongMount;

/// One entry under `volumes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountShape {
    /// Where it stands in the container, absolute, without a slash at its end.
    pub target: String,
    /// What is mounted.
    pub source: SourceShape,
    /// Whether the container may not write to it.
    pub read_only: bool,
    /// What else is asked of it.
    pub options: MountOptions,
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
    /// A file system in memory.
    Tmpfs,
}

/// A message and a hint.
pub(super) type Wrong = (String, &'static str);

/// How mounts below a bind mount are shared with the host.
pub(super) const PROPAGATIONS: [&str; 6] = ["private", "rprivate", "shared", "rshared", "slave", "rslave"];

const OPTIONS: &str = "ro, rw, z, Z, nocopy and, of a bind mount, private, shared, slave and the same with r before it";

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

/// `[SOURCE:]TARGET[:OPTIONS]`
fn short(text: &str) -> Result<MountShape, Wrong> {
    let parts: Vec<&str> = text.split(':').collect();
    let (from, target, options) = match parts.as_slice() {
        [target] => (None, *target, ""),
        [from, target] => (Some(*from), *target, ""),
        [from, target, options] => (Some(*from), *target, *options),
        _ => return Err((format!("{text:?} is not a volume"), FORM)),
    };
    let mut mount = MountShape {
        target: absolute(target)?,
        source: from.map(source).transpose()?.unwrap_or(SourceShape::Anonymous),
        read_only: false,
        options: MountOptions::default(),
    };
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" => mount.read_only = true,
            // How files are kept the same between a virtual machine and its host, which a Linux host has no use for.
            "rw" | "consistent" | "cached" | "delegated" => {}
            "z" | "Z" => mount.options.selinux = Some(option.to_owned()),
            "nocopy" => mount.options.nocopy = true,
            other if PROPAGATIONS.contains(&other) => mount.options.propagation = propagation(other),
            other => return Err((format!("`{other}` is no option of a volume"), OPTIONS)),
        }
    }
    mount.fitting()
}

/// A propagation; none where it is the engine's own.
pub(super) fn propagation(word: &str) -> Option<String> {
    (word != "rprivate").then(|| word.to_owned())
}

impl MountShape {
    /// Itself, unless it asks what its source does not have.
    pub(super) fn fitting(self) -> Result<Self, Wrong> {
        let MountOptions {
            propagation,
            create_host_path: _,
            selinux,
            nocopy,
            subpath,
            size: _,
            mode: _,
        } = &self.options;
        let (is_bind, is_volume) = match &self.source {
            SourceShape::Bind(_) => (true, false),
            SourceShape::Volume(_) => (false, true),
            SourceShape::Anonymous | SourceShape::Tmpfs => (false, false),
        };
        let wrong = |what: &str, of: &str| Err((format!("`{what}` is an option of {of}"), "leave it out here"));
        match (propagation, selinux) {
            (Some(word), _) if !is_bind => wrong(word, "bind mounts"),
            (_, Some(word)) if !is_bind && !is_volume => wrong(word, "bind mounts and volumes"),
            _ if *nocopy && !is_volume => wrong("nocopy", "named volumes"),
            (_, Some(_)) if subpath.is_some() => Err((
                "`selinux` and `subpath` can't stand together".to_owned(),
                "an engine takes one of them",
            )),
            _ => Ok(self),
        }
    }
}

pub(super) fn source(text: &str) -> Result<SourceShape, Wrong> {
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
pub(super) fn absolute(path: &str) -> Result<String, Wrong> {
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

impl JsonSchema for MountShape {
    fn schema_name() -> Cow<'static, str> {
        "MountShape".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let long = generator.subschema_for::<LongMount>();
        json_schema!({ "anyOf": [{ "type": "string", "description": "[SOURCE:]TARGET[:OPTIONS]" }, long] })
    }
}
