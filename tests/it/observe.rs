//! Observing: what images stand for, journals, hosts that fail half way, and observations as files.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use async_trait::async_trait;
use cdk::host::{Addresses, Containers, Credentials, Firewall, ForeignContainer, Host, HostError, Hosts, Others};
use cdk::model::blob::{FileFacts, FileRef};
use cdk::model::container::{ContainerSpec, LiveContainer, Ownership};
use cdk::model::gate::{Gate, Tried};
use cdk::model::host::{HostFacts, ObservedHost};
use cdk::model::image::{Digest, ImageFacts, ImageRef, RegistryImage, Resolution};
use cdk::model::journal::{EarlierVersion, JOURNAL_RECORDS, journal_path};
use cdk::model::name::{ClusterName, HostName};
use cdk::model::network::{Attachment, LiveNetwork, NetworkSpec, Route};
use cdk::model::platform::Platform;
use cdk::model::policy::PullPolicy;
use cdk::model::setting::{Limits, Restart};
use cdk::model::unit::{Bytes, Reserved};
use cdk::model::volume::{LiveVolume, VolumeSpec};
use cdk::observe::{Observed, Wanted, observe, read_document, schema};

fn digest(letter: char) -> Digest {
    format!("sha256:{}", letter.to_string().repeat(64)).parse().unwrap()
}

/// A host that answers what it was told to, and remembers what its registry was asked for.
struct Scripted {
    name: HostName,
    facts: HostFacts,
    own: Vec<LiveContainer>,
    /// Somebody else's, and the memory that it is found to be promised where somebody inspects it.
    foreign: Vec<(ForeignContainer, Bytes)>,
    images: BTreeMap<String, ImageFacts>,
    files: BTreeMap<String, Vec<u8>>,
    volumes: Result<BTreeMap<String, LiveVolume>, HostError>,
    registry: Result<Digest, HostError>,
    platforms: Vec<&'static str>,
    asked: RefCell<Vec<String>>,
}

impl Scripted {
    fn new(name: &str) -> Self {
        Self {
            name: name.parse().unwrap(),
            facts: HostFacts::default(),
            own: Vec::new(),
            foreign: Vec::new(),
            images: BTreeMap::new(),
            files: BTreeMap::new(),
            volumes: Ok(BTreeMap::from([("data".to_owned(), LiveVolume::default())])),
            registry: Err(HostError::Refused("out of reach".to_owned())),
            platforms: Vec::new(),
            asked: RefCell::default(),
        }
    }

    fn of(mut self, arch: &str) -> Self {
        self.facts.os = "linux".to_owned();
        self.facts.arch = arch.to_owned();
        self
    }

