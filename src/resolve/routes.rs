//! An ingress's routes: whether they can mean what they say, and whether there is somebody at their other end.

use std::collections::BTreeMap;

use crate::model::name::HostName;
use crate::model::problem::{Place, Problem};
use crate::resolve::ingress::IngressReading;
use crate::resolve::problems::Segment;
use crate::resolve::reader::steps;
use crate::resolve::shape::ingress::{RouteCheckShape, RouteModeShape, RouteShape};
use crate::resolve::shape::plain::Plain;
use crate::resolve::update::{no_such_port, tcp_ports};

impl IngressReading<'_> {
    /// What is wrong with the routes.
    pub(super) fn routes(&mut self, hosts: &[HostName], taken: &mut BTreeMap<(HostName, u16), (String, Place)>) {
        let ingress = self.ingress;
        let routes = ingress.decoded.value.routes.as_deref().unwrap_or_default();
        let has_http = routes.iter().any(|route| route.mode != Some(RouteModeShape::Tcp));
        let has_listen = self.shape().listen.as_ref().is_some_and(|listen| !listen.is_empty());
        if has_http && !has_listen && !self.has_lost("listen") && !self.has_lost("routes") {
            let message = format!("the ingress `{}` does not say where it listens", ingress.name);
            self.missing(message, "write `listen: [{port: 80}]`, or `mode: tcp` in its routes");
        }
        if routes.is_empty() && !self.has_lost("routes") {
            let message = format!("the ingress `{}` has no routes", ingress.name);
            self.missing(message, "write `routes: [{service: NAME}]`");
        }
        let mut seen = BTreeMap::new();
        for (index, route) in routes.iter().enumerate() {
            match route.mode {
                Some(RouteModeShape::Tcp) => self.tcp(index, route, hosts, taken),
                Some(RouteModeShape::Http) | None => self.http(index, route, &mut seen),
            }
            self.target(index, route);
            if let Some(check) = &route.check {
                self.check(index, check);
            }
        }
    }

    /// Whether something within the route was wrong, so that what is missing says nothing.
    fn is_lost(&self, index: usize) -> bool {
        let path: [Segment; 2] = steps!["routes", index];
        self.ingress.decoded.lost.iter().any(|lost| lost.starts_with(&path))
    }

    fn tcp(
        &mut self,
        index: usize,
        route: &RouteShape,
        hosts: &[HostName],
        taken: &mut BTreeMap<(HostName, u16), (String, Place)>,
    ) {
        match &route.listen {
            Some(Plain(port)) => self.take(port.0, &steps!["routes", index, "listen"], hosts, taken),
            None if self.is_lost(index) => {}
            None => {
                let hint = "write `listen: PORT`: connections bear no name to tell them apart by".to_owned();
                self.reader.wrong(
                    &steps!["routes", index],
                    "a route with `mode: tcp` needs a port of its own",
                    hint,
                );
            }
        }
        for (key, given) in [("host", route.host.is_some()), ("path", route.path.is_some())] {
            if given {
                let hint = "the proxy does not look into connections: leave it out, or write `mode: http`".to_owned();
                let message = format!("`{key}` says nothing with `mode: tcp`");
                self.reader.wrong(&steps!["routes", index, key], message, hint);
            }
        }
    }

    fn http(&mut self, index: usize, route: &RouteShape, seen: &mut BTreeMap<(String, String, u16), Place>) {
        let listens = self.shape().listen.iter().flatten();
        let ports: Vec<u16> = listens.filter_map(|listen| listen.port).collect();
        let listen = route.listen.as_ref().map(|port| port.0.0);
        if let Some(port) = listen.filter(|port| !ports.contains(port))
            && !self.has_lost("listen")
        {
            let message = format!("the ingress does not listen on port {port} for HTTP");
            let hint = "write it under `listen` too, or `mode: tcp` where it isn't HTTP".to_owned();
            self.reader.wrong(&steps!["routes", index, "listen"], message, hint);
        }
        if let Some(host) = route.host.as_ref().filter(|host| !is_host(host)) {
            let hint = "write a name alone, without a scheme, a port or a path: shop.example.com".to_owned();
            let message = format!("{host:?} is not a name that could be asked for");
            self.reader.wrong(&steps!["routes", index, "host"], message, hint);
        }
        if let Some(path) = route.path.as_ref().filter(|path| !path.starts_with('/')) {
            let hint = "a path begins with a slash".to_owned();
            self.reader.wrong(
                &steps!["routes", index, "path"],
                format!("{path:?} is not a path"),
                hint,
            );
        }
        let host = route.host.as_deref().unwrap_or("*").to_lowercase();
        let path = route.path.as_deref().unwrap_or("/").to_owned();
        let at = if route.path.is_some() { "path" } else { "host" };
        let message = format!("a route to {host}{path} is there already");
        if !self.is_lost(index) {
            let key = (host, path, listen.unwrap_or(0));
            self.reader.once(seen, key, &steps!["routes", index, at], message);
        }
    }

    /// The service, and its port.
    fn target(&mut self, index: usize, route: &RouteShape) {
        let path = steps!["routes", index, "service"];
        let Some(name) = &route.service else {
            if !self.is_lost(index) {
                let hint = "write `service: NAME`".to_owned();
                self.reader
                    .wrong(&steps!["routes", index], "the route goes to no `service`", hint);
            }
            return;
        };
        if !self.known.names.contains(name) {
            let known = self.known.names.iter().map(String::as_str);
            self.reader.unknown(&path, "service", name, known);
            return;
        }
        let services = self.known.services.iter();
        let Some(service) = services
            .filter(|(known, _)| known.as_str() == name)
            .map(|(_, service)| service)
            .next()
        else {
            return;
        };
        let ports = tcp_ports(service);
        match &route.port {
            Some(Plain(port)) if !ports.contains(&port.0) => {
                let (message, hint) = no_such_port(name, port.0, &ports);
                self.reader.wrong(&steps!["routes", index, "port"], message, hint);
            }
            Some(_) => {}
            None if ports.len() == 1 || self.is_lost(index) => {}
            None if ports.is_empty() => {
                let hint = "write `ports: [\"8080\"]` there: cdk then hands out host ports for its replicas".to_owned();
                self.reader
                    .wrong(&path, format!("the service `{name}` has no TCP ports"), hint);
            }
            None => {
                let all: Vec<String> = ports.iter().map(u16::to_string).collect();
                let hint = format!("write `port:` and one of {}", all.join(", "));
                self.reader
                    .wrong(&path, format!("the service `{name}` has several ports"), hint);
            }
        }
    }

    fn check(&mut self, index: usize, check: &RouteCheckShape) {
        let RouteCheckShape {
            http,
            tcp,
            interval: _,
            timeout: _,
            retries: _,
        } = check;
        let tcp = *tcp == Some(true);
        if (http.is_some() == tcp) && !self.is_lost(index) {
            let hint = "write {http: /healthz} or {tcp: true}".to_owned();
            let message = "a check takes either `http` or `tcp`";
            self.reader.wrong(&steps!["routes", index, "check"], message, hint);
        }
        if let Some(path) = http.as_ref().filter(|path| !path.starts_with('/')) {
            let hint = "a path begins with a slash".to_owned();
            let at = steps!["routes", index, "check", "http"];
            let problem = Problem::at(Some(self.reader.place(&at)), format!("{path:?} is not a path"));
            self.reader.problems.push(problem.hint(hint));
        }
    }
}

/// Whether a text is a name as a browser asks for it, or such names one level below another.
fn is_host(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    name == "*" || (name.len() <= 253 && name.split('.').all(is_label))
}
