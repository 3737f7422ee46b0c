//! Image references and digests: how git names an image, and what it turned out to be. Parsing and printing only.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::platform::Platform;
use crate::model::setting::Healthcheck;
use crate::model::text::SharedText;
use crate::model::unit::Bytes;

/// A text that is not an image reference, or not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {what}")]
pub struct ImageError {
    text: String,
    what: &'static str,
}

macro_rules! as_text {
    ($name:ident, $describe:literal) => {
        impl TryFrom<String> for $name {
            type Error = ImageError;

            fn try_from(text: String) -> Result<Self, ImageError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "description": $describe })
            }
        }
    };
}

/// A content digest, `sha256:` and 64 hexadecimal digits: of a manifest in a registry, or an engine's image id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(SharedText);

impl Digest {
    /// The whole digest, `sha256:` included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve digits, as Docker shows an id.
    pub fn short(&self) -> &str {
        self.0.get(7..19).unwrap_or(&self.0)
    }
}

impl FromStr for Digest {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, ImageError> {
        let hex = text.strip_prefix("sha256:").unwrap_or_default();
        if hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            Ok(Self(text.into()))
        } else {
            Err(ImageError {
                text: text.to_owned(),
                what: "a digest: sha256: and 64 hexadecimal digits",
            })
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

as_text!(Digest, "sha256: and 64 hexadecimal digits");

/// An image as git writes it: `[REGISTRY/]REPOSITORY[:TAG][@DIGEST]`; without a tag or digest it means `latest`.
///
/// Printed as it was written, so that a plan shows the user's own words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageRef(Arc<Parts>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Parts {
    name: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl ImageRef {
    /// The name without tag and digest, as written: `registry.internal:5000/web`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The tag; `latest` where neither tag nor digest is written, none where only a digest is.
    pub fn tag(&self) -> Option<&str> {
        match (&self.0.tag, &self.0.digest) {
            (Some(tag), _) => Some(tag),
            (None, None) => Some("latest"),
            (None, Some(_)) => None,
        }
    }

    /// The digest, where git pins one.
    pub fn digest(&self) -> Option<&Digest> {
        self.0.digest.as_ref()
    }

    /// The registry's host and port, where the name begins with one; none means Docker Hub.
    pub fn registry(&self) -> Option<&str> {
        let (first, _) = self.0.name.split_once('/')?;
        (first.contains(['.', ':']) || first == "localhost").then_some(first)
    }

    /// The name with a tag, as an engine lists it: `web:latest`; none where only a digest is written.
    pub fn tagged(&self) -> Option<String> {
        Some(format!("{}:{}", self.0.name, self.tag()?))
    }

    /// The name pinned to `digest`, as one pulls it: `web@sha256:…`.
    pub fn pinned(&self, digest: &Digest) -> String {
        format!("{}@{digest}", self.0.name)
    }
}

impl FromStr for ImageRef {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, ImageError> {
        let wrong = || ImageError {
            text: text.to_owned(),
            what: "an image: write it as [registry/]name[:tag][@sha256:…], lower case",
        };
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        let word = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
                && part.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
                && part
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c))
        };
        let mut parts: Vec<&str> = name.split('/').collect();
        if let Some(first) = parts.first().copied()
            && parts.len() > 1
            && (first.contains(['.', ':']) || first == "localhost")
        {
            let (host, port) = first.split_once(':').unwrap_or((first, "1"));
            let host_fits = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c));
            if !host_fits || port.parse::<u16>().is_err() {
                return Err(wrong());
            }
            parts.remove(0);
        }
        let tag_fits = tag.is_none_or(|tag| {
            (1..=128).contains(&tag.len())
                && !tag.starts_with(['.', '-'])
                && tag.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        });
        if parts.iter().all(|part| word(part)) && tag_fits && name.len() <= 255 {
            Ok(Self(Arc::new(Parts {
                name: name.to_owned(),
                tag: tag.map(str::to_owned),
                digest,
            })))
        } else {
            Err(wrong())
        }
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.0.name.clone();
        if let Some(tag) = &self.0.tag {
            text.push(':');
            text.push_str(tag);
        }
        if let Some(digest) = &self.0.digest {
            text.push('@');
            text.push_str(digest.as_str());
        }
        f.pad(&text)
    }
}

as_text!(ImageRef, "an image: [registry/]name[:tag][@sha256:…]");

