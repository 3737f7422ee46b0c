//! `kill -9` at every call, and the way to a host cut at every call to it: the same command again ends as if nothing had been.

use std::collections::BTreeMap;
use std::time::Duration;

use cdk::model::name::ServiceName;
use cdk::model::network::NetworkSpec;
use cdk::model::order::{Condition, Dependency};
use cdk::model::policy::{FailureAction, Order, Strategy};
use cdk::model::setting::{Healthcheck, Restart};
use cdk::model::unit::Span;
use cdk::place::asked::Asked;
use cdk::resolve::desired::{Availability, Desired, Mode, Service};
use cdk::resolve::rules::{About, FirewallRule, Peer};
use cdk::sim::world::Behaviour;

use super::address::with_addresses;
use super::firewall::{port, rule, wall};
use super::fixture::secs;
use super::stage::{Stage, after, after_from};
use crate::planner::world::{assigned, attach, desired, network, service};

const HOSTS: [&str; 4] = ["h1", "h2", "h3", "h4"];

fn depends(on: &str, condition: Condition, one: &mut Service) {
    let required = true;
    one.depends_on
        .insert(on.parse().unwrap(), Dependency { condition, required });
}

fn checked(image: &str, replicas: u32) -> Service {
    let mut one = service(image, replicas);
    one.healthcheck = Some(Healthcheck {
        test: vec!["CMD".to_owned(), "true".to_owned()],
        ..Healthcheck::default()
    });
    one.update.monitor = Span(millis(300));
    one
}

