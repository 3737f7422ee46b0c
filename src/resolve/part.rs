//! A service's words are several types: what it is, and how an engine runs it. Here its tree is split among them, and decoded.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::resolve::decode::decode;
use crate::resolve::problems::Problems;
use crate::resolve::shape::attach::NetworkingShape;
use crate::resolve::shape::runtime::{LimitsShape, RuntimeShape, SecurityShape};
use crate::source::yaml::{Kind, Map, Node};

/// The words that say how an engine runs a service's containers.
#[derive(Debug)]
pub struct Parts {
    /// What they may do.
    pub security: SecurityShape,
    /// How they are run.
    pub runtime: RuntimeShape,
    /// What they may use.
    pub limits: LimitsShape,
    /// What they see of networks.
    pub networking: NetworkingShape,
    /// What all this was decoded from.
    decoded: Map,
}

static SECURITY: LazyLock<BTreeSet<String>> = LazyLock::new(keys::<SecurityShape>);
static RUNTIME: LazyLock<BTreeSet<String>> = LazyLock::new(keys::<RuntimeShape>);
static LIMITS: LazyLock<BTreeSet<String>> = LazyLock::new(keys::<LimitsShape>);
static NETWORKING: LazyLock<BTreeSet<String>> = LazyLock::new(keys::<NetworkingShape>);

fn keys<T: JsonSchema>() -> BTreeSet<String> {
    let schema = schemars::schema_for!(T);
    let properties = schema.get("properties").and_then(|properties| properties.as_object());
    properties.into_iter().flat_map(|map| map.keys().cloned()).collect()
}

impl Parts {
    /// Takes these words out of a service's tree.
    pub fn split(service: &mut Node, problems: &mut Problems) -> Self {
        let mut decoded = Map::new();
        Self {
            security: part(service, &SECURITY, &mut decoded, problems),
            runtime: part(service, &RUNTIME, &mut decoded, problems),
            limits: part(service, &LIMITS, &mut decoded, problems),
            networking: part(service, &NETWORKING, &mut decoded, problems),
            decoded,
        }
    }

    /// The service's whole tree again, without what was wrong: to tell where something in it stands.
    pub fn joined(&self, mut service: Node) -> Node {
        if let Kind::Map(map) = &mut service.kind {
            map.extend(self.decoded.iter().map(|(key, entry)| (key.clone(), entry.clone())));
        }
        service
    }
}

fn part<T: DeserializeOwned + Default>(
    service: &mut Node,
    keys: &BTreeSet<String>,
    decoded: &mut Map,
    problems: &mut Problems,
) -> T {
    let Kind::Map(map) = &mut service.kind else {
        return T::default();
    };
    if !map.keys().any(|key| keys.contains(key)) {
        return T::default();
    }
    let (own, others) = std::mem::take(map).into_iter().partition(|(key, _)| keys.contains(key));
    *map = others;
    let part = decode::<T>(
        Node::new(service.place.clone(), Kind::Map(own)),
        "services.*",
        Vec::new(),
        problems,
    );
    if let Kind::Map(map) = part.node.kind {
        decoded.extend(map);
    }
    part.value
}