/// What a reference turned out to be when the plan was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// A registry has it, by this manifest digest; every replica uses it.
    Digest(Digest),
    /// No registry has it; each host uses what stands under the tag there.
    Local,
    /// Nobody could say, and why; the tag stands for itself.
    Unknown(String),
    /// It should have been looked up again, but nobody could say, and why: what runs stays, and what is new uses what was recorded.
    Kept {
        /// What was recorded.
        digest: Digest,
        /// Why nobody could say.
        why: String,
    },
}

impl Resolution {
    /// The digest that new replicas use; none where there is none.
    pub fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Digest(digest) | Self::Kept { digest, why: _ } => Some(digest),
            Self::Local | Self::Unknown(_) => None,
        }
    }
}

/// What an image brings along by itself, which is therefore no difference between git and a container.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ImageDefaults {
    /// Its `ENTRYPOINT`.
    pub entrypoint: Vec<String>,
    /// Its `CMD`.
    pub command: Vec<String>,
    /// Its `ENV`.
    pub environment: BTreeMap<String, String>,
    /// Its `LABEL`s.
    pub labels: BTreeMap<String, String>,
    /// Its `EXPOSE`d ports: `8080/tcp`.
    pub exposed: BTreeSet<String>,
    /// Its `USER`; empty is root.
    pub user: String,
    /// Its `WORKDIR`; empty is `/`.
    pub working_dir: String,
    /// Its `HEALTHCHECK`.
    pub healthcheck: Option<Healthcheck>,
    /// Its `STOPSIGNAL`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
}

/// An image that lies on a host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ImageFacts {
    /// Its tags there: `registry.internal:5000/web:1.5.0`.
    pub tags: Vec<String>,
    /// The registry digests known there: `registry.internal:5000/web@sha256:…`.
    pub digests: Vec<String>,
    /// The id of the image that it was made from on this very host, by hand; empty where it came as it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub parent: String,
    /// What it takes on the disk, layers that it shares with others too.
    #[serde(skip_serializing_if = "is_nothing")]
    pub size: Bytes,
    /// When it was made, in seconds since 1970.
    #[serde(skip_serializing_if = "is_never")]
    pub created: i64,
    /// What it was built for; none where nobody looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// What it brings along.
    pub defaults: Arc<ImageDefaults>,
}

fn is_nothing(size: &Bytes) -> bool {
    size.0 == 0
}

fn is_never(seconds: &i64) -> bool {
    *seconds == 0
}

/// What a registry says of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryImage {
    /// The digest of its manifest.
    pub digest: Digest,
    /// The platforms that it is there for; none where the registry did not say.
    pub platforms: BTreeSet<Platform>,
}

/// An image's name as engines list it: without Docker Hub's own.
pub fn short_name(name: &str) -> &str {
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    name.strip_prefix("library/").unwrap_or(name)
}

impl ImageFacts {
    /// Whether this image is known there under `digest`, in any repository.
    pub fn has_digest(&self, digest: &Digest) -> bool {
        self.digests
            .iter()
            .any(|pinned| pinned.split_once('@').is_some_and(|(_, d)| d == digest.as_str()))
    }

    /// Whether an engine takes this image for what git writes as `image`: by its tag, or by its digest where one is pinned.
    /// Docker Hub's own name is left out by engines, and so it is here.
    pub fn is_named(&self, image: &ImageRef) -> bool {
        match (image.digest(), image.tagged()) {
            (Some(digest), _) => self.has_digest(digest),
            (None, Some(tagged)) => {
                let wanted = short_name(&tagged);
                self.tags.iter().any(|tag| short_name(tag) == wanted)
            }
            (None, None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_read_back_as_written() -> Result<(), ImageError> {
        let digest = format!("sha256:{}", "a".repeat(64));
        for text in [
            "web",
            "web:1.5",
            "registry.internal:5000/shop/web:1.5",
            "localhost/web",
            &format!("web:1@{digest}"),
        ] {
            assert_eq!(text.parse::<ImageRef>()?.to_string(), text);
        }
        let image: ImageRef = "registry.internal:5000/web".parse()?;
        assert_eq!(
            (image.registry(), image.tag()),
            (Some("registry.internal:5000"), Some("latest"))
        );
        for wrong in [
            "",
            "Web",
            "web:",
            "web:a b",
            "a//b",
            "web@sha256:1",
            "reg:x/web",
            "-web",
        ] {
            assert!(wrong.parse::<ImageRef>().is_err(), "{wrong}");
        }
        Ok(())
    }
}
