//! `update_config` and `rollback_config`: what they say, and whether they can mean it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::gate::Gate;
use crate::model::policy::{
    FailureAction, FailureRatio, Order, RollbackFailure, RollbackPolicy, Strategy, UpdatePolicy,
};
use crate::model::setting::Protocol;
use crate::model::unit::Span;
use crate::resolve::desired::{Mode, Service, ServicePort};
use crate::resolve::problems::Segment;
use crate::resolve::reader::steps;
use crate::resolve::service::Reading;
use crate::resolve::shape::deploy::{OrderShape, UpdateShape};
use crate::resolve::shape::plain::Plain;
use crate::resolve::shape::scalar::Ratio;
use crate::resolve::shape::update::{
    AbortShape, CanaryShape, FailureShape, GateShape, RollbackFailureShape, RollbackShape, UpdateStrategyShape,
};

fn below(key: &str, rest: &[Segment]) -> Vec<Segment> {
    steps!["deploy", key].iter().chain(rest).cloned().collect()
}

/// What `update_config` and `rollback_config` say. A job runs all at once and for as long as it takes, unless it says otherwise.
pub fn policy(update: &UpdateShape, rollback: Option<&RollbackShape>, is_job: bool) -> UpdatePolicy {
    let UpdateShape {
        parallelism,
        delay,
        order,
        monitor,
        timeout,
        strategy,
        failure_action,
        max_failure_ratio,
        gate: _,
        canary,
    } = update;
    let built_in = UpdatePolicy::default();
    // Of a blue-green all new ones stand beside the old ones anyway.
    let at_once = is_job || *strategy == Some(UpdateStrategyShape::BlueGreen);
    let first = canary.as_ref().and_then(|canary| canary.replicas.as_ref());
    UpdatePolicy {
        parallelism: parallelism
            .as_ref()
            .map_or(if at_once { 0 } else { built_in.parallelism }, |count| count.0.0),
        delay: delay.as_ref().map_or(built_in.delay, |span| span.0),
        order: match order {
            Some(OrderShape::StartFirst) => Order::StartFirst,
            Some(OrderShape::StopFirst) | None => Order::StopFirst,
        },
        monitor: monitor.as_ref().map_or(built_in.monitor, |span| span.0),
        timeout: timeout
            .as_ref()
            .map_or(if is_job { Span::default() } else { built_in.timeout }, |span| span.0.0),
        strategy: match strategy {
            Some(UpdateStrategyShape::Rolling) | None => Strategy::Rolling,
            Some(UpdateStrategyShape::BlueGreen) => Strategy::BlueGreen,
            Some(UpdateStrategyShape::Canary) => Strategy::Canary(first.map_or(1, |count| count.0.0)),
        },
        failure_action: match failure_action {
            Some(FailureShape::Pause) | None => FailureAction::Pause,
            Some(FailureShape::Continue) => FailureAction::Continue,
            Some(FailureShape::Rollback) => FailureAction::Rollback,
        },
        max_failure_ratio: ratio(max_failure_ratio.as_ref()),
        rollback: back(rollback.unwrap_or(&RollbackShape::default())),
    }
}

/// How a service goes back.
fn back(shape: &RollbackShape) -> RollbackPolicy {
    let RollbackShape {
        parallelism,
        delay,
        order: _,
        monitor,
        timeout,
        failure_action,
        max_failure_ratio,
    } = shape;
    let built_in = RollbackPolicy::default();
    RollbackPolicy {
        parallelism: parallelism.as_ref().map_or(built_in.parallelism, |count| count.0.0),
        delay: delay.as_ref().map_or(built_in.delay, |span| span.0),
        monitor: monitor.as_ref().map_or(built_in.monitor, |span| span.0),
        timeout: timeout.as_ref().map_or(built_in.timeout, |span| span.0.0),
        failure_action: match failure_action {
            Some(RollbackFailureShape::Continue) => RollbackFailure::Continue,
            Some(RollbackFailureShape::Pause) | None => RollbackFailure::Pause,
        },
        max_failure_ratio: ratio(max_failure_ratio.as_ref()),
    }
}

fn ratio(share: Option<&Plain<Ratio>>) -> FailureRatio {
    share.map_or_else(FailureRatio::default, |share| share.0.0.into())
}

