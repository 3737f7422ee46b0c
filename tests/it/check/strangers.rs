//! `init --from` on Compose files as the Compose Specification and popular projects have them, their facts rewritten. Each file of
//! `strangers/` is such a stack, and a transcript: what is said, what `check` refuses, what changes. `CDK_GOLDEN=write` writes it anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cdk::flow::{Failure, init_from};
use cdk::report::init;
use cdk::report::problems::render;
use cdk::source::compose::{Compose, ConvertError, convert};
use cdk::source::files::WorkTree;
use cdk::source::parse::parse;
use proptest::prelude::*;
use similar::TextDiff;

/// A stack, and the repository that was made of it.
pub struct Stranger {
    folder: tempfile::TempDir,
    /// The case's file.
    pub case: PathBuf,
    /// Its stack, as the case has it.
    input: String,
    /// The transcript that it expects.
    expected: String,
    /// What was said.
    said: String,
    /// Whether `check` takes the repository.
    pub passes: bool,
}

/// All cases, each made.
pub fn all() -> Vec<Stranger> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/check/strangers");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    assert!(cases.len() >= 20, "the strangers are gone");
    cases.into_iter().map(Stranger::make).collect()
}

impl Stranger {
    fn make(case: PathBuf) -> Self {
        let whole = fs::read_to_string(&case).unwrap();
        let (input, expected) = whole
            .split_once("=== ")
            .map_or((whole.as_str(), ""), |(input, rest)| (input, rest));
        let folder = tempfile::tempdir().unwrap();
        let files: Vec<(&str, &str)> = input
            .split("--- ")
            .skip(1)
            .map(|file| file.split_once('\n').unwrap())
            .collect();
        for (path, text) in &files {
            let path = folder.path().join("stack").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let repository = folder.path().join("repository");
        let (said, passes) = match init_from(&folder.path().join("stack").join(files[0].0), &repository, None) {
            Ok(made) => {
                let services = made.checked.as_ref().ok().map(|desired| desired.services.len());
                let text = init::from_compose(&made.file, &made.written, &made.notes, services);
                match made.checked {
                    Ok(_) => (text, true),
                    Err(Failure::Rejected(rejected)) => (format!("{text}{}", render(&rejected, false)), false),
                    Err(other) => panic!("{}: {other:?}", case.display()),
                }
            }
            Err(error) => panic!("{}: {error:?}", case.display()),
        };
        Self {
            case,
            input: input.to_owned(),
            expected: expected.to_owned(),
            said,
            passes,
            folder,
        }
    }

    /// The repository.
    pub fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    fn transcript(&self) -> String {
        let file = self.input.lines().next().unwrap().trim_start_matches("--- ");
        let before = fs::read_to_string(self.folder.path().join("stack").join(file)).unwrap();
        let services = fs::read_dir(self.repository().join("services"))
            .unwrap()
            .next()
            .unwrap()
            .unwrap();
        let after = fs::read_to_string(services.path()).unwrap();
        let cluster = fs::read_to_string(self.repository().join("cdk.yaml")).unwrap();
        let (_, cluster) = cluster.split_once("cluster:\n").unwrap();
        let diff = TextDiff::from_lines(&before, &after);
        let changes = diff.unified_diff().context_radius(0).to_string();
        let own = self.folder.path().canonicalize().unwrap();
        format!("init\n{}=== cdk.yaml\n{cluster}=== changes\n{changes}", self.said).replace(own.to_str().unwrap(), "")
    }
}

#[test]
fn every_stranger_becomes_a_repository_or_each_key_is_named() {
    let mut wrong = Vec::new();
    for stranger in all() {
        let transcript = stranger.transcript();
        if transcript != stranger.expected {
            if std::env::var_os("CDK_GOLDEN").is_some_and(|value| value == "write") {
                fs::write(&stranger.case, format!("{}=== {transcript}", stranger.input)).unwrap();
            } else {
                wrong.push(format!("{}\n{transcript}", stranger.case.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_overwritten_and_nothing_but_compose_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let init = |file: &str, text: &str| {
        fs::write(folder.path().join(file), text).unwrap();
        let command = ["init", "--from", file];
        let output = Command::new(env!("CARGO_BIN_EXE_cdk"))
            .current_dir(folder.path())
            .args(command)
            .output()
            .unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let is_there = |path: &str| Path::exists(&folder.path().join(path));
    let (code, said) = init("broken.yaml", "services:\n  web: {image: a\n");
    assert!(code == 3 && said.contains("broken.yaml:"), "{code} {said}");
    let (code, said) = init("notes.yaml", "- one\n");
    assert!(
        code == 3 && said.contains("notes.yaml:1:1") && !is_there("cdk.yaml"),
        "{code} {said}"
    );
    fs::write(folder.path().join("hosts.yaml"), "mine").unwrap();
    let (code, said) = init("compose.yaml", "services:\n  web: {image: nginx}\n");
    assert!(
        code == 3 && said.contains("hosts.yaml") && !is_there("cdk.yaml"),
        "{code} {said}"
    );
    fs::remove_file(folder.path().join("hosts.yaml")).unwrap();
    assert_eq!(init("compose.yaml", "services:\n  web: {image: nginx}\n").0, 0);
    assert_eq!(
        init("compose.yaml", "services:\n  web: {image: nginx}\n").0,
        0,
        "the same again is no harm"
    );
}

/// Lines of Compose files, in flow and block style, with the keys that are edited.
fn lines() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "    container_name: x  # c",
        "    scale: 2",
        "    cpus: 0.5",
        "    mem_limit: ${M:-1g}",
        "    build: .",
        "    build:\n      <<: *b\n      # é\n\n      context: .",
        "    build: {context: ., args: [A=1]}",
        "    image: ${I}",
        "    image: \"a: ${I:-x}\"",
        "    links: [a, b]",
        "    links:\n    - a\n    - b:b",
        "    deploy:\n      replicas: 1",
        "    deploy: {resources: {limits: {memory: 1g}}}",
        "    volumes:\n      - ./x:/x\n      - there:/y # z\n      - ./there:/z",
        "    volumes: [./there:/z, ${V:-./v}:/v, \"./x:/x\"]",
        "    volumes:\n    - ./there:/z",
        "    volumes:\n      - {type: bind, source: ./there, target: /t}\n      - type: bind\n        source: ../x\n        target: /t",
        "    environment:\n      A:\n      B: ${B}\n      É: 'é ${E}'",
        "    environment: [A, B=${B:+é}, \"C\"]",
        "    environment: {A: , B: ~, C: \"{{.Node.Hostname}}\"}",
        "    command: |\n      one ${X:-y} {{ z }}\n       two\n",
        "    command: >-\n      a $$b $C",
        "    command: a {% b %} ${X:-a: b} # c",
        "    labels: {a: ${X}}",
        "    <<: *b",
        "    env_file: there",
        "    develop: {watch: []}",
        "  other:",
        "  flow: {image: a, scale: 1, build: b, mem_limit: 1g, volumes: [./there:/x]}",
        "# é comment",
        "",
    ]);
    prop::collection::vec(line, 0..9).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn what_is_made_of_yaml_is_yaml_with_the_same_services(web in lines(), after in lines(), any in super::pieces()) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("there"), "text").unwrap();
        let file = PathBuf::from("compose.yaml");
        for text in [format!("x-b: &b {{restart: always}}\nservices:\n  web:\n{web}\n{after}\n"), format!("services:\n  web:\n    {any}\n")] {
            let beside = WorkTree { root: folder.path().to_owned() };
            let compose = Compose { file: &file, text: &text, folder: folder.path(), beside: &beside, name: None };
            let converted = match convert(&compose) {
                Ok(converted) => converted,
                Err(ConvertError::Rejected(rejected)) => {
                    prop_assert!(!rejected.problems.is_empty());
                    continue;
                }
                Err(ConvertError::Source(error)) => panic!("{error}"),
            };
            let services = |text: &str| {
                let (tree, problems) = parse(&file.clone().into(), text, false);
                let names = tree.get("services").and_then(|section| section.map().map(|map| map.keys().cloned().collect::<Vec<_>>()));
                (names, problems)
            };
            for (path, made) in converted.files.iter().filter(|(path, _)| path.extension().is_some()) {
                let made = std::str::from_utf8(made).unwrap();
                let (names, problems) = services(made);
                prop_assert!(problems.is_empty(), "{text}\n{}:\n{made}\n{problems:?}", path.display());
                prop_assert!(!path.starts_with("services") || names == services(&text).0, "{text}\n{made}");
                // A pipeline of any text may hold one that is none.
                prop_assert!(!made.contains("${") || text.contains(&any) && any.contains("${"), "{text}\n{made}");
            }
        }
    }
}
