//! The cluster's hooks around an apply: each gets JSON on its stdin, has a deadline, and goes with all that it started. They run
//! from the work tree, in the folder of cdk.yaml, whatever revision is applied.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures_util::future::{FutureExt as _, join};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use crate::execute::outcome::{Event, Outcome, ServiceEnd, StepEnd};
use crate::execute::stop::{Stop, Urgency};
use crate::flow::apply::Session;
use crate::flow::author::now;
use crate::flow::failure::Failure;
use crate::flow::{Planned, Settings};
use crate::model::hook::{Hook, Hooks, Moment};
use crate::model::name::ServiceName;
use crate::model::problem::Problem;
use crate::plan::step::{Plan, StepId};
use crate::report::{self, mask};
use crate::resolve::desired::Desired;
use crate::source::Repository;

/// From the first signal to the second, which nobody can refuse.
const GRACE: Duration = Duration::from_secs(2);
/// How long what a hook left running may hold on to its output.
const REST: Duration = Duration::from_millis(500);
/// How many of the last lines of its stderr are told of a hook that failed.
const LINES: usize = 5;

/// What is told while an apply with hooks goes on.
#[derive(Debug)]
pub enum Told<'a> {
    /// The executor's own.
    Event(&'a Event),
    /// A line that a hook wrote.
    Line(Moment, &'a str),
    /// A hook failed, which changes nothing any more; and why.
    Failed(Moment, &'a str),
}

/// The hooks of a cluster, ready to run.
pub struct Runner {
    root: PathBuf,
    hooks: Hooks,
    variables: Vec<(&'static str, String)>,
}

/// Why a hook failed.
enum End {
    /// For itself; in words.
    Failed(String),
    /// A signal to cdk ended it.
    Signal,
}

/// What is wrong with the hooks' programs in the work tree; one that is outside of it, or named by a variable, is not looked at.
pub(super) fn problems(root: &Path, desired: &Desired) -> Vec<Problem> {
    let wrong = desired.cluster.hooks.all().filter_map(|(moment, hook)| {
        let program = hook.run.first().filter(|program| program.names().next().is_none())?;
        let (message, hint) = missing(root, &program.to_string())?;
        let problem = Problem::at(Some(hook.place.clone()), format!("the hook `{moment}`: {message}"));
        Some(problem.hint(hint))
    });
    wrong.collect()
}

/// Why a program of the work tree can't be run, and what to do.
fn missing(root: &Path, program: &str) -> Option<(String, String)> {
    if !program.contains('/') || program.starts_with('/') {
        return None;
    }
    match std::fs::metadata(root.join(program)) {
        Err(error) => Some((
            format!("{program}: {error}"),
            "add the file beside cdk.yaml, or write another path".to_owned(),
        )),
        Ok(file) if !file.is_file() => Some((format!("{program} is no file"), "name a program".to_owned())),
        Ok(file) if file.permissions().mode() & 0o111 == 0 => {
            Some((format!("{program} is not executable"), format!("chmod +x {program}")))
        }
        Ok(_) => None,
    }
}

impl Runner {
    /// The hooks of what was planned.
    ///
    /// # Errors
    /// Where one of their programs can't be run: nothing is begun then.
    pub fn new(settings: &Settings, planned: &Planned) -> Result<Self, Failure> {
        let root = Repository::find(&settings.directory)?.root().to_owned();
        if let Some(problem) = problems(&root, &planned.desired).into_iter().next() {
            let hint = problem.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            return Err(Failure::Guard(format!(
                "{}: nothing was touched{hint}",
                problem.message
            )));
        }
        let Plan { cluster, revision, .. } = &planned.plan;
        Ok(Self {
            root,
            hooks: planned.desired.cluster.hooks.clone(),
            variables: vec![
                ("CDK_CLUSTER", cluster.to_string()),
                ("CDK_REVISION", revision.commit.clone().unwrap_or_default()),
            ],
        })
    }

    /// Runs `before_apply` with the plan.
    ///
    /// # Errors
    /// Where it fails: then nothing may be touched.
    pub async fn before_apply(&self, plan: &Plan, told: &mut dyn FnMut(Told<'_>)) -> Result<(), Failure> {
        let json = report::plan::json(&report::plan::document(mask::plan(plan), now()));
        let told = RefCell::new(told);
        match self.run(Moment::BeforeApply, json, &Stop::never(), &told).await {
            Ok(()) => Ok(()),
            Err(End::Failed(why)) => Err(Failure::Guard(format!(
                "the hook {}: {why}\nnothing was touched",
                Moment::BeforeApply
            ))),
            Err(End::Signal) => Err(Failure::Other("interrupted".to_owned())),
        }
    }

    /// Does the plan, and runs the hooks that come after: one at a time, and the apply does not wait for them until its end. What
    /// they come to changes nothing but this: where a signal ends one, the apply was interrupted.
    pub async fn apply(&self, session: &Session, stop: &Stop, told: &mut dyn FnMut(Told<'_>)) -> Outcome {
        let plan = &session.planned().plan;
        let told = RefCell::new(told);
        let began = Instant::now();
        let ends: RefCell<BTreeMap<StepId, StepEnd>> = RefCell::default();
        let (sender, mut rolled) = mpsc::unbounded_channel::<(ServiceName, ServiceEnd)>();
        let work = async {
            let mut events = |event: Event| {
                note(&mut ends.borrow_mut(), &event);
                (told.borrow_mut())(Told::Event(&event));
                if let Event::Rolled(service, end) = event {
                    // Whoever listens does so to the end.
                    let _: Result<(), _> = sender.send((service, end));
                }
            };
            let outcome = session.apply(stop, &mut events).await;
            drop(sender);
            outcome
        };
        let after_each = async {
            let mut cut = false;
            while let Some((service, end)) = rolled.recv().await {
                let so_far = Outcome {
                    steps: ends.borrow().clone(),
                    took: began.elapsed(),
                    ..Outcome::default()
                };
                let json = report::outcome::service_json(plan, &so_far, service, end);
                cut |= self.told(Moment::AfterService, json, stop, &told).await;
            }
            cut
        };
        let (mut outcome, mut cut) = join(work, after_each).await;
        let moment = match outcome.failed() || outcome.interrupted {
            false => Moment::AfterApply,
            true => Moment::OnFailure,
        };
        cut |= self
            .told(moment, report::outcome::json(plan, &outcome), stop, &told)
            .await;
        outcome.interrupted |= cut;
        outcome
    }

    /// Runs a hook whose failure is only told; says whether a signal ended it.
    async fn told(&self, moment: Moment, json: Json, stop: &Stop, told: &Teller<'_, '_>) -> bool {
        match self.run(moment, json, stop, told).await {
            Ok(()) => false,
            Err(End::Failed(why)) => {
                (told.borrow_mut())(Told::Failed(moment, &why));
                false
            }
            Err(End::Signal) => {
                (told.borrow_mut())(Told::Failed(moment, "a signal ended it"));
                true
            }
        }
    }

    /// Runs the hook of a moment, where there is one. The first signal that comes while it runs ends it; after the second none runs.
    async fn run(&self, moment: Moment, json: Json, stop: &Stop, told: &Teller<'_, '_>) -> Result<(), End> {
        let Some(hook) = self.hooks.at(moment) else {
            return Ok(());
        };
        if stop.reached(Urgency::Abort).now_or_never().is_some() {
            return Ok(());
        }
        let enough = match stop.is_asked() {
            false => Urgency::Finish,
            true => Urgency::Abort,
        };
        let json = json.map_err(|error| End::Failed(error.to_string()))?;
        let mut child = self.start(moment, hook).map_err(End::Failed)?;
        let mut group = Group::of(&child);
        let tail = RefCell::new(VecDeque::new());
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let talk = talk(pipes, moment, json, told, &tail);
        let ended = {
            let mut talk = std::pin::pin!(talk);
            tokio::select! {
                biased;
                () = stop.reached(enough) => Err(End::Signal),
                ended = wait(&mut child, &mut talk) => Ok(ended),
                () = sleep(hook.timeout.0) => Err(End::Failed(format!("not done within {}, and killed", hook.timeout))),
            }
        };
        match ended {
            Ok(status) => {
                group.is_over();
                judge(status).map_err(|why| End::Failed(with_lines(why, &tail.take())))
            }
            Err(end) => {
                group.signal(Signal::TERM);
                let _ended = timeout(GRACE, child.wait()).await;
                group.signal(Signal::KILL);
                let _ended = child.wait().await;
                group.is_over();
                Err(match end {
                    End::Failed(why) => End::Failed(with_lines(why, &tail.take())),
                    End::Signal => End::Signal,
                })
            }
        }
    }

    fn start(&self, moment: Moment, hook: &Hook) -> Result<Child, String> {
        let values = hook.run.iter().flat_map(|word| word.names());
        let values = values.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)));
        let values: BTreeMap<String, String> = values.collect();
        let mut words = hook.run.iter().map(|word| word.fill(&values));
        let program = words.next().filter(|program| !program.is_empty());
        let program = program.ok_or("it names no program: the variable is not set")?;
        let path = match program.contains('/') {
            true => self.root.join(&program),
            false => PathBuf::from(&program),
        };
        let mut command = Command::new(path);
        command
            .args(words)
            .current_dir(&self.root)
            .env("CDK_HOOK", moment.to_string());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let started = command.process_group(0).kill_on_drop(true).spawn();
        started.map_err(|error| format!("{program} could not be started: {error}"))
    }
}

type Json = Result<String, serde_json::Error>;
type Teller<'t, 'f> = RefCell<&'t mut (dyn FnMut(Told<'_>) + 'f)>;

/// A hook's own processes. Where nobody waits for it any more, they are killed.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // What is gone already needs no signal.
            let _gone = kill_process_group(group, signal);
        }
    }

    fn is_over(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Waits for a hook's end while it is talked to; what it left running may hold its output only a little longer.
async fn wait(child: &mut Child, talk: &mut (impl Future<Output = ()> + Unpin)) -> std::io::Result<ExitStatus> {
    let mut talks = true;
    let status = loop {
        tokio::select! {
            biased;
            () = &mut *talk, if talks => talks = false,
            status = child.wait() => break status,
        }
    };
    if talks {
        let _silent = timeout(REST, talk).await;
    }
    status
}

/// Gives a hook its JSON, and tells what it says.
async fn talk(
    (stdin, stdout, stderr): (Option<ChildStdin>, Option<ChildStdout>, Option<ChildStderr>),
    moment: Moment,
    json: String,
    told: &Teller<'_, '_>,
    tail: &RefCell<VecDeque<String>>,
) {
    let give = async {
        if let Some(mut stdin) = stdin {
            // A hook need not read what it is given.
            let _unread = stdin.write_all(json.as_bytes()).await;
        }
    };
    let out = lines(stdout, |line| (told.borrow_mut())(Told::Line(moment, line)));
    let errors = lines(stderr, |line| {
        (told.borrow_mut())(Told::Line(moment, line));
        let mut tail = tail.borrow_mut();
        tail.push_back(line.to_owned());
        if tail.len() > LINES {
            tail.pop_front();
        }
    });
    join(give, join(out, errors)).await;
}

async fn lines(from: Option<impl AsyncRead + Unpin>, mut each: impl FnMut(&str)) {
    let Some(from) = from else { return };
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
        each(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
}

fn judge(status: std::io::Result<ExitStatus>) -> Result<(), String> {
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(match status.code() {
            Some(code) => format!("it ended with {code}"),
            None => format!("it was ended by a {status}"),
        }),
        Err(error) => Err(format!("nobody knows how it ended: {error}")),
    }
}

/// Why it failed, and below it what it last said of it.
fn with_lines(why: String, tail: &VecDeque<String>) -> String {
    tail.iter().fold(why, |whole, line| {
        format!("{whole}\n    | {}", report::words::clean(line))
    })
}

/// Notes how steps end while an apply goes on.
fn note(ends: &mut BTreeMap<StepId, StepEnd>, event: &Event) {
    match event {
        Event::Done(id, _) => drop(ends.insert(*id, StepEnd::Done)),
        Event::Failed { step, error, .. } => drop(ends.insert(*step, StepEnd::Failed(error.clone()))),
        Event::Undone { step, error } => match (error, ends.get(step)) {
            (_, Some(StepEnd::Failed(_))) => {}
            (None, _) => drop(ends.insert(*step, StepEnd::Undone)),
            (Some(error), _) => drop(ends.insert(*step, StepEnd::Failed(error.clone()))),
        },
        Event::Skipped(id) | Event::Left(id) => drop(ends.insert(*id, StepEnd::Skipped)),
        Event::Started(_)
        | Event::Delay(..)
        | Event::Paused(_)
        | Event::Waits(_)
        | Event::RollingBack(_)
        | Event::Back { .. }
        | Event::Rolled(..)
        | Event::Stopping
        | Event::Journal(..) => {}
    }
}
