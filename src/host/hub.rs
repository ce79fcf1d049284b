//! The host's side of a topic hub.

use super::{
    handle::{Handle, too_large},
    server::Server,
};
use crate::{
    contracts::topic_hub::publications::{HubError, Publications},
    ground::{error::SendError, frame::Payload},
};
use std::{fmt, sync::Arc};

/// Publishes to the topics of a hub, from any thread. Cheap to clone. Nothing waits; what is published is checked and enveloped on the thread
/// that publishes it, once, and to its mirrors as well.
///
/// The newest value of a [state](crate::TopicClass::State) topic, or of a key of it, is always taken, however busy the loop is: it replaces one
/// that the loop has not come to yet. Entries of a [stream](crate::TopicClass::Stream) are queued, or refused as [`HubError::Full`].
///
/// ```
/// use andon::{HubError, Server, TopicHubConfig};
///
/// let server = Server::builder().listen("127.0.0.1:0").topic_hub("/ws/{topic}", TopicHubConfig::new()).start()?;
/// let hub = server.topic_hub().expect("mounted above");
/// hub.publish("inventory", r#"{"cups": 12}"#)?;
/// hub.publish_key("robots", "7", r#"{"id": 7, "status": "idle"}"#)?;
/// assert!(matches!(hub.publish("robots", "{oops}"), Err(HubError::InvalidJson(fault)) if fault.column == 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct TopicHub {
    handle: Handle,
    publications: Arc<Publications>,
}

impl Handle {
    /// The server's topic hub, if the builder was given one.
    pub fn topic_hub(&self) -> Option<TopicHub> {
        let publications = Arc::clone(self.hub.as_ref()?);
        Some(TopicHub { handle: self.clone(), publications })
    }
}

impl Server {
    /// The server's topic hub, if the builder was given one; for any thread and for keeps.
    pub fn topic_hub(&self) -> Option<TopicHub> {
        self.handle().topic_hub()
    }
}

impl TopicHub {
    /// Publishes `json` as the data of an `update` to everyone on `topic`, and to those who come later until the next one.
    pub fn publish(&self, topic: &str, json: &str) -> Result<(), HubError> {
        self.publish_key(topic, "", json)
    }

    /// The same for one of several things under a topic: who comes later gets the latest of every key. [`publish`](Self::publish) is the
    /// key "".
    pub fn publish_key(&self, topic: &str, key: &str, json: &str) -> Result<(), HubError> {
        let publications = self.publications.of(topic, key, json)?;
        let publications: Vec<_> =
            publications.into_iter().map(|p| (p.topic, p.key, Payload::from(p.text))).collect();
        // Before the first is published: it is not to arrive in the topic alone.
        for (topic, _, payload) in &publications {
            if let Some(why) = self.handle.spec(*topic).and_then(|(_, spec)| too_large(&spec, payload)) {
                return Err(HubError::Refused(why));
            }
        }
        for (topic, key, payload) in publications {
            self.handle.publish_key(topic, &key, payload).map_err(refused)?;
        }
        Ok(())
    }

    /// Forgets a key, here and in the mirrors: who comes later does not hear of it any more. Those who are there are not told.
    pub fn forget(&self, topic: &str, key: &str) -> Result<(), HubError> {
        for (topic, key) in self.publications.keys(topic, key)? {
            self.handle.forget_key(topic, &key).map_err(refused)?;
        }
        Ok(())
    }
}

fn refused<T>(error: SendError<T>) -> HubError {
    match error {
        SendError::Full(_) => HubError::Full,
        SendError::Stopped(_) => HubError::Stopped,
        SendError::Refused(_, why) => HubError::Refused(why),
    }
}

impl fmt::Debug for TopicHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicHub").field("publications", &self.publications).finish_non_exhaustive()
    }
}
