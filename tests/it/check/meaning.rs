//! Right repositories, and what they mean.

use std::net::IpAddr;

use cdk::model::endpoint::Address;
use cdk::model::name::{HostName, Slot};
use cdk::model::policy::Order;
use cdk::model::setting::{Healthcheck, MountSource, Restart};
use cdk::model::unit::{Bytes, Cpus, Span};
use cdk::resolve::desired::{Availability, Desired, HostPort, Mode, PasswordSource, Service};
use cdk::resolve::template::{Replica, Text};

use crate::check::{Folder, desired};

fn service<'a>(desired: &'a Desired, name: &str) -> &'a Service {
    &desired.services[&name.parse().unwrap()]
}

fn web(body: &str) -> Service {
    let text = format!("services:\n  web:\n    image: web:1\n{body}volumes: {{data: }}\n");
    service(&desired(&[("s.yaml", &text)]), "web").clone()
}

fn plain(text: &str) -> Text {
    Text::Plain(text.to_owned())
}

/// A text as it is on a host that is called `one`.
fn on_one(desired: &Desired, text: &Text) -> String {
    let (name, host) = desired.hosts.first_key_value().unwrap();
    let slot: Slot = "web.3".parse().unwrap();
    let address = host.address.to_string();
    let replica = Replica {
        slot: &slot,
        host: name,
        address: &address,
        labels: &host.labels,
    };
    text.render(replica).unwrap()
}

#[test]
fn what_is_not_said_has_its_default() {
    let whole = desired(&[("s.yaml", "services: {web: {image: web}}\n")]);
    assert_eq!(
        (whole.cluster.parallel, whole.cluster.ports.to_string()),
        (16, "20000-29999".to_owned())
    );
    let host = &whole.hosts[&"one".parse::<HostName>().unwrap()];
    assert_eq!(
        (host.role.as_str(), host.state, host.ssh.connect_timeout),
        ("worker", Availability::Active, Span::seconds(5))
    );
    assert_eq!(host.private_address, Some(IpAddr::from([10, 0, 0, 1])));
    let web = service(&whole, "web");
    assert_eq!((web.mode, web.restart), (Mode::Replicated(1), Restart::UnlessStopped));
    assert_eq!(web.logging.to_string(), "json-file max-file=3 max-size=10m");
    let update = web.update;
    assert_eq!(
        (update.parallelism, update.delay, update.order),
        (1, Span::default(), Order::StopFirst)
    );
    assert_eq!((update.monitor, update.timeout), (Span::seconds(5), Span::seconds(120)));
    assert_eq!(
        (&web.command, &web.healthcheck, &web.stop_grace_period),
        (&None, &None, &None)
    );
}

#[test]
fn short_and_long_forms_mean_the_same() {
    let short = web(concat!(
        "    command: run --name 'a b'\n",
        "    environment: [A=1, B=x=y]\n",
        "    labels: [a, b=c]\n",
        "    ports: [8080, \"127.0.0.1:80:81/udp\", \"9000-9010:90\"]\n",
        "    volumes: [\"data:/data:ro\", \"/srv/x/:/x\", /anonymous]\n",
        "    healthcheck: {test: curl x}\n",
    ));
    let long = web(concat!(
        "    command: [run, --name, a b]\n",
        "    environment: {A: 1, B: \"x=y\"}\n",
        "    labels: {a: , b: c}\n",
        "    ports:\n",
        "      - {target: 8080, mode: host}\n",
        "      - {target: 81, published: \"80\", host_ip: 127.0.0.1, protocol: udp}\n",
        "      - {target: 90, published: 9000-9010}\n",
        "    volumes:\n",
        "      - {type: volume, source: data, target: /data, read_only: true}\n",
        "      - {type: bind, source: /srv/x, target: /x}\n",
        "      - {type: volume, target: /anonymous}\n",
        "    healthcheck: {test: [CMD-SHELL, curl x]}\n",
    ));
    assert_eq!(short, long);
    assert_eq!(short.ports.len(), 3);
    assert_eq!(
        short.ports.first().unwrap().host,
        HostPort::Published {
            address: Some(IpAddr::from([127, 0, 0, 1])),
            ports: "80".parse().unwrap()
        }
    );
    let sources: Vec<_> = short.mounts.iter().map(|mount| mount.source.clone()).collect();
    assert_eq!(
        sources,
        [
            MountSource::Anonymous,
            MountSource::Volume("shop_data".to_owned()),
            MountSource::Bind("/srv/x".to_owned())
        ]
    );
}

