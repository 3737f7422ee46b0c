//! What is done to a container by its name, as operations. No steps, and no order.

use crate::model::op::{ContainerOp, Op};

/// Starts it.
pub(super) fn start(name: &str) -> Op {
    Op::Container(ContainerOp::Start { name: name.to_owned() })
}

/// Stops it.
pub(super) fn stop(name: &str) -> Op {
    Op::Container(ContainerOp::Stop { name: name.to_owned() })
}

/// Removes it.
pub(super) fn remove(name: &str) -> Op {
    Op::Container(ContainerOp::Remove { name: name.to_owned() })
}

/// Gives it another name.
pub(super) fn rename(name: &str, to: &str) -> Op {
    let (name, to) = (name.to_owned(), to.to_owned());
    Op::Container(ContainerOp::Rename { name, to })
}