/// `web` that waits for `migrate`, `api`, and `cache`; with `old`, what goes, and without it what comes, a host that is
/// drained, and new versions.
fn shop(order: Order, old: bool) -> Desired {
    let version = |name: &str| format!("{name}:{}", if old { 1 } else { 2 });
    let mut migrate = service(&version("migrate"), 0);
    (migrate.mode, migrate.restart) = (Mode::ReplicatedJob(1), Restart::No);
    (migrate.update.timeout, migrate.update.parallelism) = (Span::default(), 0);
    let mut web = checked(&version("web"), 4);
    web.update.order = order;
    depends("migrate", Condition::ServiceCompletedSuccessfully, &mut web);
    attach(&mut web, &["front"]);
    let mut api = checked(&version("api"), 3);
    (api.healthcheck, api.update.parallelism) = (None, 2);
    let cache = checked("cache:1", 2);
    let mut all = vec![("api", api), ("cache", cache), ("migrate", migrate), ("web", web)];
    if old {
        let mut gone = service("gone:1", 2);
        attach(&mut gone, &["back"]);
        all.push(("gone", gone));
    } else {
        let mut new = checked("new:1", 2);
        depends("web", Condition::ServiceHealthy, &mut new);
        attach(&mut new, &["front", "side"]);
        all.push(("new", new));
    }
    let mut all = desired(&HOSTS, all);
    all.networks = ["back", "front", "side"]
        .map(|name| network(name, NetworkSpec::default()))
        .into();
    if !old {
        all.hosts.get_mut(&"h4".parse().unwrap()).unwrap().state = Availability::Drain;
    }
    all
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Quick ones: each look at them is a call more to be killed at.
fn behaviours() -> Vec<(&'static str, Behaviour)> {
    let fast = Behaviour {
        pull: millis(300),
        healthy_after: Some(millis(300)),
        ..Behaviour::default()
    };
    let ends = Behaviour {
        exits: Some((millis(700), 0)),
        ..fast.clone()
    };
    let jobs = ["migrate:1", "migrate:2"].map(|image| (image, ends.clone()));
    let others = ["web:1", "web:2", "api:2", "new:1"].map(|image| (image, fast.clone()));
    jobs.into_iter().chain(others).collect()
}

fn least(all: &[(&str, usize)]) -> BTreeMap<ServiceName, usize> {
    all.iter()
        .map(|(name, least)| (name.parse().unwrap(), *least))
        .collect()
}

/// A plan that replaces, creates, removes, moves, and runs a job.
async fn everything(order: Order) -> Stage {
    let (old, new) = (shop(order, true), shop(order, false));
    let mut end: Vec<String> = (1..=4).map(|slot| format!("web.{slot} web:2 healthy")).collect();
    end.extend((1..=3).map(|slot| format!("api.{slot} api:2 running")));
    end.extend((1..=2).map(|slot| format!("cache.{slot} cache:1 healthy")));
    end.extend((1..=2).map(|slot| format!("new.{slot} new:1 healthy")));
    end.push("migrate.1 migrate:2 exited (0)".to_owned());
    end.sort();
    Stage {
        before: after(&[&old], &behaviours()).await,
        desired: new,
        asked: Asked::default(),
        behaviours: behaviours(),
        least: least(&[("web", serving(order)), ("api", 1), ("cache", 1)]),
        end,
        waits: false,
    }
}

/// So many of four serve, one after the other.
fn serving(order: Order) -> usize {
    match order {
        Order::StopFirst => 3,
        Order::StartFirst => 4,
    }
}

/// Four of `web`, of this version.
fn web(image: &str, change: impl Fn(&mut Service)) -> Desired {
    let mut web = checked(image, 4);
    change(&mut web);
    desired(&HOSTS[..3], vec![("web", web)])
}

/// One `web` with public addresses, beside one that has none; with `old`, both on the first hosts, without it all else drained but the last.
fn public(old: bool) -> Desired {
    let mut web = checked(if old { "web:1" } else { "web:2" }, 2);
    web.public_addresses = ["203.0.113.5", "203.0.113.6", "2001:db8::5"]
        .map(|one| one.parse().unwrap())
        .into();
    let mut all = desired(&HOSTS, vec![("web", web)]);
    let drained = if old { ["h3", "h4"] } else { ["h1", "h2"] };
    for name in drained {
        all.hosts.get_mut(&name.parse().unwrap()).unwrap().state = Availability::Drain;
    }
    all
}

/// Addresses that move with replicas which become another version meanwhile.
async fn addresses_moved() -> Stage {
    let hosts = HOSTS.map(|name| (name.parse().unwrap(), with_addresses(&[])));
    let end = (1..=2).map(|slot| format!("web.{slot} web:2 healthy")).collect();
    Stage {
        before: after_from(hosts.into(), &[&public(true)], &behaviours()).await,
        desired: public(false),
        asked: Asked::default(),
        behaviours: behaviours(),
        least: least(&[("web", 1)]),
        end,
        waits: false,
    }
}

/// What stands where so many are of the second version, and the others of the first.
fn versions(second: usize) -> Vec<String> {
    let version = |slot| if slot <= second { 2 } else { 1 };
    (1..=4)
        .map(|slot| format!("web.{slot} web:{} healthy", version(slot)))
        .collect()
}

async fn update(before: &[&Desired], desired: Desired, least: usize, end: Vec<String>) -> Stage {
    Stage {
        before: after(before, &behaviours()).await,
        desired,
        asked: Asked::default(),
        behaviours: behaviours(),
        least: self::least(&[("web", least)]),
        end,
        waits: false,
    }
}

fn canary(order: Order) -> Desired {
    web("web:2", |web| {
        (web.update.order, web.update.strategy) = (order, Strategy::Canary(1))
    })
}

/// The first of a canary.
async fn first(order: Order) -> Stage {
    let mut end = versions(1);
    end.push("shop.web.1.old web:1 exited (0)".to_owned());
    end.sort();
    Stage {
        waits: true,
        ..update(&[&web("web:1", |_| {})], canary(order), serving(order), end).await
    }
}

/// Its others.
async fn promoted(order: Order) -> Stage {
    let before = [&web("web:1", |_| {}), &canary(order)];
    let mut stage = update(&before, canary(order), serving(order), versions(4)).await;
    stage.asked.promote.insert("web".parse().unwrap());
    stage
}

/// Its way back.
async fn aborted(order: Order) -> Stage {
    let before = [&web("web:1", |_| {}), &canary(order)];
    let mut stage = update(&before, canary(order), serving(order), versions(0)).await;
    stage.asked.abort.insert("web".parse().unwrap());
    stage.waits = true;
    stage
}

fn blue_green() -> Desired {
    web("web:2", |web| web.update.strategy = Strategy::BlueGreen)
}

async fn switched() -> Stage {
    update(&[&web("web:1", |_| {})], blue_green(), 4, versions(4)).await
}

/// One whose new version never becomes healthy, and goes back.
async fn rolled_back(mut desired: Desired, least: usize, bad: Behaviour) -> Stage {
    for web in desired.services.values_mut() {
        web.update.failure_action = FailureAction::Rollback;
        (web.update.monitor, web.update.timeout) = (Span::seconds(3), Span::seconds(10));
    }
    let mut stage = update(&[&web("web:1", |_| {})], desired, least, versions(0)).await;
    stage.behaviours.push(("web:2", bad));
    stage.waits = true;
    stage
}

fn never() -> Behaviour {
    Behaviour {
        healthy_after: None,
        ..Behaviour::default()
    }
}

/// Well at first, and no more once all have switched.
fn later() -> Behaviour {
    Behaviour {
        healthy_after: Some(secs(1)),
        exits: Some((secs(3), 1)),
        ..Behaviour::default()
    }
}

const ORDERS: [Order; 2] = [Order::StopFirst, Order::StartFirst];

macro_rules! everywhere {
    ($name:ident, $least:expr, $($stage:expr),+) => {
        mod $name {
            use super::*;

            #[tokio::test(start_paused = true)]
            async fn killed_at_every_call() {
                $(let calls = $stage.await.killed_at_every_call().await;
                assert!(calls > $least, "{calls}");)+
            }

            #[tokio::test(start_paused = true)]
            async fn cut_at_every_call() {
                $(let calls = $stage.await.cut_at_every_call().await;
                assert!(calls > $least, "{calls}");)+
            }
        }
    };
}

everywhere!(all_at_once_stop_first, 100, everything(Order::StopFirst));
everywhere!(all_at_once_start_first, 100, everything(Order::StartFirst));
/// Each that fails goes back, and the next begins.
#[tokio::test(start_paused = true)]
async fn one_that_went_back_serves_again_before_the_next_begins() {
    let mut bad = web("web:2", |web| web.update.failure_action = FailureAction::Continue);
    bad.services
        .values_mut()
        .for_each(|web| web.update.timeout = Span::seconds(10));
    let mut stage = update(&[&web("web:1", |_| {})], bad, 3, versions(0)).await;
    stage.behaviours.push(("web:2", never()));
    let play = stage.play();
    assert!(play.run(&stage.plan()).await.failed());
    assert_eq!(play.fewest("web"), 3);
}

everywhere!(public_addresses_moved, 20, addresses_moved());
everywhere!(canary_begun, 20, first(ORDERS[0]), first(ORDERS[1]));
everywhere!(canary_promoted, 20, promoted(ORDERS[0]), promoted(ORDERS[1]));
everywhere!(canary_aborted, 20, aborted(ORDERS[0]), aborted(ORDERS[1]));
everywhere!(blue_green_switched, 20, switched());
everywhere!(rolling_taken_back, 20, rolled_back(web("web:2", |_| {}), 3, never()));
everywhere!(
    blue_green_taken_back,
    20,
    rolled_back(blue_green(), 4, never()),
    rolled_back(blue_green(), 0, later())
);

/// Behind a wall: before, and after a host was drained and other rules came.
fn walled(parallelism: u32, old: bool) -> Desired {
    let mut all = web("web:1", |web| web.ports = [assigned(8080)].into());
    let name = if old { "http" } else { "https" };
    let ports = if old { "80/tcp" } else { "443/tcp" };
    let web = FirewallRule {
        probe: true,
        ..rule("web", About::Service("web".parse().unwrap()), Peer::Hosts)
    };
    wall(&mut all, parallelism, vec![rule(name, port(ports), Peer::Any), web]);
    if !old {
        all.hosts.get_mut(&"h1".parse().unwrap()).unwrap().state = Availability::Drain;
    }
    all
}

/// A move that rules go before and after, with ports that are tried.
async fn moved_behind_walls(parallelism: u32) -> Stage {
    let (old, new) = (walled(parallelism, true), walled(parallelism, false));
    update(&[&old], new, 3, versions(0)).await
}

everywhere!(moved_behind_walls_one_by_one, 40, moved_behind_walls(1));
everywhere!(moved_behind_walls_all_at_once, 40, moved_behind_walls(0));
