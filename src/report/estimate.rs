//! How a plan will go: its waves and about how long it may take, by folding the graph of its steps. For show only.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::name::Slot;
use crate::model::op::{GateOp, Op};
use crate::plan::step::{Plan, StepId};
use crate::sim::pace::pace;

/// How a plan will go where nothing fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Estimate {
    /// How many rounds follow each other: what is done side by side counts once.
    pub waves: usize,
    /// About how long it may take: delays and monitors as given, a guess for all else.
    pub time: Duration,
}

/// Steps that follow each other on one replica, or a step by itself.
#[derive(Default)]
struct Node {
    lasts: Duration,
    /// Whether it counts as a wave; a watch does not, for no replica waits for it.
    counts: bool,
    /// What comes before it, and what is waited in between.
    before: Vec<(usize, Duration)>,
}

/// Folds the plan's steps.
pub fn estimate(plan: &Plan) -> Estimate {
    let nodes = fold(plan);
    let mut waiting: Vec<usize> = nodes.iter().map(|node| node.before.len()).collect();
    let mut followers: Vec<Vec<(usize, Duration)>> = vec![Vec::new(); nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        for &(before, pause) in &node.before {
            followers[before].push((index, pause));
        }
    }
    let mut ends = vec![Estimate::default(); nodes.len()];
    let mut ready: Vec<usize> = (0..nodes.len()).filter(|&index| waiting[index] == 0).collect();
    let mut whole = Estimate::default();
    while let Some(index) = ready.pop() {
        ends[index].waves += usize::from(nodes[index].counts);
        ends[index].time += nodes[index].lasts;
        let end = ends[index];
        whole = later(whole, end, Duration::ZERO);
        for &(follower, pause) in &followers[index] {
            ends[follower] = later(ends[follower], end, pause);
            waiting[follower] -= 1;
            if waiting[follower] == 0 {
                ready.push(follower);
            }
        }
    }
    whole
}

fn later(one: Estimate, other: Estimate, pause: Duration) -> Estimate {
    Estimate {
        waves: one.waves.max(other.waves),
        time: one.time.max(other.time + pause),
    }
}

fn fold(plan: &Plan) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    let mut node_of: BTreeMap<StepId, usize> = BTreeMap::new();
    for rollout in &plan.rollouts {
        let mut add = |steps: &[StepId], counts: bool, before: Vec<(usize, Duration)>| {
            node_of.extend(steps.iter().map(|&step| (step, nodes.len())));
            nodes.push(Node {
                lasts: Duration::ZERO,
                counts,
                before,
            });
            nodes.len() - 1
        };
        let workers = usize::try_from(rollout.parallelism).unwrap_or(usize::MAX);
        let mut units: Vec<usize> = Vec::new();
        let mut all: Vec<(usize, Duration)> = Vec::new();
        for unit in &rollout.units {
            let earlier = (workers > 0).then(|| units.len().checked_sub(workers)).flatten();
            let before = earlier.map(|earlier| (units[earlier], rollout.delay.0));
            let node = add(&unit.steps, true, before.into_iter().collect());
            units.push(node);
            all.push((node, Duration::ZERO));
            if let Some(watch) = unit.watch {
                all.push((add(&[watch], false, vec![(node, Duration::ZERO)]), Duration::ZERO));
            }
        }
        if !rollout.cleanup.is_empty() {
            add(&rollout.cleanup, true, all);
        }
    }
    let mut by_slot: BTreeMap<&Slot, usize> = BTreeMap::new();
    for step in plan
        .steps
        .iter()
        .filter(|step| !matches!(step.op, Op::Gate(GateOp::Stays { .. })))
    {
        if node_of.contains_key(&step.id) {
            continue;
        }
        let node = match &step.slot {
            Some(slot) => *by_slot.entry(slot).or_insert(nodes.len()),
            None => nodes.len(),
        };
        if node == nodes.len() {
            nodes.push(Node {
                counts: true,
                ..Node::default()
            });
        }
        node_of.insert(step.id, node);
    }
    for step in &plan.steps {
        let Some(&node) = node_of.get(&step.id) else { continue };
        nodes[node].lasts += pace(&step.op);
        for before in step
            .after
            .iter()
            .chain(&step.settled)
            .filter_map(|before| node_of.get(before))
        {
            if *before != node {
                nodes[node].before.push((*before, Duration::ZERO));
            }
        }
    }
    nodes
}
