//! Gates: a replica is up when its gate lets it pass, whatever its health check says; what was said is in the failure.

use std::sync::Arc;

use cdk::execute::stop::Stop;
use cdk::model::gate::Gate;
use cdk::model::unit::Span;
use cdk::sim::world::Behaviour;

use super::fixture::{Lab, Maker, secs};

fn gated() -> Maker {
    let mut maker = Maker::new(1, 0);
    maker.gate = Some(Arc::new(Gate::Http {
        path: "/ready".to_owned(),
        port: 8080,
        expect: None,
    }));
    maker
}

#[tokio::test(start_paused = true)]
async fn a_gate_decides_and_the_health_check_is_not_asked() {
    let lab = Lab::new(&[("h1", &["web.1"]), ("h2", &["web.2"])]);
    let sick = Behaviour {
        healthy_after: None,
        unhealthy_after: Some(secs(1)),
        gate_after: Some(secs(4)),
        ..Behaviour::default()
    };
    lab.behave("web:2", sick);
    let mut maker = gated();
    maker.replace("h1", "web.1");
    maker.replace("h2", "web.2");
    let outcome = lab.run(&maker.plan, &Stop::never()).await;
    assert!(!outcome.failed());
    let stops = lab.times("stop");
    assert!(
        (4..=5).contains(&stops[1]),
        "the second begins when the first is past its gate: {stops:?}"
    );
    assert_eq!(lab.containers("h1"), ["shop.web.1 web:2 unhealthy"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_gate_last_said_is_in_the_failure_and_only_at_the_deadline() {
    let lab = Lab::new(&[("h1", &["web.1"])]);
    let shut = Behaviour {
        gate_after: Some(secs(1000)),
        logs: vec!["cannot reach the database".to_owned()],
        ..Behaviour::default()
    };
    lab.behave("web:2", shut);
    let mut maker = gated();
    maker.replace("h1", "web.1");
    let outcome = lab.run(&maker.plan, &Stop::never()).await;
    assert!(outcome.failed());
    let (error, logs) = lab.failure();
    assert_eq!(
        error,
        "shop.web.1 is not past its gate within 2m: GET /ready on port 8080: connection refused"
    );
    assert_eq!(logs, ["cannot reach the database"]);
    assert!(outcome.took >= secs(120), "{:?}", outcome.took);
    assert_eq!(lab.containers("h1"), ["shop.web.1 web:1 running"], "taken back");
}

#[tokio::test(start_paused = true)]
async fn a_container_that_ends_fails_at_once_behind_a_gate_too() {
    let lab = Lab::new(&[("h1", &["web.1"])]);
    let ends = Behaviour {
        gate_after: Some(secs(1000)),
        exits: Some((secs(3), 7)),
        ..Behaviour::default()
    };
    lab.behave("web:2", ends);
    let mut maker = gated();
    maker.replace("h1", "web.1");
    let outcome = lab.run(&maker.plan, &Stop::never()).await;
    assert!(outcome.failed() && outcome.took < secs(10), "{:?}", outcome.took);
}

#[tokio::test(start_paused = true)]
async fn what_the_health_check_last_said_is_in_the_failure() {
    let lab = Lab::new(&[("h1", &["web.1"])]);
    let sick = Behaviour {
        healthy_after: None,
        unhealthy_after: Some(secs(3)),
        ..Behaviour::default()
    };
    lab.behave("web:2", sick);
    let mut maker = Maker::new(1, 0);
    maker.monitor = Span::seconds(1);
    maker.replace("h1", "web.1");
    lab.run(&maker.plan, &Stop::never()).await;
    let (error, _) = lab.failure();
    assert_eq!(error, "shop.web.1 is unhealthy: its health check ended with code 1");
}
