//! The JSON Schema of the repository's files beside what `check` says: what is right passes it, and what is wrong by its shape does not.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, LazyLock};

use cdk::flow::{Failure, check_all};
use cdk::source::parse::parse;
use jsonschema::Validator;

use super::{Folder, cases, check, settings};

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let document = &cdk::resolve::schema::documents()["cluster.schema.json"];
    jsonschema::draft7::new(document).unwrap()
});

/// What the schema says against a file; none where it is not YAML that cdk reads.
fn complaints(path: &str, text: &str) -> Option<Vec<String>> {
    let (tree, problems) = parse(&Arc::new(PathBuf::from(path)), text, path.starts_with("environments/"));
    if !problems.is_empty() {
        return None;
    }
    // An empty file holds no sections.
    let value = if tree.is_null() {
        serde_json::json!({})
    } else {
        serde_json::to_value(tree.to_value()).unwrap()
    };
    let said = SCHEMA.iter_errors(&value);
    Some(
        said.map(|error| format!("{path}{}: {error}", error.instance_path()))
            .collect(),
    )
}

/// Holds the files of a right repository to the schema.
pub fn must_pass(files: &[(&str, &str)]) {
    for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".yaml")) {
        let said = complaints(path, text).unwrap();
        assert!(said.is_empty(), "{}\n{text}", said.join("\n"));
    }
}

#[test]
fn the_examples_and_a_new_repository_pass_it() {
    let new = tempfile::tempdir().unwrap();
    cdk::source::init::write(new.path(), Some("shop")).unwrap();
    let examples = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut seen = 0;
    for folder in [
        new.path().to_owned(),
        examples.join("quickstart"),
        examples.join("shop"),
    ] {
        for pattern in ["*.yaml", "*/*.yaml"] {
            for path in glob::glob(folder.join(pattern).to_str().unwrap()).unwrap() {
                let path = path.unwrap();
                must_pass(&[(path.to_str().unwrap(), &std::fs::read_to_string(&path).unwrap())]);
                seen += 1;
            }
        }
    }
    assert!(seen >= 9, "{seen}");
}

/// Words by which `check` refuses a shape.
const BY_SHAPE: [&str; 4] = [
    "is not a key that is known here",
    ": expected ",
    "is not taken by cdk",
    "is not in force yet",
];

/// What JSON Schema cannot say, or cdk says of more than a shape: the case, and the message.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("depends_condition.txt", "`restart: true`"),
    ("env_in_service.txt", "`env."),
];

#[test]
fn what_is_wrong_by_its_shape_does_not_pass_it() {
    let (mut wrong, mut held) = (Vec::new(), 0);
    for (name, files, _) in cases() {
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect();
        let folder = Folder::new(&files);
        let Err(Failure::Rejected(rejected)) = check_all(&settings(folder.path())) else {
            continue;
        };
        for problem in rejected.problems {
            let Some(place) = &problem.place else { continue };
            let path = place.file.display().to_string();
            if !BY_SHAPE.iter().any(|words| problem.message.contains(words)) {
                continue;
            }
            let passes = complaints(&path, &rejected.texts[place.file.as_path()]).is_some_and(|said| said.is_empty());
            let excepted = EXCEPTIONS
                .iter()
                .any(|(case, message)| *case == name && problem.message.contains(message));
            held += usize::from(!excepted);
            if passes != excepted {
                wrong.push(format!("{name}: {path} passes: {passes}: {}", problem.message));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(held > 50, "{held} problems were looked at");
}

#[test]
fn a_new_repository_holds_the_schema_that_its_files_name() {
    let new = tempfile::tempdir().unwrap();
    let folder = new.path().join("shop");
    let init = Command::new(env!("CARGO_BIN_EXE_cdk"))
        .arg("init")
        .arg(&folder)
        .output()
        .unwrap();
    assert!(init.status.success(), "{}", String::from_utf8_lossy(&init.stderr));
    for path in ["cdk.yaml", "hosts.yaml", "services/web.yaml"] {
        let text = std::fs::read_to_string(folder.join(path)).unwrap();
        let (_, rest) = text.split_once("$schema=").unwrap();
        let named = folder.join(path).parent().unwrap().join(rest.lines().next().unwrap());
        let schema: serde_json::Value = serde_json::from_slice(&std::fs::read(&named).unwrap()).unwrap();
        assert_eq!(
            schema,
            cdk::resolve::schema::documents()["cluster.schema.json"],
            "{}",
            named.display()
        );
    }
    assert!(check(&folder).is_ok());
}
