//! What a file in a container holds: text, and secrets by name. Their digests, and how such a file is called on a host. No decryption.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::model::container::{LiveContainer, Ownership};
use crate::model::secret::masked_line;

/// A secret, as far as anything but its decryption needs to know it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct SecretRef {
    /// Its name under the top-level `secrets`.
    pub name: String,
    /// The SHA-256 of the encrypted file: a re-encrypted secret counts as changed.
    pub sha256: String,
}

/// A piece of a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Segment {
    /// Text as it is.
    Text(String),
    /// The value of a secret.
    Secret(SecretRef),
}

/// What a file holds, piece by piece.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Blob(pub Vec<Segment>);

/// The digest of a blob, 32 hexadecimal digits: over its texts and over what its secrets are as encrypted, never over a secret's value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct BlobDigest(pub String);

impl BlobDigest {
    /// The beginning of it, for people.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl Blob {
    /// Its digest.
    pub fn digest(&self) -> BlobDigest {
        let mut hash = Sha256::new();
        for segment in &self.0 {
            let (kind, content): (&[u8], String) = match segment {
                Segment::Text(text) => (b"text", text.clone()),
                Segment::Secret(SecretRef { name, sha256 }) => (b"secret", format!("{name}\0{sha256}")),
            };
            hash.update(kind);
            hash.update(content.len().to_le_bytes());
            hash.update(content.as_bytes());
        }
        BlobDigest(hex(&hash.finalize(), 16))
    }

    /// The secrets that it holds.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        self.0.iter().filter_map(|segment| match segment {
            Segment::Text(_) => None,
            Segment::Secret(secret) => Some(secret),
        })
    }

    /// What may be shown of it: secrets by name, and masked what stands behind a name that says that it is secret.
    pub fn shown(&self) -> String {
        let pieces = self.0.iter().map(|segment| match segment {
            Segment::Text(text) => text.clone(),
            Segment::Secret(secret) => format!("(secret {})", secret.name),
        });
        let whole: String = pieces.collect();
        whole.split_inclusive('\n').map(masked_line).collect()
    }

    /// The same with values masked in its texts, for what is saved.
    #[must_use]
    pub fn masked(&self) -> Self {
        let segments = self.0.iter().map(|segment| match segment {
            Segment::Text(text) => Segment::Text(text.split_inclusive('\n').map(masked_line).collect()),
            Segment::Secret(secret) => Segment::Secret(secret.clone()),
        });
        Self(segments.collect())
    }
}

/// The SHA-256 of an encrypted file, whole.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes), 32)
}

fn hex(hash: &[u8], bytes: usize) -> String {
    hash.iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}

/// Decrypted values. They have no form that could be printed or saved, and are overwritten when they go.
#[derive(Clone, Default)]
pub struct Opened(BTreeMap<SecretRef, Zeroizing<Vec<u8>>>);

impl Opened {
    /// Adds a value.
    pub fn insert(&mut self, secret: SecretRef, value: Zeroizing<Vec<u8>>) {
        self.0.insert(secret, value);
    }

    /// A blob's bytes.
    ///
    /// # Errors
    /// The name of a secret whose value is not here.
    pub fn content(&self, blob: &Blob) -> Result<Zeroizing<Vec<u8>>, String> {
        let mut all = Zeroizing::new(Vec::new());
        for segment in &blob.0 {
            match segment {
                Segment::Text(text) => all.extend_from_slice(text.as_bytes()),
                Segment::Secret(secret) => {
                    let value = self.0.get(secret).ok_or_else(|| secret.name.clone())?;
                    all.extend_from_slice(value);
                }
            }
        }
        Ok(all)
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Which of Compose's sections a file comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// `configs`.
    Config,
    /// `secrets`.
    Secret,
}

impl FileKind {
    /// The key of a service that lists such files.
    pub fn key(self) -> &'static str {
        match self {
            Self::Config => "configs",
            Self::Secret => "secrets",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Secret => "secret",
        }
    }
}

/// A file in a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct FileRef {
    /// Which section it comes from.
    pub kind: FileKind,
    /// What it holds.
    pub digest: BlobDigest,
    /// The user whose it is.
    pub uid: u32,
    /// The group whose it is.
    pub gid: u32,
    /// Its permissions.
    pub mode: u32,
}

impl FileRef {
    /// What the file is called on a host, where it is bound by itself: it says all that it is, so that a look at a container tells.
    pub fn host_name(&self) -> String {
        let Self {
            kind,
            digest: BlobDigest(digest),
            uid,
            gid,
            mode,
        } = self;
        format!("{}.{digest}.{uid}.{gid}.{mode:04o}", kind.word())
    }

    /// The time that the file bears as its last change, in seconds. It stands for what cdk wrote: whoever writes to the file changes it.
    pub fn stamp(&self) -> u64 {
        let hash = Sha256::digest(self.host_name().as_bytes());
        let number = hash
            .iter()
            .take(4)
            .fold(0, |number, byte| number << 8 | u64::from(*byte));
        // From 1970 to 2004: no file system refuses it, and nobody writes there today.
        number >> 2
    }

