//! The contract.

use super::{
    Settings,
    fragments::{Fragments, slot},
    log_bytes,
    messages::{self, Connection},
    query::{Pace, Wish},
    reading::{Reading, lock},
    view::View,
};
use crate::{
    contracts::{
        admission::Admission,
        contract::{Contract, Hello, SnapshotMessages},
        effects::{Count, Effects, EventClass, Op},
        told::MonitorEvent,
    },
    ground::{
        close::{CloseCode, Closed},
        frame::{HEADER_MAX, Message},
        id::{ConnId, TopicId},
        limits::{
            EQUIPMENT_TEXT_BYTES_MAX, LOG_BYTES_MIN, Limits, MONITOR_LOOK_SHARED, MONITOR_MESSAGE_SPARE,
            MONITOR_VIEW_LINGER,
        },
        time::{Now, Tick},
    },
    hub::{
        tags::scan::{Staleness, TagScan},
        topic::{Lag, Placing, SnapshotSource, Topic},
    },
    wire::{answer::fault, json::object::Object, response::Response},
};
use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex},
};

/// See the module.
pub(super) struct Monitor {
    reading: Arc<Mutex<Reading>>,
    settings: Settings,
    /// When periods began to be counted.
    began: Tick,
    views: Vec<Option<View>>,
    view_of: HashMap<ConnId, usize>,
    /// Who was let in last, and to which view: it is opened next.
    admitted: Option<(ConnId, usize)>,
    /// What `connection_status` says to all goes through a topic of its own, so that no view's lag can lose it; there once there is a view.
    words: Option<TopicId>,
    /// The last look at the table of which views were told.
    seen: u64,
    seen_at: Tick,
    source_lost: bool,
    stopping: bool,
    message: String,
}

impl Monitor {
    pub(super) fn new(reading: Arc<Mutex<Reading>>, settings: Settings, fx: &mut Effects) -> Self {
        let now = fx.now();
        let mut this = Self {
            reading,
            settings,
            began: now.tick,
            views: Vec::new(),
            view_of: HashMap::new(),
            admitted: None,
            words: None,
            seen: 0,
            seen_at: now.tick,
            source_lost: false,
            stopping: false,
            message: String::new(),
        };
        this.look(fx);
        this.arm(fx);
        this
    }

    /// Bytes that it takes at most, and its table.
    pub(super) fn memory_ceiling(scan: &TagScan, settings: &Settings, limits: &Limits) -> usize {
        // What grows by doubling lies in two places while it is moved.
        const GROWTH: usize = 3;
        let extent = scan.extent_max();
        let (equipment, views) = (extent.equipment, settings.views);
        let message = Fragments::json_max(extent).saturating_add(MONITOR_MESSAGE_SPARE);
        // A message that is written; a snapshot of two, and its copy to be shared; what all views publish in one call.
        let published = message.saturating_mul(views).min(limits.log_bytes_total / 4);
        let messages = message.saturating_mul(GROWTH + 2 * GROWTH + 2) + GROWTH * published;
        // What it wants, and what of it has changed.
        let per_view =
            size_of::<Option<View>>() + 3 * size_of::<&View>() + equipment * (2 * size_of::<u32>() + 1);
        // Found by its code in a query; told of its staleness, with its code.
        let per_equipment =
            size_of::<(&str, u32)>() + size_of::<Staleness>() + size_of::<Op>() + EQUIPMENT_TEXT_BYTES_MAX;
        // Where it belongs; and a word to each when a view moves or ends.
        let per_connection = 2 * size_of::<(ConnId, usize)>() + size_of::<Op>();
        let tables = views.saturating_mul(per_view)
            + equipment * per_equipment
            + limits.connections_max() * per_connection
            // The codes of one query.
            + limits.head_bytes * size_of::<u32>();
        scan.memory_ceiling()
            .saturating_add(Fragments::memory_ceiling(extent))
            .saturating_add(messages)
            .saturating_add(GROWTH * tables)
    }

