//! One stream of events: a number in its feed, for as long as a client takes it.

use super::Feed;
use crate::wire::response::{BodyStream, Pulled};

/// See the module. Dropping it, when the client is gone, frees its place.
#[derive(Debug)]
pub(crate) struct FeedStream {
    feed: Feed,
    number: u64,
}

impl FeedStream {
    pub(super) fn new(feed: Feed, number: u64) -> Self {
        Self { feed, number }
    }
}

impl BodyStream for FeedStream {
    fn pull(&mut self, room: usize, out: &mut Vec<u8>) -> Pulled {
        self.feed.fill(self.number, room, out)
    }
}

impl Drop for FeedStream {
    fn drop(&mut self) {
        self.feed.close(self.number);
    }
}
