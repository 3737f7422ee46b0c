//! A scene: a cluster of its own with its git repository, its part of the lab's hosts, and the built binary to play it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tempfile::TempDir;

use super::engine::call;
use super::lab::{self, Container};

/// What a run of cdk came to.
#[derive(Debug)]
pub struct Run {
    /// The exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// The answer.
    pub out: String,
    /// Progress and problems.
    pub err: String,
}

/// All that runs of cdk printed.
pub type Heard = Arc<Mutex<String>>;

impl Run {
    /// What a process came to.
    pub fn new(output: Output, heard: &Heard) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let run = Self {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        };
        *heard.lock().unwrap() += &format!("{}{}", run.out, run.err);
        run
    }

    /// Fails, with all that was printed, unless the exit code is this one.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "\n--- stdout\n{}--- stderr\n{}",
            self.out,
            self.err
        );
        self
    }

    /// Fails, with all that was printed, unless stdout or stderr holds this text.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        self.says_one_of(&[text])
    }

    /// Fails, with all that was printed, unless one of these texts is in it.
    #[track_caller]
    pub fn says_one_of(self, texts: &[&str]) -> Self {
        let said = texts
            .iter()
            .any(|text| self.out.contains(text) || self.err.contains(text));
        assert!(
            said,
            "nothing says {}\n--- stdout\n{}--- stderr\n{}",
            texts
                .iter()
                .map(|text| format!("{text:?}"))
                .collect::<Vec<_>>()
                .join(" or "),
            self.out,
            self.err
        );
        self
    }
}

/// A cluster on some of the lab's hosts.
pub struct Scene {
    /// The cluster's name, which no other test uses.
    pub cluster: String,
    /// Its hosts.
    pub hosts: Vec<&'static str>,
    folder: TempDir,
    /// All that cdk printed.
    pub heard: Heard,
    secrets: Mutex<Vec<String>>,
}

impl Scene {
    /// A repository that names these hosts, and nothing of an earlier run on them.
    pub fn new(cluster: &str, hosts: &[&'static str]) -> Self {
        // Clusters side by side on one host each have their own ports: who looks first must not take another's.
        static PORTS: AtomicU16 = AtomicU16::new(20000);
        let ports = PORTS.fetch_add(100, Ordering::Relaxed);
        let state = lab::state().display();
        // Where nobody cuts a host off, none is given up.
        let is_cut = hosts.iter().any(|host| lab::FAULTY.contains(host));
        let patience = if is_cut { "10s" } else { "60s" };
        let scene = Self {
            cluster: cluster.to_owned(),
            hosts: hosts.to_vec(),
            folder: tempfile::tempdir().unwrap(),
            heard: Heard::default(),
            secrets: Mutex::default(),
        };
        scene.secret(
            std::fs::read_to_string(lab::state().join("registry-password"))
                .unwrap()
                .trim(),
        );
        scene.clear();
        scene.write(
            "cdk.yaml",
            &format!(
                "cluster:\n  name: {cluster}\n  include: [hosts.yaml, services/*.yaml]\n  ports: {ports}-{}\n  \
                 ssh: {{config: {state}/ssh_config, connect_timeout: {patience}}}\n\
                 registries:\n  registry.lab:5000: {{username: ci, password: {{file: {state}/registry-password}}}}\n",
                ports + 99
            ),
        );
        let lines: Vec<String> = hosts
            .iter()
            .map(|host| format!("  {host}: {{address: {host}}}\n"))
            .collect();
        scene.write("hosts.yaml", &format!("hosts:\n{}", lines.concat()));
        scene.git(&["init", "-q", "-b", "main"]);
        scene
    }

    /// The repository's folder.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    /// A path beside the repository, for files that are not in it.
    pub fn beside(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file of the repository.
    pub fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Replaces a text that stands in a file of the repository.
    #[track_caller]
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path().join(file)).unwrap();
        assert!(text.contains(from), "{file} does not hold {from:?}:\n{text}");
        self.write(file, &text.replace(from, to));
    }

    /// Removes a file of the repository.
    pub fn remove(&self, file: &str) {
        std::fs::remove_file(self.path().join(file)).unwrap();
    }

