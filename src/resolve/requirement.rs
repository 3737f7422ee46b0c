//! `cluster.cdk`: which versions of cdk may apply a repository. Pure.

/// Whether `version` is one that `requirement` asks for: `>=0.1`, or several such joined by commas.
///
/// # Errors
/// What is wrong with the requirement.
pub fn admits(requirement: &str, version: &str) -> Result<bool, String> {
    let own = numbers(version).unwrap_or_default();
    let mut admitted = true;
    for part in requirement.split(',').map(str::trim) {
        let end = part.find(|c: char| c.is_ascii_digit()).unwrap_or(part.len());
        let (operator, wanted) = part.split_at(end);
        let wrong = || format!("{part:?} is not a version: write >=0.1, or two such with a comma");
        let wanted = numbers(wanted).ok_or_else(wrong)?;
        let padded = [0, 1, 2].map(|index| wanted.get(index).copied().unwrap_or(0));
        let own = [0, 1, 2].map(|index| own.get(index).copied().unwrap_or(0));
        admitted &= match operator.trim() {
            ">=" => own >= padded,
            ">" => own > padded,
            "<" => own < padded,
            "<=" => own <= padded,
            // What is not said is free: =0.1 is any 0.1.
            "=" | "==" => own.starts_with(&wanted),
            _ => return Err(wrong()),
        };
    }
    Ok(admitted)
}

fn numbers(text: &str) -> Option<Vec<u64>> {
    let parts: Option<Vec<u64>> = text.trim().split('.').map(|part| part.parse().ok()).collect();
    parts.filter(|parts| (1..=3).contains(&parts.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_number_by_number() {
        for (requirement, admitted) in [
            (">=0.1", true),
            (">0.1", true),
            (">0.10.2", false),
            (">=0.9, <0.20", true),
            ("=0.10", true),
            ("=0.1", false),
            ("<=0.10", false),
            ("<=0.10.2", true),
        ] {
            assert_eq!(admits(requirement, "0.10.2"), Ok(admitted), "{requirement}");
        }
        for wrong in ["", "0.1", "~0.1", ">=x", ">=0.1,", ">=1.2.3.4"] {
            assert!(admits(wrong, "0.1.0").is_err(), "{wrong}");
        }
    }
}
