//! `cdk init`: writes a small, commented repository that can be applied as it is.

use std::fs;
use std::path::Path;

use crate::cli::args::InitArgs;
use crate::cli::context::Context;
use crate::cli::exit::{Ended, ExitCode};
use crate::flow::Failure;
use crate::model::name::ClusterName;

const FILES: [(&str, &str); 3] = [
    ("cdk.yaml", include_str!("init/cdk.yaml")),
    ("hosts.yaml", include_str!("init/hosts.yaml")),
    ("services/web.yaml", include_str!("init/web.yaml")),
];

/// `cdk init [DIR] [--name NAME]`. It overwrites nothing.
pub(super) fn init(context: &Context, args: &InitArgs) -> Result<ExitCode, Ended> {
    let directory = &args.directory;
    let wrong = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| Ended::Io(format!("{path}: {error}"))
    };
    if let Some((name, _)) = FILES.iter().find(|(name, _)| directory.join(name).exists()) {
        let path = directory.join(name);
        return Err(Failure::Guard(format!("{} is there already: nothing was written", path.display())).into());
    }
    let name = match &args.name {
        Some(name) => name.clone(),
        None => folder_name(directory)?,
    };
    for (file, text) in FILES {
        let path = directory.join(file);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(wrong(folder))?;
        }
        fs::write(&path, text.replace("CLUSTER_NAME", name.as_str())).map_err(wrong(&path))?;
    }
    let shown = directory.display();
    context.answer(&format!(
        "Wrote cdk.yaml, hosts.yaml and services/web.yaml for the cluster {name} to {shown}.\n\
         Next: put them under git (git init, git add, git commit), then `cdk check` and `cdk plan` there.\n"
    ))?;
    Ok(ExitCode::Done)
}

fn folder_name(directory: &Path) -> Result<ClusterName, Ended> {
    let whole =
        std::path::absolute(directory).map_err(|error| Ended::Io(format!("{}: {error}", directory.display())))?;
    let name = whole
        .file_name()
        .map(|name| name.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    let named = name.parse::<ClusterName>();
    named.map_err(|error| Failure::Usage(format!("{error}; give one with --name")).into())
}