    /// Whether a file found on a host is still what cdk wrote.
    pub fn is(&self, found: Option<FileFacts>) -> bool {
        found.is_some_and(|found| found.mode == self.mode && found.changed == self.stamp())
    }
}

impl fmt::Display for FileRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind: _,
            digest,
            uid,
            gid,
            mode,
        } = self;
        write!(f, "{}", digest.short())?;
        if (*uid, *gid) != (0, 0) {
            write!(f, " of {uid}:{gid}")?;
        }
        if *mode != DEFAULT_MODE {
            write!(f, ", mode {mode:04o}")?;
        }
        Ok(())
    }
}

/// A file's permissions unless given: everybody may read it, as Compose and Swarm have it.
pub const DEFAULT_MODE: u32 = 0o444;

/// A name that is none of a file's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoFile;

impl FromStr for FileRef {
    type Err = NoFile;

    /// Reads what [`FileRef::host_name`] writes.
    fn from_str(text: &str) -> Result<Self, NoFile> {
        let parts: Vec<&str> = text.split('.').collect();
        let [kind, digest, uid, gid, mode] = parts.as_slice() else {
            return Err(NoFile);
        };
        let kinds = [FileKind::Config, FileKind::Secret];
        Ok(Self {
            kind: kinds.into_iter().find(|one| one.word() == *kind).ok_or(NoFile)?,
            digest: BlobDigest((*digest).to_owned()),
            uid: uid.parse().map_err(|_| NoFile)?,
            gid: gid.parse().map_err(|_| NoFile)?,
            mode: u32::from_str_radix(mode, 8).map_err(|_| NoFile)?,
        })
    }
}

/// A folder of files that change in place, and the signal that tells the program.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub struct Folder {
    /// Its files, by name.
    pub files: BTreeMap<String, FileRef>,
    /// What is sent when one of these changes: by the file's name. A change of the others replaces the container.
    pub signals: BTreeMap<String, String>,
}

impl Folder {
    /// The names of its files.
    pub fn names(&self) -> BTreeSet<String> {
        self.files.keys().cloned().collect()
    }
}

/// What a file on a host looks like from outside. What it holds is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileFacts {
    /// Its permissions.
    pub mode: u32,
    /// When it was last changed, in seconds since 1970; cdk's own files bear [`FileRef::stamp`].
    pub changed: u64,
}

/// What a container's folder at `target` is called on its host. Another container of the same slot has another one, so that both may
/// stand side by side.
pub fn folder_name(owner: &Ownership, target: &str) -> String {
    let Ownership {
        slot,
        fingerprint,
        revision,
        image: _,
        digest: _,
        job: _,
        reserved: _,
    } = owner;
    let text = format!("{fingerprint:?} {revision:?} {target}");
    format!("live.{slot}.{}", hex(&Sha256::digest(text.as_bytes()), 6))
}

/// A file to be written on a host, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileWrite {
    /// Its path among cdk's files there.
    pub path: String,
    /// Whose it is.
    pub file: FileRef,
    /// What it holds.
    pub blob: Arc<Blob>,
}

impl LiveContainer {
    /// The paths of its configs and secrets among cdk's files on its host.
    pub fn files(&self) -> BTreeSet<String> {
        let spec = self.spec.as_deref();
        let files = spec.into_iter().flat_map(|spec| spec.files.values());
        let folders = spec.into_iter().flat_map(|spec| spec.folders.iter());
        let inside = folders.flat_map(|(target, names)| {
            let folder = folder_name(&self.owner, target);
            names.iter().map(move |name| format!("{folder}/{name}"))
        });
        files.map(FileRef::host_name).chain(inside).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(name: &str, sha256: &str) -> Segment {
        let (name, sha256) = (name.to_owned(), sha256.to_owned());
        Segment::Secret(SecretRef { name, sha256 })
    }

    #[test]
    fn a_digest_tells_segments_apart() {
        let text = |text: &str| Segment::Text(text.to_owned());
        let blobs = [
            vec![text("a"), text("b")],
            vec![text("ab")],
            vec![secret("a", "b")],
            vec![secret("a", "c")],
            vec![text("a"), secret("a", "b")],
        ];
        let digests: BTreeSet<_> = blobs.into_iter().map(|segments| Blob(segments).digest()).collect();
        assert_eq!(digests.len(), 5);
    }

    #[test]
    fn a_files_name_reads_back() {
        let file = FileRef {
            kind: FileKind::Secret,
            digest: Blob::default().digest(),
            uid: 1000,
            gid: 7,
            mode: 0o400,
        };
        assert_eq!(file.host_name().parse(), Ok(file));
        assert_eq!("config.x.0.0".parse::<FileRef>(), Err(NoFile));
    }

    #[test]
    fn what_is_shown_holds_no_secret() {
        let blob = Blob(vec![
            Segment::Text("user: ci\npassword: hunter2\ndsn = ".to_owned()),
            secret("dsn", "1"),
            Segment::Text("\n".to_owned()),
        ]);
        assert_eq!(blob.shown(), "user: ci\npassword: ***\ndsn = (secret dsn)\n");
    }
}
