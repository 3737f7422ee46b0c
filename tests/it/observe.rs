//! Observing: what images stand for, journals, hosts that fail half way, and observations as files.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use async_trait::async_trait;
use cdk::host::{Containers, Credentials, Host, HostError, Hosts};
use cdk::model::container::{ContainerSpec, LiveContainer, Ownership};
use cdk::model::host::{HostFacts, ObservedHost};
use cdk::model::image::{Digest, ImageFacts, ImageRef, Resolution};
use cdk::model::journal::{EarlierVersion, JOURNAL_RECORDS, journal_path};
use cdk::model::name::{ClusterName, HostName};
use cdk::model::network::{Attachment, LiveNetwork, NetworkSpec, Route};
use cdk::model::policy::PullPolicy;
use cdk::model::setting::{Limits, Restart};
use cdk::model::volume::{LiveVolume, VolumeSpec};
use cdk::observe::{Observed, Wanted, observe, read_document, schema};

fn digest(letter: char) -> Digest {
    format!("sha256:{}", letter.to_string().repeat(64)).parse().unwrap()
}

/// A host that answers what it was told to, and remembers what its registry was asked for.
struct Scripted {
    name: HostName,
    own: Vec<LiveContainer>,
    images: BTreeMap<String, ImageFacts>,
    files: BTreeMap<String, Vec<u8>>,
    volumes: Result<BTreeMap<String, LiveVolume>, HostError>,
    registry: Result<Digest, HostError>,
    asked: RefCell<Vec<String>>,
}

impl Scripted {
    fn new(name: &str) -> Self {
        Self {
            name: name.parse().unwrap(),
            own: Vec::new(),
            images: BTreeMap::new(),
            files: BTreeMap::new(),
            volumes: Ok(BTreeMap::from([("data".to_owned(), LiveVolume::default())])),
            registry: Err(HostError::Refused("out of reach".to_owned())),
            asked: RefCell::default(),
        }
    }

    fn with_tag(mut self, tag: &str) -> Self {
        let facts = ImageFacts {
            tags: vec![tag.to_owned()],
            ..ImageFacts::default()
        };
        self.images.insert("sha256:1".to_owned(), facts);
        self
    }

    fn running(mut self, image: &str, digest: Digest) -> Self {
        self.own.push(LiveContainer {
            id: "1".to_owned(),
            name: "shop.web.1".to_owned(),
            owner: Ownership {
                slot: "web.1".parse().unwrap(),
                fingerprint: None,
                revision: None,
                image: Some(image.parse().unwrap()),
                digest: Some(digest),
                job: None,
            },
            image_id: "sha256:1".to_owned(),
            state: Default::default(),
            started_at: String::new(),
            restarts: 0,
            network_ids: BTreeMap::new(),
            spec: None,
            masked: false,
        });
        self
    }

    fn with_record(mut self, sequence: u64, image: &str, digest: &Digest) -> Self {
        let record = serde_json::json!({
            "version": 1, "sequence": sequence, "at": "", "end": "done", "digests": { image: digest },
        });
        self.files
            .insert(journal_path(sequence), record.to_string().into_bytes());
        self
    }

    /// The newest record, with what it knows of earlier versions.
    fn with_versions(mut self, image: &str, digest: &Digest, versions: Vec<EarlierVersion>) -> Self {
        let record = serde_json::json!({
            "version": 1, "sequence": 9, "at": "", "end": "done", "revision": "c3",
            "digests": { image: digest }, "memory": { "versions": versions },
        });
        self.files.insert(journal_path(9), record.to_string().into_bytes());
        self
    }
}

