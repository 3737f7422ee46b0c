//! Holds back each packet of netfilter queue 77 for a time: `delay PID MS`, in the network of the host whose first process
//! PID is; ends with it. It speaks netlink by itself, since there is nothing but std, and asks for no packet's content.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Error, Read, Write};
use std::os::fd::FromRawFd;
use std::path::Path;
use std::time::{Duration, Instant};

const QUEUE: u16 = 77;
const MSG_PACKET: u16 = 3 << 8;
const MSG_CONFIG: u16 = 3 << 8 | 2;
const MSG_VERDICT_BATCH: u16 = 3 << 8 | 3;
const NLMSG_ERROR: u16 = 2;
const ACCEPT: u32 = 1;

#[repr(C)]
struct PollFd {
    fd: i32,
    events: i16,
    returned: i16,
}

unsafe extern "C" {
    fn socket(domain: i32, kind: i32, protocol: i32) -> i32;
    fn poll(fds: *mut PollFd, count: u64, timeout_ms: i32) -> i32;
}

fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().collect();
    let [_, pid, ms] = &args[..] else { panic!("usage: delay PID MS") };
    let process = format!("/proc/{pid}");
    let delay = Duration::from_millis(ms.parse().expect("MS is a number"));

    // AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER
    // SAFETY: plain system call; the descriptor is owned by `netlink` from here on.
    let fd = unsafe { socket(16, 3 | 0o2000000, 12) };
    if fd < 0 {
        return Err(Error::last_os_error());
    }
    let mut netlink = unsafe { File::from_raw_fd(fd) };
    // Bind; copy no content; let 65536 wait; should even that be too few, let packets pass; don't split large ones.
    configure(&mut netlink, &attribute(1, &[1, 0, 0, 0]))?;
    configure(&mut netlink, &attribute(2, &[0, 0, 0, 0, 1]))?;
    configure(&mut netlink, &attribute(3, &65536u32.to_be_bytes()))?;
    let flags = 1u32 | 4;
    configure(&mut netlink, &[attribute(4, &flags.to_be_bytes()), attribute(5, &flags.to_be_bytes())].concat())?;
    println!("ready");

    let mut waiting: VecDeque<(Instant, u32)> = VecDeque::new();
    let mut buffer = vec![0; 65536];
    while Path::new(&process).exists() {
        let now = Instant::now();
        let mut last_due = None;
        while let Some(&(due, id)) = waiting.front().filter(|(due, _)| *due <= now) {
            let _ = due;
            last_due = Some(id);
            waiting.pop_front();
        }
        if let Some(id) = last_due {
            // The verdict of a batch holds for all packets up to this id.
            netlink.write_all(&message(MSG_VERDICT_BATCH, 1, &attribute(2, &[ACCEPT.to_be_bytes(), id.to_be_bytes()].concat())))?;
        }
        let timeout = waiting.front().map_or(500, |(due, _)| due.saturating_duration_since(now).as_millis().clamp(0, 500) as i32 + 1);
        let mut polled = PollFd { fd, events: 1, returned: 0 };
        // SAFETY: one valid element.
        if unsafe { poll(&mut polled, 1, timeout) } > 0 {
            match netlink.read(&mut buffer) {
                Ok(length) => waiting.extend(packets(&buffer[..length]).map(|id| (Instant::now() + delay, id))),
                Err(e) if e.raw_os_error() == Some(105) => {} // ENOBUFS: the kernel let some pass
                Err(e) => return Err(e),
            }
        }
    }
    Ok(())
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = [&(value.len() as u16 + 4).to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn message(kind: u16, flags: u16, attributes: &[u8]) -> Vec<u8> {
    let mut bytes = (20 + attributes.len() as u32).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend([0; 10]); // sequence, port, family, version
    bytes.extend(QUEUE.to_be_bytes());
    bytes.extend(attributes);
    bytes
}

/// Sends one setting and waits for its acknowledgement.
fn configure(netlink: &mut File, attributes: &[u8]) -> Result<(), Error> {
    netlink.write_all(&message(MSG_CONFIG, 1 | 4, attributes))?;
    let mut answer = [0; 4096];
    let length = netlink.read(&mut answer)?;
    let code = |at: usize| answer.get(at..at + 4).map_or(0, |b| i32::from_ne_bytes([b[0], b[1], b[2], b[3]]));
    match (length >= 20 && u16::from_ne_bytes([answer[4], answer[5]]) == NLMSG_ERROR, code(16)) {
        (true, error) if error != 0 => Err(Error::from_raw_os_error(-error)),
        _ => Ok(()),
    }
}

/// The ids of all packets told of in one datagram.
fn packets(mut bytes: &[u8]) -> impl Iterator<Item = u32> {
    let mut ids = Vec::new();
    while bytes.len() >= 20 {
        let length = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
        if length < 20 || length > bytes.len() {
            break;
        }
        // The packet's header is the first attribute.
        if u16::from_ne_bytes([bytes[4], bytes[5]]) == MSG_PACKET && length >= 28 && bytes[22] == 1 {
            ids.push(u32::from_be_bytes([bytes[24], bytes[25], bytes[26], bytes[27]]));
        }
        bytes = &bytes[length.next_multiple_of(4).min(bytes.len())..];
    }
    ids.into_iter()
}