    /// Looks at the table, and tells the host and the views what it finds.
    fn look(&mut self, fx: &mut Effects) {
        let mut reading = lock(&self.reading);
        reading.look(fx.now());
        fx.count_tags(&mut reading.scan);
        let untold = reading.take_untold();
        let scan = &reading.scan;
        for told in untold {
            let Some(view) = scan.view(told.equipment) else { continue };
            let event = MonitorEvent::Staleness {
                equipment: told.equipment,
                code: view.code().into(),
                stale: told.stale,
            };
            fx.event(EventClass::State, slot(told.equipment) as u64, None, event);
        }
        let mut told: Vec<_> =
            self.views.iter_mut().flatten().filter(|view| view.wish.changes && view.clients > 0).collect();
        if !told.is_empty() {
            for equipment in scan.changed_since(self.seen) {
                let slot = slot(equipment.id()) as u32;
                told.iter_mut().filter(|view| view.shows(slot)).for_each(|view| view.changed(slot));
            }
        }
        (self.seen, self.seen_at) = (scan.looks(), fx.now().tick);
        let lost = scan.source_lost();
        drop(reading);
        if lost != self.source_lost {
            self.source_lost = lost;
            self.tell_all(fx, if lost { Connection::SourceLost } else { Connection::SourceBack });
        }
    }

    /// Says one thing to all clients.
    fn tell_all(&mut self, fx: &mut Effects, status: Connection) {
        if let Some(words) = self.words.filter(|_| !self.view_of.is_empty()) {
            messages::connection(fx.now().wall, status, None::<fn(&mut String)>, &mut self.message);
            fx.publish(words, self.message.as_str());
        }
    }

    /// Publishes what is due.
    fn publish_due(&mut self, fx: &mut Effects) {
        let now = fx.now();
        let mut reading = lock(&self.reading);
        let Reading { scan, fragments, .. } = &mut *reading;
        let mut outgrown = Vec::new();
        for (index, view) in self.views.iter_mut().enumerate() {
            let Some(view) = view else { continue };
            if view.clients == 0 || view.next > now.tick {
                continue;
            }
            match view.wish.pace {
                Pace::Every(period) => view.next = now.tick.next_beat(self.began, period),
                Pace::OnChange(min_interval) if !view.pending.is_empty() => {
                    view.next = now.tick + min_interval
                }
                Pace::OnChange(_) => {}
            }
            let out = &mut self.message;
            if !view.wish.changes {
                let all = messages::select(scan, view.wish.equipment.as_deref());
                messages::status(
                    now.wall,
                    None,
                    |out| messages::list(all, fragments, scan.looks(), out),
                    out,
                );
            } else if !view.pending.is_empty() {
                let changed = view.pending.iter().filter_map(|&slot| scan.at(slot));
                let changed = |out: &mut String| messages::list(changed, fragments, scan.looks(), out);
                messages::changes(now.wall, view.seq + 1, changed, out);
            } else {
                continue;
            }
            if out.len() > view.message_max {
                outgrown.push(index);
                continue;
            }
            if view.wish.changes {
                view.seq += 1;
                view.told();
            }
            fx.publish(view.topic, out.as_str());
        }
        drop(reading);
        for index in outgrown {
            self.enlarge(fx, index);
        }
    }

    /// Asks to be called when something is due.
    fn arm(&mut self, fx: &mut Effects) {
        let views = self.views.iter().flatten().map(|view| match view.wish.pace {
            _ if view.clients == 0 => view.idle_since + MONITOR_VIEW_LINGER,
            // From the last look, not from now: or those who come and go would put it off for ever.
            Pace::OnChange(_) if view.pending.is_empty() => self.seen_at + self.settings.scan_every,
            Pace::Every(_) | Pace::OnChange(_) => view.next,
        });
        let due = views.chain(lock(&self.reading).scan.next_deadline()).min();
        fx.arm(due.filter(|_| !self.stopping));
    }

    /// The view of this wish, made if need be.
    fn view(&mut self, fx: &mut Effects, wish: Wish) -> Result<usize, Response> {
        let there = |view: &Option<View>| view.as_ref().is_some_and(|view| view.wish == wish);
        if let Some(index) = self.views.iter().position(there) {
            return Ok(index);
        }
        let Some(index) = self.free_place(fx) else {
            fx.count(Count::Bound);
            return Err(busy(
                "there are as many different views as this path shows; ask for one that others have",
            ));
        };
        let all = self.measure(&wish);
        if self.words.is_none() {
            // Who lags is led to the last that was said.
            self.words = declare(fx, Topic::state().with_log_bytes(LOG_BYTES_MIN)).map(|(topic, _)| topic);
        }
        match self.words.and_then(|_| declare(fx, shows(&wish, all))) {
            Some(topic) => {
                self.views[index] = Some(View::new(wish, topic, fx.now().tick));
                Ok(index)
            }
            None => Err(busy("there is no room for another view; ask for one that others have")),
        }
    }