    /// Commits everything.
    pub fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
    }

    /// Takes the last commit back.
    pub fn revert(&self) {
        self.git(&["revert", "--no-edit", "HEAD"]);
    }

    /// Runs git there; what it prints.
    pub fn git(&self, args: &[&str]) -> String {
        let output = self.command("git").args(args).output().unwrap();
        assert!(
            output.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// A program in the repository, that sees nothing of the settings of whoever runs the tests.
    fn command(&self, program: &str) -> Command {
        let home = self.folder.path().join("home");
        std::fs::create_dir_all(&home).unwrap();
        let mut command = Command::new(program);
        command.current_dir(self.path()).env("HOME", home).stdin(Stdio::null());
        for (name, value) in [("NAME", "Tester"), ("EMAIL", "tester@example.com")] {
            command
                .env(format!("GIT_AUTHOR_{name}"), value)
                .env(format!("GIT_COMMITTER_{name}"), value);
        }
        // No connection outlives a run: a test must not profit from another one's.
        command.env("CI", "true").env_remove("SSH_AUTH_SOCK");
        command
    }

    /// Runs cdk to its end.
    pub fn cdk(&self, args: &[&str]) -> Run {
        let output = self.command(env!("CARGO_BIN_EXE_cdk")).args(args).output().unwrap();
        Run::new(output, &self.heard)
    }

    /// Runs cdk with a text for its stdin.
    pub fn cdk_told(&self, args: &[&str], stdin: &str) -> Run {
        let mut command = self.command(env!("CARGO_BIN_EXE_cdk"));
        let command = command.args(args).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        Run::new(child.wait_with_output().unwrap(), &self.heard)
    }

    /// Remembers a value that nothing may ever show: see [`Scene::finds_no_secret`].
    pub fn secret(&self, value: &str) {
        assert!(value.len() > 7, "too short to be looked for");
        self.secrets.lock().unwrap().push(value.to_owned());
    }

    /// Fails where one of the secrets stands in what cdk printed or wrote beside the repository, in what an engine says of the
    /// cluster's containers, or in a label of a volume. The end of every scene asks this.
    #[track_caller]
    pub fn finds_no_secret(&self) {
        let said = lab::everywhere(&self.hosts, |host| {
            let ask = |what: &str| call(host, "GET", what, None).1.to_string();
            let own = lab::containers(&[host], &format!("{}.", self.cluster));
            let own = own.iter().map(|one| ask(&format!("containers/{}/json", one.name)));
            let lists = ["volumes", "containers/json?all=1"].map(ask);
            lists.into_iter().chain(own).collect::<String>()
        });
        let mut places = vec![
            ("an engine", said.concat()),
            ("cdk", self.heard.lock().unwrap().clone()),
        ];
        for entry in std::fs::read_dir(self.folder.path()).unwrap().flatten() {
            if entry.file_type().unwrap().is_file() {
                places.push((
                    "a file",
                    String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).into_owned(),
                ));
            }
        }
        for secret in self.secrets.lock().unwrap().iter() {
            // As JSON writes it, too.
            let escaped = serde_json::to_string(secret).unwrap();
            for (who, text) in &places {
                let told = text.contains(secret) || text.contains(escaped.trim_matches('"'));
                assert!(!told, "{who} tells the secret that begins with {}", &secret[..2]);
            }
        }
    }

    /// Runs cdk to its end, with these variables in its environment.
    pub fn cdk_with(&self, variables: &[(&str, &str)], args: &[&str]) -> Run {
        let mut command = self.command(env!("CARGO_BIN_EXE_cdk"));
        Run::new(
            command.args(args).envs(variables.iter().copied()).output().unwrap(),
            &self.heard,
        )
    }

    /// A line of a pipeline as Jenkins runs it: in a folder of its own, without a terminal, the built cdk in PATH behind `first`.
    pub fn line(&self, folder: &Path, first: &str, line: &str) -> Command {
        let built = Path::new(env!("CARGO_BIN_EXE_cdk")).parent().unwrap();
        let path = format!("{first}:{}:{}", built.display(), std::env::var("PATH").unwrap());
        let mut command = self.command("sh");
        command.current_dir(folder).env("PATH", path).args(["-xe", "-c", line]);
        command
    }

    /// Starts cdk.
    pub fn start(&self, args: &[&str]) -> Running {
        self.start_with(&[], args)
    }

    /// Starts cdk; what it says of its progress goes to a file, which can be read meanwhile.
    pub fn start_writing(&self, file: &str, args: &[&str]) -> Running {
        let mut command = self.command(env!("CARGO_BIN_EXE_cdk"));
        let words = std::fs::File::create(file).unwrap();
        let command = command.args(args).stdout(Stdio::piped()).stderr(words);
        Running {
            child: command.spawn().unwrap(),
            heard: Arc::clone(&self.heard),
        }
    }

    /// Starts cdk with these variables in its environment.
    pub fn start_with(&self, variables: &[(&str, &str)], args: &[&str]) -> Running {
        let mut command = self.command(env!("CARGO_BIN_EXE_cdk"));
        let command = command
            .args(args)
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Running {
            child: command.spawn().unwrap(),
            heard: Arc::clone(&self.heard),
        }
    }

    /// Applies; it must end well.
    #[track_caller]
    pub fn apply(&self) -> Run {
        self.cdk(&["apply", "--yes"]).ended(0)
    }

    /// Nothing may be left to do.
    #[track_caller]
    pub fn nothing_to_do(&self) {
        self.cdk(&["plan", "--detailed-exitcode"]).ended(0);
    }

    /// Something must be left to do.
    #[track_caller]
    pub fn something_to_do(&self) -> Run {
        self.cdk(&["plan", "--detailed-exitcode"]).ended(2)
    }

    /// The cluster's containers on its hosts, without cdk's own store.
    pub fn containers(&self) -> Vec<Container> {
        let mut all = lab::containers(&self.hosts, &format!("{}.", self.cluster));
        all.retain(|one| one.name != format!("{}.cdk", self.cluster));
        all
    }

    /// Fails unless just so many replicas of a service run, each slot once, all of this image, and nothing else of it is there.
    #[track_caller]
    pub fn runs(&self, service: &str, count: usize, image: &str) {
        let prefix = format!("{}.{service}.", self.cluster);
        let is: Vec<_> = self
            .containers()
            .into_iter()
            .filter(|one| one.name.starts_with(&prefix))
            .collect();
        let mut names: Vec<&str> = is.iter().map(|one| one.name.as_str()).collect();
        let mut wanted: Vec<String> = (1..=count).map(|slot| format!("{prefix}{slot}")).collect();
        names.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(names, wanted, "{is:#?}");
        let mut tags = BTreeMap::new();
        for one in is {
            let tag = tags
                .entry((one.host.clone(), one.image.clone()))
                .or_insert_with(|| tags_of(&one));
            assert!(
                one.state == "running" && tag.iter().any(|tag| tag == image),
                "{one:?} has {tag:?}"
            );
        }
    }

    /// What a replica answers over HTTP: its version and its host name.
    #[track_caller]
    pub fn answer(&self, slot: &str) -> String {
        let name = format!("{}.{slot}", self.cluster);
        let container = self.containers().into_iter().find(|one| one.name == name).unwrap();
        let port = container
            .ports
            .first()
            .unwrap_or_else(|| panic!("{name} has no port on its host"));
        lab::lab(&[
            "exec",
            &container.host,
            "curl",
            "-sS",
            "--max-time",
            "5",
            &format!("http://{}:{port}/", container.host),
        ])
    }

    /// Removes all that the cluster has on its hosts.
    pub fn clear(&self) {
        lab::everywhere(&self.hosts, |host| {
            let list = |what: &str| call(host, "GET", what, None).1;
            let of_cluster = |name: &str| name.split_once(['.', '_']).is_some_and(|(of, _)| of == self.cluster);
            let named = |all: &Value| -> Vec<String> {
                let all = all.as_array().into_iter().flatten();
                let names = all.filter_map(|one| one["Name"].as_str().or(one["Names"][0].as_str()));
                let names = names.map(|name| name.trim_start_matches('/').to_owned());
                names.filter(|name| of_cluster(name)).collect()
            };
            let remove = |path: String| call(host, "DELETE", &path, None);
            for name in named(&list("containers/json?all=1")) {
                remove(format!("containers/{name}?force=1&v=1"));
            }
            for name in named(&list("volumes")["Volumes"]) {
                remove(format!("volumes/{name}?force=1"));
            }
            for name in named(&list("networks")) {
                remove(format!("networks/{name}"));
            }
        });
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.finds_no_secret();
            self.clear();
        } else if std::env::var_os("CDK_TEST_KEEP").is_none() {
            // What runs on would be in the other tests' way; that it cannot be removed is no news after a failure.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.clear()));
        }
    }
}

