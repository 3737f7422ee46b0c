//! How good a host is for a service's next replica: the key by which hosts that fit are compared, the lowest first. No filters.

use std::cmp::Reverse;

use crate::model::name::{ClusterName, HostName, Slot, SlotKey};
use crate::place::filter::Room;
use crate::place::kind::Kind;
use crate::resolve::wish::Strategy;

/// What makes one host better than another within its group; the lower, the better. Ties go by the host's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// The service's present version keeps failing there.
    failing: bool,
    /// The weights of what should be near, and is.
    bonds: Reverse<i32>,
    by_strategy: (u64, u64),
}

impl Key {
    /// Worse than that of any host.
    pub(super) const WORST: Self = Self {
        failing: true,
        bonds: Reverse(i32::MIN),
        by_strategy: (u64::MAX, u64::MAX),
    };
}

/// A host, for a service's next replica.
pub(super) struct Case<'c, 'a> {
    pub(super) kind: &'c Kind<'a>,
    pub(super) room: &'c Room<'a>,
    /// How many of the service's replicas it has.
    pub(super) replicas: u32,
    pub(super) failing: bool,
    /// The weights of what should be near, and is.
    pub(super) bonds: i32,
    /// What chance is seeded with.
    pub(super) seed: Seed,
}

impl Case<'_, '_> {
    pub(super) fn key(&self) -> Key {
        let containers = u64::from(self.room.containers_in_all());
        Key {
            failing: self.failing,
            bonds: Reverse(self.bonds),
            by_strategy: match self.kind.service.placing.strategy {
                Strategy::Spread => (self.replicas.into(), containers),
                Strategy::Binpack => (u64::MAX - best_fit(self.room, self.kind), u64::MAX - containers),
                Strategy::Random => (self.seed.of(self.room.name), 0),
            },
        }
    }
}

/// The billionths that a score is counted in, so that it compares whole.
const FINE: f64 = 1e9;

/// How full a host would be with one more replica, 0 to 18, in billionths: Nomad's best fit, after Google's for its data centres
/// (nomad `structs.ScoreFitBinPack`): 20 − 10^(free share of CPU) − 10^(free share of memory).
fn best_fit(room: &Room<'_>, kind: &Kind<'_>) -> u64 {
    let used = room.promised_in_all().plus(kind.reserved);
    let free = |total: u64, used: u64| match total {
        // Not told: as if it were empty.
        0 => 1.0,
        _ => 1.0 - used as f64 / total as f64,
    };
    let cost = 10f64.powf(free(room.total.cpus.0, used.cpus.0)) + 10f64.powf(free(room.total.memory.0, used.memory.0));
    let score = (20.0 - cost).clamp(0.0, 18.0);
    // At most 18 billion, and never below zero.
    (score * FINE).round() as u64
}

/// What chance is seeded with: the same cluster and slot always meet the same luck.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seed(u64);

impl Seed {
    pub(super) fn new(cluster: &ClusterName, slot: &Slot) -> Self {
        let index = match &slot.key {
            SlotKey::Index(index) => u64::from(*index),
            SlotKey::Host(host) => hash(FNV, host.as_str()),
        };
        let seed = hash(hash(FNV, cluster.as_str()), slot.service.as_str());
        Self(mix(seed ^ index))
    }

    fn of(self, host: &HostName) -> u64 {
        mix(hash(self.0, host.as_str()))
    }
}

const FNV: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a (Fowler, Noll, Vo), the 64-bit one: the standard library's hash may change with its version.
fn hash(seed: u64, text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().chain([0]).fold(seed, step)
}

/// The finalizer of splitmix64 (Steele, Lea, Flood 2014): near inputs give far outputs.
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
