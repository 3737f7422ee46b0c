//! The words of `configs` and `secrets`: what there is, and which of it a service wants where.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::resolve::decode;
use crate::resolve::shape::plain::Plain;

/// A config: a file that containers get. Exactly one of `file`, `content` and `template` says what it holds.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("patternProperties" = {"^x-": true}))]
pub struct ConfigShape {
    /// A file of the repository, taken as it is.
    pub file: Option<String>,
    /// The text itself.
    pub content: Option<Plain<String>>,
    /// A file of the repository that is rendered for each replica: `vars`, `git`, `slot`, `host`, `service("web")`, `secret("name")`.
    pub template: Option<String>,
    /// What happens when the content changes, other than that replicas are replaced.
    pub reload: Option<ReloadShape>,
}

/// How a program learns of a config that changes in place.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct ReloadShape {
    /// The signal that the container's first process gets. Required.
    pub signal: Option<Plain<Signal>>,
}

/// A signal, by its name with or without `SIG`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signal(pub String);

/// The signals that a program may take as a word.
const SIGNALS: [&str; 8] = ["HUP", "INT", "QUIT", "USR1", "USR2", "ALRM", "TERM", "WINCH"];

impl FromStr for Signal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let upper = text.to_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        if SIGNALS.contains(&name) {
            return Ok(Self(format!("SIG{name}")));
        }
        Err(format!(
            "{text:?} is no signal that tells a program to read its files again: {}",
            SIGNALS.join(", ")
        ))
    }
}

impl JsonSchema for Signal {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Signal".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^(SIG)?(HUP|INT|QUIT|USR1|USR2|ALRM|TERM|WINCH)$" })
    }
}

/// A secret: an encrypted file of the repository.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("patternProperties" = {"^x-": true}))]
pub struct SecretShape {
    /// The file, encrypted with age; `cdk secret set NAME` writes it. Required.
    pub file: Option<String>,
}

/// One entry under a service's `configs` or `secrets`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UseShape {
    /// Its name under the top-level section.
    pub source: String,
    /// The path in the container; `/NAME` for a config, `/run/secrets/NAME` for a secret, unless given.
    pub target: Option<String>,
    /// Whose it is.
    pub uid: u32,
    /// Whose group's it is.
    pub gid: u32,
    /// Its permissions.
    pub mode: Option<u32>,
}

impl<'de> Deserialize<'de> for UseShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UseVisitor)
    }
}

struct UseVisitor;

impl<'de> Visitor<'de> for UseVisitor {
    type Value = UseShape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name, or a map with `source`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<UseShape, E> {
        Ok(UseShape {
            source: text.to_owned(),
            target: None,
            uid: 0,
            gid: 0,
            mode: None,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<UseShape, A::Error> {
        let LongUse {
            source,
            target,
            uid,
            gid,
            mode,
        } = LongUse::deserialize(MapAccessDeserializer::new(map))?;
        let source = source.ok_or_else(|| decode::error("the long form needs `source`", "write {source, target}"))?;
        Ok(UseShape {
            source,
            target,
            uid: uid.map_or(0, |id| id.0.0),
            gid: gid.map_or(0, |id| id.0.0),
            mode: mode.map(|mode| mode.0),
        })
    }
}

/// An entry in long form.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
struct LongUse {
    /// Its name under the top-level section. Required.
    source: Option<String>,
    /// The path in the container.
    target: Option<String>,
    /// The user whose the file is, by number; root unless given.
    uid: Option<Plain<Id>>,
    /// The group whose the file is, by number; root's unless given.
    gid: Option<Plain<Id>>,
    /// Its permissions, octal; 0444 unless given.
    mode: Option<ModeShape>,
}

/// A user's or a group's number.
#[derive(Debug, Clone, Copy, Default, JsonSchema)]
#[schemars(transparent)]
struct Id(u32);

impl FromStr for Id {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.parse().map(Self);
        number.map_err(|_| format!("{text:?} is not a number: names are known only inside of the container"))
    }
}

/// Permissions: `0440`, also in quotes.
#[derive(Debug, Clone, Copy)]
struct ModeShape(u32);

impl<'de> Deserialize<'de> for ModeShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ModeVisitor)
    }
}

struct ModeVisitor;

fn wrong_mode<E: Error>(shown: impl fmt::Display) -> E {
    decode::error(
        format!("{shown} are no permissions"),
        "write them octal, with a zero in front: 0440",
    )
}

impl Visitor<'_> for ModeVisitor {
    type Value = ModeShape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("permissions such as 0440")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ModeShape, E> {
        let mode = u32::from_str_radix(text.strip_prefix("0o").unwrap_or(text), 8).ok();
        let mode = mode.filter(|mode| *mode <= 0o777);
        mode.map(ModeShape).ok_or_else(|| wrong_mode(format!("{text:?}")))
    }

    /// YAML reads 440 as a decimal number, which nobody means: `0o440` comes here as 288.
    fn visit_u64<E: Error>(self, number: u64) -> Result<ModeShape, E> {
        let meant_octal = number >= 400 && number.to_string().chars().all(|digit| digit < '8');
        let mode = u32::try_from(number).ok().filter(|mode| *mode <= 0o777 && !meant_octal);
        mode.map(ModeShape).ok_or_else(|| wrong_mode(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<ModeShape, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(wrong_mode(number)),
        }
    }
}

impl JsonSchema for ModeShape {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ModeShape".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "description": "Permissions, octal: 0440" })
    }
}

impl JsonSchema for UseShape {
    fn schema_name() -> Cow<'static, str> {
        "UseShape".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let long = generator.subschema_for::<LongUse>();
        json_schema!({ "anyOf": [{ "type": "string", "description": "Its name under the top-level section" }, long] })
    }
}
