//! The devices of a service: those of the host by path, those that a driver chooses, and what it gets of disks.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::model::runtime::{Device, permissions};
use crate::model::unit::Bytes;
use crate::resolve::decode;
use crate::resolve::shape::number::{DeviceCount, Within};
use crate::resolve::shape::plain::{Count, Plain, Positive};

const FORM: &str = "write it as /dev/host, /dev/host:/dev/container or /dev/host:/dev/container:rwm";

/// A device of the host, as `HOST[:CONTAINER[:PERMISSIONS]]` or in long form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceShape(pub Device);

impl<'de> Deserialize<'de> for DeviceShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DeviceVisitor)
    }
}

struct DeviceVisitor;

impl<'de> Visitor<'de> for DeviceVisitor {
    type Value = DeviceShape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a device, as text or as a map")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<DeviceShape, E> {
        let parts: Vec<&str> = text.split(':').collect();
        let is_access = |text: &str| !text.is_empty() && text.chars().all(|one| "rwm".contains(one));
        match parts.as_slice() {
            [source] => device(source, None, None),
            [source, access] if is_access(access) => device(source, None, Some(access)),
            [source, target] => device(source, Some(target), None),
            [source, target, access] => device(source, Some(target), Some(access)),
            _ => Err(decode::error(format!("{text:?} is not a device"), FORM)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<DeviceShape, A::Error> {
        let LongDevice {
            source,
            target,
            permissions,
        } = LongDevice::deserialize(MapAccessDeserializer::new(map))?;
        let source = source.ok_or_else(|| decode::error("a device in long form needs `source`", FORM))?;
        device(&source, target.as_deref(), permissions.as_deref())
    }
}

fn device<E: Error>(source: &str, target: Option<&str>, access: Option<&str>) -> Result<DeviceShape, E> {
    for path in [Some(source), target].into_iter().flatten() {
        if !path.starts_with('/') {
            return Err(decode::error(format!("{path:?} is not a path"), FORM));
        }
    }
    if let Some(wrong) = access.filter(|text| text.chars().any(|one| !"rwm".contains(one))) {
        let hint = "r is to read, w to write, m to make it with mknod";
        return Err(decode::error(format!("{wrong:?} are no permissions of a device"), hint));
    }
    Ok(DeviceShape(Device {
        source: source.to_owned(),
        target: target.unwrap_or(source).to_owned(),
        permissions: permissions(access.unwrap_or_default()),
    }))
}

/// A device of the host in long form.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
struct LongDevice {
    /// Its path on the host. Required.
    source: Option<String>,
    /// Its path in the container; the same unless given.
    target: Option<String>,
    /// Of r, w and m; all unless given.
    permissions: Option<String>,
}

impl JsonSchema for DeviceShape {
    fn schema_name() -> Cow<'static, str> {
        "DeviceShape".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let long = generator.subschema_for::<LongDevice>();
        json_schema!({ "anyOf": [{ "type": "string", "description": "HOST[:CONTAINER[:PERMISSIONS]]" }, long] })
    }
}

/// `all`, or what is asked of the engine's drivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GpusShape {
    /// All GPUs.
    All,
    /// These.
    These(Vec<RequestShape>),
}

impl<'de> Deserialize<'de> for GpusShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(GpusVisitor)
    }
}

struct GpusVisitor;

impl<'de> Visitor<'de> for GpusVisitor {
    type Value = GpusShape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`all` or a list")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<GpusShape, E> {
        if text == "all" {
            return Ok(GpusShape::All);
        }
        Err(E::custom(format!("expected `all` or a list, not {text:?}")))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<GpusShape, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(items)).map(GpusShape::These)
    }
}

impl JsonSchema for GpusShape {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "GpusShape".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<RequestShape>();
        json_schema!({ "anyOf": [{ "const": "all" }, { "type": "array", "items": one }] })
    }
}

/// What is asked of a driver of devices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct RequestShape {
    /// What the devices must be able to do: `gpu`.
    pub capabilities: Option<Vec<String>>,
    /// The driver: `nvidia`; any that can unless given.
    pub driver: Option<String>,
    /// How many; all unless given.
    pub count: Option<Plain<DeviceCount>>,
    /// Which; instead of `count`.
    pub device_ids: Option<Vec<Plain<String>>>,
    /// The driver's own options.
    pub options: Option<BTreeMap<String, Plain<String>>>,
}

/// What a container gets of the disks.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct BlkioShape {
    /// Its share of time, 10 to 1000, beside the 500 of others.
    pub weight: Option<Plain<Within<10, 1000>>>,
    /// Likewise, by device.
    pub weight_device: Option<Vec<WeightShape>>,
    /// Bytes read in a second at most, by device.
    pub device_read_bps: Option<Vec<RateShape>>,
    /// Bytes written in a second at most, by device.
    pub device_write_bps: Option<Vec<RateShape>>,
    /// Reads in a second at most, by device.
    pub device_read_iops: Option<Vec<CountShape>>,
    /// Writes in a second at most, by device.
    pub device_write_iops: Option<Vec<CountShape>>,
}

/// A device's share of time.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct WeightShape {
    /// The device's path.
    pub path: String,
    /// The share.
    pub weight: Plain<Within<10, 1000>>,
}

/// A device's speed.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RateShape {
    /// The device's path.
    pub path: String,
    /// Bytes a second.
    pub rate: Plain<Positive<Bytes>>,
}

/// A device's operations.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CountShape {
    /// The device's path.
    pub path: String,
    /// Operations a second.
    pub rate: Plain<Count<1>>,
}
