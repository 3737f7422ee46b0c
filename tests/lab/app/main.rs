//! The lab's test application: a small HTTP server that starts, answers, fails and stops as its environment tells it to.
//!
//! Paths: `/` version and host; `/healthz` 200 or 503; `/slow?ms=N`; `/burn?ms=N` (CPU); `/alloc?mb=N` (kept);
//! `/env?name=N`; `/file?path=P`. Commands: none or `serve`, `--health`, `migrate`, `exit N`.
//! Environment: PORT, APP_START_DELAY (s before it listens), APP_HEALTHY_AFTER (s, or `never`), APP_EXIT_AFTER (s),
//! APP_EXIT_CODE, APP_ON_TERM = drain | exit | ignore.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::process::exit;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// Set by the signal handler; nothing else may be done there.
static TERMINATED: AtomicBool = AtomicBool::new(false);
/// Requests that were begun and not yet answered.
static IN_FLIGHT: AtomicUsize = AtomicUsize::new(0);
static ALLOCATED: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

unsafe extern "C" {
    fn signal(number: i32, handler: usize) -> usize;
}

extern "C" fn on_term(_: i32) {
    TERMINATED.store(true, SeqCst);
}

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] | ["serve"] => serve(),
        ["--health"] => exit(if healthy_over_loopback() { 0 } else { 1 }),
        ["migrate"] => println!("migrated by {}", version()),
        ["exit", code] => exit(code.parse().unwrap_or(1)),
        _ => {
            eprintln!("usage: app [serve | --health | migrate | exit N]");
            exit(2)
        }
    }
}

fn version() -> String {
    fs::read_to_string("/version").map_or("unknown".into(), |v| v.trim().into())
}

fn hostname() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").map_or("unknown".into(), |h| h.trim().into())
}

fn seconds(name: &str) -> Option<Duration> {
    env::var(name).ok()?.parse().ok().map(Duration::from_secs_f64)
}

fn port() -> u16 {
    env::var("PORT").ok().and_then(|p| p.parse().ok()).unwrap_or(8080)
}

fn healthy_over_loopback() -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port()))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
}

fn serve() {
    let started = Instant::now();
    let on_sigterm = env::var("APP_ON_TERM").unwrap_or("drain".into());
    // As the first process of a container it is spared signals that it does not handle, so even `ignore` and `exit` need this.
    // SAFETY: the handler does one atomic store.
    unsafe {
        signal(SIGTERM, on_term as *const () as usize);
        signal(SIGINT, on_term as *const () as usize);
    }
    let delay = seconds("APP_START_DELAY").unwrap_or_default();
    let exit_after = seconds("APP_EXIT_AFTER");
    let exit_code = env::var("APP_EXIT_CODE").ok().and_then(|c| c.parse().ok()).unwrap_or(0);

    thread::spawn(move || {
        thread::sleep(delay);
        listen(started);
    });
    // `accept` is restarted after a signal, so this thread looks; the others serve.
    loop {
        if exit_after.is_some_and(|after| started.elapsed() >= after) {
            println!("exits with {exit_code}, as told");
            exit(exit_code);
        }
        if TERMINATED.load(SeqCst) {
            match on_sigterm.as_str() {
                "ignore" => {}
                "exit" => exit(0),
                // The requests that are being answered are finished; connections that only wait are dropped.
                _ if IN_FLIGHT.load(SeqCst) == 0 => exit(0),
                _ => {}
            }
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn listen(started: Instant) {
    // Both families where there are both: `[::]` takes IPv4 too.
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port()))
        .or_else(|_| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port())))
        .unwrap_or_else(|e| {
            eprintln!("cannot listen on port {}: {e}", port());
            exit(1)
        });
    println!("{} listens on port {}", version(), port());
    for stream in listener.incoming().flatten() {
        thread::spawn(move || {
            // A client that goes away is no concern of ours.
            let _ = connection(stream, started);
        });
    }
}

fn connection(stream: TcpStream, started: Instant) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let busy = Busy::new();
        let mut keep_alive = request.trim_end().ends_with("HTTP/1.1");
        let mut length = 0;
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header)? == 0 {
                return Ok(());
            }
            let header = header.trim_end().to_ascii_lowercase();
            match header.split_once(':').map(|(name, value)| (name, value.trim())) {
                None => break,
                Some(("connection", value)) => keep_alive = value == "keep-alive" || (keep_alive && value != "close"),
                Some(("content-length", value)) => length = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        std::io::copy(&mut (&mut reader).take(length), &mut std::io::sink())?;
        let target = request.split(' ').nth(1).unwrap_or("/").to_owned();
        let (status, body) = answer(&target, started);
        // Who drains says so: well-behaved clients take their next request elsewhere.
        keep_alive &= !TERMINATED.load(SeqCst);
        let connection = if keep_alive { "keep-alive" } else { "close" };
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n", body.len());
        writer.write_all(&[head.as_bytes(), if request.starts_with("HEAD ") { &[] } else { &body }].concat())?;
        drop(busy);
        if !keep_alive {
            return Ok(());
        }
    }
}

/// A request in flight, counted from its first line to its last byte.
struct Busy;

impl Busy {
    fn new() -> Busy {
        IN_FLIGHT.fetch_add(1, SeqCst);
        Busy
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        IN_FLIGHT.fetch_sub(1, SeqCst);
    }
}

fn answer(target: &str, started: Instant) -> (&'static str, Vec<u8>) {
    const OK: &str = "200 OK";
    const NOT_FOUND: &str = "404 Not Found";
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=').map(decoded));
    let number = |name: &str| value(name).and_then(|v| v.parse().ok()).unwrap_or(0);
    match path {
        "/" => (OK, format!("{} {}\n", version(), hostname()).into()),
        "/healthz" if healthy(started) => (OK, b"healthy\n".to_vec()),
        "/healthz" => ("503 Service Unavailable", b"not healthy\n".to_vec()),
        "/slow" => {
            thread::sleep(Duration::from_millis(number("ms")));
            (OK, format!("{} {}\n", version(), hostname()).into())
        }
        "/burn" => {
            let end = Instant::now() + Duration::from_millis(number("ms"));
            while Instant::now() < end {
                std::hint::black_box((0..1000u64).sum::<u64>());
            }
            (OK, b"burnt\n".to_vec())
        }
        "/alloc" => {
            // Ones, not zeros: the kernel would lend zeros without giving a page.
            let block = vec![1u8; number("mb") as usize * 1024 * 1024];
            let mut all = ALLOCATED.lock().unwrap_or_else(|e| e.into_inner());
            all.push(block);
            (OK, format!("{} MB\n", all.iter().map(Vec::len).sum::<usize>() / 1024 / 1024).into())
        }
        "/env" => value("name").and_then(|n| env::var(n).ok()).map_or((NOT_FOUND, vec![]), |v| (OK, format!("{v}\n").into())),
        "/file" => value("path").and_then(|p| fs::read(p).ok()).map_or((NOT_FOUND, vec![]), |content| (OK, content)),
        _ => (NOT_FOUND, b"not found\n".to_vec()),
    }
}

fn healthy(started: Instant) -> bool {
    env::var("APP_HEALTHY_AFTER").as_deref() != Ok("never") && started.elapsed() >= seconds("APP_HEALTHY_AFTER").unwrap_or_default()
}

/// Percent decoding, as far as paths and names need it.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|h| u8::from_str_radix(std::str::from_utf8(h).ok()?, 16).ok());
        (rest, _) = match (first, hex) {
            (b'%', Some(byte)) => (&tail[2..], bytes.push(byte)),
            _ => (tail, bytes.push(*first)),
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
