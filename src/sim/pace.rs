//! What is assumed of hosts and containers that nobody has measured: how long everything takes. The one place for such guesses.

use std::time::Duration;

use crate::model::op::{ContainerOp, FileOp, GateOp, ImageOp, Op, VolumeOp};
use crate::model::setting::Healthcheck;

/// From the order to pull an image to its being there.
pub const PULL: Duration = Duration::from_secs(5);
/// From a job's start to its end.
pub const JOB: Duration = Duration::from_secs(5);
/// From the stop signal to a container's end; its grace cuts it short.
pub const STOP: Duration = Duration::from_millis(500);
/// How long one run of a health check takes.
const CHECK: Duration = Duration::from_millis(100);
/// An engine's own time between two health checks.
const INTERVAL: Duration = Duration::from_secs(30);
/// An engine's own time between two health checks while a container starts, from version 25 on.
const START_INTERVAL: Duration = Duration::from_secs(5);

/// How long each change of a host takes; the default is no time at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pace {
    /// To make a container.
    pub create: Duration,
    /// To start one.
    pub start: Duration,
    /// To remove one.
    pub remove: Duration,
    /// To change one in place.
    pub update: Duration,
    /// To rename one, or to send it a signal.
    pub touch: Duration,
    /// To write a file.
    pub file: Duration,
    /// To make a volume.
    pub volume: Duration,
    /// To make or remove a network, or to change who is on it.
    pub network: Duration,
}

/// As seen on small hosts where nothing was in the way.
pub const ASSUMED: Pace = Pace {
    create: Duration::from_millis(100),
    start: Duration::from_millis(400),
    remove: Duration::from_millis(200),
    update: Duration::from_millis(200),
    touch: Duration::from_millis(50),
    file: Duration::from_millis(50),
    volume: Duration::from_millis(100),
    network: Duration::from_millis(300),
};

/// How long an operation is assumed to take; a wait for a replica to be up, as if it had no health check.
pub fn pace(op: &Op) -> Duration {
    match op {
        Op::Image(ImageOp::Pull { .. }) => PULL,
        Op::Image(ImageOp::Remove { .. }) => ASSUMED.network,
        Op::Volume(VolumeOp::Create { .. }) => ASSUMED.volume,
        Op::Network(_) => ASSUMED.network,
        Op::File(FileOp::Write(_) | FileOp::Remove { .. }) => ASSUMED.file,
        Op::Container(ContainerOp::Create { .. }) => ASSUMED.create,
        Op::Container(ContainerOp::Start { .. }) => ASSUMED.start,
        Op::Container(ContainerOp::Stop { .. }) => STOP,
        Op::Container(ContainerOp::Update { .. }) => ASSUMED.update,
        Op::Container(ContainerOp::Remove { .. }) => ASSUMED.remove,
        Op::Container(ContainerOp::Rename { .. } | ContainerOp::Signal { .. }) => ASSUMED.touch,
        Op::Gate(GateOp::Completed { .. }) => JOB,
        Op::Gate(GateOp::Up { monitor, .. } | GateOp::Stays { monitor, .. }) => monitor.0,
    }
}

/// From a container's start to healthy, where it is well from its first health check on. `engine` is the engine's version.
pub fn first_check(check: &Healthcheck, engine: &str) -> Duration {
    let or = |own: Duration, other: Duration| if own.is_zero() { other } else { own };
    let interval = or(check.interval.0, INTERVAL);
    // A version that nobody knows is taken for an old one: that errs on the long side.
    let major: u32 = engine
        .split('.')
        .next()
        .and_then(|major| major.parse().ok())
        .unwrap_or(0);
    let begins = match check.start_period.0.is_zero() || major < 25 {
        true => interval,
        false => or(check.start_interval.0, START_INTERVAL),
    };
    begins + CHECK
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::unit::Span;

    #[test]
    fn the_first_check_comes_when_the_engine_makes_it() {
        let check = |interval, start_period, start_interval| Healthcheck {
            interval: Span::seconds(interval),
            start_period: Span::seconds(start_period),
            start_interval: Span::seconds(start_interval),
            ..Healthcheck::default()
        };
        let seconds = |check: Healthcheck, engine| first_check(&check, engine).as_secs();
        assert_eq!(seconds(check(2, 0, 0), "26.1.5"), 2);
        assert_eq!(seconds(check(0, 0, 0), "26.1.5"), 30);
        assert_eq!(seconds(check(2, 60, 0), "26.1.5"), 5, "the engine's own start interval");
        assert_eq!(seconds(check(20, 60, 1), "26.1.5"), 1);
        assert_eq!(
            seconds(check(20, 60, 1), "20.10.24+dfsg1"),
            20,
            "it knows no start interval"
        );
        assert_eq!(seconds(check(20, 60, 1), ""), 20);
    }
}
