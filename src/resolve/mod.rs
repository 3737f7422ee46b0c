//! From the YAML as written to what should be: defaults, templates, references, every problem at once. Pure.

pub mod desired;
pub mod template;