    /// Moves a view to a larger topic: equipment or tags have been added, and a message no longer fits. All of it is told there once.
    fn enlarge(&mut self, fx: &mut Effects, index: usize) {
        let Some(wish) = self.views[index].as_ref().map(|view| view.wish.clone()) else { return };
        let all = self.measure(&wish);
        let Some(topic) = declare(fx, shows(&wish, all)) else { return self.give_up(fx, index) };
        let Some(view) = self.views[index].as_mut() else { return };
        fx.retire(view.topic);
        view.moved(topic);
        for (conn, _) in self.view_of.iter().filter(|(_, at)| **at == index) {
            fx.subscribe_from_now(*conn, view.topic);
        }
        let mut reading = lock(&self.reading);
        let Reading { scan, fragments, .. } = &mut *reading;
        let look = scan.looks();
        let all = messages::select(scan, wish.equipment.as_deref());
        let seq = wish.changes.then_some(view.seq);
        let all = |out: &mut String| messages::list(all, fragments, look, out);
        messages::status(fx.now().wall, seq, all, &mut self.message);
        fx.publish(view.topic, self.message.as_str());
        view.told();
    }

    /// Closes the clients of a view that has no room for its messages any more, rather than to show them the same for ever.
    fn give_up(&mut self, fx: &mut Effects, index: usize) {
        self.view_of.retain(|conn, at| {
            let gone = *at == index;
            if gone {
                fx.close(*conn, CloseCode::TRY_AGAIN, "there is no room to show all equipment");
            }
            !gone
        });
        self.retire(fx, index);
    }

    /// A place for a view: one that is empty, or else that of a view which nobody watches.
    fn free_place(&mut self, fx: &mut Effects) -> Option<usize> {
        if let Some(index) = self.views.iter().position(Option::is_none) {
            return Some(index);
        }
        if self.views.len() < self.settings.views {
            self.views.push(None);
            return Some(self.views.len() - 1);
        }
        let idle = |view: &Option<View>| view.as_ref().is_some_and(|view| view.clients == 0);
        let index = self.views.iter().position(idle)?;
        self.retire(fx, index);
        Some(index)
    }

    fn retire(&mut self, fx: &mut Effects, index: usize) {
        if let Some(view) = self.views[index].take() {
            fx.retire(view.topic);
        }
    }

    /// How long a message with all equipment of a wish is now, with some room for it to grow.
    fn measure(&mut self, wish: &Wish) -> usize {
        let mut reading = lock(&self.reading);
        let Reading { scan, fragments, .. } = &mut *reading;
        let all = messages::select(scan, wish.equipment.as_deref());
        let bytes: usize = all.map(|view| fragments.of(&view, scan.looks()).len() + 1).sum();
        bytes + bytes / 2 + MONITOR_MESSAGE_SPARE
    }
}

impl Contract for Monitor {
    fn admit(&mut self, fx: &mut Effects, peer: ConnId, hello: &Hello<'_>) -> Result<Admission, Response> {
        // Equipment that was declared a moment ago may be asked for, and is to be shown as it is.
        if fx.now().tick >= self.seen_at + MONITOR_LOOK_SHARED {
            self.look(fx);
        }
        let wish = Wish::of(hello.request, &self.settings, &lock(&self.reading).scan)?;
        let view = self.view(fx, wish);
        self.admitted = view.as_ref().ok().map(|&index| (peer, index));
        self.arm(fx);
        view.map(|_| Admission::new())
    }

    fn opened(&mut self, fx: &mut Effects, peer: ConnId, _: &Hello<'_>) {
        let admitted = self.admitted.take().filter(|(conn, _)| *conn == peer);
        let Some((index, view)) = admitted.and_then(|(_, index)| Some((index, self.views[index].as_mut()?)))
        else {
            // What was promised at the admission is there still, so this does not come about.
            fx.close(peer, CloseCode::TRY_AGAIN, "the view is gone; try again");
            return;
        };
        if view.clients == 0 {
            // What nobody was told of is in the snapshot.
            view.told();
            view.next = match view.wish.pace {
                Pace::Every(period) => fx.now().tick.next_beat(self.began, period),
                Pace::OnChange(_) => fx.now().tick,
            };
        }
        view.clients += 1;
        fx.subscribe(peer, view.topic);
        if let Some(words) = self.words {
            fx.subscribe_from_now(peer, words);
        }
        self.view_of.insert(peer, index);
        self.arm(fx);
    }