#[async_trait(?Send)]
impl Host for Scripted {
    fn name(&self) -> &HostName {
        &self.name
    }
    async fn facts(&self) -> Result<HostFacts, HostError> {
        Ok(HostFacts::default())
    }
    async fn containers(&self, _: &ClusterName) -> Result<Containers, HostError> {
        Ok(Containers {
            own: self.own.clone(),
            foreign: Vec::new(),
        })
    }
    async fn container(&self, _: &str) -> Result<Option<LiveContainer>, HostError> {
        unreachable!("observe asks for all of them")
    }
    async fn logs(&self, _: &str, _: usize) -> Result<Vec<String>, HostError> {
        unreachable!("observe reads no logs")
    }
    async fn images(&self, _: &[String]) -> Result<BTreeMap<String, ImageFacts>, HostError> {
        Ok(self.images.clone())
    }
    async fn volumes(&self, _: &ClusterName) -> Result<BTreeMap<String, LiveVolume>, HostError> {
        self.volumes.clone()
    }
    async fn networks(&self, _: &ClusterName) -> Result<BTreeMap<String, LiveNetwork>, HostError> {
        Ok(BTreeMap::from([("bridge".to_owned(), LiveNetwork::default())]))
    }
    async fn routes(&self) -> Result<Option<Vec<Route>>, HostError> {
        unreachable!("nobody asked for routes")
    }
    async fn registry_digest(&self, image: &ImageRef, auth: Option<&Credentials>) -> Result<Digest, HostError> {
        let user = auth.map_or("nobody", |auth| &auth.username);
        self.asked.borrow_mut().push(format!("{image} as {user}"));
        self.registry.clone()
    }
    async fn pull(&self, _: &ImageRef, _: Option<&Digest>, _: Option<&Credentials>) -> Result<(), HostError> {
        unreachable!("observe changes nothing")
    }
    async fn create_volume(&self, _: &str, _: &VolumeSpec, _: &ClusterName) -> Result<(), HostError> {
        unreachable!("observe changes nothing")
    }
    async fn create_network(&self, _: &str, _: &NetworkSpec, _: &ClusterName) -> Result<(), HostError> {
        unreachable!("observe changes nothing")
    }
    async fn remove_network(&self, _: &str) -> Result<(), HostError> {
        unreachable!("observe changes nothing")
    }
    async fn connect(&self, _: &str, _: &str, _: &Attachment) -> Result<(), HostError> {
        unreachable!("observe changes nothing")
    }
    async fn disconnect(&self, _: &str, _: &str) -> Result<(), HostError> {
        unreachable!("observe changes nothing")
    }
    async fn create(&self, _: &str, _: &ContainerSpec, _: &Ownership, _: &ClusterName) -> Result<(), HostError> {
        unreachable!("observe changes nothing")
    }
    async fn start(&self, _: &str) -> Result<(), HostError> {
        unreachable!("observe changes nothing")
    }
    async fn stop(&self, _: &str) -> Result<(), HostError> {
        unreachable!("observe changes nothing")
    }
    async fn rename(&self, _: &str, _: &str) -> Result<(), HostError> {
        unreachable!("observe changes nothing")
    }
    async fn update(&self, _: &str, _: &Limits, _: Restart) -> Result<(), HostError> {
        unreachable!("observe changes nothing")
    }
    async fn remove(&self, _: &str) -> Result<(), HostError> {
        unreachable!("observe changes nothing")
    }
    async fn read_files(&self, _: &ClusterName) -> Result<BTreeMap<String, Vec<u8>>, HostError> {
        Ok(self.files.clone())
    }
    async fn write_file(&self, _: &ClusterName, _: &str, _: &[u8]) -> Result<(), HostError> {
        unreachable!("observe changes nothing")
    }
}

/// Observes these hosts for `images`; also what each host's registry was asked for.
fn seen(scripted: Vec<Scripted>, images: &[&str]) -> (Observed, Vec<String>) {
    seen_by(scripted, images, PullPolicy::Missing, None)
}

fn seen_by(
    scripted: Vec<Scripted>,
    images: &[&str],
    policy: PullPolicy,
    revision: Option<&str>,
) -> (Observed, Vec<String>) {
    let scripted: Vec<Rc<Scripted>> = scripted.into_iter().map(Rc::new).collect();
    let hosts: Hosts = scripted
        .iter()
        .map(|host| (host.name.clone(), Ok(Rc::clone(host) as Rc<dyn Host>)))
        .collect();
    let images = images.iter().map(|text| (text.parse().unwrap(), policy));
    let wanted = Wanted {
        images: images.collect(),
        revision: revision.map(str::to_owned),
    };
    let credentials = BTreeMap::from([(
        "reg.lab:5000".to_owned(),
        Credentials {
            registry: "reg.lab:5000".to_owned(),
            username: "ci".to_owned(),
            password: "secret".to_owned(),
        },
    )]);
    let cluster = "shop".parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let observed = runtime.block_on(observe(&hosts, &cluster, &wanted, &credentials, 4));
    let asked = scripted
        .iter()
        .flat_map(|host| {
            host.asked
                .borrow()
                .iter()
                .map(|text| format!("{}: {text}", host.name))
                .collect::<Vec<_>>()
        })
        .collect();
    (observed, asked)
}

const WEB: &str = "reg.lab:5000/web:1";

