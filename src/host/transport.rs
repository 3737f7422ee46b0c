//! How requests reach a Docker engine: over a Unix socket or a relay, with connections kept open for the next request. No verbs of the API.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::Connect;
use hyper_util::rt::TokioExecutor;

use crate::dialect::docker::engine::ApiVersion;
use crate::host::relay::Dialer;

/// bollard's own deadline, in seconds. It covers a pull's first byte too, so it is out of the way; `call` has the real ones.
const NO_DEADLINE: u64 = 7 * 24 * 3600;

/// How many idle connections are kept: as many as one plan needs at once.
const KEPT_CONNECTIONS: usize = 32;

/// What the headers of an engine's first answer say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// The newest version of the API that it speaks.
    pub api: Option<ApiVersion>,
    /// The engine's program and version: `Docker/26.1.5 (linux)`.
    pub server: String,
}

/// A client of the engine behind a socket.
#[derive(Clone)]
pub struct Transport {
    /// bollard's client.
    pub docker: Docker,
    greeting: Arc<OnceLock<Greeting>>,
}

impl Transport {
    /// A client for the engine behind `socket`; nothing is sent yet.
    ///
    /// # Errors
    /// bollard refuses its arguments, which it never does for these.
    pub fn over(socket: &Path) -> Result<Self, bollard::errors::Error> {
        // hyperlocal takes the socket's path as hexadecimal digits in the place of a host's name.
        let authority: String = socket
            .as_os_str()
            .as_encoded_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self::through(hyperlocal::UnixConnector, &authority)
    }

    /// A client for the engine that a relay on its host leads to; nothing is sent yet.
    ///
    /// # Errors
    /// As [`Transport::over`].
    pub fn relayed(dialer: Dialer) -> Result<Self, bollard::errors::Error> {
        Self::through(dialer, "relay")
    }

    /// bollard's own Unix transport opens a connection per request, which over SSH is a round trip and a channel each,
    /// and it never sends the version of the API. So it gets a transport that keeps connections and puts the version,
    /// once the first answer has told it, in front of the path.
    fn through<C>(connector: C, authority: &str) -> Result<Self, bollard::errors::Error>
    where
        C: Connect + Clone + Send + Sync + 'static,
    {
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(KEPT_CONNECTIONS)
            .build(connector);
        let greeting = Arc::new(OnceLock::new());
        let heard = Arc::clone(&greeting);
        let send = move |mut request: BollardRequest| {
            if let Some(Greeting { api: Some(api), .. }) = heard.get() {
                set_version(&mut request, *api);
            }
            make_auth_url_safe(&mut request);
            let (client, heard) = (client.clone(), Arc::clone(&heard));
            async move {
                let response = client.request(request).await?;
                heard.get_or_init(|| {
                    let text = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
                    Greeting {
                        api: text("api-version").and_then(|version| version.parse().ok()),
                        server: text("server").unwrap_or_default(),
                    }
                });
                Ok(response)
            }
        };
        let address = Some(format!("unix://{authority}"));
        let docker = Docker::connect_with_custom_transport(send, address, NO_DEADLINE, API_DEFAULT_VERSION)?;
        Ok(Self { docker, greeting })
    }

    /// What the engine said of itself; none before its first answer.
    pub fn greeting(&self) -> Option<&Greeting> {
        self.greeting.get()
    }
}

/// Puts the version of the API in front of the path, where the engine's is one that cdk works with.
fn set_version(request: &mut BollardRequest, engine: ApiVersion) {
    let Ok(version) = engine.agreed() else { return };
    let uri = request.uri();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let versioned = format!(
        "{}://{}/v{version}{path}",
        uri.scheme_str().unwrap_or("unix"),
        uri.authority().map_or("", |authority| authority.as_str()),
    );
    if let Ok(uri) = versioned.parse() {
        *request.uri_mut() = uri;
    }
}

/// bollard encodes registry credentials with `+` and `/`, which an engine takes for no credentials at all.
fn make_auth_url_safe(request: &mut BollardRequest) {
    let Some(value) = request.headers_mut().get_mut("x-registry-auth") else {
        return;
    };
    let safe = value.to_str().map(|text| text.replace('+', "-").replace('/', "_"));
    if let Some(mut safe) = safe.ok().and_then(|text| text.parse().ok()) {
        std::mem::swap(value, &mut safe);
        value.set_sensitive(true);
    }
}

#[cfg(test)]
mod tests {
    use bollard::auth::DockerCredentials;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::UnixListener;

    use super::*;

    /// Answers two requests on one connection, and hands back their heads.
    async fn engine(listener: UnixListener, answers: [&str; 2]) -> Vec<String> {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heads = Vec::new();
        for answer in answers {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            heads.push(String::from_utf8(head).unwrap());
            let text = format!(
                "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nServer: Docker/20.10\r\nContent-Length: {}\r\n\r\n{answer}",
                answer.len()
            );
            stream.write_all(text.as_bytes()).await.unwrap();
        }
        heads
    }

    #[tokio::test]
    async fn one_connection_serves_and_the_version_and_the_password_arrive() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("s");
        let listener = UnixListener::bind(&socket).unwrap();
        let transport = Transport::over(&socket).unwrap();
        // This password's credentials hold both `+` and `/` in plain base64.
        let auth = DockerCredentials {
            password: Some("~~~???>>>".to_owned()),
            ..DockerCredentials::default()
        };
        let calls = async {
            transport.docker.ping().await.unwrap();
            transport
                .docker
                .inspect_registry_image("web", Some(auth))
                .await
                .unwrap()
        };
        let answer = r#"{"Descriptor": {}, "Platforms": []}"#;
        let (heads, _) = tokio::join!(engine(listener, ["OK", answer]), calls);
        assert!(heads[0].starts_with("GET /_ping HTTP/1.1"), "{}", heads[0]);
        assert!(
            heads[1].starts_with("GET /v1.41/distribution/web/json HTTP/1.1"),
            "{}",
            heads[1]
        );
        let sent = heads[1]
            .lines()
            .find_map(|line| line.strip_prefix("x-registry-auth: "))
            .unwrap();
        assert!(sent.contains(['-', '_']) && !sent.contains(['+', '/']), "{sent}");
        let greeting = transport.greeting().unwrap();
        assert_eq!(greeting.server, "Docker/20.10");
        assert_eq!(greeting.api.unwrap(), ApiVersion::OLDEST);
    }
}