/// A run of cdk that goes on.
pub struct Running {
    child: Child,
    heard: Heard,
}

impl Running {
    /// Sends a signal: `TERM`, `KILL`.
    pub fn signal(&self, name: &str) {
        // The shell's own: not every machine has a program of that name.
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{name} {}", self.child.id())])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// The processes that it has begun and that still are.
    pub fn children(&self) -> usize {
        let path = format!("/proc/{0}/task/{0}/children", self.child.id());
        let children = std::fs::read_to_string(path).unwrap_or_default();
        children.split_whitespace().count()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for its end.
    pub fn end(self) -> Run {
        Run::new(self.child.wait_with_output().unwrap(), &self.heard)
    }
}

/// The tags of the image that a container was made from: another test may give it one of its own.
fn tags_of(container: &Container) -> Vec<String> {
    let image = lab::engine(
        &container.host,
        "GET",
        &format!("images/{}/json", container.image),
        None,
    );
    let tags = image["RepoTags"].as_array().into_iter().flatten();
    tags.filter_map(|tag| Some(tag.as_str()?.to_owned())).collect()
}

/// A service of the test application: its YAML, `deploy` given as the inside of the braces.
pub fn service(name: &str, image: &str, more: &str, deploy: &str) -> String {
    format!("services:\n  {name}:\n    image: {image}\n{more}    deploy: {{{deploy}}}\n")
}