#[test]
fn every_key_in_force_arrives() {
    let web = web(concat!(
        "    entrypoint: /app\n    user: 1000\n    working_dir: /srv\n    restart: on-failure:3\n    stop_grace_period: 1m\n",
        "    logging: {driver: journald, options: {tag: x}}\n",
        "    healthcheck: {test: [CMD, a], interval: 2s, timeout: 1s, retries: 4, start_period: 5s}\n",
        "    deploy:\n      replicas: 6\n",
        "      placement: {constraints: [node.labels.type==LARGE, node.hostname != two], max_replicas_per_node: 2}\n",
        "      resources: {limits: {cpus: 1.5, memory: 512M}, reservations: {cpus: \"0.5\", memory: 268435456}}\n",
        "      update_config: {parallelism: 0, delay: 10s, order: start-first, monitor: 1s, timeout: 1m}\n",
        "    x-own: {\"{{\": \"${X}\"}\n",
    ));
    assert_eq!(web.entrypoint, Some(vec![plain("/app")]));
    assert_eq!(
        (web.user.as_deref(), web.working_dir.as_deref()),
        (Some("1000"), Some("/srv"))
    );
    assert_eq!(
        (web.restart, web.stop_grace_period),
        (Restart::OnFailure(3), Some(Span::seconds(60)))
    );
    assert_eq!(web.logging.to_string(), "journald tag=x");
    let check = Healthcheck {
        test: vec!["CMD".to_owned(), "a".to_owned()],
        interval: Span::seconds(2),
        timeout: Span::seconds(1),
        retries: 4,
        start_period: Span::seconds(5),
        start_interval: Span::default(),
    };
    assert_eq!((web.healthcheck, web.mode), (Some(check), Mode::Replicated(6)));
    let constraints: Vec<String> = web.constraints.iter().map(ToString::to_string).collect();
    assert_eq!(constraints, ["node.labels.type == LARGE", "node.hostname != two"]);
    assert_eq!(
        (web.limits.cpus, web.limits.memory),
        (Cpus(1_500_000_000), Bytes(512 << 20))
    );
    assert_eq!(
        (web.reserved_cpus, web.reserved_memory),
        (Cpus(500_000_000), Bytes(256 << 20))
    );
    assert_eq!(
        (web.update.parallelism, web.update.order, web.max_replicas_per_node),
        (0, Order::StartFirst, Some(2))
    );
}

#[test]
fn hosts_and_registries_arrive() {
    let whole = desired(&[
        ("cdk.yaml", "cluster: {name: shop, parallel: 4, ports: 30000-30010, include: [hosts.yaml], ssh: {user: deploy, port: 2222, config: ssh_config, identity: ~/.ssh/id}}\nregistries:\n  r:5000: {username: ci, password: {env: PASSWORD}}\n  s: {username: ci, password: {file: /run/p}}\n"),
        ("hosts.yaml", "hosts:\n  a: {address: web.example.com, state: drain, role: manager, max_containers: 7, ssh: {user: root, jump: b, connect_timeout: 2s}}\n  b: {address: local, private_address: 192.168.0.1}\n  c: {address: local, state: down, ssh: {port: 1}}\n".replace("  c: {address: local, state: down, ssh: {port: 1}}\n", "").as_str()),
    ]);
    assert_eq!((whole.cluster.parallel, whole.cluster.ports.ports().len()), (4, 11));
    let [a, b] = ["a", "b"].map(|name| &whole.hosts[&name.parse::<HostName>().unwrap()]);
    assert_eq!(
        (&a.address, a.private_address),
        (&Address::Ssh("web.example.com".to_owned()), None)
    );
    assert_eq!(
        (a.state, a.role.as_str(), a.max_containers),
        (Availability::Drain, "manager", Some(7))
    );
    assert_eq!(
        (a.ssh.user.as_deref(), a.ssh.port, a.ssh.jump.as_deref()),
        (Some("root"), Some(2222), Some("b"))
    );
    assert_eq!(a.ssh.connect_timeout, Span::seconds(2));
    assert!(
        a.ssh
            .config
            .as_ref()
            .is_some_and(|path| path.is_absolute() && path.ends_with("ssh_config"))
    );
    assert_eq!(a.ssh.identity.as_deref(), Some("~/.ssh/id".as_ref()));
    assert_eq!(
        (&b.address, b.private_address),
        (&Address::Local, Some(IpAddr::from([192, 168, 0, 1])))
    );
    assert_eq!(
        whole.registries["r:5000"].password,
        PasswordSource::Env("PASSWORD".to_owned())
    );
    assert_eq!(whole.registries["s"].password, PasswordSource::File("/run/p".into()));
}

