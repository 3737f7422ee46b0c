//! `cdk rehearse` against saved observations: repositories, command lines, and all that is answered to them, word for word.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs a case's lines in its folder; gives back the transcript. `cat FILE` shows a file that a line wrote.
fn transcript(folder: &Path, lines: &[String]) -> String {
    let mut said = String::new();
    for line in lines {
        let words = shlex::split(line).unwrap();
        writeln!(said, "$ {line}").unwrap();
        match words[0].as_str() {
            "cat" => said += &std::fs::read_to_string(folder.join(&words[1])).unwrap(),
            "cdk" => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_cdk"));
                let command = command.args(&words[1..]).current_dir(folder).env("HOME", folder);
                let output = command.env_remove("CDK_AGE_KEY_FILE").output().unwrap();
                // A plan says how long it took to look, and has its own tests.
                if words[1] != "plan" {
                    said += &String::from_utf8(output.stdout).unwrap();
                }
                said += &String::from_utf8(output.stderr).unwrap();
                writeln!(said, "= {}", output.status.code().unwrap()).unwrap();
            }
            other => panic!("no such program in a case: {other}"),
        }
    }
    said
}

/// A case's files, its lines, and the transcript that is kept.
fn case(path: &Path) -> (Vec<(String, String)>, Vec<String>, String) {
    let text = std::fs::read_to_string(path).unwrap();
    let (files, kept) = text.split_once("=== transcript\n").unwrap();
    let files = files.split("--- ").skip(1).map(|file| file.split_once('\n').unwrap());
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    let lines = kept
        .lines()
        .filter_map(|line| line.strip_prefix("$ "))
        .map(str::to_owned);
    (files, lines.collect(), kept.to_owned())
}

fn write(folder: &Path, files: &[(String, String)]) {
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/rehearse");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

/// Each file under `rehearse/` is a repository and a transcript. `CDK_GOLDEN=write` writes the transcripts anew.
#[test]
fn rehearsals_go_as_they_were_agreed() {
    let paths = cases();
    assert!(paths.len() >= 4, "the cases are gone");
    let mut wrong = Vec::new();
    for path in paths {
        let (files, lines, kept) = case(&path);
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &files);
        let said = transcript(folder.path(), &lines);
        if said == kept {
            continue;
        }
        if std::env::var_os("CDK_GOLDEN").is_some_and(|value| value == "write") {
            let input: String = files.iter().map(|(name, text)| format!("--- {name}\n{text}")).collect();
            std::fs::write(&path, format!("{input}=== transcript\n{said}")).unwrap();
        } else {
            wrong.push(format!("{}\n{said}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_data_keeps_its_schema_and_says_the_same_twice() {
    let schema = cdk::cli::schema::schemas().remove("rehearsal.schema.json").unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let mut seen = 0;
    for path in cases() {
        let (files, lines, _) = case(&path);
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &files);
        for line in lines
            .iter()
            .filter(|line| line.contains("rehearse") && !line.contains("-o json"))
        {
            let run = || {
                let mut command = Command::new(env!("CARGO_BIN_EXE_cdk"));
                let command = command
                    .args(shlex::split(line).unwrap().iter().skip(1))
                    .args(["-o", "json"]);
                command
                    .current_dir(folder.path())
                    .env("HOME", folder.path())
                    .output()
                    .unwrap()
                    .stdout
            };
            let said = run();
            let Ok(value) = serde_json::from_slice(&said) else {
                assert!(said.is_empty(), "{line}: {}", String::from_utf8_lossy(&said));
                continue;
            };
            let errors: Vec<String> = schema.iter_errors(&value).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{line}: {errors:?}");
            assert_eq!(run(), said, "{line}");
            seen += 1;
        }
    }
    assert!(seen >= 10, "only {seen} rehearsals were looked at");
}