#[test]
fn a_digest_that_was_recorded_stays_and_nobody_is_asked() {
    let pinned = format!("other:1@{}", digest('c'));
    let (observed, asked) = seen(
        vec![
            Scripted::new("h1").with_record(2, "reg.lab:5000/old:1", &digest('d')),
            Scripted::new("h2")
                .running(WEB, digest('a'))
                .with_record(3, WEB, &digest('b'))
                .with_record(1, "reg.lab:5000/old:1", &digest('e')),
        ],
        &[WEB, &pinned, "reg.lab:5000/old:1"],
    );
    assert_eq!(
        observed.images[WEB],
        Resolution::Digest(digest('a')),
        "the containers come first"
    );
    assert_eq!(observed.images[&pinned], Resolution::Digest(digest('c')));
    assert_eq!(
        observed.images["reg.lab:5000/old:1"],
        Resolution::Digest(digest('d')),
        "the newest record that names it"
    );
    assert_eq!(asked, [""; 0]);
}

#[test]
fn a_registry_is_asked_with_its_own_credentials_through_a_host_that_reaches_it() {
    let mut reaching = Scripted::new("h2");
    reaching.registry = Ok(digest('a'));
    let (observed, asked) = seen(vec![Scripted::new("h1"), reaching, Scripted::new("h3")], &[WEB]);
    assert_eq!(observed.images[WEB], Resolution::Digest(digest('a')));
    assert_eq!(asked, [format!("h1: {WEB} as ci"), format!("h2: {WEB} as ci")]);
}

#[test]
fn what_no_registry_has_is_local_where_a_host_has_it_and_else_unknown_with_the_reason() {
    let refusing = |name: &str| {
        let mut host = Scripted::new(name);
        host.registry = Err(HostError::Denied("unauthorized".to_owned()));
        host
    };
    let (observed, asked) = seen(vec![refusing("h1"), refusing("h2")], &[WEB]);
    assert_eq!(
        observed.images[WEB],
        Resolution::Unknown("reg.lab:5000, asked by h1: unauthorized".to_owned())
    );
    assert_eq!(asked.len(), 1, "another host would hear the same: {asked:?}");
    // Who may not look cannot say that there is none.
    let (observed, _) = seen(vec![refusing("h1"), refusing("h2").with_tag(WEB)], &[WEB]);
    assert!(matches!(observed.images[WEB], Resolution::Unknown(_)));
    let mut lacking = Scripted::new("h1").with_tag(WEB);
    lacking.registry = Err(HostError::NotFound("manifest unknown".to_owned()));
    let (observed, _) = seen(vec![lacking], &[WEB]);
    assert_eq!(observed.images[WEB], Resolution::Local);
    let (observed, asked) = seen(vec![Scripted::new("h1").with_tag("web:latest")], &["web", "redis"]);
    assert_eq!(
        observed.images["web"],
        Resolution::Local,
        "a bare name that lies there is not looked for"
    );
    assert_eq!(asked, ["h1: redis as nobody"]);
    assert!(matches!(&observed.images["redis"], Resolution::Unknown(why) if why.contains("docker.io")));
}

#[test]
fn always_asks_anew_and_keeps_what_was_recorded_where_nobody_answers() {
    let mut answering = Scripted::new("h1").running(WEB, digest('a'));
    answering.registry = Ok(digest('b'));
    let (observed, _) = seen_by(vec![answering], &[WEB], PullPolicy::Always, None);
    assert_eq!(observed.images[WEB], Resolution::Digest(digest('b')));
    let mut refusing = Scripted::new("h1").running(WEB, digest('a'));
    refusing.registry = Err(HostError::Refused("connection refused".to_owned()));
    let (observed, _) = seen_by(vec![refusing], &[WEB], PullPolicy::Always, None);
    let why = "reg.lab:5000, asked by h1: connection refused".to_owned();
    let digest = digest('a');
    assert_eq!(observed.images[WEB], Resolution::Kept { digest, why });
}

#[test]
fn never_asks_nobody_whatever_was_recorded() {
    let pinned = format!("{WEB}@{}", digest('c'));
    let hosts = vec![Scripted::new("h1").running(WEB, digest('a'))];
    let (observed, asked) = seen_by(hosts, &[WEB, &pinned], PullPolicy::Never, None);
    assert_eq!(observed.images[WEB], Resolution::Local);
    assert_eq!(observed.images[&pinned], Resolution::Local);
    assert_eq!(asked, [""; 0]);
}

