//! Small things in words: times, sizes, counts, lists; and foreign text made safe for a terminal.

use std::time::Duration;

/// A time for people: `43 ms`, `0.4 s`, `12 s`, `1 min 40 s`, `2 h 5 min`.
pub fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 if time.as_millis() < 100 => format!("{} ms", time.as_millis()),
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600.. => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// A step's time, short: `0.4s`, `1m12s`.
pub fn short_time(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{:.1}s", time.as_secs_f64()),
        seconds => format!("{}m{}s", seconds / 60, seconds % 60),
    }
}

/// An age in its largest unit: `12s`, `5m`, `3h`, `8d`.
pub fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        86_400.. => format!("{}d", seconds / 86_400),
    }
}

/// A size of memory for people: `512M`, `15.6G`.
pub fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)];
    for (unit, size) in UNITS {
        if bytes >= size {
            let tenths = bytes / (size / 10).max(1);
            return if tenths.is_multiple_of(10) || tenths >= 1000 {
                format!("{}{unit}", bytes / size)
            } else {
                format!("{}.{}{unit}", tenths / 10, tenths % 10)
            };
        }
    }
    bytes.to_string()
}

/// More hosts than these are counted, not named.
pub const HOSTS_NAMED: usize = 8;

/// Hosts by name; many only counted.
pub fn named(hosts: &[&str]) -> String {
    if hosts.len() > HOSTS_NAMED {
        count(hosts.len(), "host")
    } else {
        hosts.join(", ")
    }
}

/// A count and its noun: `1 replica`, `3 replicas`.
pub fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

/// Foreign text on one line: control characters, which could move the cursor or change colours, are shown as escapes.
pub fn clean(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = c.is_control() && c != '\t';
            let shown: Vec<char> = if escaped { c.escape_default().collect() } else { vec![c] };
            shown
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_well() {
        let times: Vec<String> = [43, 400, 12_000, 60_000, 100_000, 7_500_000]
            .map(|ms| time(Duration::from_millis(ms)))
            .into();
        assert_eq!(times, ["43 ms", "0.4 s", "12 s", "1 min", "1 min 40 s", "2 h 5 min"]);
        assert_eq!(short_time(Duration::from_millis(72_300)), "1m12s");
        assert_eq!([59, 60, 7200, 90_000].map(age), ["59s", "1m", "2h", "1d"]);
        assert_eq!(
            [100, 512 << 20, 3 << 29, 16_700_000_000].map(size),
            ["100", "512M", "1.5G", "15.5G"]
        );
        assert_eq!(clean("a\u{1b}[31mb\n"), "a\\u{1b}[31mb\\n");
    }
}
