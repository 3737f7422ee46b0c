//! A new repository: small, commented, and right by `check`. It writes new files only.

use std::path::{Path, PathBuf};

use crate::model::name::ClusterName;
use crate::source::error::SourceError;

const CLUSTER: &str = r#"# yaml-language-server: $schema=schemas/cluster.schema.json
# The cluster itself. `cdk check` says what is wrong with these files, `cdk plan` what `cdk apply` would do;
# the first line names the schema by which an editor completes and checks (`cdk schema --dir schemas` writes it anew).
cluster:
  name: NAME                # names everything that cdk makes on a host; changing it makes a new cluster
  cdk: ">=0.1"              # the versions of cdk that may apply this
  include: [hosts.yaml, services/*.yaml]

vars:                       # used as {{ vars.web_tag }} in any text
  web_tag: 1.27-alpine
"#;

const HOSTS: &str = r#"# yaml-language-server: $schema=schemas/cluster.schema.json
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
    let files = files.map(|(path, text)| (dir.join(path), text));
    let there: Vec<PathBuf> = files
        .iter()
        .map(|(path, _)| path.clone())
        .filter(|path| path.exists())
        .collect();
    if !there.is_empty() {
        return Err(SourceError::Exists(there));
    }
    for (path, text) in &files {
        let failed = |source| SourceError::Io {
            path: path.clone(),
            source,
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        std::fs::write(path, text).map_err(failed)?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

/// A cluster name made of the folder's own; `shop` where nothing of that fits.
fn named_after(dir: &Path) -> Result<ClusterName, SourceError> {
    let whole = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let folder = whole
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase();
    let dashed: String = folder
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(32)
        .collect();
    let trimmed = dashed.trim_matches('-');
    Ok(if trimmed.is_empty() { "shop" } else { trimmed }.parse()?)
}