#[test]
fn a_version_by_its_name_uses_what_was_recorded_for_it() {
    // The newest record is of `c3`; `c2` had the same digest, `c1` another one.
    let earlier = |revision: &str, digests: &[(&str, Digest)]| EarlierVersion {
        revision: Some(revision.to_owned()),
        digests: digests
            .iter()
            .map(|(image, digest)| ((*image).to_owned(), digest.clone()))
            .collect(),
    };
    let host = || {
        Scripted::new("h1").running(WEB, digest('c')).with_versions(
            WEB,
            &digest('c'),
            vec![
                earlier("c2", &[]),
                earlier("c1", &[(WEB, digest('a')), ("gone:1", digest('d'))]),
            ],
        )
    };
    for (revision, letter) in [("c2", 'c'), ("c1", 'a')] {
        for policy in [PullPolicy::Missing, PullPolicy::Always] {
            let (observed, asked) = seen_by(vec![host()], &[WEB], policy, Some(revision));
            assert_eq!(observed.images[WEB], Resolution::Digest(digest(letter)), "{revision}");
            assert_eq!(asked, [""; 0]);
        }
    }
    // A revert to an image that only an earlier version had.
    let (observed, asked) = seen(vec![host()], &["gone:1"]);
    assert_eq!(observed.images["gone:1"], Resolution::Digest(digest('d')));
    assert_eq!(asked, [""; 0]);
}

#[test]
fn a_host_that_fails_one_call_is_unreachable_and_not_empty() {
    let mut failing = Scripted::new("h1").running(WEB, digest('a'));
    failing.volumes = Err(HostError::Unreachable("the network went".to_owned()));
    let (observed, _) = seen(vec![failing, Scripted::new("h2")], &[]);
    let host = |name: &str| &observed.hosts[&name.parse::<HostName>().unwrap()];
    assert_eq!(*host("h1"), ObservedHost::Unreachable("the network went".to_owned()));
    assert!(host("h2").state().unwrap().volumes.contains_key("data"));
}

#[test]
fn the_journal_is_read_in_order_and_a_newer_one_refused() {
    let after_the_turn = JOURNAL_RECORDS + 1;
    let mut host = Scripted::new("h1")
        .with_record(JOURNAL_RECORDS, WEB, &digest('a'))
        .with_record(after_the_turn, WEB, &digest('a'))
        .with_record(2, WEB, &digest('a'));
    host.files.insert("journal/09.json".to_owned(), b"{\"cut off".to_vec());
    let (observed, _) = seen(vec![host], &[]);
    let state = observed.hosts.values().next().unwrap().state().unwrap();
    let sequences: Vec<u64> = state.journal.iter().map(|record| record.sequence).collect();
    assert_eq!(sequences, [2, JOURNAL_RECORDS, after_the_turn]);

    let mut newer = Scripted::new("h1");
    newer
        .files
        .insert(journal_path(1), br#"{"version": 2, "words": "unknown"}"#.to_vec());
    let (observed, _) = seen(vec![newer], &[]);
    let why = observed.hosts.values().next().unwrap();
    assert!(
        matches!(why, ObservedHost::Unreachable(why) if why.contains("newer cdk")),
        "{why:?}"
    );
}

#[test]
fn a_person_may_write_hardly_anything() {
    let document = read_document(
        r#"hosts: {h1: , h2: {containers: [{owner: {slot: web.1, image: "app:1"}}]}, h3: {unreachable: it burnt}}"#,
    )
    .unwrap();
    let host = |name: &str| &document.observed.hosts[&name.parse::<HostName>().unwrap()];
    assert!(host("h1").state().unwrap().containers.is_empty());
    let container = &host("h2").state().unwrap().containers[0];
    assert_eq!(container.owner.slot.to_string(), "web.1");
    assert!(container.state.is_running());
    assert_eq!(*host("h3"), ObservedHost::Unreachable("it burnt".to_owned()));
    let text = serde_json::to_string(&document).unwrap();
    assert_eq!(read_document(&text).unwrap(), document, "what cdk writes it reads");
}

#[test]
fn wrong_observations_say_where() {
    for (text, said) in [
        ("version: 2", "newer cdk"),
        (
            "hosts: {h1: {container: []}}",
            "unknown key hosts.h1.container: did you mean containers?",
        ),
        (
            "hosts: {h1: {containers: [{owner: {slot: web.1}, sate: created}]}}",
            "unknown key hosts.h1.containers[0].sate: did you mean state?",
        ),
        (
            "hosts: {h1: {containers: [{owner: {slot: web.1}, spec: {limits: {memroy: 1G}}}]}}",
            "unknown key hosts.h1.containers[0].spec.limits.memroy: did you mean memory?",
        ),
        (
            "hosts: {h1: {containers: [{owner: {slot: web}}]}}",
            "\"web\" is not a slot",
        ),
        ("image: {}", "unknown key image: did you mean images?"),
        ("hosts: [", "does not read"),
    ] {
        let why = read_document(text).unwrap_err();
        assert!(why.contains(said), "{text}: {why}");
    }
    let known =
        r#"{"hosts": {"h1": {"containers": [{"owner": {"slot": "web.1"}, "state": {"exited": {"code": 1}}}]}}}"#;
    assert!(read_document(known).is_ok());
    assert_eq!(schema()["title"], "ObservationDocument");
}
