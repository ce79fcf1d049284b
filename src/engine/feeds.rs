//! The event streams of the board: what their feeds hear of, and who is woken.

use super::{Engine, ports::Ports, transport::Transport};
use crate::{
    contracts::{
        feed::Feed,
        told::{EventBody, news::News},
    },
    ground::{
        id::{ConnId, MountId},
        time::Tick,
    },
};
use std::mem;

/// The feeds there are, and the mounts that they are about.
#[derive(Debug, Default)]
pub(crate) struct Feeds {
    /// Of device sessions. It also tells of the store, and of the monitor.
    pub(crate) devices: Option<(MountId, Feed)>,
    pub(crate) guided: Option<(MountId, Feed)>,
    /// All mounts that show the table that the board shows: what becomes stale is told once, by whichever looks first.
    pub(crate) monitors: Vec<MountId>,
    /// Kept from turn to turn, so that nothing is allocated for it.
    woken: Vec<ConnId>,
}

impl Feeds {
    pub(crate) fn new(
        devices: Option<(MountId, Feed)>,
        guided: Option<(MountId, Feed)>,
        monitors: Vec<MountId>,
    ) -> Self {
        Self { devices, guided, monitors, woken: Vec::new() }
    }

    fn all(&self) -> impl Iterator<Item = &Feed> {
        self.devices.iter().chain(&self.guided).map(|(_, feed)| feed)
    }

    fn of(&self, mount: MountId) -> impl Iterator<Item = &Feed> {
        self.devices.iter().chain(&self.guided).filter(move |(of, _)| *of == mount).map(|(_, feed)| feed)
    }

    /// A contract has said this to the host, whether or not it wants to hear it.
    #[inline]
    pub(super) fn heard(&self, mount: MountId, body: &EventBody) {
        self.of(mount).for_each(|feed| feed.heard(body));
        if let EventBody::Monitor(_) = body
            && self.monitors.contains(&mount)
            && let Some((_, feed)) = &self.devices
        {
            feed.heard(body);
        }
    }

    pub(super) fn told(&self, mount: MountId, news: &News) {
        self.of(mount).for_each(|feed| feed.told(news));
    }

    pub(super) fn store(&self, up: bool) {
        if let Some((_, feed)) = &self.devices {
            // Its own words name files, and are for the host.
            feed.store(up, "the recording cannot be written; the server's log says why");
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Tick> {
        self.all().filter_map(Feed::next_deadline).min()
    }

    pub(super) fn have_news(&self) -> bool {
        self.all().any(Feed::has_news)
    }

    pub(super) fn end(&self) {
        self.all().for_each(Feed::end);
    }
}

impl<T: Transport, P: Ports> Engine<T, P> {
    pub(super) fn begin_feeds(&mut self) {
        self.feeds.all().for_each(|feed| feed.begin(self.now));
        self.fx.tells = self.feeds.all().next().is_some();
    }

    /// Has streams pulled that have something to say again.
    pub(super) fn turn_feeds(&mut self) {
        let mut woken = mem::take(&mut self.feeds.woken);
        self.feeds.all().for_each(|feed| feed.turn(self.now.tick, &mut woken));
        for conn in woken.drain(..) {
            self.resume_answer(conn);
        }
        self.feeds.woken = woken;
    }

    pub(super) fn gauge_feeds(&mut self) {
        let stats = &mut self.stats;
        (stats.feed_streams, stats.feed_refused) = (0, 0);
        (stats.feed_gaps, stats.feed_samples_dropped) = (0, 0);
        for counts in self.feeds.all().map(Feed::counts) {
            stats.feed_streams += counts.streams;
            stats.feed_refused += counts.refused;
            stats.feed_gaps += counts.gaps;
            stats.feed_samples_dropped += counts.samples_dropped;
        }
    }
}
