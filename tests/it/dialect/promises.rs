//! What containers are promised, and what images were built for, in engines' words.

use bollard::models::{ContainerInspectResponse, ContainerSummary, DistributionInspect, ImageInspect};
use cdk::dialect::docker::{container, create, engine, label};
use cdk::model::container::Ownership;
use cdk::model::platform::Platform;
use cdk::model::unit::{Bytes, Cpus, Reserved};
use serde_json::{Value, json};

use super::{ENGINES, cluster, live, owner, plain, recorded, reported};

#[test]
fn a_container_bears_what_it_was_promised_in_a_label_of_its_own() {
    let spec = plain();
    let promised = |cpus: u64, memory: u64| {
        let reserved = Reserved {
            cpus: Cpus(cpus),
            memory: Bytes(memory),
        };
        let owner = Ownership {
            reserved,
            ..owner(&spec)
        };
        let made = create::replica(&spec, &owner, &cluster(), "full:1", true);
        let labels = made.labels.unwrap_or_default();
        assert_eq!(label::reserved(&labels), reserved);
        labels.get("cdk.reserved").cloned()
    };
    assert_eq!(
        promised(500_000_000, 256 << 20).as_deref(),
        Some("cpus=0.5,memory=256M")
    );
    assert_eq!(promised(0, 1000).as_deref(), Some("memory=1000"));
    assert_eq!(promised(0, 0), None);
}

#[test]
fn a_promise_is_no_difference_and_reads_back() {
    let spec = plain();
    let mut answer = reported(&spec);
    let before = live(answer.clone());
    assert_eq!(before.owner.reserved, Reserved::default());
    // A newer cdk may promise more than this one knows of.
    answer["Config"]["Labels"]["cdk.reserved"] = json!("gpus=2,memory=1G,cpus=2");
    let after = live(answer);
    let reserved = Reserved {
        cpus: Cpus(2_000_000_000),
        memory: Bytes(1 << 30),
    };
    assert_eq!(after.owner.reserved, reserved);
    assert_eq!(after.spec, before.spec);
}

#[test]
fn an_engines_own_promise_is_read_of_whoever_made_the_container() {
    for engine in ENGINES {
        let mut answer: Value = recorded(engine, "container-full");
        let promised = |answer: &Value| {
            let answer: ContainerInspectResponse = serde_json::from_value(answer.clone()).unwrap();
            container::promised(&answer)
        };
        assert_eq!(promised(&answer), Bytes(0), "{engine}: a limit is no promise");
        answer["HostConfig"]["MemoryReservation"] = json!(268_435_456);
        assert_eq!(promised(&answer), Bytes(256 << 20), "{engine}");
    }
}

#[test]
fn what_has_ended_holds_no_promise() {
    for engine in ENGINES {
        let list: Vec<Value> = recorded(engine, "list");
        let holds = |state: &str| {
            let mut one = list[0].clone();
            one["State"] = json!(state);
            container::holds(&serde_json::from_value::<ContainerSummary>(one).unwrap())
        };
        for state in ["created", "running", "paused", "restarting"] {
            assert!(holds(state), "{state}");
        }
        for state in ["exited", "removing", "dead"] {
            assert!(!holds(state), "{state}");
        }
    }
}

#[test]
fn an_image_says_what_it_was_built_for() {
    let platform = |text: &str| text.parse::<Platform>().unwrap();
    for engine in ENGINES {
        let mut answer: Value = recorded(engine, "image");
        let read = |answer: &Value| {
            let answer: ImageInspect = serde_json::from_value(answer.clone()).unwrap();
            engine::image(answer).platform
        };
        assert_eq!(read(&answer), Some(platform("linux/amd64")), "{engine}");
        answer["Architecture"] = json!("arm");
        answer["Variant"] = json!("v6");
        assert_eq!(read(&answer), Some(platform("linux/arm/v6")), "{engine}");
        answer["Architecture"] = json!("");
        assert_eq!(read(&answer), None, "{engine}");
    }
}

#[test]
fn a_registry_names_an_images_platforms_but_not_its_attestations() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let read = |platforms: Value| {
        let answer = json!({ "Descriptor": { "digest": digest, "size": 1 }, "Platforms": platforms });
        let answer: DistributionInspect = serde_json::from_value(answer).unwrap();
        let image = engine::in_registry(answer).unwrap();
        assert_eq!(image.digest.as_str(), digest);
        let texts: Vec<String> = image.platforms.iter().map(ToString::to_string).collect();
        texts.join(" ")
    };
    let of = |arch: &str, os: &str| json!({ "architecture": arch, "os": os });
    let arm = json!({ "architecture": "arm", "os": "linux", "variant": "v7" });
    assert_eq!(
        read(json!([of("amd64", "linux"), of("unknown", "unknown"), arm])),
        "linux/amd64 linux/arm/v7"
    );
    // An engine that does not know the manifest's kind says nothing of platforms.
    assert_eq!(read(Value::Null), "");
    assert_eq!(read(json!([of("unknown", "unknown")])), "");
}
