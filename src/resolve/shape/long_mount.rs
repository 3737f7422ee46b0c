//! A volume, bind mount or file system in memory in Compose's long form.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use crate::model::setting::MountOptions;
use crate::model::unit::Bytes;
use crate::resolve::decode;
use crate::resolve::shape::mount::{MountShape, PROPAGATIONS, SourceShape, Wrong, absolute, propagation, source};
use crate::resolve::shape::plain::{Plain, Positive};

/// A volume in long form.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(super) struct LongMount {
    /// What kind of mount it is. Required.
    #[serde(rename = "type")]
    kind: Option<MountType>,
    /// The volume's name, or the host's path; a volume of the container alone unless given.
    source: Option<String>,
    /// The path in the container. Required.
    target: Option<String>,
    /// Whether the container may not write to it.
    read_only: Option<bool>,
    /// Accepted without effect: a Linux host has no use for it.
    consistency: Option<String>,
    /// Of a bind mount.
    bind: Option<BindOptionsShape>,
    /// Of a volume.
    volume: Option<VolumeOptionsShape>,
    /// Of a file system in memory.
    tmpfs: Option<TmpfsOptionsShape>,
}

/// A kind of mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum MountType {
    /// A path of the host.
    Bind,
    /// A volume.
    Volume,
    /// A file system in memory.
    Tmpfs,
}

impl<'de> Deserialize<'de> for MountType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let never = |kind: &str, why: &str| Err(decode::error(format!("`{kind}` is not taken by cdk"), why));
        match String::deserialize(deserializer)?.as_str() {
            "bind" => Ok(Self::Bind),
            "volume" => Ok(Self::Volume),
            "tmpfs" => Ok(Self::Tmpfs),
            "npipe" => never("npipe", "named pipes are Windows's"),
            "cluster" => never(
                "cluster",
                "cluster volumes are Swarm's: name a volume driver of the hosts",
            ),
            "image" => never(
                "image",
                "no engine before 28 can mount an image: copy its files into a volume",
            ),
            other => Err(D::Error::custom(format!(
                "expected `volume`, `bind` or `tmpfs`, not {other:?}"
            ))),
        }
    }
}

/// What is asked of a bind mount.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
struct BindOptionsShape {
    /// How mounts below it are shared with the host; `rprivate` unless given.
    propagation: Option<PropagationShape>,
    /// Whether a path that is not there is made a folder; it is an error unless given.
    create_host_path: Option<bool>,
    /// The SELinux label that it gets: shared by containers, `z`, or one container's own, `Z`.
    selinux: Option<SelinuxShape>,
}

/// How mounts below a bind mount are shared with the host.
#[derive(Debug, JsonSchema)]
#[schemars(with = "String")]
struct PropagationShape(String);

impl<'de> Deserialize<'de> for PropagationShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        if !PROPAGATIONS.contains(&word.as_str()) {
            let known = PROPAGATIONS.join("`, `");
            return Err(D::Error::custom(format!("expected `{known}`, not {word:?}")));
        }
        Ok(Self(word))
    }
}

/// A label for SELinux.
#[derive(Debug, Deserialize, JsonSchema)]
enum SelinuxShape {
    /// Shared by containers.
    #[serde(rename = "z")]
    Shared,
    /// One container's own.
    #[serde(rename = "Z")]
    Private,
}

/// What is asked of a volume.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
struct VolumeOptionsShape {
    /// Whether it stays empty where the image has files.
    nocopy: Option<bool>,
    /// The folder in it that is mounted; it needs Docker 26.
    subpath: Option<String>,
}

/// What is asked of a file system in memory.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
struct TmpfsOptionsShape {
    /// Its size; half of the host's memory unless given.
    size: Option<Plain<Positive<Bytes>>>,
    /// Its permissions: 0755; 1777 unless given.
    mode: Option<PermissionsShape>,
}

/// Permissions, in octal digits.
#[derive(Debug, Clone, Copy, JsonSchema)]
#[schemars(with = "Plain<String>")]
struct PermissionsShape(u32);

impl<'de> Deserialize<'de> for PermissionsShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PermissionsVisitor)
    }
}

