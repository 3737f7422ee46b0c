//! cdk: declarative deploys for Docker hosts. Git is what should be, the hosts are what is; cdk plans the difference, shows it, and
//! makes it so. There is no server, no agent, and no state outside the hosts. This is the map; each floor's own words are in its file.
//!
//! # The way data flows
//!
//! ```text
//! source ─► resolve ─► observe ─► scale ─► place ─► render ─► diff ─► plan ─► execute ─► report
//! ```
//!
//! A repository is read ([`source`]) and resolved to what should be ([`resolve`]); the hosts are asked what is ([`observe`]); each
//! service gets its count ([`scale`]), each replica its host and ports ([`place`]) and the spec of its container ([`render`]); both
//! sides are compared field by field ([`diff`]), the difference becomes steps ([`plan`]), the steps are done ([`execute`]) and told
//! ([`report`]). One direction, no way back.
//!
//! # The floors
//!
//! Each floor owns the type that it hands on and imports only what its row names; `tests/tidy.rs` holds the sources to this table.
//!
//! | floor | hands on | may import | effects |
//! |---|---|---|---|
//! | [`model`] | nouns: names, images, specs, problems, operations, the journal's records | – | none |
//! | [`dialect`] | Docker's words ↔ the model's, both ways | model | none |
//! | [`host`] | [`host::Host`]: over SSH, over the local socket | model, dialect | ssh, sockets, clock |
//! | [`source`] | the YAML as written, with places | model | files, git |
//! | [`resolve`] | [`resolve::desired::Desired`]: defaults, templates; all problems at once | model, source | none |
//! | [`observe`] | [`observe::Observed`]: what is, or *unreachable* and why | model, dialect, host | through `Host` |
//! | [`sim`] | simulated hosts, which rehearsals and the executor's tests run on | model, dialect, host, observe | virtual clock |
//! | [`scale`] | a count per service | model, resolve, observe | none |
//! | [`place`] | slot → host and ports, with the reason of each and of each refusal | + scale | none |
//! | [`render`] | per host the containers, rules and addresses that should be there | + dialect, place | none |
//! | [`diff`] | keep, update in place, replace, create, remove, move; by field, with the reason | model, observe, place, render | none |
//! | [`plan`] | [`plan::step::Plan`]: steps with edges; per service a rollout and its way back | + diff | none |
//! | [`execute`] | [`execute::outcome::Outcome`], and events while it goes | model, dialect, host, plan | through `Host` |
//! | [`report`] | text, JSON, pictures, progress | all above | a given `Write` |
//! | [`flow`] | one function per use: check, observe, plan, apply, rehearse; the lock, hooks | all above | signals, passwords, hooks |
//! | [`cli`] | the exit code | all | args, env, stdout |
//!
//! A domain (image, container, …) is one file of the same name on each floor that knows it. A new Compose key begins in
//! `resolve`, a new kind of step in `model::op`; comparisons and matches are exhaustive, so the compiler leads to the rest.
//!
//! # What always holds
//!
//! 1. The same `Desired` and `Observed` give the same `Plan`, byte for byte: ordered maps, derived names, no clock, no chance.
//! 2. Unknown is never absent: a host that does not answer keeps what the journal says it holds, and nothing is made twice.
//! 3. Apply, observe, plan again: the plan is empty, or lists only what waits.
//! 4. A plan is printed, saved and executed as one and the same value; each step carries what must hold just before it.
//! 5. Undo is part of the plan and runs through the same executor.
//! 6. Killed at any instant, the same command again converges: no orphan, no duplicate, no lost volume.
//! 7. Every image is on its hosts before the first stop; no replica counts as up before it is healthy.
//! 8. `Host`s and planners never print; the executor emits events; `report` alone turns them into words.
//! 9. cdk touches only what bears its labels. A volume is never removed.
//! 10. No secret in plans, labels, logs, process lists or `docker inspect`.
//!
//! # Words
//!
//! - **service**: what git describes; **replica**: one of its containers, over all versions; **slot**: the place that a replica fills,
//!   `web.3`, or `agent.bj-01` where there is one on each host.
//! - **spec**: what a container is to be; **fingerprint**: its digest, kept in a label; **digest**: the registry's name for an image's content.
//! - **drift**: the live container differs from git though nobody changed git; **orphan**: a container of the cluster that git knows no more.
//! - **lock**: what one apply at a time holds on every host that answers; **beat**: what keeps it; **lease**: that a beat was answered lately.
//! - **journal**: what each apply wrote to the hosts about what it meant to do, what it did, and where every replica stands.
//! - **hook**: a program of the repository that runs where cdk runs, before or after an apply; **rehearsal**: an apply on simulated hosts,
//!   by the same executor, on a virtual clock.
//! - **step**: one thing to do on one host; **rollout**: how a service's steps are worked through; **unit**: the steps of one replica in it;
//!   **gate**: a step that waits until something is so; **watch**: a gate that nothing but the clean-up waits for.

pub mod cli;
pub mod dialect;
pub mod diff;
pub mod execute;
pub mod flow;
pub mod host;
pub mod model;
pub mod observe;
pub mod place;
pub mod plan;
pub mod render;
pub mod report;
pub mod resolve;
pub mod scale;
pub mod sim;
pub mod source;
