//! `cdk schema`: the JSON Schemas of the files that cdk reads and writes, made from their Rust types.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use schemars::schema_for;
use serde_json::Value;

use crate::cli::args::SchemaArgs;
use crate::cli::context::Context;
use crate::cli::exit::{Ended, ExitCode};
use crate::model::journal::JournalRecord;
use crate::observe::ObservationDocument;
use crate::plan::step::PlanDocument;
use crate::report;
use crate::report::rehearsal::RehearsalDocument;
use crate::resolve::schema::documents;

/// Every schema by the name of its file in `schemas/`.
pub fn schemas() -> BTreeMap<&'static str, Value> {
    let mut schemas = documents();
    schemas.extend([
        ("journal.schema.json", schema_for!(JournalRecord).to_value()),
        ("observation.schema.json", schema_for!(ObservationDocument).to_value()),
        ("plan.schema.json", schema_for!(PlanDocument).to_value()),
        ("rehearsal.schema.json", schema_for!(RehearsalDocument).to_value()),
    ]);
    schemas
}

/// Writes the schema that a new repository's files name in their first lines, unless it is there; the answer is what was written.
pub(super) fn schema_into(repository: &Path) -> Result<Option<PathBuf>, Ended> {
    let folder = repository.join("schemas");
    let path = folder.join(CLUSTER);
    let wrong = |error: std::io::Error| Ended::Io(format!("{}: {error}", path.display()));
    let schema = documents().remove(CLUSTER).unwrap_or_default();
    let text = report::json::pretty(&schema).map_err(|error| Ended::Io(error.to_string()))?;
    std::fs::create_dir_all(&folder).map_err(wrong)?;
    match std::fs::File::create_new(&path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map_err(wrong)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(None),
        Err(error) => return Err(wrong(error)),
    }
    Ok(Some(path))
}

/// The schema of a repository's files.
const CLUSTER: &str = "cluster.schema.json";

/// `cdk schema [--dir DIR]`: files, or all of them as one JSON object.
pub(super) fn schema(context: &Context, args: &SchemaArgs) -> Result<ExitCode, Ended> {
    let schemas = schemas();
    let unfit = |error: serde_json::Error| Ended::Io(error.to_string());
    let Some(dir) = &args.dir else {
        context.answer(&report::json::pretty(&schemas).map_err(unfit)?)?;
        return Ok(ExitCode::Done);
    };
    let wrong = |error: std::io::Error| Ended::Io(format!("{}: {error}", dir.display()));
    std::fs::create_dir_all(dir).map_err(wrong)?;
    for (name, schema) in schemas {
        std::fs::write(dir.join(name), report::json::pretty(&schema).map_err(unfit)?).map_err(wrong)?;
    }
    Ok(ExitCode::Done)
}
