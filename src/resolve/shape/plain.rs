//! Scalars that people write in several ways: `8080` or `"8080"`, `0.5` or `"0.5"`, a command as text or as a list.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use crate::resolve::decode;

/// A value written as text or, where YAML reads it as one, as a number or as true or false.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Plain<T>(pub T);

impl<'de, T> Deserialize<'de> for Plain<T>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PlainVisitor(PhantomData))
    }
}

struct PlainVisitor<T>(PhantomData<T>);

impl<T> Visitor<'_> for PlainVisitor<T>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    type Value = Plain<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or a number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Plain<T>, E> {
        text.parse().map(Plain).map_err(E::custom)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Plain<T>, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Plain<T>, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Plain<T>, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Plain<T>, E> {
        self.visit_str(&value.to_string())
    }
}

impl<T: JsonSchema> JsonSchema for Plain<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Plain_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let text = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [text, { "type": ["number", "boolean"] }] })
    }
}

/// A whole number from `LEAST` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Count<const LEAST: u32>(pub u32);

impl<const LEAST: u32> FromStr for Count<LEAST> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number| *number >= LEAST);
        number
            .map(Self)
            .ok_or_else(|| format!("expected a whole number from {LEAST} on, not {text}"))
    }
}

impl<const LEAST: u32> JsonSchema for Count<LEAST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("CountFrom{LEAST}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": LEAST })
    }
}

/// One port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Port(pub u16);

impl FromStr for Port {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number| *number > 0);
        number
            .map(Self)
            .ok_or_else(|| format!("expected a port from 1 to 65535, not {text}"))
    }
}

impl JsonSchema for Port {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Port".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": 65535 })
    }
}

/// The name of a variable of the environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
pub struct VariableName(#[schemars(regex(pattern = "^[A-Za-z_][A-Za-z0-9_]*$"))] pub String);

impl TryFrom<String> for VariableName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let sound = text.chars().all(|c| c == '_' || c.is_ascii_alphanumeric());
        match sound && text.starts_with(|c: char| !c.is_ascii_digit()) {
            true => Ok(Self(text)),
            false => Err(format!(
                "{text:?} is not the name of a variable: letters, digits and `_`"
            )),
        }
    }
}

/// A quantity that is more than zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Positive<T>(pub T);

impl<T> FromStr for Positive<T>
where
    T: FromStr + Default + PartialEq,
    T::Err: fmt::Display,
{
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let value: T = text.parse().map_err(|error: T::Err| error.to_string())?;
        if value == T::default() {
            return Err(format!("{text} is nothing: write more than zero, or leave it out"));
        }
        Ok(Self(value))
    }
}

impl<T: JsonSchema> JsonSchema for Positive<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Positive_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
}

/// A program and its arguments: a list, or a text that is split as a shell would split it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words(pub Vec<String>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordsVisitor)
    }
}

struct WordsVisitor;

impl<'de> Visitor<'de> for WordsVisitor {
    type Value = Words;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or a list of words")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Words, E> {
        match shlex::split(text) {
            Some(words) => not_empty(words),
            None => Err(decode::error(
                "a quote is not closed",
                "write it as a list: [\"program\", \"argument\"]",
            )),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Words, A::Error> {
        let mut words = Vec::new();
        while let Some(Plain(word)) = items.next_element::<Plain<String>>()? {
            words.push(word);
        }
        not_empty(words)
    }
}

fn not_empty<E: Error>(words: Vec<String>) -> Result<Words, E> {
    if words.is_empty() {
        return Err(decode::error(
            "an engine takes no empty command",
            "leave it out to use the image's own",
        ));
    }
    Ok(Words(words))
}

impl JsonSchema for Words {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Words".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "string", "description": "split into words as a shell would" },
            { "type": "array", "items": { "type": ["string", "number", "boolean"] }, "minItems": 1 }
        ] })
    }
}

/// The schema of Compose's two ways to write variables and labels.
pub fn pairs_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [
        { "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } },
        { "type": "array", "items": { "type": "string", "description": "NAME=VALUE" } }
    ] })
}