    fn message(&mut self, fx: &mut Effects, peer: ConnId, message: Message<'_>) {
        let said = match message {
            Message::Text(text) => {
                Object::read(text, ["type"]).and_then(|object| object.required_string("type"))
            }
            Message::Binary(_) => return fx.count(Count::Ignored),
        };
        match said.as_deref() {
            Ok("ping") => {
                messages::pong(fx.now().wall, &mut self.message);
                fx.send(peer, self.message.as_str());
            }
            _ => fx.count(Count::Ignored),
        }
    }

    fn closed(&mut self, fx: &mut Effects, peer: ConnId, _: Closed) {
        if let Some(view) = self.view_of.remove(&peer).and_then(|index| self.views[index].as_mut()) {
            view.clients -= 1;
            view.idle_since = fx.now().tick;
            self.arm(fx);
        }
    }

    fn deadline(&mut self, fx: &mut Effects) {
        self.look(fx);
        self.publish_due(fx);
        for index in 0..self.views.len() {
            let idle = self.views[index].as_ref().filter(|view| view.clients == 0);
            if idle.is_some_and(|view| fx.now().tick >= view.idle_since + MONITOR_VIEW_LINGER) {
                self.retire(fx, index);
            }
        }
        self.arm(fx);
    }

    fn snapshot(&mut self, now: Now, topic: TopicId, placing: Placing, out: &mut SnapshotMessages) {
        let Some(view) = self.views.iter().flatten().find(|view| view.topic == topic) else { return };
        let mut reading = lock(&self.reading);
        let Reading { scan, fragments, .. } = &mut *reading;
        let look = scan.looks();
        let message = &mut self.message;
        let slots = view.wish.equipment.as_deref();
        if placing == Placing::Newcomer {
            let all = |out: &mut String| messages::list(messages::select(scan, slots), fragments, look, out);
            messages::connection(now.wall, Connection::Connected, Some(all), message);
            out.push(message.as_str());
            if self.source_lost {
                let none = None::<fn(&mut String)>;
                messages::connection(now.wall, Connection::SourceLost, none, message);
                out.push(message.as_str());
            }
        }
        if view.wish.changes {
            let all = |out: &mut String| messages::list(messages::select(scan, slots), fragments, look, out);
            messages::status(now.wall, Some(view.seq), all, message);
            out.push(message.as_str());
        }
    }

    fn gap(&mut self, _: Now, topic: TopicId, missed: Range<u64>, out: &mut SnapshotMessages) {
        let view = self.views.iter().flatten().find(|view| view.topic == topic && view.wish.changes);
        if let Some(numbers) = view.and_then(|view| view.numbers(missed)) {
            messages::gap(numbers.start, numbers.end - 1, &mut self.message);
            out.push(self.message.as_str());
        }
    }

    fn shutdown(&mut self, fx: &mut Effects) {
        self.stopping = true;
        self.tell_all(fx, Connection::Closing);
        fx.arm(None);
    }
}

/// The topic of a view whose messages are up to `message_bytes` long.
fn shows(wish: &Wish, message_bytes: usize) -> Topic {
    // For everything at once the newest is all that counts; who is told of changes is told what it missed.
    let lag = if wish.changes { Lag::Conflate } else { Lag::Skip };
    let log_bytes = log_bytes(message_bytes);
    Topic::state().with_lag(lag).with_snapshot(SnapshotSource::Contract).with_log_bytes(log_bytes)
}

/// Declares a topic, and says how long a message of it may become.
fn declare(fx: &mut Effects, topic: Topic) -> Option<(TopicId, usize)> {
    match fx.declare("equipment", topic) {
        Ok(id) => Some((id, topic.frame_bytes_max() - HEADER_MAX)),
        Err(why) => {
            fx.count(Count::Bound);
            log::warn!("no room for a view of the equipment of {} bytes: {why}", topic.log_bytes);
            None
        }
    }
}

fn busy(why: &str) -> Response {
    fault(503, why, &[("Retry-After", "5")])
}