struct PermissionsVisitor;

impl Visitor<'_> for PermissionsVisitor {
    type Value = PermissionsShape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("permissions in octal digits")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<PermissionsShape, E> {
        let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777);
        mode.map(PermissionsShape)
            .ok_or_else(|| decode::error(format!("{text:?} are no permissions"), PERMISSIONS))
    }

    /// `0o755` is a number to YAML, and so is 755, which nobody means as one: what could be either is refused.
    fn visit_u64<E: Error>(self, number: u64) -> Result<PermissionsShape, E> {
        let mode = u32::try_from(number).ok().filter(|mode| *mode <= 0o7777);
        match mode.filter(|_| number.to_string().contains(['8', '9'])) {
            Some(mode) => Ok(PermissionsShape(mode)),
            None => Err(decode::error(
                "these permissions could be octal or decimal",
                PERMISSIONS,
            )),
        }
    }
}

const PERMISSIONS: &str = "write them with a leading zero: 0755";

impl LongMount {
    pub(super) fn mount(self) -> Result<MountShape, Wrong> {
        let Self {
            kind,
            source: from,
            target,
            read_only,
            consistency: _,
            bind,
            volume,
            tmpfs,
        } = self;
        let missing = |what: &str| {
            (
                format!("a volume in long form needs `{what}`"),
                "write {type, source, target}",
            )
        };
        let kind = kind.ok_or_else(|| missing("type"))?;
        let own = [
            (MountType::Bind, bind.is_some(), "bind"),
            (MountType::Volume, volume.is_some(), "volume"),
            (MountType::Tmpfs, tmpfs.is_some(), "tmpfs"),
        ];
        if let Some((_, _, key)) = own.iter().find(|(of, given, _)| *given && *of != kind) {
            return Err((
                format!("`{key}` says nothing of a mount of another type"),
                "leave it out, or write it as `type`",
            ));
        }
        let target = absolute(&target.ok_or_else(|| missing("target"))?)?;
        let (bind, volume, tmpfs) = (
            bind.unwrap_or_default(),
            volume.unwrap_or_default(),
            tmpfs.unwrap_or_default(),
        );
        MountShape {
            target,
            source: place(kind, from)?,
            read_only: read_only.unwrap_or_default(),
            options: MountOptions {
                propagation: bind.propagation.and_then(|PropagationShape(word)| propagation(&word)),
                create_host_path: bind.create_host_path.unwrap_or_default(),
                selinux: bind.selinux.map(|label| match label {
                    SelinuxShape::Shared => "z".to_owned(),
                    SelinuxShape::Private => "Z".to_owned(),
                }),
                nocopy: volume.nocopy.unwrap_or_default(),
                subpath: volume.subpath.filter(|path| !path.is_empty()),
                size: tmpfs.size.map_or(Bytes::default(), |size| size.0.0),
                mode: tmpfs.mode.map_or(0, |mode| mode.0),
            },
        }
        .fitting()
    }
}

/// What a mount of this kind mounts.
fn place(kind: MountType, from: Option<String>) -> Result<SourceShape, Wrong> {
    match (kind, from.map(|text| source(&text)).transpose()?) {
        (MountType::Bind, Some(SourceShape::Bind(path))) => Ok(SourceShape::Bind(path)),
        (MountType::Volume, Some(SourceShape::Volume(name))) => Ok(SourceShape::Volume(name)),
        (MountType::Volume, None) => Ok(SourceShape::Anonymous),
        (MountType::Tmpfs, None) => Ok(SourceShape::Tmpfs),
        (MountType::Bind, None) => Err((
            "a volume in long form needs `source`".to_owned(),
            "write {type, source, target}",
        )),
        (MountType::Bind, Some(_)) => Err((
            "a bind mount's source is an absolute path".to_owned(),
            "write `type: volume` for a volume",
        )),
        (MountType::Volume, Some(_)) => Err((
            "a volume's source is its name".to_owned(),
            "write `type: bind` for a path of the host",
        )),
        (MountType::Tmpfs, Some(_)) => Err(("a file system in memory has no source".to_owned(), "leave it out")),
    }
}
