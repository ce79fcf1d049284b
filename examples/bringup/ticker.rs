//! A contract of our own.

use andon::{ConnId, Contract, Effects, Hello, Message, Setup, Tick, TopicId};
use std::time::Duration;

const PERIOD: Duration = Duration::from_secs(1);

/// Publishes the time once a period, to whoever watches.
pub(crate) struct Ticker {
    topic: TopicId,
    count: u64,
    next: Tick,
}

impl Ticker {
    pub(crate) fn build(setup: &mut Setup<'_>) -> Self {
        let topic = setup.topic("ticker").expect("declared where it is mounted");
        let next = setup.effects().now().tick + PERIOD;
        setup.effects().arm(Some(next));
        Self { topic, count: 0, next }
    }
}

impl Contract for Ticker {
    fn opened(&mut self, fx: &mut Effects, peer: ConnId, _hello: &Hello<'_>) {
        fx.subscribe(peer, self.topic);
    }

    fn message(&mut self, fx: &mut Effects, peer: ConnId, _: Message<'_>) {
        fx.send(peer, r#"{"type":"error","message":"the ticker only speaks"}"#);
    }

    fn deadline(&mut self, fx: &mut Effects) {
        // A deadline may come early; and after a long pause, the missed ticks are not made up for.
        let now = fx.now();
        if now.tick >= self.next {
            self.count += 1;
            fx.publish(
                self.topic,
                &format!(r#"{{"type":"tick","count":{},"timestamp":"{}"}}"#, self.count, now.wall),
            );
            self.next = now.tick + PERIOD;
        }
        fx.arm(Some(self.next));
    }
}
