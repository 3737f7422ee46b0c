//! Numbers of a service's words that have bounds or units of their own.

use std::borrow::Cow;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::model::setting::Swap;
use crate::model::unit::{Bytes, Span};

/// A whole number from `LEAST` to `MOST`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Within<const LEAST: i64, const MOST: i64>(pub i64);

impl<const LEAST: i64, const MOST: i64> FromStr for Within<LEAST, MOST> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number| (LEAST..=MOST).contains(number));
        number.map(Self).ok_or_else(|| match MOST {
            i64::MAX => format!("expected a whole number from {LEAST} on, not {text}"),
            most => format!("expected a whole number from {LEAST} to {most}, not {text}"),
        })
    }
}

impl<const LEAST: i64, const MOST: i64> JsonSchema for Within<LEAST, MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("From{LEAST}To{MOST}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        match MOST {
            i64::MAX => json_schema!({ "type": "integer", "minimum": LEAST }),
            most => json_schema!({ "type": "integer", "minimum": LEAST, "maximum": most }),
        }
    }
}

/// A number of microseconds, or a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Micros(pub u64);

impl FromStr for Micros {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(micros) = text.parse::<u64>() {
            return Ok(Self(micros));
        }
        let wrong = || format!("{text:?} is no time: write it in microseconds, 50000, or as 50ms");
        let span: Span = text.parse().map_err(|_| wrong())?;
        u64::try_from(span.0.as_micros()).map(Self).map_err(|_| wrong())
    }
}

impl JsonSchema for Micros {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Micros".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string"], "description": "microseconds, or a duration such as 50ms" })
    }
}

/// A size, or -1 for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwapShape(pub Swap);

impl FromStr for SwapShape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "-1" {
            return Ok(Self(Swap(-1)));
        }
        let bytes: Bytes = text
            .parse()
            .map_err(|_| format!("{text:?} is not a size: write it as 256M, or -1 for no limit"))?;
        i64::try_from(bytes.0)
            .map(|bytes| Self(Swap(bytes)))
            .map_err(|_| format!("{text} is too much"))
    }
}

impl JsonSchema for SwapShape {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SwapShape".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string"], "description": "a size such as 256M, or -1 for no limit" })
    }
}

/// A number of devices; -1 is `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceCount(pub i64);

impl FromStr for DeviceCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = match text {
            "all" | "-1" => Some(-1),
            text => text.parse().ok().filter(|number| *number > 0),
        };
        number
            .map(Self)
            .ok_or_else(|| format!("expected a number of devices, or `all`, not {text}"))
    }
}

impl JsonSchema for DeviceCount {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "DeviceCount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "integer", "minimum": 1 }, { "const": "all" }] })
    }
}
