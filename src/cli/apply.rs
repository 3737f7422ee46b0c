//! `cdk apply`: plans, asks, does it, and tells how it goes.

use std::io::{self, BufRead};
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use indicatif::ProgressDrawTarget;
use serde::Deserialize;

use crate::cli::args::{ApplyArgs, Output};
use crate::cli::commands::text;
use crate::cli::context::{Context, complain};
use crate::cli::exit::{Ended, ExitCode, of_apply};
use crate::cli::runtime::{Signals, block_on};
use crate::execute::outcome::Outcome;
use crate::execute::stop::Stopper;
use crate::flow::{self, Allowed, Failure, Runner, Session, Settings, Told, Wish};
use crate::model::scope::Scope;
use crate::plan::step::{PLAN_VERSION, Plan, PlanDocument};
use crate::report::progress::{Detail, Lines, Reporter};
use crate::report::terminal::Terminal;
use crate::report::{hook, mask, outcome};

/// `cdk apply [FILE]`.
pub(super) fn apply(context: &Context, args: ApplyArgs) -> Result<ExitCode, Ended> {
    let asks = !args.yes && args.file.is_none();
    if asks {
        context.must_ask("apply", "--yes, or a plan saved by `cdk plan --out FILE`")?;
    }
    let saved = args.file.as_deref().map(read).transpose()?;
    let mut settings = context.settings.clone();
    settings.pinned = args.rev.is_some();
    settings.revision = args.rev;
    settings.asked.failover = args.failover;
    settings.asked.retry = args.retry.into_iter().collect();
    settings.forget = args.forget;
    if let Some(saved) = &saved {
        as_saved(&mut settings, saved)?;
    }
    let allowed = Allowed {
        dirty: args.dirty,
        removals: args.allow_removals,
        new_cluster: args.new_cluster,
    };
    let how = How {
        saved,
        allowed,
        asks,
        patience: args.lock.lock_timeout.0,
    };
    carry_out(context, &settings, how)
}

/// How something is applied.
pub(super) struct How {
    /// The plan that must still be it.
    pub saved: Option<Plan>,
    /// What the guards let pass.
    pub allowed: Allowed,
    /// Whether a person is asked.
    pub asks: bool,
    /// How long another run may keep the lock.
    pub patience: Duration,
}

/// Plans, shows it, asks where that is wanted, and does it. Where nobody is asked the lock comes first. A person may think for long:
/// then the lock comes after, with another plan, which is asked for again where it differs.
pub(super) fn carry_out(context: &Context, settings: &Settings, how: How) -> Result<ExitCode, Ended> {
    let waits = |by: &str| {
        if !context.quiet {
            complain(&format!("Waiting for the lock, which {by} has.\n"));
        }
    };
    let wish = Wish {
        patience: how.patience,
        waits: &waits,
    };
    block_on(async |signals| {
        let first = (!how.asks).then_some(&wish);
        let mut session = signals.unless(flow::begin_apply(settings, first)).await?;
        let agreed = agreed(context, signals, &mut session, settings, &how, &wish).await;
        match agreed {
            Ok(true) => execute(context, signals, settings, session).await,
            Ok(false) => {
                part(signals, session).await;
                complain("Nothing was changed.\n");
                Ok(ExitCode::Error)
            }
            Err(ended) => {
                part(signals, session).await;
                Err(ended)
            }
        }
    })
}

/// What a saved plan was made from, over what the command line says.
pub(super) fn as_saved(settings: &mut Settings, saved: &Plan) -> Result<(), Failure> {
    // What was not committed can only be read where it stands.
    settings.revision = saved.revision.commit.clone().filter(|_| !saved.revision.dirty);
    settings.pinned = saved.pinned;
    settings.asked = saved.asked.clone();
    let given = std::mem::take(&mut settings.forget);
    settings.forget = saved.forgets.iter().cloned().chain(given).collect();
    settings.environment = environment(settings.environment.take(), saved)?;
    settings.scope = scope(&settings.scope, saved)?;
    Ok(())
}

/// Parts from the hosts; a signal ends that too, and then the end of the process does it.
async fn part(signals: &mut Signals, session: Session) {
    tokio::select! {
        biased;
        _ = session.close() => {}
        () = signals.next() => {}
    }
}

/// The environment of a saved plan; what the command line says must be the same.
fn environment(asked: Option<String>, saved: &Plan) -> Result<Option<String>, Failure> {
    let planned = saved.revision.environment.clone();
    match &asked {
        Some(asked) if planned.as_ref() != Some(asked) => Err(Failure::Usage(match &planned {
            Some(planned) => format!("-e {asked}: this plan was made for the environment {planned}"),
            None => format!("-e {asked}: this plan was made without an environment"),
        })),
        Some(_) | None => Ok(planned),
    }
}

/// The part of the cluster that a saved plan is for; what the command line says must be the same.
fn scope(asked: &Scope, saved: &Plan) -> Result<Scope, Failure> {
    if asked.is_whole() || *asked == saved.scope {
        return Ok(saved.scope.clone());
    }
    Err(Failure::Usage(match saved.scope.is_whole() {
        true => format!("{asked}: this plan was made for the whole cluster"),
        false => format!("{asked}: this plan was made with {}", saved.scope),
    }))
}

