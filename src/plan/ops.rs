//! What is done to a container by its name, as operations. No steps, and no order.

use crate::model::op::{ContainerOp, Op};
use crate::model::text::SharedText;

/// Starts it.
pub(super) fn start(name: &SharedText) -> Op {
    Op::Container(ContainerOp::Start { name: name.clone() })
}

/// Stops it.
pub(super) fn stop(name: &SharedText) -> Op {
    Op::Container(ContainerOp::Stop { name: name.clone() })
}

/// Removes it.
pub(super) fn remove(name: &SharedText) -> Op {
    Op::Container(ContainerOp::Remove { name: name.clone() })
}

/// Gives it another name.
pub(super) fn rename(name: &SharedText, to: &SharedText) -> Op {
    let (name, to) = (name.clone(), to.clone());
    Op::Container(ContainerOp::Rename { name, to })
}
