//! Events in the words of C.

use super::{
    device_event::{andon_event_registered, andon_event_sample, andon_event_session, sample, session},
    event::*,
    guided_event::{
        action, andon_event_controlled, andon_event_help, andon_event_joined, andon_event_left,
        andon_event_progress, andon_event_step_completed, role,
    },
    request::{andon_request, told},
    types::{Texts, andon_conn, andon_mount, kind_of},
};
use crate::{
    contracts::{
        effects::EventClass,
        told::{EventBody, HubEvent, MonitorEvent, device::DeviceEvent, guided::GuidedEvent},
    },
    engine::event::Event,
    ground::id::ConnId,
};
use core::mem::MaybeUninit;

/// An event's kind, and what it tells.
type Told = (andon_event_kind, andon_event_data);

/// What an event points to.
#[derive(Default)]
pub(super) struct Owner {
    texts: Texts,
    request: Option<Box<andon_request>>,
}

/// Of what a contract's event is.
struct About {
    class: EventClass,
    key: u64,
    conn: Option<ConnId>,
}

impl Owner {
    /// The event for C, whose texts this holds.
    pub(super) fn tell(&mut self, event: Event) -> Told {
        let texts = &mut self.texts;
        match event {
            Event::Opened { conn, mount, client } => {
                let opened = andon_event_opened {
                    conn: conn.into(),
                    mount: mount.into(),
                    peer: texts.lend(&client.peer.to_string()),
                    path: texts.lend(&client.path),
                    subject: texts.lend(client.identity.subject().unwrap_or_default()),
                    name: texts.lend(client.identity.name().unwrap_or_default()),
                    subprotocol: texts.lend(client.subprotocol.as_deref().unwrap_or_default()),
                };
                (ANDON_EVENT_OPENED, filled(|data| data.opened = opened))
            }
            Event::Closed { conn, mount, how } => {
                let closed = andon_event_closed {
                    conn: conn.into(),
                    mount: mount.into(),
                    cause: close_cause(how.cause),
                    code: how.code.get(),
                };
                (ANDON_EVENT_CLOSED, filled(|data| data.closed = closed))
            }
            Event::Asked { conn, mount, request } => {
                let request: *const andon_request = &**self.request.insert(Box::new(told(*request)));
                let asked = andon_event_asked { conn: conn.into(), mount: mount.into(), request };
                (ANDON_EVENT_ASKED, filled(|data| data.asked = asked))
            }
            Event::Contract { mount, class, key, about, body } => {
                self.tell_of_contract(mount.into(), &About { class, key, conn: about }, body)
            }
            Event::MountRetired { mount } => {
                let retired = andon_event_retired { mount: mount.into() };
                (ANDON_EVENT_MOUNT_RETIRED, filled(|data| data.retired = retired))
            }
            Event::Store { up, why } => {
                let store = andon_event_store { up, why: texts.lend(&why) };
                (ANDON_EVENT_STORE, filled(|data| data.store = store))
            }
            Event::Refused { cause, mount, peer } => {
                let refused = andon_event_refused {
                    cause: refusal_cause(cause),
                    mount: mount.into(),
                    peer: texts.lend(&peer.to_string()),
                };
                (ANDON_EVENT_REFUSED, filled(|data| data.refused = refused))
            }
        }
    }

    fn tell_of_contract(&mut self, mount: andon_mount, about: &About, body: EventBody) -> Told {
        let texts = &mut self.texts;
        match body {
            EventBody::Custom(body) => {
                let contract = andon_event_contract {
                    mount,
                    event_class: class_of(about.class),
                    key: about.key,
                    has_conn: about.conn.is_some(),
                    conn: conn_of(about),
                    body_kind: kind_of(body.as_message()),
                    body: texts.lend_payload(&body),
                };
                (ANDON_EVENT_CONTRACT, filled(|data| data.contract = contract))
            }
            EventBody::Hub(HubEvent::Refresh { topic }) => {
                let refresh = andon_event_refresh { mount, topic: texts.lend(&topic) };
                (ANDON_EVENT_HUB_REFRESH, filled(|data| data.refresh = refresh))
            }
            EventBody::Monitor(MonitorEvent::Staleness { equipment, code, stale }) => {
                let staleness = andon_event_staleness {
                    mount,
                    equipment: equipment.into(),
                    code: texts.lend(&code),
                    stale,
                };
                (ANDON_EVENT_STALENESS, filled(|data| data.staleness = staleness))
            }
            EventBody::Device(event) => self.tell_of_device(mount, about, &event),
            EventBody::Guided(event) => self.tell_of_guided(mount, &event),
        }
    }