/// Whether to go on: the saved plan still holds, the guards let it pass, and a person agrees.
async fn agreed(
    context: &Context,
    signals: &mut Signals,
    session: &mut Session,
    settings: &Settings,
    how: &How,
    wish: &Wish<'_>,
) -> Result<bool, Ended> {
    if let Some(saved) = &how.saved {
        // A saved plan has its secrets masked, which makes no difference.
        flow::expect_same(&mask::plan(&session.planned().plan), saved)?;
    }
    session.guard(how.allowed)?;
    show(context, session, how)?;
    if !how.asks || session.planned().plan.is_empty() {
        return Ok(true);
    }
    if !ask(signals, session, "Apply these changes?").await? {
        return Ok(false);
    }
    let same = signals.unless(session.lock(settings, wish)).await?;
    session.guard(how.allowed)?;
    if same {
        return Ok(true);
    }
    complain("\nThe repository or the hosts have changed meanwhile. This is the plan now:\n\n");
    show(context, session, how)?;
    match session.planned().plan.is_empty() {
        true => Ok(true),
        false => ask(signals, session, "Apply these changes instead?").await,
    }
}

fn show(context: &Context, session: &Session, how: &How) -> Result<(), Ended> {
    let planned = session.planned();
    match context.output {
        Output::Text => context.answer(&text(planned, context.style)),
        Output::Json if context.quiet && !how.asks => Ok(()),
        Output::Json => {
            complain(&text(planned, context.error_style));
            Ok(())
        }
    }
}

/// Asks a person, who may take as long as they like: the lock is kept meanwhile, where it is ours.
async fn ask(signals: &mut Signals, session: &Session, question: &str) -> Result<bool, Ended> {
    signals.unless(session.holding(says_yes(question))).await
}

/// Asks a person.
pub(super) async fn says_yes(question: &str) -> Result<bool, Ended> {
    complain(&format!("\n{question} [y/N] "));
    let answer = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    let unread = |error: &dyn std::fmt::Display| Ended::Io(format!("the answer could not be read: {error}"));
    let answer = answer
        .await
        .map_err(|error| unread(&error))?
        .map_err(|error| unread(&error))?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Does the steps; the first signal lets what is in hand be finished, the second leaves at once.
async fn execute(
    context: &Context,
    signals: &mut Signals,
    settings: &Settings,
    session: Session,
) -> Result<ExitCode, Ended> {
    let plan = session.planned().plan.clone();
    if plan.is_empty() {
        part(signals, session).await;
        return tell(context, &plan, &Outcome::default());
    }
    let mut reporter = reporter(context, &plan);
    let mut told = |told: Told<'_>| tell_of(context, &plan, reporter.as_mut(), &told);
    let hooks = match before(signals, settings, &session, &mut told).await {
        Ok(hooks) => hooks,
        Err(ended) => {
            reporter.finish();
            part(signals, session).await;
            return Err(ended);
        }
    };
    let (stopper, stop) = Stopper::new();
    let outcome = {
        let mut work = pin!(session.holding(hooks.apply(&session, &stop, &mut told)));
        loop {
            tokio::select! {
                biased;
                outcome = &mut work => break outcome,
                () = signals.next() => stopper.signal(),
            }
        }
    };
    reporter.finish();
    part(signals, session).await;
    tell(context, &plan, &outcome)
}

/// Runs what comes before the first step.
async fn before(
    signals: &mut Signals,
    settings: &Settings,
    session: &Session,
    told: &mut dyn FnMut(Told<'_>),
) -> Result<Runner, Ended> {
    let hooks = Runner::new(settings, session.planned())?;
    signals
        .unless(session.holding(hooks.before_apply(&session.planned().plan, told)))
        .await?;
    Ok(hooks)
}

fn tell_of(context: &Context, plan: &Plan, reporter: &mut dyn Reporter, told: &Told<'_>) {
    match told {
        Told::Event(event) => reporter.event(plan, event),
        Told::Line(..) if context.quiet => {}
        Told::Line(moment, line) => reporter.line(&hook::line(*moment, line, context.error_style)),
        Told::Failed(moment, why) => reporter.line(&hook::failed(*moment, why, context.error_style)),
    }
}

/// The answer: how it ended. Where there was nothing to do, the plan has said so already.
fn tell(context: &Context, plan: &Plan, outcome: &Outcome) -> Result<ExitCode, Ended> {
    let said = || match plan.is_empty() {
        true => String::new(),
        false => format!("\n{}", outcome::text(plan, outcome, context.style)),
    };
    context.answer_as(said, || outcome::json(plan, outcome))?;
    Ok(of_apply(plan, outcome))
}

fn reporter(context: &Context, plan: &Plan) -> Box<dyn Reporter> {
    let style = context.error_style;
    let detail = match (context.quiet, style.verbose) {
        (true, _) => Detail::Failures,
        (false, true) => Detail::All,
        (false, false) => Detail::Steps,
    };
    if context.draws && !context.quiet {
        Box::new(Terminal::new(plan, ProgressDrawTarget::stderr(), style))
    } else {
        Box::new(Lines::new(io::stderr(), detail, style))
    }
}

/// A saved plan. Its version is looked at first, for a newer one may not even read as a plan.
pub(super) fn read(file: &Path) -> Result<Plan, Ended> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let wrong = |words: String| Ended::Io(format!("{}: {words}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let no_plan = |error: serde_json::Error| wrong(format!("not a plan saved by `cdk plan --out`: {error}"));
    let Version { version } = serde_json::from_str(&text).map_err(no_plan)?;
    if version > PLAN_VERSION {
        let words = format!("a plan of version {version}, and this cdk reads up to {PLAN_VERSION}: use a newer cdk");
        return Err(wrong(words));
    }
    let document: PlanDocument = serde_json::from_str(&text).map_err(no_plan)?;
    Ok(document.plan)
}
