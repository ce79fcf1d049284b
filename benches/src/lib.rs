//! What the load generator and the yardstick share: the system calls, safely wrapped, and the words they speak to
//! each other and to any server under test.
//!
//! Linux only: both are built on epoll, so that neither owes its speed or its faults to a library.

pub mod clock;
pub mod descriptors;
pub mod epoll;
pub mod frame;
pub mod publish;
pub mod socket;
pub mod timer;