/// What says that a replica is up, instead of its health check. What is wrong with it is told by [`Reading::check_update`].
pub fn gate(shape: &UpdateShape, ports: &BTreeSet<ServicePort>) -> Option<Arc<Gate>> {
    let GateShape {
        http,
        tcp,
        exec,
        port,
        expect,
    } = shape.gate.as_ref()?;
    let mut tcp_ports = ports.iter().filter(|port| port.protocol == Protocol::Tcp);
    let gate = match (http, tcp, exec) {
        (Some(path), _, _) => Gate::Http {
            path: path.clone(),
            port: port
                .as_ref()
                .map(|port| port.0.0)
                .or_else(|| Some(tcp_ports.next()?.container))?,
            expect: expect.as_ref().map(|status| status.0.0),
        },
        (None, Some(Plain(port)), _) => Gate::Tcp { port: port.0 },
        (None, None, Some(words)) => Gate::Exec {
            command: words.0.clone(),
        },
        (None, None, None) => return None,
    };
    Some(Arc::new(gate))
}

impl Reading<'_> {
    /// What is wrong with `update_config`, beyond what the policy that is in force says.
    pub fn check_update(&mut self, service: &Service, shape: &UpdateShape) {
        let UpdateShape {
            parallelism: _,
            delay: _,
            order: _,
            monitor: _,
            timeout: _,
            strategy,
            failure_action: _,
            max_failure_ratio: _,
            gate,
            canary,
        } = shape;
        let path = steps!["deploy", "update_config", "strategy"];
        match strategy {
            Some(UpdateStrategyShape::Rolling) | None => {}
            Some(UpdateStrategyShape::BlueGreen) => self.check_beside(service, &path, "blue-green"),
            Some(UpdateStrategyShape::Canary) => self.check_beside(service, &path, "canary"),
        }
        match (strategy, canary) {
            (Some(UpdateStrategyShape::Canary), None) if !self.has_lost(&["deploy", "update_config", "canary"]) => {
                let hint = "write `canary: {replicas: 1, weights: [10, 50, 100], every: 1m}`".to_owned();
                let message = "`strategy: canary` without `canary`, which says how";
                self.reader().wrong(&path, message, hint);
            }
            (Some(UpdateStrategyShape::Canary), _) => {}
            (_, Some(_)) if !self.has_lost(&["deploy", "update_config", "strategy"]) => {
                let hint = "write `strategy: canary` beside it, or leave it out".to_owned();
                let path = steps!["deploy", "update_config", "canary"];
                self.reader()
                    .wrong(&path, "`canary` says nothing without `strategy: canary`", hint);
            }
            (_, _) => {}
        }
        if let Some(canary) = canary {
            self.check_canary(service, canary);
        }
        if let Some(gate) = gate {
            self.check_gate(service, gate);
        }
    }

    /// What is wrong with `rollback_config`.
    pub fn check_rollback(&mut self, service: &Service, shape: Option<&RollbackShape>) {
        let Some(shape) = shape else { return };
        let RollbackShape {
            parallelism: _,
            delay: _,
            order,
            monitor: _,
            timeout: _,
            failure_action: _,
            max_failure_ratio: _,
        } = shape;
        let (back, forth) = match (order, service.update.order) {
            (Some(OrderShape::StartFirst), Order::StopFirst) => ("start-first", "stop-first"),
            (Some(OrderShape::StopFirst), Order::StartFirst) => ("stop-first", "start-first"),
            (Some(OrderShape::StartFirst), Order::StartFirst)
            | (Some(OrderShape::StopFirst), Order::StopFirst)
            | (None, _) => return,
        };
        let message = format!("a rollback goes the way of its update back, and that is {forth}, not {back}");
        let hint = format!("leave it out, or write `update_config: {{order: {back}}}` too");
        self.reader()
            .wrong(&steps!["deploy", "rollback_config", "order"], message, hint);
    }

    fn check_canary(&mut self, service: &Service, shape: &CanaryShape) {
        let CanaryShape {
            replicas,
            weights,
            every,
            abort,
        } = shape;
        let at = |rest: &[Segment]| below("update_config", &[&steps!["canary"], rest].concat());
        if let (Some(Plain(first)), Mode::Replicated(all)) = (replicas, service.mode)
            && first.0 > all
        {
            let message = format!("a canary of {}, and the service has {all} replicas", first.0);
            self.reader().wrong(&at(&steps!["replicas"]), message, None);
        }
        let weights = weights.as_deref().unwrap_or_default();
        let sound = if self.has_lost(&["deploy", "update_config", "canary", "weights"]) {
            &[]
        } else {
            weights
        };
        for (index, pair) in sound.windows(2).enumerate() {
            if let [Plain(one), Plain(next)] = pair
                && one >= next
            {
                let message = format!("{} comes after {}", next.0, one.0);
                let hint = "each weight is more than the one before".to_owned();
                self.reader().wrong(&at(&steps!["weights", index + 1]), message, hint);
            }
        }
        if let Some(Plain(last)) = sound.last().filter(|last| last.0.0 != 100) {
            let message = format!("the last weight is {}", last.0);
            let hint = "the last step is 100: everything goes to the new version".to_owned();
            self.reader()
                .wrong(&at(&steps!["weights", weights.len() - 1]), message, hint);
        }
        if !weights.is_empty() && !self.around.routed.contains(self.name) {
            let message = format!(
                "no ingress hands anything on to `{}`, so there is nothing to weigh",
                self.name
            );
            let hint = "write a route to it, or leave `weights` out".to_owned();
            self.reader().absent(&at(&steps!["weights"]), message, hint);
        }
        if weights.len() > 1 && every.is_none() && !self.has_lost(&["deploy", "update_config", "canary"]) {
            let hint = "write `every: 1m`, say".to_owned();
            self.reader().wrong(
                &at(&steps!["weights"]),
                "`canary` does not say how long each weight lasts",
                hint,
            );
        }
        if let Some(AbortShape {
            errors: None,
            p95: None,
        }) = abort
            && !self.has_lost(&["deploy", "update_config", "canary"])
        {
            let hint = "write {errors: 1%}, {p95: 500ms}, or both".to_owned();
            self.reader().wrong(&at(&steps!["abort"]), "`abort` says nothing", hint);
        }
    }

    fn check_gate(&mut self, service: &Service, shape: &GateShape) {
        let GateShape {
            http,
            tcp,
            exec,
            port,
            expect,
        } = shape;
        let at = |rest: &[Segment]| below("update_config", &[&steps!["gate"], rest].concat());
        let given = [http.is_some(), tcp.is_some(), exec.is_some()];
        match given.iter().filter(|given| **given).count() {
            1 => {}
            0 if self.has_lost(&["deploy", "update_config", "gate"]) => {}
            _ => {
                let hint = "write {http: /healthz, port: 8080}, {tcp: 5432} or {exec: [program, argument]}".to_owned();
                self.reader()
                    .wrong(&at(&[]), "a gate takes one of `http`, `tcp` and `exec`", hint);
            }
        }
        for (key, beside) in [("port", port.is_some()), ("expect", expect.is_some())] {
            if beside && http.is_none() && !self.has_lost(&["deploy", "update_config", "gate"]) {
                self.reader()
                    .wrong(&at(&steps![key]), format!("`{key}` says nothing without `http`"), None);
            }
        }
        if let Some(path) = http.as_ref().filter(|path| !is_path(path)) {
            let message = format!("{path:?} is not a path");
            self.reader().wrong(
                &at(&steps!["http"]),
                message,
                "a path begins with a slash, and has no spaces".to_owned(),
            );
        }
        if let Some(Plain(port)) = tcp {
            self.check_exposed(service, &at(&steps!["tcp"]), port.0);
        }
        match (http, port) {
            (Some(_), Some(Plain(port))) => self.check_exposed(service, &at(&steps!["port"]), port.0),
            (Some(_), None)
                if tcp_ports(service).len() != 1 && !self.has_lost(&["deploy", "update_config", "gate"]) =>
            {
                let hint = "write `port: NUMBER` beside it".to_owned();
                let message = match tcp_ports(service).len() {
                    0 => format!("the service `{}` has no ports", self.name),
                    _ => format!("the service `{}` has several ports", self.name),
                };
                self.reader().wrong(&at(&steps!["http"]), message, hint);
            }
            (Some(_) | None, _) => {}
        }
    }

    fn check_exposed(&mut self, service: &Service, path: &[Segment], port: u16) {
        let ports = tcp_ports(service);
        if !ports.contains(&port) && !self.has_lost(&["ports"]) {
            let (message, hint) = no_such_port(self.name, port, &ports);
            self.reader().wrong(path, message, hint);
        }
    }

    /// The old and the new replicas stand side by side, which not everything can bear.
    fn check_beside(&mut self, service: &Service, path: &[Segment], word: &str) {
        // Where the order itself says so, it is told there.
        let told = word != "start-first" && service.update.order == Order::StartFirst;
        if !told {
            self.check_doubled(service, path, word);
        }
    }
}

/// Whether it may stand in a request as it is.
fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.chars().all(|c| c.is_ascii_graphic())
}

/// The TCP ports of a service's containers.
pub fn tcp_ports(service: &Service) -> Vec<u16> {
    let ports = service.ports.iter().filter(|port| port.protocol == Protocol::Tcp);
    ports.map(|port| port.container).collect()
}

/// That a service has no such port, and which it has.
pub fn no_such_port(service: &str, port: u16, ports: &[u16]) -> (String, String) {
    let all: Vec<String> = ports.iter().map(u16::to_string).collect();
    let hint = match all.as_slice() {
        [] => format!("write `ports: [\"{port}\"]` there"),
        [one] => format!("its port is {one}"),
        all => format!("its ports are {}", all.join(", ")),
    };
    (format!("the service `{service}` has no TCP port {port}"), hint)
}