    fn tell_of_device(&mut self, mount: andon_mount, about: &About, event: &DeviceEvent) -> Told {
        let texts = &mut self.texts;
        match event {
            DeviceEvent::Registered { device, message } => {
                let registered = andon_event_registered {
                    mount,
                    conn: conn_of(about),
                    device: texts.lend(device),
                    message: texts.lend(message),
                };
                (ANDON_EVENT_DEVICE_REGISTERED, filled(|data| data.registered = registered))
            }
            DeviceEvent::SessionCreated(row) => {
                let created = andon_event_session { mount, session: session(row, texts) };
                (ANDON_EVENT_SESSION_CREATED, filled(|data| data.session = created))
            }
            DeviceEvent::Sample(row) => {
                let arrived = andon_event_sample { mount, sample: sample(row, texts) };
                (ANDON_EVENT_SAMPLE, filled(|data| data.sample = arrived))
            }
            DeviceEvent::SessionEnded(row) => {
                let ended = andon_event_session { mount, session: session(row, texts) };
                (ANDON_EVENT_SESSION_ENDED, filled(|data| data.session = ended))
            }
        }
    }

    fn tell_of_guided(&mut self, mount: andon_mount, event: &GuidedEvent) -> Told {
        let texts = &mut self.texts;
        match event {
            GuidedEvent::Joined { code, user_id, user_name, role: given } => {
                let joined = andon_event_joined {
                    mount,
                    role: role(*given),
                    code: texts.lend(code),
                    user_id: *user_id,
                    user_name: texts.lend(user_name),
                };
                (ANDON_EVENT_GUIDED_JOINED, filled(|data| data.joined = joined))
            }
            GuidedEvent::Left { code, user_id } => {
                let left = andon_event_left { mount, code: texts.lend(code), user_id: *user_id };
                (ANDON_EVENT_GUIDED_LEFT, filled(|data| data.left = left))
            }
            GuidedEvent::StepCompleted { code, user_id, subtask_id, completed } => {
                let step_completed = andon_event_step_completed {
                    mount,
                    completed: *completed,
                    code: texts.lend(code),
                    user_id: *user_id,
                    subtask_id: *subtask_id,
                };
                (ANDON_EVENT_GUIDED_STEP_COMPLETED, filled(|data| data.step_completed = step_completed))
            }
            GuidedEvent::Progress { code, user_id, subtask_id, status } => {
                let progress = andon_event_progress {
                    mount,
                    has_subtask: subtask_id.is_some(),
                    code: texts.lend(code),
                    user_id: *user_id,
                    subtask_id: subtask_id.unwrap_or_default(),
                    status: texts.lend(status),
                };
                (ANDON_EVENT_GUIDED_PROGRESS, filled(|data| data.progress = progress))
            }
            GuidedEvent::HelpRequested { code, user_id, subtask_id, message } => {
                let help = andon_event_help {
                    mount,
                    has_subtask: subtask_id.is_some(),
                    code: texts.lend(code),
                    user_id: *user_id,
                    subtask_id: subtask_id.unwrap_or_default(),
                    message: texts.lend(message),
                };
                (ANDON_EVENT_GUIDED_HELP_REQUESTED, filled(|data| data.help = help))
            }
            GuidedEvent::Controlled(act) => {
                let controlled = andon_event_controlled {
                    mount,
                    action: action(act.action),
                    code: texts.lend(&act.code),
                    has_subtask: act.subtask_id.is_some(),
                    by_host: act.instructor_id.is_none(),
                    subtask_id: act.subtask_id.unwrap_or_default(),
                    instructor_id: act.instructor_id.unwrap_or_default(),
                    instructor_name: texts.lend(&act.instructor_name),
                    message: texts.lend(&act.message),
                };
                (ANDON_EVENT_GUIDED_CONTROLLED, filled(|data| data.controlled = controlled))
            }
        }
    }
}

/// The connection that an event is about; of none, one that is nobody's.
fn conn_of(about: &About) -> andon_conn {
    about.conn.map_or(andon_conn { slot: 0, generation: 0 }, andon_conn::from)
}

/// A union whose bytes are all set, so that C may copy it.
fn filled(fill: impl FnOnce(&mut andon_event_data)) -> andon_event_data {
    // SAFETY: all zeros are a value of each member: numbers, false, null pointers.
    let mut data = unsafe { MaybeUninit::<andon_event_data>::zeroed().assume_init() };
    fill(&mut data);
    data
}
