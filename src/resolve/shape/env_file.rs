//! `env_file` and `label_file`: files of the repository, in Compose's short and long form.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// One file, or several of which the later ones win.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnvFiles(pub Vec<EnvFile>);

/// A file of variables.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnvFile {
    /// Its path, from the folder of cdk.yaml.
    pub path: String,
    /// Whether it has to be there.
    pub required: bool,
    /// Whether values are taken as they are, quotes and dollars too.
    pub raw: bool,
}

impl<'de> Deserialize<'de> for EnvFiles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FilesVisitor)
    }
}

struct FilesVisitor;

impl<'de> Visitor<'de> for FilesVisitor {
    type Value = EnvFiles;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a file's path or a list of them")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<EnvFiles, E> {
        FileVisitor.visit_str(text).map(|file| EnvFiles(vec![file]))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<EnvFiles, A::Error> {
        FileVisitor.visit_map(map).map(|file| EnvFiles(vec![file]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<EnvFiles, A::Error> {
        let mut files = Vec::new();
        while let Some(file) = items.next_element()? {
            files.push(file);
        }
        Ok(EnvFiles(files))
    }
}

impl<'de> Deserialize<'de> for EnvFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FileVisitor)
    }
}

struct FileVisitor;

impl<'de> Visitor<'de> for FileVisitor {
    type Value = EnvFile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a file's path, or {path, required, format}")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<EnvFile, E> {
        if text.is_empty() {
            return Err(E::custom("expected a file's path, not an empty text"));
        }
        Ok(EnvFile {
            path: text.to_owned(),
            required: true,
            raw: false,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<EnvFile, A::Error> {
        let LongFile { path, required, format } = LongFile::deserialize(MapAccessDeserializer::new(map))?;
        let path = path.filter(|path| !path.is_empty());
        Ok(EnvFile {
            path: path.ok_or_else(|| A::Error::custom("a file in long form needs `path`"))?,
            required: required.unwrap_or(true),
            raw: match format {
                Some(Format::Raw) => true,
                None => false,
            },
        })
    }
}

/// A file in long form.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
struct LongFile {
    /// Its path, from the folder of cdk.yaml. Required.
    path: Option<String>,
    /// Whether it has to be there; true unless given.
    required: Option<bool>,
    /// `raw`: values are taken as they are. Quotes and `$` count unless given.
    format: Option<Format>,
}

/// How a file is read.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// Values are taken as they are.
    Raw,
}

impl JsonSchema for EnvFiles {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "EnvFiles".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let long = generator.subschema_for::<LongFile>();
        json_schema!({ "anyOf": [
            { "type": "string" },
            { "type": "array", "items": { "anyOf": [{ "type": "string" }, long] } }
        ] })
    }
}
