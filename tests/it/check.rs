//! `check`: repositories that are wrong, and every word of what is said about them; and right ones, and what they mean.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cdk::flow::{Failure, Settings, check_all};
use cdk::model::problem::Rejected;
use cdk::report::problems::render;
use cdk::resolve::desired::Desired;
use cdk::resolve::resolve;
use cdk::source::{ReadError, Repository};
use proptest::prelude::*;

#[path = "check/env_files.rs"]
mod env_files;
#[path = "check/environments.rs"]
mod environments;
#[path = "check/fuzz.rs"]
mod fuzz;
#[path = "check/meaning.rs"]
mod meaning;
#[path = "check/named.rs"]
mod named;
#[path = "check/revisions.rs"]
mod revisions;
#[path = "check/strangers.rs"]
pub mod strangers;
#[path = "check/yaml.rs"]
mod yaml;

/// What a case has where it does not say otherwise.
const USUAL: [(&str, &str); 2] = [
    ("cdk.yaml", "cluster:\n  name: shop\n  include: [\"*.yaml\"]\n"),
    (
        "hosts.yaml",
        "hosts:\n  one: {address: 10.0.0.1, labels: {type: large}}\n  two: {address: 10.0.0.2}\n",
    ),
];

/// A repository in a folder of its own.
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// Writes the files, and those of [`USUAL`] that are not among them.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let mut all = BTreeMap::from(USUAL);
        all.extend(files.iter().copied());
        all.iter().for_each(|(path, text)| folder.write(path, text));
        folder
    }

    /// Writes one file.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// What it wants, or what is wrong with it.
    pub fn check(&self) -> Result<Desired, Rejected> {
        check(self.path())
    }
}

/// What the repository around `path` wants, or what is wrong with it.
pub fn check(path: &Path) -> Result<Desired, Rejected> {
    match Repository::find(path).unwrap().read(None) {
        Ok(manifest) => resolve(&manifest),
        Err(ReadError::Rejected(rejected)) => Err(rejected),
        Err(ReadError::Source(error)) => panic!("{error}"),
    }
}

/// What the command line would say of the repository in `folder`, and no more.
pub fn settings(folder: &Path) -> Settings {
    Settings {
        directory: folder.to_owned(),
        ..Settings::default()
    }
}

/// What a right repository means.
pub fn desired(files: &[(&str, &str)]) -> Desired {
    Folder::new(files)
        .check()
        .unwrap_or_else(|rejected| panic!("{}", render(&rejected, false)))
}

/// Each file under `check/wrong/` is a repository, and what `check` says of it. `CDK_GOLDEN=write` writes that anew.
#[test]
fn every_problem_is_told_as_it_should_be() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/check/wrong");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    assert!(cases.len() >= 50, "the cases are gone");
    let mut wrong = Vec::new();
    for case in cases {
        let whole = fs::read_to_string(&case).unwrap();
        let (input, expected) = whole.split_once("=== problems\n").unwrap();
        let files: Vec<(&str, &str)> = input
            .split("--- ")
            .skip(1)
            .map(|file| file.split_once('\n').unwrap())
            .collect();
        let folder = Folder::new(&files);
        let shown = match check_all(&settings(folder.path())) {
            Ok(_) => "none\n".to_owned(),
            Err(Failure::Rejected(rejected)) => render(&rejected, false),
            Err(failure) => panic!("{}: {failure:?}", case.display()),
        };
        if shown != expected {
            if std::env::var_os("CDK_GOLDEN").is_some_and(|value| value == "write") {
                fs::write(&case, format!("{input}=== problems\n{shown}")).unwrap();
            } else {
                wrong.push(format!("{}\n{shown}", case.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_schema_and_the_shapes_know_the_same_keys() {
    let schema = &cdk::resolve::schema::documents()["cluster.schema.json"];
    let service = &schema["definitions"]["ServiceShape"]["properties"];
    for key in ["image", "command", "environment", "deploy", "healthcheck"] {
        assert!(service[key].is_object(), "{key}");
    }
    let replicas = &schema["definitions"]["DeployShape"]["properties"]["replicas"];
    assert!(
        replicas.to_string().contains("{[{%]"),
        "a template may stand there: {replicas}"
    );
    assert!(schema["definitions"]["ServiceShape"]["description"].is_string());
}

/// Pieces that YAML, templates and the shapes are made of.
pub fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "services:",
        "web:",
        "hosts:",
        "image:",
        "ports:",
        "deploy:",
        "environment:",
        "command:",
        "volumes:",
        "cluster:",
        "vars:",
        "\n",
        "\n  ",
        "\n    ",
        "\n      ",
        " ",
        "- ",
        "{",
        "}",
        "[",
        "]",
        ",",
        ": ",
        "&a ",
        "*a",
        "<<: ",
        "\"",
        "'",
        "|",
        ">",
        "#",
        "!x ",
        "{{ ",
        " }}",
        "{% if ",
        " %}",
        "vars.x",
        "slot",
        "$",
        "${",
        "1",
        "-",
        "0.5",
        "é",
        "\t",
        "\r\n",
        "\u{feff}",
        "---",
        "a",
        "80:80",
        "node=x",
        "~",
        "? ",
        "x-a: ",
        "\u{1}",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn no_text_makes_it_panic(pieces in pieces(), any in "\\PC{0,80}", service in pieces()) {
        for text in [&pieces, &any, &format!("services:\n  web:\n    image: x\n    {service}\n"), &format!("hosts:\n  a: {service}\n")] {
            if let Err(rejected) = Folder::new(&[("s.yaml", text)]).check() {
                prop_assert!(!rejected.problems.is_empty());
                let shown = render(&rejected, false);
                prop_assert!(shown.contains("problem"), "{}", shown);
                for place in rejected.problems.iter().filter_map(|problem| problem.place.as_ref()) {
                    let text = &rejected.texts[place.file.as_path()];
                    prop_assert!(text.get(place.start..place.end).is_some(), "{:?} in {:?}", place, text);
                }
            }
        }
    }
}
