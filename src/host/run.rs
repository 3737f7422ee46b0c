//! The folder for sockets of SSH connections, and what lies in it: one folder per connection, a link per host to the kept one.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::host::HostError;
use crate::model::endpoint::{Endpoint, Ssh};

/// A socket's path may have 107 bytes on Linux. What is added to this folder's, ssh's own temporary name included, has 45.
const LONGEST: usize = 60;

/// A folder without a living connection is left alone for so long: another cdk may just be connecting in it.
const STILL_CONNECTING: Duration = Duration::from_secs(120);

/// The control socket of a connection's master.
pub const CONTROL: &str = "m";

/// The folder, which only its owner may enter.
#[derive(Debug, Clone)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// `$XDG_RUNTIME_DIR/cdk`, or `/tmp/cdk-UID` where that is missing or too long; made where it is not there.
    ///
    /// # Errors
    /// It cannot be made, or is somebody else's.
    pub fn open() -> Result<Self, HostError> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR")
            .map(|folder| PathBuf::from(folder).join("cdk"))
            .filter(|folder| folder.is_absolute() && folder.as_os_str().len() <= LONGEST);
        let own_uid = fs::metadata("/proc/self").map(|process| process.uid());
        let (folder, uid) = match (runtime, own_uid) {
            (Some(folder), uid) => (folder, uid.ok()),
            (None, Ok(uid)) => (PathBuf::from(format!("/tmp/cdk-{uid}")), Some(uid)),
            (None, Err(error)) => return Err(unusable(Path::new("/tmp"), &error)),
        };
        match fs::DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(unusable(&folder, &error)),
            Err(_) | Ok(()) => {}
        }
        let found = fs::symlink_metadata(&folder).map_err(|error| unusable(&folder, &error))?;
        let ours = found.is_dir() && uid.is_none_or(|uid| uid == found.uid());
        if !ours || found.permissions().mode() & 0o077 != 0 {
            return Err(HostError::Denied(format!(
                "{} must be a folder of yours that nobody else may enter (mode 0700): remove it, or set XDG_RUNTIME_DIR",
                folder.display()
            )));
        }
        Ok(Self(folder))
    }

    /// A new folder for a connection of this key. It goes when the value is dropped, unless it is kept.
    pub fn fresh(&self, key: &str) -> Result<TempDir, HostError> {
        tempfile::Builder::new()
            .prefix(&format!("{key}."))
            .rand_bytes(6)
            .tempdir_in(&self.0)
            .map_err(|error| unusable(&self.0, &error))
    }

    /// The folder of the connection that was kept for this key; none where there is none.
    pub fn kept(&self, key: &str) -> Option<PathBuf> {
        fs::read_link(self.0.join(key)).ok().map(|name| self.0.join(name))
    }

    /// From now on `folder` is the kept connection of this key. Where two cdk connect at once, the later one wins; the
    /// other one's connection ends by itself.
    pub fn keep(&self, key: &str, folder: &Path) -> io::Result<()> {
        let name = folder.file_name().unwrap_or_default();
        let link = folder.join("link");
        symlink(name, &link)?;
        fs::rename(link, self.0.join(key))
    }

    /// Forgets the kept connection of this key, if it is still `folder`.
    pub fn forget(&self, key: &str, folder: &Path) {
        if self.kept(key).as_deref() == Some(folder) {
            // Where it cannot be removed, the next run finds it dead again.
            let _ = fs::remove_file(self.0.join(key));
        }
    }

    /// Removes the folder of a connection that has ended.
    pub fn remove(&self, folder: &Path) {
        // What stays is swept up later.
        let _ = fs::remove_dir_all(folder);
    }

    /// Removes what connections that have ended left behind.
    pub fn sweep(&self) {
        let entries = || fs::read_dir(&self.0).into_iter().flatten().flatten();
        for entry in entries() {
            let Ok(found) = entry.metadata() else { continue };
            let age = found
                .modified()
                .ok()
                .and_then(|at| SystemTime::now().duration_since(at).ok())
                .unwrap_or_default();
            let path = entry.path();
            if found.is_dir() && age > STILL_CONNECTING && UnixStream::connect(path.join(CONTROL)).is_err() {
                let _ = fs::remove_dir_all(path);
            }
        }
        for entry in entries() {
            // `exists` follows the link.
            if entry.file_type().is_ok_and(|kind| kind.is_symlink()) && !entry.path().exists() {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// What connections that may stand for each other have in common: where they go and how.
pub fn key(endpoint: &Endpoint) -> String {
    let Endpoint {
        address,
        ssh:
            Ssh {
                user,
                port,
                jump,
                r#become,
                identity,
                config,
                connect_timeout: _,
            },
    } = endpoint;
    let text = format!("{address:?} {user:?} {port:?} {jump:?} {become:?} {identity:?} {config:?}");
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn unusable(folder: &Path, error: &io::Error) -> HostError {
    HostError::Denied(format!("no place for sockets in {}: {error}", folder.display()))
}
