//! A new repository: small, commented, and right by `check`. It writes new files only.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::model::name::{ClusterName, NameError};
use crate::source::error::SourceError;

const CLUSTER: &str = r#"# yaml-language-server: $schema=schemas/cluster.schema.json
# The cluster itself. `cdk check` says what is wrong with these files, `cdk plan` what `cdk apply` would do;
# `cdk schema --dir schemas` writes what the first line names, by which an editor completes and checks.
cluster:
  name: NAME                # names everything that cdk makes on a host; changing it makes a new cluster
  cdk: ">=0.1"              # the versions of cdk that may apply this
  include: [hosts.yaml, services/*.yaml]

vars:                       # used as {{ vars.web_tag }} in any text
  web_tag: 1.27-alpine
"#;

/// A hosts.yaml to begin with: this machine's own engine.
pub const HOSTS: &str = r#"# yaml-language-server: $schema=schemas/cluster.schema.json
# The hosts. `local` is this machine's own Docker socket; anything else is a name or an address for ssh.
hosts:
  here:
    address: local
    labels: {type: small}
  # web-01:
  #   address: 10.0.0.11
  #   ssh: {user: deploy}   # what is left out comes from ~/.ssh/config
  #   labels: {type: large}
"#;

const SERVICE: &str = r#"# yaml-language-server: $schema=../schemas/cluster.schema.json
# Services are written as in a Compose or stack file.
services:
  web:
    image: "nginx:{{ vars.web_tag }}"
    environment:
      REPLICA: "{{ slot }}" # web.1, web.2, …
    ports: ["8080-8089:80"] # each replica takes one of these ports of its host
    healthcheck:
      test: ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1/"]
      interval: 2s
      retries: 5
    deploy:
      replicas: 2
      update_config: {parallelism: 1, delay: 2s}
"#;

/// Writes a new repository into `dir`, which is made where it is missing. Without a name the cluster is called as the folder.
///
/// # Errors
/// Where one of the files exists, the name is none, or the disk refuses. Then nothing is overwritten.
pub fn write(dir: &Path, name: Option<&str>) -> Result<Vec<PathBuf>, SourceError> {
    let name: ClusterName = match name {
        Some(name) => name.parse()?,
        None => named_after(dir)?,
    };
    let files = [
        ("cdk.yaml", CLUSTER.replace("NAME", name.as_str())),
        ("hosts.yaml", HOSTS.to_owned()),
        ("services/web.yaml", SERVICE.to_owned()),
    ];
    write_new(
        dir,
        &files
            .map(|(path, text)| (PathBuf::from(path), text.into_bytes()))
            .into(),
    )
}

/// Writes files into `dir`, by their paths in it. A file that is there with this very content stays as it is.
///
/// # Errors
/// Where one of them exists and holds something else, or the disk refuses. Then nothing is overwritten.
pub fn write_new(dir: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) -> Result<Vec<PathBuf>, SourceError> {
    let mut written = BTreeMap::new();
    let mut there = Vec::new();
    for (path, content) in files {
        let path = dir.join(path);
        if !path.exists() {
            written.insert(path, content);
        } else if std::fs::read(&path).ok().as_ref() != Some(content) {
            there.push(path);
        }
    }
    if !there.is_empty() {
        return Err(SourceError::Exists(there));
    }
    for (path, text) in &written {
        let failed = |source| SourceError::Io {
            path: path.clone(),
            source,
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        std::fs::write(path, text).map_err(failed)?;
    }
    Ok(written.into_keys().collect())
}

/// A cluster name made of the folder's own; `shop` where nothing of that fits.
fn named_after(dir: &Path) -> Result<ClusterName, SourceError> {
    let whole = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    Ok(cluster_name(&whole.file_name().unwrap_or_default().to_string_lossy())?)
}

/// A cluster name made of any name; `shop` where nothing of it fits.
///
/// # Errors
/// None that happen: what is left of it is a name.
pub fn cluster_name(text: &str) -> Result<ClusterName, NameError> {
    let dashed: String = text
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(32)
        .collect();
    let trimmed = dashed.trim_matches('-');
    if trimmed.is_empty() { "shop" } else { trimmed }.parse()
}
