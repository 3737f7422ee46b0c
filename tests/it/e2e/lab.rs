//! The lab as the tests see it: eight hosts, brought up once, asked through their engines and never through cdk.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::engine::call;

/// Hosts that every test may use at any time, each with a cluster of its own: two of each Debian.
pub const SHARED: [&str; 4] = ["h1", "h2", "h3", "h4"];
/// Hosts that only [`faulty`] hands out, to one test at a time, since it stops them: two of each Debian.
pub const FAULTY: [&str; 4] = ["h5", "h6", "h7", "h8"];

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/lab")
}

/// Runs `tests/lab/lab` with these words; what it prints.
#[track_caller]
pub fn lab(args: &[&str]) -> String {
    let name = std::env::var("CDK_LAB").unwrap_or_else(|_| "test".to_owned());
    let output = Command::new(script())
        .args(["-n", &name])
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "lab {args:?}: {error}{}",
        String::from_utf8_lossy(&output.stdout)
    );
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// The lab's state folder; the lab is up once this answers.
pub fn state() -> &'static Path {
    static STATE: OnceLock<PathBuf> = OnceLock::new();
    STATE.get_or_init(|| {
        lab(&["up", "8"]);
        // A run that was killed left its faults behind.
        lab(&["fault", "heal"]);
        PathBuf::from(lab(&["path"]))
    })
}

/// Takes hosts that may be stopped, all of them up, for as long as the answer lives. They go by pairs, so that two tests that want one
/// pair each run side by side.
pub fn faulty(hosts: &[&str]) -> Vec<MutexGuard<'static, ()>> {
    static PAIRS: [Mutex<()>; 2] = [const { Mutex::new(()) }; 2];
    state();
    let pairs = FAULTY.chunks(2).zip(&PAIRS);
    let wanted = pairs.filter(|(pair, _)| pair.iter().any(|host| hosts.contains(host)));
    let taken = wanted.map(|(pair, lock)| {
        lock.lock().unwrap_or_else(|failed| {
            // A test that failed left its faults behind.
            for host in pair {
                lab(&["fault", "heal", host]);
            }
            lab(&["up", "8"]);
            lock.clear_poison();
            failed.into_inner()
        })
    });
    taken.collect()
}

/// The lab's registry, out of these hosts' reach for as long as it lives; all others go on using it.
pub struct NoRegistry(&'static [&'static str]);

impl NoRegistry {
    /// Takes the way to the registry from hosts that no other test uses just now.
    pub fn on(hosts: &'static [&'static str]) -> Self {
        let gone = Self(hosts);
        gone.route("add");
        gone
    }

    fn route(&self, verb: &str) {
        let shell = r#"ip route "$1" unreachable "$(getent ahostsv4 registry.lab | { read -r ip _; echo "$ip"; })"/32"#;
        everywhere(self.0, |host| {
            lab(&["exec", host, "sh", "-c", shell, "route", verb]);
        });
    }
}

impl Drop for NoRegistry {
    fn drop(&mut self) {
        self.route("del");
    }
}

/// The test application as `registry.lab:5000/app:VERSION`, in the lab's registry; made once.
pub fn app(version: u8) -> String {
    static MADE: [OnceLock<()>; 4] = [const { OnceLock::new() }; 4];
    state();
    MADE[usize::from(version)].get_or_init(|| {
        lab(&["image", &format!("app:{version}"), "--push"]);
    });
    format!("registry.lab:5000/app:{version}")
}

/// One call of a host's engine; what it answers, or null.
#[track_caller]
pub fn engine(host: &str, method: &str, path: &str, body: Option<Value>) -> Value {
    let (status, answer) = call(host, method, path, body.as_ref());
    assert!(status < 400, "{method} {path} on {host}: {status} {answer}");
    answer
}

/// A container as its engine lists it.
#[derive(Debug, Clone)]
pub struct Container {
    /// The host that it is on.
    pub host: String,
    /// Its name, without the slash.
    pub name: String,
    /// The engine's id.
    pub id: String,
    /// The image as it was named when the container was made.
    pub image: String,
    /// `running`, `exited`, `created`.
    pub state: String,
    /// Ports on the host.
    pub ports: Vec<u16>,
}

/// All containers of these hosts whose names begin so, stopped ones too, in the order of names.
pub fn containers(hosts: &[&str], prefix: &str) -> Vec<Container> {
    let mut all: Vec<Container> = everywhere(hosts, |host| {
        let list = engine(host, "GET", "containers/json?all=1", None);
        list.as_array()
            .unwrap()
            .iter()
            .map(|one| container(host, one))
            .collect::<Vec<_>>()
    })
    .concat();
    all.retain(|one| one.name.starts_with(prefix));
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

fn container(host: &str, listed: &Value) -> Container {
    let text = |key: &str| listed[key].as_str().unwrap_or_default().to_owned();
    let ports = listed["Ports"].as_array().into_iter().flatten();
    let mut ports: Vec<u16> = ports
        .filter_map(|port| u16::try_from(port["PublicPort"].as_u64()?).ok())
        .collect();
    ports.dedup();
    Container {
        host: host.to_owned(),
        name: listed["Names"][0]
            .as_str()
            .unwrap_or_default()
            .trim_start_matches('/')
            .to_owned(),
        id: text("Id"),
        image: text("Image"),
        state: text("State"),
        ports,
    }
}

/// The same done for every host at once.
pub fn everywhere<T: Send>(hosts: &[&str], work: impl Fn(&str) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let running: Vec<_> = hosts.iter().map(|host| scope.spawn(|| work(host))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Waits until a condition holds; fails with its words where it does not within the time.
#[track_caller]
pub fn until(what: &str, within: Duration, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + within;
    while !holds() {
        assert!(Instant::now() < end, "not within {within:?}: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