#[test]
fn templates_keep_types_and_words_and_wait_for_their_replica() {
    let whole = desired(&[
        (
            "v.yaml",
            "vars: {count: 3, tag: \"1.10\", words: [a, b c], text: x y}\n",
        ),
        (
            "s.yaml",
            concat!(
                "services:\n  web:\n    image: \"web:{{ vars.tag }}\"\n    command: \"run {{ vars.text }} --slot={{ slot }} $$X\"\n",
                "    entrypoint: \"{{ vars.words }}\"\n",
                "    environment: {HERE: \"{{ host.name }} {{ host.address }} {{ host.labels.type }}\", WHO: \"{{ cluster.name }}/{{ service.name }}\", LIT: \"{{ '{{' }}\"}\n",
                "    deploy: {replicas: \"{{ vars.count }}\"}\n"
            ),
        ),
    ]);
    let web = service(&whole, "web");
    assert_eq!(
        (web.mode, web.image.to_string().as_str()),
        (Mode::Replicated(3), "web:1.10")
    );
    assert_eq!(web.entrypoint, Some(vec![plain("a"), plain("b c")]));
    let command: Vec<String> = web.command.iter().flatten().map(|word| on_one(&whole, word)).collect();
    assert_eq!(command, ["run", "x y", "--slot=web.3", "$X"]);
    assert_eq!(on_one(&whole, &web.environment["HERE"]), "one 10.0.0.1 large");
    assert_eq!(web.environment["WHO"], plain("shop/web"));
    assert_eq!(web.environment["LIT"], plain("{{"));
}

#[test]
fn defaults_lie_beneath_every_service() {
    let whole = desired(&[
        (
            "cdk.yaml",
            "cluster:\n  name: shop\n  include: [\"*.yaml\"]\n  defaults:\n    environment: {A: 1, ME: \"{{ service.name }}\"}\n    logging: {options: {max-size: 1m}}\n    update_config: {monitor: 9s, parallelism: 3}\n    deploy: {replicas: 2}\n    restart: always\n",
        ),
        (
            "s.yaml",
            "services:\n  a: {image: a, environment: [A=2], deploy: {update_config: {parallelism: 1}}}\n  b: {image: b, logging: {driver: journald}, restart: \"no\"}\n",
        ),
    ]);
    let (a, b) = (service(&whole, "a"), service(&whole, "b"));
    assert_eq!((&a.environment["A"], &a.environment["ME"]), (&plain("2"), &plain("a")));
    assert_eq!((&b.environment["A"], &b.environment["ME"]), (&plain("1"), &plain("b")));
    assert_eq!(
        (a.update.parallelism, a.update.monitor, a.mode),
        (1, Span::seconds(9), Mode::Replicated(2))
    );
    assert_eq!(
        (a.logging.to_string().as_str(), b.logging.to_string().as_str()),
        ("json-file max-file=3 max-size=1m", "journald")
    );
    assert_eq!((a.restart, b.restart), (Restart::Always, Restart::No));
}

#[test]
fn anchors_extensions_and_the_disabled_check_are_composes() {
    let whole = desired(&[(
        "s.yaml",
        "x-base: &base\n  image: web:1\n  labels: {a: b}\nservices:\n  one: *base\n  two: {<<: *base, image: \"web:2\", healthcheck: {disable: true}}\n",
    )]);
    let (one, two) = (service(&whole, "one"), service(&whole, "two"));
    assert_eq!(
        (one.image.to_string(), two.image.to_string()),
        ("web:1".to_owned(), "web:2".to_owned())
    );
    assert_eq!(one.labels, two.labels);
    assert!(two.healthcheck.as_ref().is_some_and(Healthcheck::is_none));
}

#[test]
fn a_new_repository_and_the_examples_are_right() {
    let folder = tempfile::tempdir().unwrap();
    let new = folder.path().join("My Shop_1");
    let written = cdk::source::init::write(&new, None).unwrap();
    assert_eq!(written.len(), 3);
    let whole = crate::check::check(&new)
        .unwrap_or_else(|rejected| panic!("{}", cdk::report::problems::render(&rejected, false)));
    assert_eq!(
        (whole.cluster.name.as_str(), whole.services.len(), whole.hosts.len()),
        ("my-shop-1", 1, 1)
    );
    let again = cdk::source::init::write(&new, Some("shop")).unwrap_err();
    assert!(again.to_string().contains("cdk.yaml"), "{again}");
    assert!(cdk::source::init::write(&folder.path().join("x"), Some("No Name")).is_err());
    assert!(!folder.path().join("x").exists());
    for example in ["quickstart", "shop"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("examples")
            .join(example);
        let checked = crate::check::check(&path);
        assert!(
            checked.is_ok(),
            "{}",
            checked
                .err()
                .map(|rejected| cdk::report::problems::render(&rejected, false))
                .unwrap_or_default()
        );
    }
}

#[test]
fn the_same_files_mean_the_same() {
    let folder = Folder::new(&[(
        "s.yaml",
        "services: {web: {image: web, environment: {A: \"{{ slot }}\"}}}\n",
    )]);
    assert_eq!(folder.check().unwrap(), folder.check().unwrap());
}