    /// Its registry has all images, by this digest and for these platforms.
    fn publishing(mut self, digest: Digest, platforms: &[&'static str]) -> Self {
        self.registry = Ok(digest);
        self.platforms = platforms.to_vec();
        self
    }

    fn with_image(mut self, pinned: String, platform: &str) -> Self {
        let facts = ImageFacts {
            digests: vec![pinned],
            platform: platform.parse().ok(),
            ..ImageFacts::default()
        };
        self.images.insert("sha256:2".to_owned(), facts);
        self
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
                reserved: Default::default(),
            },
            image_id: "sha256:1".into(),
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
        Ok(self.facts.clone())
    }
    async fn containers(&self, _: &ClusterName, others: Others) -> Result<Containers, HostError> {
        let foreign = self.foreign.iter().map(|(one, promised)| {
            let mut one = one.clone();
            one.reserved.memory.0 += match others {
                Others::Listed => 0,
                Others::Inspected => promised.0,
            };
            one
        });
        Ok(Containers {
            own: self.own.clone(),
            foreign: foreign.collect(),
        })
    }
    async fn container(&self, _: &str) -> Result<Option<LiveContainer>, HostError> {
        unreachable!("observe asks for all of them")
    }
    async fn logs(&self, _: &str, _: usize) -> Result<Vec<String>, HostError> {
        unreachable!("observe reads no logs")
    }
    async fn probe(&self, _: &str, _: &Gate) -> Result<Tried, HostError> {
        unreachable!("observe tries no gates")
    }
    async fn reaches(&self, _: std::net::SocketAddr) -> Result<Tried, HostError> {
        unreachable!("observe tries no ports")
    }
    async fn health(&self, _: &str) -> Result<Option<String>, HostError> {
        unreachable!("observe asks for no health checks")
    }
    async fn images(&self, _: &[String]) -> Result<BTreeMap<String, ImageFacts>, HostError> {
        Ok(self.images.clone())
    }
    fn firewall<'a>(&'a self, _: &'a ClusterName) -> Box<dyn Firewall + 'a> {
        unreachable!("nobody wants it")
    }
    fn addresses<'a>(&'a self, _: &'a ClusterName) -> Box<dyn Addresses + 'a> {
        unreachable!("nobody wants them")
    }
    async fn lock(&self, _: &ClusterName) -> Result<Box<dyn cdk::host::Lock>, HostError> {
        unreachable!("observe locks nothing")
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
    async fn registry_image(&self, image: &ImageRef, auth: Option<&Credentials>) -> Result<RegistryImage, HostError> {
        let user = auth.map_or("nobody", |auth| &auth.username);
        self.asked.borrow_mut().push(format!("{image} as {user}"));
        let platforms = self.platforms.iter().map(|text| text.parse().unwrap()).collect();
        self.registry.clone().map(|digest| RegistryImage { digest, platforms })
    }
    async fn pull(&self, _: &ImageRef, _: Option<&Digest>, _: Option<&Credentials>) -> Result<(), HostError> {
        unreachable!("observe changes nothing")
    }
    async fn remove_image(&self, _: &str, _: &[String]) -> Result<(), HostError> {
        unreachable!("observe changes nothing")
    }
    async fn remove_config(&self, _: &ClusterName, _: &str) -> Result<(), HostError> {
        unreachable!("observe changes nothing")
    }
    async fn free_disk(&self, _: &str) -> Result<Option<Bytes>, HostError> {
        unreachable!("nobody asked for the disk")
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
    async fn signal(&self, _: &str, _: &str) -> Result<(), HostError> {
        unreachable!("observe changes nothing")
    }
    async fn look_at(
        &self,
        _: &ClusterName,
        _: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Option<FileFacts>>, HostError> {
        unreachable!("no container here has configs or secrets, and then nobody looks for any")
    }
    async fn write_config(&self, _: &ClusterName, _: &str, _: &FileRef, _: &[u8]) -> Result<(), HostError> {
        unreachable!("observe changes nothing")
    }
    async fn read_files(&self, _: &ClusterName) -> Result<BTreeMap<String, Vec<u8>>, HostError> {
        Ok(self.files.clone())
    }
    async fn write_file(&self, _: &ClusterName, _: &str, _: &[u8]) -> Result<(), HostError> {
        unreachable!("observe changes nothing")
    }
}

fn platforms(texts: &[&str]) -> BTreeSet<Platform> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
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
        firewall: false,
        addresses: false,
        images: images.collect(),
        revision: revision.map(str::to_owned),
        others: Others::Listed,
        keep: 5,
    };
    let observed = look(&hosts, &wanted);
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

fn look(hosts: &Hosts, wanted: &Wanted) -> Observed {
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
    runtime.block_on(observe(hosts, &cluster, wanted, &credentials, 4))
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
        files: Default::default(),
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

#[test]
fn an_images_platforms_are_told_by_its_registry_and_recorded() {
    let multi = ["linux/amd64", "linux/arm64/v8"];
    let (observed, _) = seen(vec![Scripted::new("h1").publishing(digest('a'), &multi)], &[WEB]);
    assert_eq!(
        observed.platforms,
        BTreeMap::from([(WEB.to_owned(), platforms(&["linux/amd64", "linux/arm64"]))])
    );
    // A registry that does not say leaves it open.
    let (observed, _) = seen(vec![Scripted::new("h1").publishing(digest('a'), &[])], &[WEB]);
    assert_eq!(observed.platforms, BTreeMap::new());
    // What an apply recorded is not asked for again, be the hosts as different as they like.
    let mut recorded = Scripted::new("h1").of("x86_64");
    let record = serde_json::json!({
        "version": 1, "sequence": 3, "at": "", "end": "done", "digests": { WEB: digest('a') },
        "memory": { "platforms": { digest('a').as_str(): ["linux/arm64"] } },
    });
    recorded.files.insert(journal_path(3), record.to_string().into_bytes());
    let (observed, asked) = seen(vec![recorded, Scripted::new("h2").of("aarch64")], &[WEB]);
    assert_eq!(observed.platforms[WEB], platforms(&["linux/arm64"]));
    assert_eq!(asked, [""; 0]);
}

#[test]
fn the_platforms_of_a_known_digest_are_asked_for_only_where_hosts_differ_and_it_lies_not_on_each_kind() {
    let pinned = format!("reg.lab:5000/web@{}", digest('c'));
    let host = |name: &str, arch: &str| Scripted::new(name).of(arch).publishing(digest('c'), &["linux/arm64"]);
    let (observed, asked) = seen(vec![host("h1", "x86_64"), host("h2", "x86_64")], &[&pinned]);
    assert_eq!((observed.platforms.len(), asked.len()), (0, 0), "they are all alike");
    let (observed, asked) = seen(vec![host("h1", "x86_64"), host("h2", "aarch64")], &[&pinned]);
    assert_eq!(observed.platforms[&pinned], platforms(&["linux/arm64"]));
    assert_eq!(asked, [format!("h1: {pinned} as ci")]);
    // By what was recorded, not by what the tag may mean now.
    let hosts = vec![host("h1", "x86_64").running(WEB, digest('c')), host("h2", "aarch64")];
    let (observed, asked) = seen(hosts, &[WEB]);
    assert_eq!(observed.platforms[WEB], platforms(&["linux/arm64"]));
    assert_eq!(asked, [format!("h1: {pinned} as ci")]);
    // Each kind of host has one that it runs.
    let hosts = vec![
        host("h1", "x86_64").with_image(pinned.clone(), "linux/amd64"),
        host("h2", "aarch64").with_image(pinned.clone(), "linux/arm64"),
        host("h3", "aarch64"),
    ];
    let (observed, asked) = seen(hosts, &[&pinned]);
    assert_eq!((observed.platforms.len(), asked.len()), (0, 0));
    // That nobody can say it is no failure.
    let hosts = vec![Scripted::new("h1").of("x86_64"), Scripted::new("h2").of("aarch64")];
    let (observed, asked) = seen(hosts, &[&pinned]);
    assert_eq!(observed.images[&pinned], Resolution::Digest(digest('c')));
    assert_eq!((observed.platforms.len(), asked.len()), (0, 1));
}

#[test]
fn a_host_runs_an_image_unless_its_registry_or_the_image_there_says_otherwise() {
    let pinned = format!("reg.lab:5000/web@{}", digest('a'));
    let document = |platforms: &str| {
        let text = format!(
            "{{images: {{'{WEB}': {{digest: '{}'}}}}, {platforms} hosts: {{
                amd: {{facts: {{os: linux, arch: x86_64}}}},
                arm: {{facts: {{os: linux, arch: aarch64}}}},
                wrong: {{facts: {{os: linux, arch: aarch64}}, images: {{'sha256:2': {{digests: ['{pinned}'], platform: linux/amd64}}}}}},
                untold: {{}}}}}}",
            digest('a')
        );
        read_document(&text).unwrap().observed
    };
    let runs = |observed: &Observed| {
        let hosts = observed.hosts.iter();
        let states = hosts.filter_map(|(name, host)| Some((name, host.state()?)));
        let image = WEB.parse().unwrap();
        let those = states.filter(|(_, state)| observed.runs(&image, state));
        those.map(|(name, _)| name.to_string()).collect::<Vec<_>>().join(" ")
    };
    let told = format!("platforms: {{'{WEB}': [linux/x86_64]}},");
    assert_eq!(runs(&document(&told)), "amd untold");
    assert_eq!(
        runs(&document("")),
        "amd arm untold",
        "what lies on one host says nothing of another"
    );
    let told = format!("platforms: {{'{WEB}': [linux/mips, linux/arm/v7]}},");
    let observed = document(&told);
    assert_eq!(runs(&observed), "arm untold wrong", "64-bit ARM runs 32-bit ARM");
    let text = serde_json::to_string(&observed).unwrap();
    assert_eq!(read_document(&text).unwrap().observed, observed);
}

