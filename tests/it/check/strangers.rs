//! `init --from` on Compose files as the Compose Specification and popular projects have them, their facts rewritten. Each file of
//! `strangers/` is such a stack, and a transcript: what is said, what `check` refuses, what changes. `CDK_GOLDEN=write` writes it anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use similar::TextDiff;

/// A stack, and the repository that was made of it.
pub struct Stranger {
    folder: tempfile::TempDir,
    /// The case's file.
    pub case: PathBuf,
    /// Its stack, as the case has it.
    pub input: String,
    /// The transcript that it expects.
    expected: String,
    /// What was said, the exit code in front.
    pub said: String,
    /// Whether `check` takes the repository.
    pub passes: bool,
}

/// All cases, each made.
pub fn all() -> Vec<Stranger> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/check/strangers");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 20, "the strangers are gone");
    cases.into_iter().map(Stranger::make).collect()
}

impl Stranger {
    fn make(case: PathBuf) -> Self {
        let whole = fs::read_to_string(&case).unwrap();
        let (input, expected) = whole.split_once("=== ").map_or((whole.as_str(), ""), |(input, rest)| (input, rest));
        let folder = tempfile::tempdir().unwrap();
        let files: Vec<(&str, &str)> = input.split("--- ").skip(1).map(|file| file.split_once('\n').unwrap()).collect();
        for (path, text) in &files {
            let path = folder.path().join("stack").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let output = Command::new(env!("CARGO_BIN_EXE_cdk"))
            .current_dir(folder.path())
            .args(["init", "--from", &format!("stack/{}", files[0].0), "repository"])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let said = format!("{}\n{}{}", output.status.code().unwrap(), text(&output.stdout), text(&output.stderr));
        Self {
            case,
            input: input.to_owned(),
            expected: expected.to_owned(),
            said,
            passes: output.status.code() == Some(0),
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
        let services = fs::read_dir(self.repository().join("services")).unwrap().next().unwrap().unwrap();
        let after = fs::read_to_string(services.path()).unwrap();
        let cluster = fs::read_to_string(self.repository().join("cdk.yaml")).unwrap();
        let (_, cluster) = cluster.split_once("cluster:\n").unwrap();
        let diff = TextDiff::from_lines(&before, &after);
        let changes = diff.unified_diff().context_radius(0).to_string();
        let own = self.folder.path().canonicalize().unwrap();
        format!("init: {}=== cdk.yaml\n{cluster}=== changes\n{changes}", self.said).replace(own.to_str().unwrap(), "")
    }
}

#[test]
fn every_stranger_becomes_a_repository_or_each_key_is_named() {
    let mut wrong = Vec::new();
    for stranger in all() {
        assert!(["0\n", "3\n"].iter().any(|code| stranger.said.starts_with(code)), "{}: {}", stranger.case.display(), stranger.said);
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
        let output = Command::new(env!("CARGO_BIN_EXE_cdk")).current_dir(folder.path()).args(command).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let is_there = |path: &str| Path::exists(&folder.path().join(path));
    let (code, said) = init("broken.yaml", "services:\n  web: {image: a\n");
    assert!(code == 3 && said.contains("broken.yaml:"), "{code} {said}");
    let (code, said) = init("notes.yaml", "- one\n");
    assert!(code == 3 && said.contains("notes.yaml:1:1") && !is_there("cdk.yaml"), "{code} {said}");
    fs::write(folder.path().join("hosts.yaml"), "mine").unwrap();
    let (code, said) = init("compose.yaml", "services:\n  web: {image: nginx}\n");
    assert!(code == 3 && said.contains("hosts.yaml") && !is_there("cdk.yaml"), "{code} {said}");
    fs::remove_file(folder.path().join("hosts.yaml")).unwrap();
    assert_eq!(init("compose.yaml", "services:\n  web: {image: nginx}\n").0, 0);
    assert_eq!(init("compose.yaml", "services:\n  web: {image: nginx}\n").0, 0, "the same again is no harm");
}