#[test]
fn what_others_reserved_is_summed_and_inspected_only_where_somebody_wants_to_know() {
    let foreign = |cpus: &str, memory: &str, promised: &str| {
        let reserved = Reserved {
            cpus: cpus.parse().unwrap(),
            memory: memory.parse().unwrap(),
        };
        let one = ForeignContainer {
            reserved,
            ..ForeignContainer::default()
        };
        (one, promised.parse().unwrap())
    };
    let mut host = Scripted::new("h1");
    host.foreign = vec![
        foreign("0.5", "1G", "0"),
        foreign("0", "0", "256M"),
        foreign("1", "0", "0"),
    ];
    let hosts: Hosts = [(host.name.clone(), Ok(Rc::new(host) as Rc<dyn Host>))].into();
    for (others, memory) in [(Others::Listed, "1G"), (Others::Inspected, "1280M")] {
        let wanted = Wanted {
            others,
            ..Wanted::default()
        };
        let observed = look(&hosts, &wanted);
        let state = observed.hosts.values().find_map(ObservedHost::state).unwrap();
        assert_eq!(state.reserved.cpus.to_string(), "1.5");
        assert_eq!(state.reserved.memory.to_string(), memory, "{others:?}");
        let text = serde_json::to_string(&observed).unwrap();
        assert_eq!(read_document(&text).unwrap().observed, observed);
    }
}
